"""Every entry of every chapter, read from the stored outputs, and how the papers' claims fare."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from press import BookError
from press.chapter import load
from press.records import Records, read, total
from repro.claims import ClaimError
from repro.markup import aligned

COLUMNS = ("chapter", "kind", "id", "rule", "measured", "control", "verdict")
WIDTH = 38


def records(paths: Iterable[Path]) -> list[Records]:
    """What the ledgers of chapters hold, judged again.

    Args:
        paths: their notebooks.

    Raises:
        BookError: a notebook that cannot be read, or a stored entry that contradicts itself; the
            message names chapter and entry.
    """
    found = []
    for path in paths:
        chapter = load(path)
        try:
            found.append(read(chapter.slug, chapter.notebook))
        except ClaimError as error:
            raise BookError(f"the stored entries are not in order: {error}") from error
    return found


def as_json(ledgers: Sequence[Records]) -> str:
    """All chapters as a JSON list: the claims of each paper, and all fields of all entries."""
    told = [
        {
            "chapter": ledger.chapter,
            "paper": [row.record() for row in ledger.rows],
            "entries": list(ledger.entries),
        }
        for ledger in ledgers
    ]
    return json.dumps(told, indent=2, ensure_ascii=False)


def as_table(ledgers: Sequence[Records]) -> str:
    """One line for each entry, then how the papers' claims came out and what else there is."""
    entries = [entry for ledger in ledgers for entry in ledger.entries]
    rows = [[_cell(entry[name]) for name in COLUMNS] for entry in entries]
    kinds = Counter(entry["kind"] for entry in entries)
    return (
        f"{aligned(rows, COLUMNS)}\n\nchapters: {len(ledgers)}; {total(ledgers).text}; "
        f"checks: {kinds['check']}, findings: {kinds['finding']}"
    )


def _cell(value: Any) -> str:
    """A field as short text."""
    text = str(value["text"] if isinstance(value, dict) else value)
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"
