"""Check of the stored trials behind a chapter."""

from __future__ import annotations

from collections.abc import Iterator

from press.chapter import Chapter
from repro.trials import named, stale


def trials(chapter: Chapter) -> Iterator[str]:
    """The stored trials of a chapter, and others that it shows, were run with the present code."""
    for slug in named(chapter.slug, (cell.source for cell in chapter.code)):
        if why := stale(slug):
            yield why
