"""Check of the stored trials behind a chapter."""

from __future__ import annotations

from collections.abc import Iterator

from press.chapter import Chapter
from repro.fingerprint import mentioned
from repro.trials import results, stale


def trials(chapter: Chapter) -> Iterator[str]:
    """The stored trials of a chapter, and others that it shows, were run with the present code."""
    stored = {path.stem for path in results(chapter.slug).parent.glob("*.json")}
    names = set().union(*(mentioned(cell.tree) for cell in chapter.code))
    for slug in sorted(stored & ({chapter.slug} | names)):
        if why := stale(slug):
            yield why
