"""Stored outputs of a cell against new ones: records by id, all other outputs as nbval does it.

The card of a claim is drawn from its record, so the record is compared and the card is not. The
same holds for the table of what the paper claims, whose rows are compared, and for the ledger,
which is drawn from records that are compared where they were made.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Any

from nbformat import NotebookNode

#: Keys of an output's own metadata (below `repro`) whose holders are drawn from data.
ENTRY, PAPER, LEDGER = "entry", "paper", "ledger"


def drawn(output: NotebookNode) -> bool:
    """Whether an output is drawn from records, so that its text and HTML need no comparison."""
    return not {ENTRY, PAPER, LEDGER}.isdisjoint(_own(output))


def differences(stored: Sequence[NotebookNode], new: Sequence[NotebookNode]) -> list[str]:
    """What differs between the records of a cell's outputs.

    Args:
        stored: the outputs that the notebook holds.
        new: those of the execution.

    Returns:
        One message for each entry that is missing, was added, or lies outside its drift band, for
        each row of the paper's claims that changed, and for a ledger that is missing or new.
    """
    return [
        *_entries(_held(stored, ENTRY), _held(new, ENTRY)),
        *_papers(_held(stored, PAPER), _held(new, PAPER)),
        *_ledgers(len(_held(stored, LEDGER)), len(_held(new, LEDGER))),
    ]


def _entries(stored: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[str]:
    """Differences between entries, paired by id."""
    from repro.claims import compare  # NumPy waits until there is something to compare

    old, made = ({entry["id"]: entry for entry in entries} for entries in (stored, new))
    gone = [
        f"{_name(old[id])} is stored, but the cell no longer makes it" for id in _less(old, made)
    ]
    more = [f"{_name(made[id])} is made by the cell, but not stored" for id in _less(made, old)]
    both = [id for id in old if id in made]
    moved = [f"{_name(old[id])}: {said}" for id in both for said in compare(old[id], made[id])]
    return [*gone, *more, *moved]


def _papers(stored: list[list[Any]], new: list[list[Any]]) -> list[str]:
    """Differences between the rows of the paper's claims."""
    old, made = ([row for table in tables for row in table] for tables in (stored, new))
    said = "this row of the paper's claims is"
    found = [f"{said} stored, but the cell no longer shows it: {row}" for row in _less(old, made)]
    found += [f"{said} shown by the cell, but not stored: {row}" for row in _less(made, old)]
    if not found and old != made:
        found = ["the rows of the paper's claims are in another order"]
    return found


def _ledgers(stored: int, new: int) -> list[str]:
    """Whether as many ledgers are shown as are stored."""
    return [] if stored == new else [f"ledgers shown: {new}, stored: {stored}"]


def _less(some: Iterable[Any], others: Container[Any]) -> list[Any]:
    """What stands in `some` and not in `others`, in order."""
    return [one for one in some if one not in others]


def _own(output: NotebookNode) -> dict[str, Any]:
    """What an output's metadata hold for the book."""
    return output.get("metadata", {}).get("repro", {})


def _held(outputs: Sequence[NotebookNode], key: str) -> list[Any]:
    """What a cell's outputs hold under one key of their own metadata, in order."""
    return [_own(output)[key] for output in outputs if key in _own(output)]


def _name(entry: dict[str, Any]) -> str:
    """An entry as messages name it: its kind and id."""
    return f"{entry.get('kind', 'entry')} {entry['id']!r}"
