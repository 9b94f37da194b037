"""Every claim of every chapter, read from the stored outputs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from press import BookError
from repro.claims import ClaimError, collect
from repro.markup import aligned

COLUMNS = ("chapter", "id", "kind", "rule", "measured", "control", "verdict")
WIDTH = 38


def records(paths: Iterable[Path]) -> list[dict]:
    """The claims of chapters, judged again.

    Raises:
        BookError: when a stored claim contradicts itself; the message names chapter and claim.
    """
    try:
        return collect(paths)
    except ClaimError as error:
        raise BookError(f"the stored claims are not in order: {error}") from error


def as_json(claims: list[dict]) -> str:
    """All fields of all claims as a JSON list."""
    return json.dumps(claims, indent=2, ensure_ascii=False)


def as_table(claims: list[dict]) -> str:
    """One line a claim, then totals by verdict."""
    rows = [[_cell(claim[name]) for name in COLUMNS] for claim in claims]
    verdicts = Counter(claim["verdict"] for claim in claims)
    held = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
    chapters = len({claim["chapter"] for claim in claims})
    total = f"chapters: {chapters}, claims: {len(claims)}" + (f" ({held})" if held else "")
    return f"{aligned(rows, COLUMNS)}\n\n{total}"


def _cell(value: object) -> str:
    """A field as short text; rules and measurements show the text they carry."""
    text = str(value["text"] if isinstance(value, dict) else value)
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"
