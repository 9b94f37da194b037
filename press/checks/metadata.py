"""Checks of a chapter's metadata, its cost and its size."""

from __future__ import annotations

from collections.abc import Iterator

from press.chapter import Chapter
from press.toc import PARTS, pages

TEXTS = ("slug", "part", "title", "paper", "summary", "scale", "data")
SUMMARY_CHARACTERS = 200
SECONDS = 60
PEAK_MB = 4000
BYTES = 500_000


def metadata(chapter: Chapter) -> Iterator[str]:
    """The ``repro`` metadata is complete and agrees with the file's place and title."""
    given = chapter.repro
    for name in TEXTS:
        if not isinstance(given.get(name), str) or not given[name].strip():
            yield f"the notebook's metadata has no repro.{name}. Add it (see CONTRIBUTING.md)."
    for name, expected in (("slug", chapter.slug), ("part", chapter.part)):
        if given.get(name) and given[name] != expected:
            yield f"repro.{name} is {given[name]!r}, its place says {expected!r}. Make them agree."
    if chapter.part not in PARTS:
        yield f"lies in {chapter.part!r}, not a part ({', '.join(PARTS)}). Move it."
    if len(given.get("summary") or "") > SUMMARY_CHARACTERS:
        yield f"repro.summary is longer than {SUMMARY_CHARACTERS} characters. One line will do."
    yield from _title(chapter)


def _title(chapter: Chapter) -> Iterator[str]:
    """The first cell is the title, the same as in the metadata."""
    first = chapter.cells[0].source.strip().splitlines() if chapter.cells else []
    title = first[0] if first else ""
    if not title.startswith("# ") or chapter.cells[0].node.cell_type != "markdown":
        yield "does not open with a text cell `# Title`. Add one."
    elif chapter.repro.get("title") and title[2:].strip() != chapter.repro["title"]:
        told = chapter.repro["title"]
        yield f"is titled {title[2:].strip()!r}, repro.title says {told!r}. Make them agree."


def contents(chapter: Chapter) -> Iterator[str]:
    """The table of contents lists the chapter, so that the site shows it."""
    path = chapter.root / "_toc.yml"
    page = f"chapters/{chapter.part}/{chapter.slug}"
    if not path.exists() or page not in pages(path.read_text(encoding="utf-8")):
        yield f"is not in _toc.yml, so the site leaves it out. Add `- file: {page}` to its part."


def budget(chapter: Chapter) -> Iterator[str]:
    """The last run stayed within a minute and within a laptop's memory."""
    limits = {"seconds": (SECONDS, "s"), "peak_mb": (PEAK_MB, "MB")}
    for name, (limit, unit) in limits.items():
        cost = chapter.repro.get(name)
        if isinstance(cost, int | float) and cost > limit:
            yield (
                f"its last run took {cost:g} {unit}, the budget is {limit} {unit}. "
                f"Make the experiment smaller, then run `make refresh CH={chapter.slug}`."
            )


def size(chapter: Chapter) -> Iterator[str]:
    """The file, outputs included, is small enough for version control."""
    stored = len(chapter.text.encode("utf-8"))
    if stored > BYTES:
        yield (
            f"is oversized: {stored // 1000} kB with its outputs, the limit is "
            f"{BYTES // 1000} kB. Draw fewer or smaller figures; {_largest(chapter)}"
        )


def _largest(chapter: Chapter) -> str:
    """Which cell holds most of the bytes."""
    heaviest = max(chapter.cells, key=lambda cell: len(str(cell.node)))
    return f"the largest is {heaviest.where} with about {len(str(heaviest.node)) // 1000} kB."
