"""Draw the cards and tables of all chapters again from their records; execute nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from press import BookError
from press.canonical import canonical
from press.chapter import load
from press.records import redraw
from press.writing import shown, write_atomically
from repro.claims import ClaimError


def restyle(path: Path) -> bool:
    """Redraw one chapter.

    Args:
        path: its notebook.

    Returns:
        Whether the file changed. After a change of wording in a card the difference is that wording
        and nothing else.

    Raises:
        BookError: not a notebook, or records that are not in order; the file is left as it was.
    """
    try:
        chapter = load(path)
    except BookError as error:
        raise BookError(f"{shown(path)} {error}") from error
    try:
        redraw(chapter.slug, chapter.notebook)
    except ClaimError as error:
        raise BookError(
            f"{shown(path)}: {error}. The notebook was left as it was; correct the entry, then run "
            f"`make refresh CH={chapter.slug}`."
        ) from error
    after = canonical(chapter.notebook)
    if after != chapter.text:
        write_atomically(path, after)
    return after != chapter.text


def run(paths: list[Path]) -> int:
    """Redraw chapters and say which changed; returns how many could not be redrawn."""
    failures = 0
    for path in paths:
        try:
            print(f"{path.stem:<28} {'redrawn' if restyle(path) else 'unchanged'}")
        except BookError as error:
            failures += 1
            print(error, file=sys.stderr)
    return failures
