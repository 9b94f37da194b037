"""Proof that verification bites: a chapter in order, broken in many ways, each found and named."""

import copy
import shutil
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_output
from sample_chapter import PART, SLUG

from press import checks
from press.canonical import canonical
from press.commands.check import compare_outputs


def store(notebook, path):
    """Write a notebook as the commands do, whatever is wrong with it."""
    path.write_text(canonical(notebook), encoding="utf-8")
    return path


def holding(notebook, key):
    """The first cell with an output that carries `key` under `repro`, or of that mime type."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if key in output.get("metadata", {}).get("repro", {}) or key in output.get("data", {}):
                return cell, output
    raise AssertionError(f"the sample holds no {key}")


def record(notebook):
    """The first stored record of a claim."""
    return holding(notebook, "entry")[1].metadata.repro.entry


def missing_control(nb):
    """A claim that was never compared with anything."""
    del record(nb)["control"]


def edited_number(nb):
    """A measurement that the stored rule rejects."""
    record(nb).measured.value = [-value for value in record(nb).measured.value]


def polished_number(nb):
    """A measurement that reads better than it was."""
    record(nb).measured.text = "1e-99"


def polished_card(nb):
    """A card that says more than its record."""
    data = holding(nb, "entry")[1].data
    data["text/html"] = data["text/html"].replace("reproduced", "proved")


def duplicated_claim(nb):
    """The same id twice."""
    again = copy.deepcopy(holding(nb, "entry")[0])
    again.id = "again"
    nb.cells.append(again)


def lost_claim(nb):
    """A claim in the code whose outcome is not stored."""
    holding(nb, "entry")[0].outputs = []


def untested_claim(nb):
    """A claim of the paper that no entry tests, and no word why."""
    holding(nb, "paper")[1].metadata.repro.paper[1].out_of_reach = ""


def unresolved_citation(nb):
    """A paper that nobody wrote."""
    nb.cells[1].source += '\n\nSee [Nobody (1900)](https://example.org "nobody1900nothing").'


def missing_section(nb):
    """No section to play in."""
    for cell in nb.cells:
        cell.source = cell.source.replace("## Play", "Play")


def figure_without_words(nb):
    """A picture that a blind reader cannot see."""
    holding(nb, "alt")[1].metadata.repro.alt = ""


def oversized(nb):
    """Half a megabyte of output."""
    nb.cells[2].outputs.append(new_output("stream", text="12345678\n" * 60_000))


def leaked_path(nb):
    """The author's folder in an output."""
    nb.cells[2].outputs.append(new_output("stream", text="/home/author/book/chapter.py:3"))


def unchecked_equation(nb):
    """A labelled equation that no cell checks."""
    for cell in nb.cells:
        tags = cell.metadata.get("tags", [])
        cell.metadata.tags = [tag for tag in tags if not tag.startswith("checks:")]


def hidden_cell(nb):
    """A cell that verification would pass over."""
    nb.cells[2].metadata.tags = ["nbval-skip"]


def stored_warning(nb):
    """A warning that the author did not look at."""
    said = new_output("stream", name="stderr", text="RuntimeWarning: overflow\n")
    nb.cells[2].outputs.append(said)


def too_slow(nb):
    """A chapter over the budget."""
    nb.metadata.repro.seconds = 61.0


STATIC = [
    (missing_control, "claims", "malformed"),
    (edited_number, "claims", "rule"),
    (polished_number, "claims", "claim 'best-scale'"),
    (polished_card, "claims", "claim 'best-scale' does not show its records"),
    (duplicated_claim, "claims", "this id is used already"),
    (lost_claim, "ledger", "is not in its stored outputs"),
    (untested_claim, "claims", "has no entry"),
    (unresolved_citation, "citations", "nobody1900nothing"),
    (missing_section, "sections", "Play"),
    (figure_without_words, "alt-text", "without alternative text"),
    (oversized, "size", "is oversized"),
    (leaked_path, "clean", "leaks a machine path in its output: `/home/author`"),
    (unchecked_equation, "equations", "is tagged but unchecked"),
    (hidden_cell, "tags", "nbval-skip"),
    (stored_warning, "clean", "stores a warning: `RuntimeWarning: overflow`"),
    (too_slow, "budget", "took 61 s"),
]


def test_the_chapter_is_in_order_before(sample):
    assert checks.problems(sample) == []


@pytest.mark.parametrize(("damage", "check", "cause"), STATIC, ids=[d.__name__ for d, *_ in STATIC])
def test_the_matching_check_fails_and_says_why(sample, damage, check, cause):
    notebook = nbformat.read(sample, as_version=4)
    damage(notebook)
    found = [str(problem) for problem in checks.problems(store(notebook, sample))]
    begin = f"chapters/{PART}/{SLUG}.ipynb: [{check}] "
    assert any(line.startswith(begin) and cause in line for line in found), found


def replace(nb, old, new):
    """Change the code of the method."""
    (cell,) = [cell for cell in nb.cells if old in cell.source and "method" in cell.metadata.tags]
    cell.source = cell.source.replace(old, new)


def intact(nb):
    """The chapter as it is."""


def wrong_sign(nb):
    """A slip in the method that the ledger refuses."""
    replace(nb, "return float(np.abs(weights).mean())", "return -float(np.abs(weights).mean())")


def quietly_worse(nb):
    """Errors three times as large, which every rule accepts; and an output edited by hand."""
    replace(nb, "def squared_error(", "def a_third_of_it(")
    worse = "def squared_error(weights, alpha):\n    return 3 * a_third_of_it(weights, alpha)\n"
    place = next(i for i, cell in enumerate(nb.cells) if "a_third_of_it" in cell.source) + 1
    nb.cells.insert(place, new_code_cell(worse))
    _, output = holding(nb, "explore")
    output.data["text/plain"] += "\nA word that no cell said."


@pytest.fixture(scope="module")
def executed(finished_sample, tmp_path_factory):
    """Problems that the execution of broken copies shows: lines by the name of the damage."""

    def run(damage):
        root = tmp_path_factory.mktemp(damage.__name__) / "book"
        path = shutil.copytree(finished_sample, root) / "chapters" / PART / f"{SLUG}.ipynb"
        notebook = nbformat.read(path, as_version=4)
        damage(notebook)
        _, problems = compare_outputs(store(notebook, path))
        return [f"[{problem.check}] {problem.message}" for problem in problems]

    damages = (intact, wrong_sign, quietly_worse)
    with ThreadPoolExecutor(2) as pool:
        return dict(zip([d.__name__ for d in damages], pool.map(run, damages), strict=True))


def test_the_intact_chapter_gives_its_stored_outputs(executed):
    assert executed["intact"] == []


def test_a_wrong_sign_in_the_method_is_refused_by_the_ledger(executed):
    (line,) = executed["wrong_sign"]
    assert line.startswith("[execution] cell ")
    assert f"raised ClaimError: claim 'best-scale' of chapter '{SLUG}' is refused" in line


def test_a_method_that_gets_worse_is_found_though_its_rule_accepts(executed):
    edited, drifted = executed["quietly_worse"]
    assert "its outputs differ from the stored ones" in edited and "that no cell said" in edited
    assert drifted.startswith("[outputs] cell ")
    assert "claim 'best-scale': measured was" in drifted and "outside its band" in drifted
