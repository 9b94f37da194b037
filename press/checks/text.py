"""Checks of the prose: sections, length, exercises, equations, citations."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from press.chapter import Cell, Chapter, headings

SECTIONS = (
    "The paper in one minute",
    "The idea, derived",
    "The method in code",
    "Does it work?",
    "Bit for bit",
    "Play",
    "What reproduces",
    "Exercises",
    "Further reading",
)
BIT_FOR_BIT_PARTS = ("binarization", "quantization", "hardware")
UNWRITTEN = "Unwritten:"
WORDS = (1500, 5000)
EXERCISES = 3

FENCE = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
DISPLAY = re.compile(r"\$\$.*?\$\$", re.DOTALL)
LABEL = re.compile(r"\$\$[ \t]*\(([^)\s]+)\)|^:label:[ \t]*(\S+)|\\label\{([^}]+)\}", re.MULTILINE)
CITATION = re.compile(r"\{cite(?::\w+)?\}`([^`]*)`")
BIBLIOGRAPHY_KEY = re.compile(r"^[ \t]*@(\w+)[ \t]*[{(][ \t]*([^,\s]+)[ \t]*,", re.MULTILINE)


def sections(chapter: Chapter) -> Iterator[str]:
    """The sections of every chapter are there, in order, and none is empty."""
    found = [line[3:].strip() for line in _headings(chapter) if line.startswith("## ")]
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
    known = [name for name in found if name in SECTIONS]
    if len(set(known)) < len(known):
        yield "has a section twice. Merge the two."
    elif known != [name for name in SECTIONS if name in known]:
        yield f"its sections stand in the wrong order. The order is: {'; '.join(wanted)}."
    deviations = "### Deviations from the paper"
    if not any(
        deviations in headings(cell.source)
        for cell in chapter.markdown
        if cell.section == "What reproduces"
    ):
        yield f"`## What reproduces` lacks `{deviations}`. List every departure from the paper."


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
    """The chapter is neither a sketch nor a treatise."""
    if any(unwritten(chapter)):
        return
    prose = " ".join(FENCE.sub("", DISPLAY.sub("", cell.source)) for cell in chapter.markdown)
    words = len(prose.split())
    low, high = WORDS
    if not low <= words <= high:
        change = "Say more" if words < low else "Cut"
        yield f"has {words} words of text, a chapter has {low} to {high}. {change}."


def exercises(chapter: Chapter) -> Iterator[str]:
    """Three exercises at least, each with a folded, executed solution below it."""
    cells = [cell for cell in chapter.cells if cell.section == "Exercises"]
    titles: list[str] = []
    solved: set[str] = set()
    for cell in cells:
        if cell.node.cell_type == "markdown":
            titles += [line for line in headings(cell.source) if re.match(r"### Exercise \d", line)]
        elif "solution" in cell.tags and titles:
            solved.add(titles[-1])
    if len(titles) < EXERCISES:
        yield (
            f"has {len(titles)} exercises headed `### Exercise N. Title`, "
            f"a chapter has {EXERCISES} or more. Add some."
        )
    for title in titles:
        if title not in solved:
            yield f"`{title}` has no code cell tagged `solution` below it. Add one that runs."


def equations(chapter: Chapter) -> Iterator[str]:
    """Every labelled equation is checked by a cell below it, and that cell can fail."""
    prefix = f"eq-{chapter.slug}-"
    stated = {
        next(filter(None, match.groups())): cell
        for cell in chapter.markdown
        for match in LABEL.finditer(cell.source)
    }
    checks: dict[str, list[Cell]] = {}
    for cell in chapter.code:
        for tag in cell.tags:
            if tag.startswith("checks:"):
                checks.setdefault(tag.removeprefix("checks:"), []).append(cell)
    for label, cell in stated.items():
        if not label.startswith(prefix):
            yield f"equation label `{label}` does not begin with `{prefix}`. Rename it."
        if label not in checks:
            yield (
                f"equation `{label}` is labelled but unchecked. Tag the code cell that checks it "
                f"`checks:{label}`, or remove the label if it is only a definition."
            )
        elif checks[label][0].number < cell.number:
            yield f"equation `{label}` is checked before it is stated. Move its check below it."
    for label, cells in checks.items():
        first = cells[0].where
        if label not in stated:
            yield f"{first} checks `{label}`, which no equation is labelled. Correct the tag."
        if not any(_can_fail(cell) for cell in cells):
            yield f"{first} checks `{label}` but asserts nothing. Add an assert or a claim."


def _can_fail(cell: Cell) -> bool:
    """Whether a cell asserts or claims something."""
    for node in ast.walk(cell.tree):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name == "claim" or name.startswith("assert"):
                return True
    return False


def citations(chapter: Chapter) -> Iterator[str]:
    """Every citation, and the paper itself, is an entry of references.bib."""
    path = chapter.root / "references.bib"
    entries = path.read_text(encoding="utf-8") if path.exists() else ""
    known = {
        key
        for kind, key in BIBLIOGRAPHY_KEY.findall(entries)
        if kind.lower() not in ("comment", "string", "preamble")
    }
    prose = "\n".join(cell.source for cell in chapter.markdown)
    cited = [key.strip() for match in CITATION.findall(prose) for key in match.split(",")]
    paper = chapter.repro.get("paper") or ""
    if paper and UNWRITTEN not in paper:
        cited.append(paper)
    for key in dict.fromkeys(cited):
        if key not in known:
            yield f"cites `{key}`, which references.bib does not hold. Add the entry or correct it."


def _headings(chapter: Chapter) -> list[str]:
    """All headings in order."""
    return [line for cell in chapter.markdown for line in headings(cell.source)]
