"""Checks of the ledger, read from the stored outputs."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from press.chapter import Cell, Chapter
from repro.claims import ClaimError, collect

CLAIMS = 5


def claims(chapter: Chapter) -> Iterator[str]:
    """Five claims at least, each stored with a control that its rule rejects."""
    stored = [record for cell in chapter.code for record in _records(cell)]
    if len(stored) < CLAIMS:
        yield (
            f"claims stored: {len(stored)}, a chapter has {CLAIMS} or more. "
            f"Add claims, then run `make refresh CH={chapter.slug}`."
        )
    try:
        collect([chapter.path])
    except ClaimError as error:
        yield f"{error}. Correct the claim, then run `make refresh CH={chapter.slug}`."
    for record in stored:
        if "control" not in record or record.get("control_rejected") is not True:
            yield (
                f"claim `{record.get('id')}` has no control that its rule rejects. "
                "Give one that is wrong in the way the claim denies."
            )


def _records(cell: Cell) -> list[dict]:
    """The claim records in a cell's outputs."""
    found = [output.get("metadata", {}).get("repro", {}).get("claim") for output in cell.outputs]
    return [record for record in found if isinstance(record, dict)]


def ledger(chapter: Chapter) -> Iterator[str]:
    """The claims in the source are those in the outputs, and the ledger is shown."""
    seen: set[str] = set()
    for cell in chapter.code:
        stored = {record.get("id") for record in _records(cell)}
        for call in _calls(cell):
            yield from _check_call(call, cell, seen)
            name = _name(call)
            if chapter.executed and (name not in stored if name else not stored):
                yield (
                    f"claim `{name or '(computed name)'}` of {cell.where} is not in its stored "
                    f"outputs. Run `make refresh CH={chapter.slug}`."
                )
    shown = any(_shows_ledger(c) for c in chapter.code if c.section == "What reproduces")
    if not shown:
        yield "does not show its ledger. End a cell of `## What reproduces` with `ledger`."


def _check_call(call: ast.Call, cell: Cell, seen: set[str]) -> Iterator[str]:
    """A claim's call gives a control and a name of its own."""
    name = _name(call)
    given = {keyword.arg for keyword in call.keywords}
    if None not in given and not {"control", "control_is"} <= given:
        yield f"claim `{name}` in {cell.where} has no control. Pass control= and control_is=."
    for keyword in call.keywords:
        if keyword.arg in ("measured", "control") and (found := _constant(keyword.value)):
            yield (
                f"claim `{name}` in {cell.where} computes `{found}`, the same whatever it holds: "
                "it cannot fail. Measure in a second way."
            )
    if name in seen:
        yield f"claim `{name}` in {cell.where} is a duplicate: its id is used above. Rename it."
    if name:
        seen.add(name)


def _constant(value: ast.expr) -> str | None:
    """An expression inside `value` that takes something from itself or divides it by itself."""
    for node in ast.walk(value):
        takes = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub | ast.Div)
        if takes and ast.dump(node.left) == ast.dump(node.right):
            return ast.unparse(node)
    return None


def _calls(cell: Cell) -> list[ast.Call]:
    """Calls of a method named ``claim``."""
    return [
        node
        for node in ast.walk(cell.tree)
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "claim"
    ]


def _name(call: ast.Call) -> str | None:
    """The claim's id where it is written out; None where it is computed."""
    named = [keyword.value for keyword in call.keywords if keyword.arg == "id"]
    first = (call.args or named or [None])[0]
    return first.value if isinstance(first, ast.Constant) else None


def _shows_ledger(cell: Cell) -> bool:
    """Whether a cell ends with the name ``ledger``."""
    last = cell.tree.body[-1] if cell.tree.body else None
    return isinstance(last, ast.Expr) and getattr(last.value, "id", "") == "ledger"
