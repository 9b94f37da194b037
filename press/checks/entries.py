"""Checks of the ledger: the stored entries, and the calls that made them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from press import records
from press.chapter import Cell, Chapter
from press.checks import anatomy

#: Methods of a ledger that make an entry.
MAKERS = ("claim", "check", "finding")
MEASUREMENTS = ("measured", "control", "positive")


def claims(chapter: Chapter) -> Iterator[str]:
    """The stored entries bear out their verdicts, and every claim of the paper is accounted for."""
    tables = [cell for cell in chapter.code if cell.stored("paper")]
    stated = [row for cell in tables for table in cell.stored("paper") for row in table]
    if chapter.executed and not tables:
        yield (
            "has no table of what the paper claims. Show it in its first section with "
            "`ledger.paper(Stated(...), ...)`."
        )
    elif chapter.executed and len(stated) < anatomy.STATED:
        yield (
            f"its table of what the paper claims has {len(stated)} rows, {anatomy.STATED} or more "
            "are wanted. Read abstract and headline tables again; say what is out of reach."
        )
    for cell in tables:
        if cell.section != anatomy.OPENING:
            yield f"{cell.where} shows the paper's claims. Move it to `## {anatomy.OPENING}`."
    for fault in records.problems(chapter.slug, chapter.notebook):
        advice = f" Correct the entry, then run `make refresh CH={chapter.slug}`."
        yield fault.rstrip(".") + "." + ("" if "`make" in fault else advice)


def ledger(chapter: Chapter) -> Iterator[str]:
    """The entries in the source are those in the outputs, and the ledger is shown."""
    for cell in chapter.code:
        stored = {record.get("id") for record in cell.stored("entry")}
        for call in _calls(cell):
            yield from _check_call(call, cell)
            name = _name(call)
            if chapter.executed and (name not in stored if name else not stored):
                yield (
                    f"entry `{name or '(computed name)'}` of {cell.where} is not in its stored "
                    f"outputs. Run `make refresh CH={chapter.slug}`."
                )
    if not any(_shows_ledger(c) for c in chapter.code if c.section == "What reproduces"):
        yield "does not show its ledger. End a cell of `## What reproduces` with `ledger`."


def _check_call(call: ast.Call, cell: Cell) -> Iterator[str]:
    """An entry's call gives a control, and measures something that could come out otherwise."""
    made = f"{call.func.attr} `{_name(call) or '(computed name)'}` in {cell.where}"
    given = {keyword.arg for keyword in call.keywords}
    if None not in given and not {"control", "control_is"} <= given:
        yield f"{made} has no control. Pass control= and control_is=."
    for keyword in call.keywords:
        if keyword.arg in MEASUREMENTS and (found := _constant(keyword.value)):
            yield (
                f"{made} computes `{found}`, the same whatever it holds: it cannot fail. "
                "Measure in a second way."
            )
    if cell.kind not in ("claim", "check"):
        kind = "check" if call.func.attr == "check" else "claim"
        yield f"{made} does not fold as one. Tag the cell `{kind}`."


def _constant(value: ast.expr) -> str | None:
    """An expression inside `value` that takes something from itself or divides it by itself."""
    for node in ast.walk(value):
        takes = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub | ast.Div)
        if takes and ast.dump(node.left) == ast.dump(node.right):
            return ast.unparse(node)
    return None


def _calls(cell: Cell) -> list[ast.Call]:
    """Calls of a ledger's methods that make entries."""
    return [
        node
        for node in ast.walk(cell.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in MAKERS
        and getattr(node.func.value, "id", "") == "ledger"
    ]


def _name(call: ast.Call) -> str | None:
    """The entry's id where it is written out; None where it is computed."""
    named = [keyword.value for keyword in call.keywords if keyword.arg == "id"]
    first = (call.args or named or [None])[0]
    return first.value if isinstance(first, ast.Constant) else None


def _shows_ledger(cell: Cell) -> bool:
    """Whether a cell ends with the name `ledger`."""
    last = cell.tree.body[-1] if cell.tree.body else None
    return isinstance(last, ast.Expr) and getattr(last.value, "id", "") == "ledger"
