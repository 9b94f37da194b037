"""Every structural check: passes on a chapter in order, and names the fault of one that is not."""

import base64
import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from press.canonical import canonical
from press.checks import CHECKS, problems

LABEL = "eq-sample-scale"


def cell(nb, *, tag=None, starts=None, kind="code"):
    """The first cell with a tag, or whose text starts so."""
    return next(
        c
        for c in nb.cells
        if (tag in c.metadata.get("tags", []) if tag else c.source.startswith(starts))
        and (tag is None or c.cell_type == kind)
    )


def without(nb, text):
    """Remove every cell that holds a text."""
    nb.cells = [c for c in nb.cells if text not in c.source]


def swap(nb, old, new):
    """Replace a text wherever it stands."""
    assert any(old in c.source for c in nb.cells)
    for c in nb.cells:
        c.source = c.source.replace(old, new)


def add(nb, new, place=None):
    """Add a cell, by default at the end, in the last section."""
    nb.cells.insert(len(nb.cells) if place is None else place, new)


def show(nb, *outputs, source="pass"):
    """Add a code cell that stores outputs."""
    add(nb, new_code_cell(source, outputs=list(outputs)))


def picture(data, **repro):
    """A displayed output."""
    return new_output("display_data", data, metadata={"repro": repro} if repro else {})


def code(nb, source, *tags):
    """Add a code cell in the last section."""
    add(nb, new_code_cell(source, metadata={"tags": list(tags)}))


def text(nb, source):
    """Add a text cell in the last section."""
    add(nb, new_markdown_cell(source))


def records(nb):
    """All stored claims."""
    outputs = [o for c in nb.cells for o in c.get("outputs", [])]
    return [o.metadata.repro.claim for o in outputs if "claim" in o.metadata.get("repro", {})]


def swap_sections(nb):
    play, results = (cell(nb, starts=f"## {name}") for name in ("Play", "What reproduces"))
    play.source, results.source = results.source, play.source


def forget_outputs(nb):
    for c in nb.cells:
        if c.cell_type == "code":
            c.outputs = []


def check_first(nb):
    check = cell(nb, tag=f"checks:{LABEL}")
    nb.cells.remove(check)
    add(nb, check, 1)


