"""Check of the stored trials behind a chapter."""

from __future__ import annotations

from collections.abc import Iterator

from press.chapter import Chapter
from repro.trials import stale


def trials(chapter: Chapter) -> Iterator[str]:
    """The stored trials were run with the chapter's present method cells."""
    if why := stale(chapter.slug):
        yield why
