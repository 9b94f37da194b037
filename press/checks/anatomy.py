"""What every chapter holds, in which order and how much of it, and the checks of that."""

from __future__ import annotations

import re
from collections.abc import Iterator

from press.chapter import Chapter

BIT_FOR_BIT_PARTS = ("binarization", "quantization", "hardware")
DEVIATIONS = "Deviations from the paper"
UNWRITTEN = "Unwritten:"
EXERCISES = 3


#: The sections in their order; `Bit for bit` is required in some parts only.
SECTIONS = (
    "The paper in one minute",
    "The method",
    "Play",
    "Does it work?",
    "Why it works",
    "Bit for bit",
    "What reproduces",
    "Exercises",
    "Further reading",
)
OPENING, METHOD = SECTIONS[:2]
#: Fewest and most words that are read, in the whole chapter.
WORDS = (2000, 3500)
OPENING_WORDS = 400
WORDS_BEFORE_RESULT = 800
#: Most lines of open code in the first four sections, and in all.
FIRST_LINES = 150
LINES = 300
#: Fewest claims in the table of what the paper claims.
STATED = 6
#: Largest file, outputs included.
BYTES = 450_000
#: Longest run.
SECONDS = 30


def sections(chapter: Chapter) -> Iterator[str]:
    """The sections of every chapter are there, once each and in order."""
    found = [text for level, text in chapter.headings if level == 2]
    wanted = [
        name
        for name in SECTIONS
        if name != "Bit for bit" or name in found or chapter.part in BIT_FOR_BIT_PARTS
    ]
    for name in wanted:
        if name not in found:
            yield f"the section `## {name}` is missing. Add it."
    for name in found:
        if name not in SECTIONS:
            yield f"has a section `## {name}` that is not of the book. Use `###` inside a section."
    inside = [name for name in found if name in SECTIONS]
    if len(set(inside)) < len(inside):
        yield "has a section twice. Merge the two."
    elif inside != [name for name in SECTIONS if name in inside]:
        yield f"its sections stand in the wrong order. The order is: {'; '.join(wanted)}."
    results = [cell for cell in chapter.prose if cell.section == "What reproduces"]
    if not any((3, DEVIATIONS) in cell.markdown.headings for cell in results):
        yield (
            f"`## What reproduces` lacks `### {DEVIATIONS}`. List every departure, with the "
            "section or table it departs from and its factor."
        )


def unwritten(chapter: Chapter) -> Iterator[str]:
    """No placeholder of the template is left."""
    for cell in chapter.cells:
        if UNWRITTEN in cell.source:
            place = cell.section or "the opening"
            yield f"unwritten section: {cell.where} in {place} is still the template's. Write it."
    for name, value in chapter.repro.items():
        if isinstance(value, str) and UNWRITTEN in value:
            yield f"repro.{name} in the notebook's metadata is still the template's. Fill it in."


def length(chapter: Chapter) -> Iterator[str]:
    """Fifteen minutes of reading first, depth after: words, not counting formulas and code."""
    if any(unwritten(chapter)):
        return
    words = sum(cell.markdown.words for cell in chapter.prose)
    low, high = WORDS
    if not low <= words <= high:
        change = "Say more" if words < low else "Cut"
        yield f"has {words:,} words of text, a chapter has {low:,} to {high:,}. {change}."
    opening = sum(cell.markdown.words for cell in chapter.prose if cell.section == OPENING)
    if opening > OPENING_WORDS:
        yield (
            f"`## {OPENING}` has {opening} words, it may have {OPENING_WORDS}. Move what a "
            "reader does not need in the first minute."
        )
    waiting = _words_before_result(chapter)
    if waiting > WORDS_BEFORE_RESULT:
        yield (
            f"a reader meets {waiting} words before the first result, at most "
            f"{WORDS_BEFORE_RESULT} are wanted. Show something sooner."
        )


def _words_before_result(chapter: Chapter) -> int:
    """Words above the first output outside the opening section; 0 in an unexecuted chapter.

    The picture of the opening section and its table of claims are no result, nor is what set-up
    and method cells may show.
    """
    words = 0
    for cell in chapter.cells:
        if cell.node.cell_type == "markdown":
            words += cell.markdown.words
        elif (
            cell.outputs
            and cell.section not in ("", OPENING)
            and not {"setup", "method"}.intersection(cell.tags)
        ):
            return words
    return words if chapter.executed else 0


def open_lines(chapter: Chapter) -> Iterator[str]:
    """Open code is what a reader learns from; the rest is folded."""
    lines = {
        cell.number: sum(bool(line.strip()) for line in cell.source.splitlines())
        for cell in chapter.code
        if cell.kind is None
    }
    advice = "Tag what is plumbing by its kind, so that it folds, or move it into repro."
    if (total := sum(lines.values())) > LINES:
        yield f"shows {total} lines of open code, a chapter has {LINES} at most. {advice}"
    early = SECTIONS[:4]
    begin = sum(lines.get(cell.number, 0) for cell in chapter.code if cell.section in early)
    if begin > FIRST_LINES:
        yield (
            f"shows {begin} lines of open code in its first four sections, which may have "
            f"{FIRST_LINES}. {advice}"
        )


def exercises(chapter: Chapter) -> Iterator[str]:
    """Three exercises at least, each with a folded, executed solution below it."""
    titles: list[str] = []
    solved: set[str] = set()
    for cell in chapter.cells:
        if cell.section != "Exercises":
            continue
        if cell.node.cell_type == "markdown":
            inside = [text for level, text in cell.markdown.headings if level == 3]
            titles += [text for text in inside if re.match(r"Exercise \d", text)]
        elif "solution" in cell.tags and titles:
            solved.add(titles[-1])
    if len(titles) < EXERCISES:
        yield (
            f"has {len(titles)} exercises headed `### Exercise N. Title`, "
            f"a chapter has {EXERCISES} or more. Add some."
        )
    for title in titles:
        if title not in solved:
            yield f"`### {title}` has no code cell tagged `solution` below it. Add one that runs."
