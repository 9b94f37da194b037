"""Proof that verification bites: a finished chapter, broken in many ways, each found and named."""

import ast
import copy
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest

from press import checks
from press.canonical import canonical
from press.commands.check import compare_outputs
from repro import chapters

#: The chapter to break, a cheap claim of it, and a function of its method which that claim tests.
SLUG = "sttn"
CLAIM = "gradient"
FUNCTION = "Sign.backward"


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    """A copy of the book with the one chapter in it, in use for this module."""
    root = tmp_path_factory.mktemp("bites") / "book"
    path_in(root).parent.mkdir(parents=True)
    for name in ("_toc.yml", "references.bib", ".nbval-sanitize.cfg"):
        shutil.copy(chapters.ROOT / name, root)
    shutil.copy(path_in(chapters.ROOT), path_in(root))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chapters, "ROOT", root)
        patch.setattr(chapters, "CHAPTERS", root / "chapters")
        yield root


@pytest.fixture
def notebook(workshop):
    """The chapter, to be broken."""
    return nbformat.read(path_in(workshop), as_version=4)


def path_in(root: Path) -> Path:
    """Place of the chapter in a book."""
    return root / "chapters" / "binarization" / f"{SLUG}.ipynb"


def store(notebook, root: Path, folder: str) -> Path:
    """Write a broken chapter into a book of its own beside the workshop."""
    other = root.with_name(folder)
    path = path_in(other)
    path.parent.mkdir(parents=True)
    for name in ("_toc.yml", "references.bib"):
        shutil.copy(root / name, other)
    path.write_text(canonical(notebook), encoding="utf-8")
    return path


def named(problem) -> str:
    """A problem's line as it reads in the book that the broken copy stands for."""
    text = str(problem)
    start = text.index(f"chapters/binarization/{SLUG}.ipynb: [")
    return text[start:]


def outputs(nb, wanted):
    """Stored outputs with something under ``repro`` in their metadata, or of one mime type."""
    stored = [output for cell in nb.cells for output in cell.get("outputs", [])]
    return [
        output
        for output in stored
        if wanted in output.get("metadata", {}).get("repro", {}) or wanted in output.get("data", {})
    ]


def claim_record(nb):
    """The stored record of CLAIM."""
    records = [output.metadata.repro.claim for output in outputs(nb, "claim")]
    return next(record for record in records if record.id == CLAIM)


def missing_control(nb):
    """A claim that was never compared with anything."""
    claim_record(nb).control_rejected = False


def edited_number(nb):
    """A measurement that the stored rule rejects."""
    claim_record(nb).measured.value = 0.5


def polished_number(nb):
    """A measurement that reads better than it was."""
    claim_record(nb).measured.text = "1e-99"


def duplicated_claim(nb):
    """The same id twice."""
    nb.cells[-1].outputs = copy.deepcopy(outputs(nb, "claim")[:1])
    nb.cells[-1].update(cell_type="code", execution_count=None)


def lost_claim(nb):
    """A claim in the code whose outcome is not stored."""
    claim_cell(nb).outputs = []


def unresolved_citation(nb):
    """A paper that nobody wrote."""
    nb.cells[1].source += "\n\nSee {cite:p}`nobody1900nothing`."


def missing_section(nb):
    """No section to play in."""
    for cell in nb.cells:
        cell.source = cell.source.replace("## Play", "Play")


def figure_without_words(nb):
    """A picture that a blind reader cannot see."""
    outputs(nb, "image/png")[0].metadata.repro.alt = ""


def oversized(nb):
    """Half a megabyte of output."""
    claim_cell(nb).outputs.append(nbformat.v4.new_output("stream", text="12345678\n" * 60_000))


def leaked_path(nb):
    """The author's folder in an output."""
    text = "/home/author/book/chapter.py:3"
    claim_cell(nb).outputs.append(nbformat.v4.new_output("stream", text=text))


def unchecked_equation(nb):
    """A labelled equation that no cell checks."""
    for cell in nb.cells:
        tags = cell.metadata.get("tags", [])
        cell.metadata.tags = [tag for tag in tags if not tag.startswith("checks:")]


def hidden_cell(nb):
    """A cell that verification would pass over."""
    claim_cell(nb).metadata.tags = ["nbval-skip"]


def stored_warning(nb):
    """A warning that the author did not look at."""
    said = nbformat.v4.new_output("stream", name="stderr", text="RuntimeWarning: overflow\n")
    claim_cell(nb).outputs.append(said)


def too_slow(nb):
    """A chapter over the budget."""
    nb.metadata.repro.seconds = 61.0


