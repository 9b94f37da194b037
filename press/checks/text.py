"""Checks of the prose: it reads well in any viewer, cites the bibliography, names its equations."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

from markdown_it.common.normalize_url import normalizeLink
from pybtex.database import Entry

from press import BookError, bibliography
from press.chapter import Cell, Chapter
from press.checks.anatomy import UNWRITTEN
from press.markdown import EQUATION_TAG, Link

#: How to write what stands raw; the first that fits the text is told.
INSTEAD = (
    (re.compile(r"^\{cite"), 'Cite with a link, `[Li et al. (2016)](https://... "key")`.'),
    (re.compile(r"^\{eq\}"), "Refer with a link, `[(name)](#eq-SLUG-name)`."),
    (
        re.compile(r"^\$\$ \(|^\\(?!begin)"),
        "Name the formula `\\tag{name}` and refer to `#eq-SLUG-name`.",
    ),
    (re.compile(r"^\\begin"), "Put it between `$$`, as `aligned`."),
    (re.compile(""), "Write it in plain Markdown."),
)
AUTHOR_YEAR = re.compile(r"^[^\W\d_a-z]\D*(?:, \d{4}| \(\d{4}\))$")
TAG_NAME = re.compile(r"[a-z][a-z0-9-]*")
ENVIRONMENT = re.compile(r"\\(begin|end)\{(\w+\*?)\}")


def prose(chapter: Chapter) -> Iterator[str]:
    """Text reads well in JupyterLab, VS Code and on GitHub, which know no MyST."""
    for cell in chapter.prose:
        for what, said in cell.markdown.raw:
            hint = next(hint for pattern, hint in INSTEAD if pattern.search(said))
            yield f"{cell.where} has {what} `{said}`, which other viewers show raw. {hint}"


def citations(chapter: Chapter) -> Iterator[str]:
    """Citations are links with the text and the address of their entry in the bibliography."""
    try:
        entries = bibliography.entries(chapter.root / bibliography.FILE)
    except BookError as error:
        yield str(error)
        return
    paper = chapter.repro.get("paper") or ""
    if paper and UNWRITTEN not in paper and paper not in entries:
        yield _unknown(paper)
    for cell in chapter.prose:
        for link in cell.markdown.links:
            yield from _citation(link, cell, entries)


def _citation(link: Link, cell: Cell, entries: Mapping[str, Entry]) -> Iterator[str]:
    """A link that cites, or reads as if it did, is exactly what the bibliography leads to."""
    textual = link.text.endswith(")")
    if not link.title:
        if AUTHOR_YEAR.match(link.text):
            same = [
                bibliography.citation(entry, textual)
                for entry in entries.values()
                if bibliography.author_year(entry, textual) == link.text
            ]
            hint = f"Write `{same[0]}`." if same else "Add its entry, and its key as the title."
            yield f"{cell.where} cites `{link.text}` without a BibTeX key. {hint}"
    elif link.title not in entries:
        yield _unknown(link.title)
    else:
        entry = entries[link.title]
        address = normalizeLink(bibliography.address(entry))
        if (link.text, link.address) != (bibliography.author_year(entry, textual), address):
            given = f'[{link.text}]({link.address} "{link.title}")'
            yield f"{cell.where} cites `{given}`. Write `{bibliography.citation(entry, textual)}`."


def _unknown(key: str) -> str:
    """The message for a key without an entry."""
    return f"cites `{key}`, which references.bib does not hold. Add the entry or correct it."


def equations(chapter: Chapter) -> Iterator[str]:
    """Every tagged formula is checked by a cell below it, and references find their formula."""
    stated: dict[str, Cell] = {}
    for cell in chapter.prose:
        for formula in cell.markdown.formulas:
            yield from _tag(formula, cell)
    for label, cell in chapter.equations:
        if label in stated:
            yield f"equation `{label}` is stated twice, the second time in {cell.where}. Rename it."
        stated.setdefault(label, cell)
    checks: dict[str, list[Cell]] = {}
    for cell in chapter.code:
        for tag in cell.tags:
            if tag.startswith("checks:"):
                checks.setdefault(tag.removeprefix("checks:"), []).append(cell)
    for label, cell in stated.items():
        if label not in checks:
            yield (
                f"equation `{label}` is tagged but unchecked. Tag the code cell that checks it "
                f"`checks:{label}`, or remove the formula's \\tag if it is only a definition."
            )
        elif checks[label][0].number < cell.number:
            yield f"equation `{label}` is checked before it is stated. Move its check below it."
    for label, cells in checks.items():
        first = cells[0].where
        if label not in stated:
            yield f"{first} checks `{label}`, which no formula is tagged. Correct the tag."
        if not any(_can_fail(cell) for cell in cells):
            yield f"{first} checks `{label}` but asserts nothing. Add an assert or a check."
    yield from _references(chapter, set(stated))


def _tag(formula: str, cell: Cell) -> Iterator[str]:
    """A formula has at most one tag, a plain name, where TeX allows one."""
    for tag in EQUATION_TAG.finditer(formula):
        if not TAG_NAME.fullmatch(tag[1]):
            yield (
                f"{cell.where} tags a formula `{tag[1]}`. Use lower-case letters, digits and "
                "hyphens, beginning with a letter."
            )
        opened = [end for end, _ in ENVIRONMENT.findall(formula[: tag.start()])]
        if opened.count("begin") > opened.count("end"):
            yield (
                f"{cell.where} has `{tag[0]}` inside an environment, where TeX refuses it. Put it "
                "behind the last \\end{...}."
            )
    if len(EQUATION_TAG.findall(formula)) > 1:
        yield f"{cell.where} tags one formula twice. Split it, or keep one tag."


def _references(chapter: Chapter, stated: set[str]) -> Iterator[str]:
    """A link inside the page leads to a formula and shows its tag; the site knows no other."""
    for cell in chapter.prose:
        for link in cell.markdown.links:
            if not link.address.startswith("#") or link.title:
                continue
            if not link.address.startswith("#eq-"):
                yield (
                    f"{cell.where} links to `{link.address}`, which the site does not know. Name "
                    "the section without a link."
                )
                continue
            label = link.address.removeprefix("#")
            wanted = f"({label.removeprefix(f'eq-{chapter.slug}-')})"
            if label not in stated:
                yield f"{cell.where} refers to `{label}`, which no formula is tagged. Correct it."
            elif link.text != wanted:
                yield f"{cell.where} refers to `{label}` as `{link.text}`. Write `{wanted}`."


def _can_fail(cell: Cell) -> bool:
    """Whether a cell asserts something or enters it into the ledger."""
    for node in ast.walk(cell.tree):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in ("claim", "check") or name.startswith("assert"):
                return True
    return False