PNG = {"image/png": base64.b64encode(b"png").decode()}
BREAKS = {
    "metadata": [
        (lambda nb: nb.metadata.repro.pop("data"), "no repro.data"),
        (lambda nb: nb.metadata.repro.update(slug="other"), "slug is 'other', its place says"),
        (lambda nb: nb.metadata.repro.update(part="vision"), "part is 'vision', its place says"),
        (lambda nb: nb.metadata.repro.update(summary="x" * 201), "longer than 200 characters"),
        (lambda nb: nb.metadata.repro.update(title="Else"), "repro.title says 'Else'"),
        (lambda nb: nb.cells.pop(0), "does not open with a text cell"),
        (lambda nb: nb.cells.clear(), "does not open with a text cell"),
    ],
    "budget": [
        (lambda nb: nb.metadata.repro.update(seconds=61.5), "took 61.5 s, the budget is 60 s"),
        (lambda nb: nb.metadata.repro.update(peak_mb=5000), "took 5000 MB"),
    ],
    "size": [(lambda nb: code(nb, "# " + "x" * 500_000), "is oversized: 57")],
    "sections": [
        (lambda nb: swap(nb, "## Play", "### Play"), "`## Play` is missing"),
        (lambda nb: swap(nb, "## Bit for bit", "### Bits"), "`## Bit for bit` is missing"),
        (lambda nb: text(nb, "## Notes"), "`## Notes` that is not of the book"),
        (lambda nb: text(nb, "## Play"), "has a section twice"),
        (swap_sections, "wrong order"),
        (lambda nb: swap(nb, "### Deviations", "### Departures"), "lacks `### Deviations"),
    ],
    "unwritten": [
        (lambda nb: text(nb, "Unwritten: more."), "unwritten section: cell "),
        (lambda nb: nb.metadata.repro.update(scale="Unwritten: x"), "repro.scale"),
    ],
    "length": [
        (lambda nb: text(nb, "word " * 5000), "Cut."),
        (lambda nb: swap(nb, "stands for an argument that a reader could", ""), "Say more."),
    ],
    "exercises": [
        (lambda nb: swap(nb, "### Exercise 3", "### Task"), "has 2 exercises"),
        (
            lambda nb: cell(nb, tag="solution").metadata.update(tags=[]),
            "`### Exercise 1. As follows: five minutes` has no",
        ),
    ],
    "equations": [
        (lambda nb: cell(nb, tag=f"checks:{LABEL}").metadata.update(tags=[]), "but unchecked"),
        (lambda nb: text(nb, "$$ 1 = 1 $$ (eq-other)"), "does not begin with `eq-sample-`"),
        (lambda nb: text(nb, "```{math}\n:label: eq-sample-b\nb\n```"), "`eq-sample-b` is lab"),
        (lambda nb: text(nb, "\\begin{align}b\\label{eq-sample-b}\\end{align}"), "eq-sample-b"),
        (check_first, "checked before it is stated"),
        (lambda nb: code(nb, "assert x", "checks:eq-none"), "which no equation is labelled"),
        (lambda nb: swap(nb, "assert abs(", "print("), "asserts nothing"),
    ],
    "citations": [
        (lambda nb: text(nb, "{cite:p}`sample2020,absent`"), "cites `absent`"),
        (lambda nb: nb.metadata.repro.update(paper="absent"), "cites `absent`"),
    ],
    "tags": [
        (lambda nb: code(nb, "1", "nbval-skip"), "tag `nbval-skip`, which is not of the book"),
        (lambda nb: code(nb, "# NBVAL_IGNORE_OUTPUT\n1"), "hides it from verification"),
        (lambda nb: nb.cells[1].metadata.update(tags=["method"]), "is text but tagged method"),
    ],
    "method": [
        (lambda nb: swap(nb, "def doubled", "print(1)\ndef doubled"), "does more than define"),
        (lambda nb: code(nb, "from repro import data", "method"), "imports repro.data"),
        (lambda nb: code(nb, "import matplotlib.pyplot as p", "method"), "imports matplotlib"),
        (lambda nb: show_in_method(nb), "but shows something"),
        (lambda nb: untag(nb, "method"), "no code cell tagged `method`"),
        (lambda nb: elsewhere(nb), "no `method` cell in `## The method in code`"),
    ],
    "style": [
        (lambda nb: code(nb, "x = 1\n" * 31), "has 31 lines"),
        (lambda nb: code(nb, f"x = {'1' * 97}"), "more than 100 characters"),
        (lambda nb: code(nb, "x = = 1"), "is not Python: invalid syntax, line 1"),
        (lambda nb: without(nb, "quantity_"), "shows 54 lines of code, a chapter has"),
    ],
    "determinism": [
        (lambda nb: add(nb, new_code_cell("import numpy as np"), 1), "numpy before repro"),
        (lambda nb: add(nb, new_code_cell("from torch import nn"), 1), "torch.nn before repro"),
        (lambda nb: without(nb, "import "), "never imports repro"),
    ],
    "refreshed": [
        (forget_outputs, "has no stored outputs"),
        (lambda nb: nb.metadata.repro.pop("seconds"), "lacks repro.seconds"),
    ],
    "clean": [
        (lambda nb: text(nb, "See /home/someone/notes."), "in its text: `/home/someone`"),
        (lambda nb: show(nb, new_output("stream", text="/tmp/x")), "in its output: `/tmp/`"),
        (lambda nb: show(nb, picture({"text/html": "C:\\Users\\me"})), "leaks a machine path"),
        (lambda nb: nb.metadata.repro.update(data="/root/data"), "metadata leaks"),
        (
            lambda nb: show(nb, new_output("stream", name="stderr", text="a\nOldWarning: b\n")),
            "stores a warning: `OldWarning: b`",
        ),
        (lambda nb: show(nb, new_output("error", ename="KeyError")), "stores an error: KeyError"),
    ],
    "portable": [
        (lambda nb: show(nb, new_output("stream", text="<X at 0x7f3a5c0de1>")), "memory address"),
        (lambda nb: show(nb, picture({"text/plain": "0.12345678"})), "prints `0.12345678`"),
    ],
    "claims": [
        (forget_outputs, "claims stored: 0, a chapter has 5 or more"),
        (lambda nb: records(nb)[0].pop("control"), "claim `power-0` has no control"),
        (lambda nb: records(nb)[1]["measured"].update(value=1), "claim 'power-1'"),
    ],
    "ledger": [
        (lambda nb: swap(nb, '"best-scale"', '"better"'), "claim `better` of cell 15"),
        (lambda nb: swap(nb, "control_is=", "why="), "has no control. Pass control="),
        (lambda nb: without(nb, "best-scale") or twice(nb), "is a duplicate"),
        (lambda nb: without_claim_outputs(nb), "claim `(computed name)` of cell"),
        (
            lambda nb: swap(nb, "=best - errors.min()", "=best - best"),
            "computes `best - best`, the same",
        ),
        (lambda nb: swap(nb, "ledger", "book"), "does not show its ledger"),
    ],
    "alt-text": [
        (lambda nb: text(nb, "![ ](a.png)"), "Write `![text](...)`"),
        (lambda nb: text(nb, '<img src="a.png" alt="">'), "Add `alt` to its `<img>`"),
        (lambda nb: text(nb, "```{figure} a.png\n:name: a\n```"), "Add `:alt:`"),
        (lambda nb: show(nb, picture(PNG)), "shows a figure without alternative text"),
        (lambda nb: show(nb, picture(PNG, alt=" ")), "shows a figure without alternative text"),
        (lambda nb: show(nb, picture({"text/html": "<img src='a'>"})), "shows HTML with a figure"),
        (lambda nb: show(nb, picture({"text/html": ""}, explore=["a"])), "without alternative"),
    ],
    "explore": [(lambda nb: without(nb, "explore(draw"), "has no `explore` figure")],
    "thumbnail": [
        (lambda nb: cell(nb, tag="thumbnail").metadata.update(tags=[]), "has 0 cells tagged"),
        (lambda nb: cell(nb, tag="thumbnail").update(outputs=[]), "but stores no figure"),
    ],
}


