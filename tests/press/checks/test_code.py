"""Tags, method cells, style, order of imports."""

from breaking import (
    add,
    assert_named,
    cases,
    cell,
    code,
    edit,
    messages,
    of_module,
    swap,
    tag,
    untag,
    without,
)
from nbformat.v4 import new_code_cell, new_output

from press.checks import code as module


def show_in_method(nb):
    cell(nb, tag="method").outputs = [new_output("stream", text="hello")]


def elsewhere(nb):
    untag(nb, "method")
    code(nb, "x = 1", "method")


BREAKS = {
    "tags": [
        (lambda nb: code(nb, "1", "nbval-skip"), "tag `nbval-skip`, which is not of the book"),
        (lambda nb: code(nb, "# NBVAL_IGNORE_OUTPUT\n1"), "hides it from verification"),
        (lambda nb: tag(nb, nb.cells[1], "method"), "is text but tagged method"),
        (lambda nb: code(nb, "1", "plot", "table"), "has several kinds: plot, table. Keep one"),
        (lambda nb: code(nb, "1", "method", "plot"), "tagged `method` and `plot`. Readers see"),
        (
            lambda nb: tag(nb, cell(nb, tag="check"), "checks:eq-sample-scale"),
            "checks an equation, but is open. Tag it `check` or `claim`",
        ),
    ],
    "method": [
        (lambda nb: swap(nb, "def doubled", "print(1)\ndef doubled"), "does more than define"),
        (lambda nb: code(nb, "from repro import data", "method"), "imports repro.data"),
        (lambda nb: code(nb, "import matplotlib.pyplot as p", "method"), "imports matplotlib"),
        (show_in_method, "but shows something"),
        (lambda nb: untag(nb, "method"), "no code cell tagged `method`"),
        (elsewhere, "no `method` cell in `## The method`"),
    ],
    "style": [
        (lambda nb: code(nb, "x = 1\n" * 31), "has 31 lines"),
        (lambda nb: code(nb, f"x = {'1' * 97}"), "more than 100 characters"),
        (lambda nb: code(nb, "x = = 1"), "is not Python: invalid syntax, line 1"),
    ],
    "determinism": [
        (lambda nb: add(nb, new_code_cell("import numpy as np"), 1), "numpy before repro"),
        (lambda nb: add(nb, new_code_cell("from torch import nn"), 1), "torch.nn before repro"),
        (lambda nb: without(nb, "import "), "never imports repro"),
    ],
}


@cases(BREAKS)
def test_every_fault_is_found_and_named(sample, check, damage, cause):
    assert_named(sample, check, damage, cause)


def test_every_check_is_tested():
    assert set(BREAKS) == of_module(module)


def test_a_fold_by_hand_is_named(sample):
    edit(sample, lambda nb: code(nb, "1"))
    text = sample.read_text()
    tags = '"metadata": {\n    "tags": [\n     "hide-input"\n    ]\n   },\n   "outputs": [],\n'
    place = text.rindex('"metadata": {},\n   "outputs": [],\n')
    rest = text[place:].replace('"metadata": {},\n   "outputs": [],\n', tags, 1)
    sample.write_text(text[:place] + rest)
    (told,) = messages(sample, "tags")
    assert "has the tag `hide-input`. Say what is inside instead" in told


def test_imports_of_a_method_may_fold(sample):
    edit(sample, lambda nb: code(nb, "import math", "method", "setup"))
    assert messages(sample, "tags") == []
