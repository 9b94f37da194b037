"""Checks of a chapter's metadata, its cost and its size."""

from __future__ import annotations

from collections.abc import Iterator

from press import BookError, toc
from press.chapter import Chapter
from press.checks import anatomy

TEXTS = ("slug", "part", "title", "paper", "summary", "scale", "data")
SUMMARY_CHARACTERS = 200
PEAK_MB = 4000


def metadata(chapter: Chapter) -> Iterator[str]:
    """The `repro` metadata is complete and agrees with the file's place and title."""
    given = chapter.repro
    for name in TEXTS:
        if not isinstance(given.get(name), str) or not given[name].strip():
            yield f"the notebook's metadata has no repro.{name}. Add it (see CONTRIBUTING.md)."
    for name, expected in (("slug", chapter.slug), ("part", chapter.part)):
        if given.get(name) and given[name] != expected:
            yield f"repro.{name} is {given[name]!r}, its place says {expected!r}. Make them agree."
    if chapter.part not in toc.PARTS:
        yield f"lies in {chapter.part!r}, not a part ({', '.join(toc.PARTS)}). Move it."
    if len(given.get("summary") or "") > SUMMARY_CHARACTERS:
        yield f"repro.summary is longer than {SUMMARY_CHARACTERS} characters. One line will do."
    yield from _title(chapter)


def _title(chapter: Chapter) -> Iterator[str]:
    """The first cell is the title, the same as in the metadata."""
    first = chapter.cells[0] if chapter.cells else None
    level, title = 0, ""
    if first in chapter.prose and first.markdown.headings:
        level, title = first.markdown.headings[0]
    told = chapter.repro.get("title")
    if level != 1:
        yield "does not open with a text cell `# Title`. Add one."
    elif told and title != told:
        yield f"is titled {title!r}, repro.title says {told!r}. Make them agree."


def contents(chapter: Chapter) -> Iterator[str]:
    """The table of contents lists the chapter, so that the site shows it."""
    path = chapter.root / toc.FILE
    page = f"chapters/{chapter.part}/{chapter.slug}"
    try:
        listed = toc.pages(path.read_text(encoding="utf-8")) if path.exists() else []
    except BookError as error:
        yield str(error)
        return
    if page not in listed:
        yield f"is not in {toc.FILE}, so the site leaves it out. Add `- file: {page}` to its part."


def budget(chapter: Chapter) -> Iterator[str]:
    """The last run stayed within its time and within a laptop's memory."""
    limits = {"seconds": (anatomy.SECONDS, "s"), "peak_mb": (PEAK_MB, "MB")}
    for name, (limit, unit) in limits.items():
        cost = chapter.repro.get(name)
        if isinstance(cost, int | float) and cost > limit:
            yield (
                f"its last run took {cost:g} {unit}, the budget is {limit} {unit}. "
                f"Make the experiment smaller, then run `make refresh CH={chapter.slug}`."
            )


def size(chapter: Chapter) -> Iterator[str]:
    """The file, outputs included, is small enough for version control."""
    stored, most = len(chapter.text.encode("utf-8")), anatomy.BYTES
    if stored > most:
        yield (
            f"is oversized: {stored // 1000} kB with its outputs, the limit is "
            f"{most // 1000} kB. Draw fewer or smaller figures; {_largest(chapter)}"
        )


def _largest(chapter: Chapter) -> str:
    """Which cell holds most of the bytes."""
    heaviest = max(chapter.cells, key=lambda cell: len(str(cell.node)))
    return f"the largest is {heaviest.where} with about {len(str(heaviest.node)) // 1000} kB."
