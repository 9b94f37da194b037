"""What verification compares of a chapter's outputs: numbers may drift a little, words may not."""

import copy

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from press.execution import compare, execute

SETUP = """\
import repro
from repro.claims import Ledger, Stated, at_least, at_most
from repro.report import measured, say, table
ledger = Ledger("demo")"""
PAPER = """\
ledger.paper(Stated("low", "The error is low", "3 % (table 1)"),
             Stated("high", "It is not too low", "2 % (table 2)"))"""
AGAIN = PAPER.replace("ledger.", 'Ledger("demo").')  # a ledger has one such table
CLAIM = """\
ledger.claim("low", "The error is low", measured=[0.12, 0.23], accept=at_least(0.1),
             control=[0.01, 0.02], control_is="a random answer", unit="%")"""
HIGH = CLAIM.replace('"low", "The error', '"high", "It').replace("0.02", "0.03")
CHECK = """\
ledger.check("{id}", "The sum {id} is right", measured=1e-15, accept=at_most(1e-12),
             control=1e-11, control_is="one term off by 1e-11")"""
SAY = 'say("The error is {error:.3f} over {n} runs.", error=0.17901, n=2)'
TABLE = 'table([["ours", 0.17901], ["random", measured(0.775)]], columns=["method", "error"])'


def entry(output):
    """The record that an output carries."""
    return output.metadata.repro.entry


def swap(old, new, mime="text/html"):
    """An edit that replaces text in one form of an output."""

    def edit(output):
        assert old in output.data[mime]
        output.data[mime] = output.data[mime].replace(old, new)

    return edit


def another_design(output):
    output.data = {"text/html": "<p>another design</p>"}


def a_little_drift(output):
    entry(output).measured["value"] = [0.12 * (1 + 1e-9), 0.23]
    another_design(output)


def quietly_worse(output):
    """A method that its rule accepts still."""
    entry(output).measured["value"] = [0.13, 0.24]


def another_id(output):
    entry(output).id = "other"


# Source of a cell, what happens to its stored output, and what is said of it (None: it passes).
CELLS = [
    (SETUP, None, None),
    (PAPER, another_design, None),
    (CLAIM, a_little_drift, None),
    (CHECK.format(id="fine"), another_design, None),
    (SAY, swap("0.179", "0.432"), None),
    (TABLE, swap("0.179", "0.432"), None),
    ("ledger", another_design, None),
    (HIGH, quietly_worse, "outside its band"),
    (CHECK.format(id="gone"), another_id, "'gone' is made by the cell, but not stored"),
    (AGAIN, lambda output: output.metadata.repro.paper[0].update(where="4 %"), "3 % (table 1)"),
    (SAY, swap("over 2 runs", "over 3 runs"), "over 3 runs"),
    (SAY, swap("over 2 runs", "over 3 runs", "text/plain"), "over 3 runs"),
    (TABLE, swap("random", "chance", "text/plain"), "chance"),
    ("ledger", lambda output: output.metadata.repro.pop("ledger"), "ledgers shown: 1, stored: 0"),
]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Execute a notebook, edit what it stored, and compare it with a second execution."""
    notebook = new_notebook(cells=[new_code_cell(source) for source, *_ in CELLS])
    execute(notebook)
    edited = copy.deepcopy(notebook)
    for cell, (_, edit, _) in zip(edited.cells, CELLS, strict=True):
        if edit:
            edit(cell.outputs[0])
    path = tmp_path_factory.mktemp("masks") / "demo.ipynb"
    nbformat.write(edited, path)
    return compare(path)


@pytest.mark.parametrize("number", range(len(CELLS)))
def test_what_differs_is_found_and_nothing_else(results, number):
    source, _, said = CELLS[number]
    result = results[number]
    if said is None:
        assert result.outcome == "passed", f"{source}: {result.detail}"
    else:
        assert (result.outcome, result.kind) == ("failed", "outputs")
        assert said in result.detail