def show_in_method(nb):
    cell(nb, tag="method").outputs = [new_output("stream", text="hello")]


def untag(nb, tag):
    for c in nb.cells:
        c.metadata.tags = [t for t in c.metadata.get("tags", []) if t != tag]


def elsewhere(nb):
    untag(nb, "method")
    code(nb, "x = 1", "method")


def twice(nb):
    code(nb, 'ledger.claim("a", control=1, control_is="x")\nledger.claim("a", **rest)')


def without_claim_outputs(nb):
    cell(nb, starts="for power").outputs = []


CASES = [(name, *case) for name, cases in BREAKS.items() for case in cases]


def messages(path, check):
    """What a check says; every message names chapter, check and what to do."""
    found = [str(problem) for problem in problems(path)]
    for line in found:
        assert line.startswith(f"chapters/{path.parent.name}/{path.name}: [")
        assert line.endswith((".", ".)", "kB.")) or "\n" in line
    return [line for line in found if f": [{check}] " in line]


def store(path, notebook):
    path.write_text(canonical(notebook), encoding="utf-8")


def test_a_chapter_in_order_has_no_problems(sample):
    assert problems(sample) == []


@pytest.mark.parametrize(
    ("check", "damage", "cause"), CASES, ids=[f"{name}: {cause}" for name, _, cause in CASES]
)
def test_every_fault_is_found_and_named(sample, check, damage, cause):
    notebook = nbformat.read(sample, as_version=4)
    damage(notebook)
    store(sample, notebook)
    found = messages(sample, check)
    assert any(cause in line for line in found), found or problems(sample)


def test_every_check_is_tested():
    elsewhere = {"contents", "canonical"}
    assert set(BREAKS) | elsewhere == set(CHECKS)


def test_a_part_that_does_not_exist(sample):
    place = sample.parents[1] / "poetry" / sample.name
    place.parent.mkdir()
    sample.rename(place)
    assert any("not a part (binarization" in line for line in messages(place, "metadata"))


def test_bit_for_bit_is_optional_elsewhere(book, sample):
    place = book / "chapters" / "vision" / sample.name
    place.parent.mkdir()
    sample.rename(place)
    notebook = nbformat.read(place, as_version=4)
    swap(notebook, "## Bit for bit", "### Bits")
    store(place, notebook)
    assert messages(place, "sections") == []


def test_a_chapter_that_no_contents_list(book, sample):
    for contents in ("format: jb-book\nroot: index\n", None):
        if contents:
            (book / "_toc.yml").write_text(contents)
        else:
            (book / "_toc.yml").unlink()
        (told,) = messages(sample, "contents")
        assert "Add `- file: chapters/binarization/sample`" in told


def test_no_bibliography_at_all(book, sample):
    (book / "references.bib").unlink()
    assert len(messages(sample, "citations")) == 1


@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        (lambda nb: nb["cells"][2].update(execution_count=3), "execution counts"),
        (lambda nb: nb["metadata"].update(widgets={}), "editor or widget metadata"),
        (lambda nb: nb["cells"][2]["metadata"].update(collapsed=True), "layout, cell metadata"),
    ],
)
def test_canonical_form(sample, damage, cause):
    notebook = json.loads(sample.read_text())
    damage(notebook)
    sample.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    (told,) = messages(sample, "canonical")
    assert cause in told
    assert "make refresh CH=sample" in told


@pytest.mark.parametrize("content", ["", "{", "[]", '{"cells": 3}', "{}"])
def test_a_file_that_is_no_notebook(sample, content):
    sample.write_text(content)
    (problem,) = problems(sample)
    assert "[notebook] is not a valid notebook: " in str(problem)


def test_headings_in_code_fences_are_not_headings(sample):
    notebook = nbformat.read(sample, as_version=4)
    text(notebook, "```python\n## Notes\n```")
    store(sample, notebook)
    assert messages(sample, "sections") == []


def test_bitmaps_are_not_searched_for_paths(sample):
    notebook = nbformat.read(sample, as_version=4)
    path = base64.b64encode(base64.b64decode("AA/tmp/AAAAA")).decode()
    assert "/tmp/" in path
    html = f'<img alt="a" src="data:image/webp;base64,{path}">'
    show(notebook, picture({"image/png": path, "text/html": html}, alt="a"))
    store(sample, notebook)
    assert messages(sample, "clean") == []
