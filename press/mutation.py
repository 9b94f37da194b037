"""Mutants of a chapter's method: small slips, one at a time, that its tests ought to notice.

Cosmic Ray and mutmut mutate files of a source tree in place and start an interpreter for each
mutant. A method lives in the cells of a notebook, and loading torch anew takes longer than most
tests; nor do they drop terms, swap sums for means, or forget a keyword. So this is a mutator of
our own on the syntax tree, while `press.commands.mutate` runs the tests.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest

#: Operators by their text, and what a slip of the pen makes of them.
OPERATORS = {
    ast.Add: ("+", ["-"]),
    ast.Sub: ("-", ["+"]),
    ast.Mult: ("*", ["/"]),
    ast.Div: ("/", ["*"]),
    ast.FloorDiv: ("//", ["/"]),
    ast.Mod: ("%", ["//"]),
    ast.Pow: ("**", ["*"]),
    ast.MatMult: ("@", ["*"]),
    ast.LShift: ("<<", [">>"]),
    ast.RShift: (">>", ["<<"]),
    ast.BitAnd: ("&", ["|"]),
    ast.BitOr: ("|", ["&"]),
    ast.BitXor: ("^", ["&"]),
    ast.And: ("and", ["or"]),
    ast.Or: ("or", ["and"]),
    ast.Lt: ("<", ["<=", ">="]),
    ast.LtE: ("<=", ["<", ">"]),
    ast.Gt: (">", [">=", "<="]),
    ast.GtE: (">=", [">", "<"]),
    ast.Eq: ("==", ["!="]),
    ast.NotEq: ("!=", ["=="]),
    ast.In: ("in", ["not in"]),
    ast.NotIn: ("not in", ["in"]),
    ast.Is: ("is", ["is not"]),
    ast.IsNot: ("is not", ["is"]),
}
#: Functions and methods that are mistaken for one another, read both ways.
PAIRS = {
    "min": "max", "amin": "amax", "argmin": "argmax", "minimum": "maximum", "floor": "ceil",
    "sin": "cos", "arcsin": "arccos", "zeros": "ones", "any": "all", "sum": "mean",
    "real": "imag", "ellipk": "ellipe",
}  # fmt: skip
SWAPS = PAIRS | {second: first for first, second in PAIRS.items()}
#: Calls that a slip forgets, leaving their argument (or what the method belongs to).
FORGOTTEN = {"abs", "sqrt", "exp", "log", "round", "floor", "detach", "copy", "deepcopy", "clamp"}
FORGOTTEN |= {"reversed", "square", "normalise", "normalize", "permute", "conj"}
#: Functions whose arguments may stand in either order.
SYMMETRIC = {"min", "max", "minimum", "maximum", "hypot", "equal", "isclose", "allclose"}
#: Keywords that guard a result or say how exactly it is wanted; nothing else depends on them.
GUARDS = {"strict", "dtype", "rtol", "atol", "xtol", "ftol", "tol", "maxiter"}
#: Parts of the tree that say something to readers or linters and compute nothing.
SILENT = ("annotation", "returns", "decorator_list", "type_comment", "type_params")


@dataclass(frozen=True)
class Mutant:
    """A method cell with one slip in it.

    Attributes:
        cell: number of the cell among all cells of the notebook, from 1.
        line: line of the cell, from 1.
        before: that line.
        after: what has become of it.
        source: the whole mutated cell.
    """

    cell: int
    line: int
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        return f"cell {self.cell}, line {self.line}: {self.before}  ->  {self.after}"


def mutants(cell: int, source: str) -> list[Mutant]:
    """Every mutant of one cell, in the order of its text.

    Docstrings, type hints, decorators, imports and whatever is raised stay as they are; a mutant
    that does not parse, or means the same to Python, is left out.

    Args:
        cell: its number.
        source: its text.
    """
    text = _Text(source)
    meanings = {ast.dump(text.tree)}
    found = []
    edits = sorted(set(_edits(text.tree, text)))
    for start, end, replacement in edits:
        mutated = source[:start] + replacement + source[end:]
        try:
            meaning = ast.dump(ast.parse(mutated))
        except SyntaxError:
            continue
        if meaning not in meanings:
            meanings.add(meaning)
            found.append(Mutant(cell, *_first_difference(source, mutated), mutated))
    return found


def sample(population: Sequence[Mutant], limit: int | None) -> list[Mutant]:
    """A fixed sample, spread over the cells in proportion to their mutants, one at least from each.

    Args:
        population: mutants of several cells.
        limit: how many; None for all.

    Returns:
        `limit` mutants, or all if there are fewer, in the order of the chapter.
    """
    if limit is None or limit >= len(population):
        return list(population)
    ranked = []
    for seed, cell in enumerate(sorted({mutant.cell for mutant in population})):
        own = [index for index, mutant in enumerate(population) if mutant.cell == cell]
        random.Random(seed).shuffle(own)  # the same when text moves the cell to another number
        ranked += [(rank / len(own), index) for rank, index in enumerate(own)]
    return [population[index] for index in sorted(index for _, index in sorted(ranked)[:limit])]


class _Text:
    """A cell's text, its tree, and where each node stands in the text."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.tree = ast.parse(source)
        lines = source.splitlines(keepends=True)
        self.lines = [line.encode() for line in lines]
        self.starts = [sum(map(len, lines[:number])) for number in range(len(lines))]

    def _place(self, line: int, column: int) -> int:
        """Index of a position; the tree counts columns in bytes."""
        return self.starts[line - 1] + len(self.lines[line - 1][:column].decode())

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Start and end of a node."""
        end = self._place(node.end_lineno, node.end_col_offset)
        return self._place(node.lineno, node.col_offset), end

    def of(self, node: ast.AST) -> str:
        """Text of a node."""
        start, end = self.span(node)
        return self.source[start:end]


Edit = tuple[int, int, str]


def _edits(node: ast.AST, text: _Text) -> Iterator[Edit]:
    """Edits of a node and of everything below it that computes something."""
    if isinstance(node, ast.Raise | ast.Import | ast.ImportFrom | ast.JoinedStr):
        return
    yield from _own_edits(node, text)
    for field, value in ast.iter_fields(node):
        if field in SILENT or (isinstance(node, ast.keyword) and node.arg in GUARDS):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _edits(child, text)


def _own_edits(node: ast.AST, text: _Text) -> Iterator[Edit]:
    """Edits of one node."""
    match node:
        case ast.Constant(value=bool() | int() | float()):
            yield from _replace(node, text, _neighbours(node.value))
        case ast.BinOp(left=left, op=op, right=right):
            yield from _operator(op, left, right, text)
            kept = [text.of(left), ("-" if isinstance(op, ast.Sub) else "") + text.of(right)]
            terms = isinstance(op, ast.Add | ast.Sub | ast.BitAnd | ast.BitOr)
            yield from _replace(node, text, kept if terms else kept[:1])
        case ast.BoolOp(op=op, values=values):
            for left, right in pairwise(values):
                yield from _operator(op, left, right, text)
            yield from _replace(node, text, map(text.of, values))
        case ast.Compare(left=left, ops=ops, comparators=others):
            for op, first, second in zip(ops, [left, *others], others, strict=False):
                yield from _operator(op, first, second, text)
        case ast.UnaryOp(operand=operand):
            yield from _replace(node, text, [text.of(operand)])
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            yield from _replace(test, text, [f"not ({text.of(test)})"])
        case ast.comprehension(ifs=tests):
            for test in tests:
                yield from _replace(test, text, [f"not ({text.of(test)})"])
        case ast.AugAssign(op=op, target=target, value=value):
            yield from _operator(op, target, value, text)
            yield from _replace(node, text, ["pass"])
        case ast.Expr(value=ast.Call()):
            yield from _replace(node, text, ["pass"])
        case ast.Return(value=ast.Tuple(elts=[first, second])):
            swapped = f"{text.of(second)}, {text.of(first)}"
            yield from _replace(node.value, text, [swapped])
        case ast.FunctionDef():
            yield from _other_returns(node, text)
        case ast.Call():
            yield from _call(node, text)


def _replace(node: ast.AST, text: _Text, replacements: Sequence[str]) -> Iterator[Edit]:
    """A node replaced by each of several texts."""
    start, end = text.span(node)
    yield from ((start, end, replacement) for replacement in replacements)


def _neighbours(value: bool | int | float) -> list[str]:
    """Wrong values of a constant: off by one, doubled, negated truth."""
    if isinstance(value, bool):
        return [repr(not value)]
    if isinstance(value, int):
        return ["1"] if value == 0 else [repr(value + 1), repr(value - 1)]
    return [repr(2 * value if value else 1.0)]


def _operator(op: ast.AST, left: ast.AST, right: ast.AST, text: _Text) -> Iterator[Edit]:
    """The operator between two nodes replaced by its neighbours."""
    if type(op) not in OPERATORS:
        return
    symbol, others = OPERATORS[type(op)]
    (_, low), (high, _) = text.span(left), text.span(right)
    start = text.source.find(symbol, low, high)
    yield from ((start, start + len(symbol), other) for other in others)


def _call(node: ast.Call, text: _Text) -> Iterator[Edit]:
    """A call with its function swapped or forgotten, its arguments swapped, a keyword left out."""
    function = node.func
    name = getattr(function, "id", None) or getattr(function, "attr", "")
    start, end = text.span(function)
    if name in SWAPS:
        yield end - len(name), end, SWAPS[name]
    if name in FORGOTTEN:
        owner = function.value if isinstance(function, ast.Attribute) else None
        module = isinstance(owner, ast.Name) and owner.id in {"np", "torch", "math", "copy", "F"}
        kept = node.args[:1] if owner is None or module else [owner]
        yield from _replace(node, text, [f"({text.of(argument)})" for argument in kept])
    if (
        len(node.args) == 2
        and name not in SYMMETRIC
        and not any(isinstance(a, ast.Starred) for a in node.args)
    ):
        (start, _), (_, end) = text.span(node.args[0]), text.span(node.args[1])
        yield start, end, f"{text.of(node.args[1])}, {text.of(node.args[0])}"
    for keyword in node.keywords:
        if keyword.arg in {None, *GUARDS}:
            continue
        start, end = text.span(keyword)
        before = text.source[:start].rstrip()
        rest = text.source[end:]
        if before.endswith(","):
            yield len(before) - 1, end, ""
        elif rest.lstrip().startswith(","):
            yield start, end + rest.index(",") + 1, ""
        else:
            yield start, end, ""


def _other_returns(node: ast.FunctionDef, text: _Text) -> Iterator[Edit]:
    """Every returned name replaced by that of the first argument that is another one."""
    arguments = [argument.arg for argument in node.args.args]
    for inner in ast.walk(node):
        if isinstance(inner, ast.Return) and isinstance(inner.value, ast.Name):
            others = [name for name in arguments if name not in ("self", inner.value.id)]
            yield from _replace(inner.value, text, others[:1])


def _first_difference(before: str, after: str) -> tuple[int, str, str]:
    """Number and text of the first line that differs, and what stands there now."""
    pairs = zip_longest(before.splitlines(), after.splitlines(), fillvalue="")
    for number, (old, new) in enumerate(pairs, start=1):
        if old != new:
            return number, old.strip(), new.strip()
    raise ValueError("the two texts are the same")
