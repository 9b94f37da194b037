"""What a mutator changes, and what it leaves alone."""

import ast

import pytest

from press.mutation import Mutant, mutants, sample


def slips(source):
    """The mutated texts of a cell."""
    return {mutant.source for mutant in mutants(1, source)}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a + b", {"a - b", "a", "b"}),
        ("a - b", {"a + b", "a", "-b"}),
        ("a * b", {"a / b", "a"}),
        ("a @ b", {"a * b", "a"}),
        ("a // b", {"a / b", "a"}),
        ("(a) + (b)", {"(a) - (b)", "a", "b"}),
        ("a < b", {"a <= b", "a >= b"}),
        ("a <= b", {"a < b", "a > b"}),
        ("a == b", {"a != b"}),
        ("a < b < c", {"a <= b < c", "a >= b < c", "a < b <= c", "a < b >= c"}),
        ("a and b", {"a or b", "a", "b"}),
        ("a not in b", {"a in b"}),
        ("-a", {"a"}),
        ("not a", {"a"}),
        ("x[0]", {"x[1]"}),
        ("x[3]", {"x[4]", "x[2]"}),
        ("x * 0.5", {"x / 0.5", "x", "x * 1.0"}),
        ("y = f(x, flag=True)", {"y = f(x, flag=False)", "y = f(x)"}),
        ("x += y", {"x -= y", "pass"}),
        ("a if b else c", {"a if not (b) else c"}),
        ("[a for a in b if c]", {"[a for a in b if not (c)]"}),
        ("y = np.maximum(a, b)", {"y = np.minimum(a, b)"}),
        ("y = x.sum(dim=d)", {"y = x.mean(dim=d)", "y = x.sum()"}),
        ("y = abs(x)", {"y = (x)"}),
        ("y = np.sqrt(x)", {"y = (x)"}),
        ("y = x.abs()", {"y = (x)"}),
        ("y = f(a, b)", {"y = f(b, a)"}),
        ("y = f(*a, b)", set()),
        ("y = zip(a, b, strict=True)", {"y = zip(b, a, strict=True)"}),
        ("memory.drop(name)", {"pass"}),
        ("while a:\n    b", {"while not (a):\n    b"}),
    ],
)
def test_slips(source, expected):
    found = {ast.unparse(ast.parse(slip)) for slip in slips(source)}
    assert found == {ast.unparse(ast.parse(slip)) for slip in expected}


def test_keywords_are_left_out_wherever_they_stand():
    found = {ast.unparse(ast.parse(slip)) for slip in slips("y = f(a, b=c, d=e)")}
    assert found == {"y = f(a, d=e)", "y = f(a, b=c)"}
    assert slips("y = f(b=c)") == {"y = f()"}
    assert {ast.unparse(ast.parse(s)) for s in slips("y = f(b=c, d=e)")} == {
        "y = f(d=e)",
        "y = f(b=c)",
    }


def test_what_is_returned_may_be_something_else():
    assert slips("def f(a, b):\n    return b") == {"def f(a, b):\n    return a"}
    assert slips("def f(a, b):\n    return a, b") == {"def f(a, b):\n    return b, a"}
    assert "def f(self, a):\n    return a" not in slips("def f(self, a):\n    return a")


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring of 3 words."""',
        "def f(x: Literal[3]) -> tuple[int, 4]:\n    pass",
        "x: Literal[3]",
        "import numpy as np",
        "raise ValueError(f'expected {n + 1}, got {2 * n}')",
        "print_me = f'{a + b}'",
        "@cache(3)\ndef f():\n    pass",
        "name = 'text'",
        "y = f(x, rtol=1e-7)",
    ],
)
def test_what_computes_nothing_is_left_alone(source):
    assert slips(source) == set()


def test_a_mutant_says_where_it_is():
    (mutant,) = mutants(7, "# α: a comment\nx = 'ä' < β  # two lines\n")[:1]
    assert (mutant.cell, mutant.line) == (7, 2)
    assert mutant.before == "x = 'ä' < β  # two lines"
    assert mutant.after == "x = 'ä' <= β  # two lines"
    assert str(mutant).startswith("cell 7, line 2: x = 'ä' < β")


def test_every_mutant_parses_means_something_else_and_comes_once():
    source = "def f(x, axis=0):\n    return (x[1:] - x[:-1]).sum(axis=axis) / max(1, len(x) - 1)\n"
    found = mutants(1, source)
    meanings = [ast.dump(ast.parse(mutant.source)) for mutant in found]
    assert len(set(meanings)) == len(meanings) > 15
    assert ast.dump(ast.parse(source)) not in meanings
    assert found == mutants(1, source)


def population(*sizes):
    """Mutants of several cells, so many each."""
    return [Mutant(cell, line, "a", "b", "b") for cell, n in enumerate(sizes) for line in range(n)]


def test_a_sample_is_fixed_and_spread_over_the_cells():
    everything = population(1, 10, 100)
    assert sample(everything, None) == sample(everything, 500) == everything
    few = sample(everything, 22)
    assert few == sample(everything, 22)
    assert few == [mutant for mutant in everything if mutant in few]  # in the chapter's order
    counts = [sum(mutant.cell == cell for mutant in few) for cell in range(3)]
    assert counts[0] == 1
    assert counts[1] in (2, 3)
    assert sample(everything, 3) != everything[:3]
    assert {mutant.cell for mutant in sample(everything, 3)} == {0, 1, 2}