STATIC = [
    (missing_control, "claims", "has no control that its rule rejects"),
    (edited_number, "claims", "the rule rejects the measurement"),
    (polished_number, "claims", "the stored record was edited: measured"),
    (duplicated_claim, "claims", "is made twice"),
    (lost_claim, "ledger", "is not in its stored outputs"),
    (unresolved_citation, "citations", "cites `nobody1900nothing`, which references.bib"),
    (missing_section, "sections", "the section `## Play` is missing"),
    (figure_without_words, "alt-text", "shows a figure without alternative text"),
    (oversized, "size", "is oversized"),
    (leaked_path, "clean", "leaks a machine path in its output: `/home/author`"),
    (unchecked_equation, "equations", "is labelled but unchecked"),
    (hidden_cell, "tags", "has the tag `nbval-skip`"),
    (stored_warning, "clean", "stores a warning: `RuntimeWarning: overflow`"),
    (too_slow, "budget", "took 61 s, the budget is 60 s"),
]


@pytest.mark.parametrize(("damage", "check", "cause"), STATIC, ids=[d.__name__ for d, *_ in STATIC])
def test_the_matching_check_fails_and_says_why(workshop, notebook, damage, check, cause):
    before = {named(problem) for problem in checks.problems(path_in(workshop))}
    damage(notebook)
    broken = store(notebook, workshop, damage.__name__)
    found = [named(problem) for problem in checks.problems(broken)]
    new = [line for line in found if line not in before]
    begin = f"chapters/binarization/{SLUG}.ipynb: [{check}] "
    assert any(line.startswith(begin) and cause in line for line in new), new


def claim_cell(nb):
    """The cell that makes CLAIM."""
    return next(
        cell
        for cell in nb.cells
        for output in cell.get("outputs", [])
        if output.get("metadata", {}).get("repro", {}).get("claim", {}).get("id") == CLAIM
    )


def defined_and_used(source: str) -> tuple[set[str], set[str]]:
    """Names that a cell binds at its top level, and names that it takes from cells before it."""
    tree = ast.parse(source)
    bound, used = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef) and node in tree.body:
            bound.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return bound, used - bound


def cut_down(nb):
    """The chapter down to the cell with CLAIM and the cells that it stands on."""
    last = claim_cell(nb)
    kept, needed = [last], defined_and_used(last.source)[1]
    for cell in reversed(nb.cells[: nb.cells.index(last)]):
        if cell.cell_type == "code":
            bound, used = defined_and_used(cell.source)
            if bound & needed:
                kept.append(cell)
                needed = (needed - bound) | used
    nb.cells = kept[::-1]
    return nb


def negate(nb, function: str):
    """A wrong sign: `function`, in a method cell, returns the opposite."""
    *_, name = function.split(".")
    owner = function.removesuffix(f".{name}")
    for cell in nb.cells:
        tree = ast.parse(cell.source)
        for outer in ast.walk(tree):
            if getattr(outer, "name", None) == owner:
                inner = [n for n in ast.walk(outer) if getattr(n, "name", None) == name]
                for node in ast.walk(inner[0]):
                    if isinstance(node, ast.Return):
                        node.value = ast.UnaryOp(ast.USub(), node.value)
                assert "method" in cell.metadata.tags
                cell.source = ast.unparse(tree)
                return
    raise AssertionError(f"no function {function}: correct FUNCTION in this test")


def change_output(nb):
    """A verdict edited by hand."""
    data = outputs(nb, "claim")[0].data
    data["text/plain"] = data["text/plain"].replace("reproduced", "contradicted")


@pytest.fixture(scope="module")
def executed(workshop):
    """Problems that nbval finds in the cut-down chapter: as it is, and broken in two ways."""
    whole = cut_down(nbformat.read(path_in(workshop), as_version=4))
    versions = {name: copy.deepcopy(whole) for name in ("intact", "wrong_sign", "changed_output")}
    negate(versions["wrong_sign"], FUNCTION)
    change_output(versions["changed_output"])
    paths = [store(version, workshop, f"run_{name}") for name, version in versions.items()]
    with ThreadPoolExecutor(2) as pool:
        found = [problems for _, problems in pool.map(compare_outputs, paths)]
    return dict(zip(versions, found, strict=True))


def test_the_intact_cells_give_their_stored_outputs(executed):
    assert executed["intact"] == []


def test_a_wrong_sign_in_the_method_is_refused_by_the_ledger(executed):
    (problem,) = executed["wrong_sign"]
    line = named(problem)
    assert line.startswith(f"chapters/binarization/{SLUG}.ipynb: [execution] cell ")
    assert f"raised ClaimError: claim '{CLAIM}' of chapter '{SLUG}'" in line


def test_a_changed_output_is_found_by_nbval(executed):
    (problem,) = executed["changed_output"]
    line = named(problem)
    assert line.startswith(f"chapters/binarization/{SLUG}.ipynb: [outputs] cell ")
    assert "its outputs differ from the stored ones" in line
    assert f"claim {CLAIM}" in line
