"""A chapter as checks, commands and site see it: cells by kind, sections, stored records."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from press import BookError, markdown
from press.canonical import kind
from press.writing import shown


@dataclass(frozen=True)
class Problem:
    """One fault: the chapter, the check that found it, and a message (cause, what to do)."""

    path: Path
    check: str
    message: str

    def __str__(self) -> str:
        """The line that the commands print."""
        return f"{shown(self.path)}: [{self.check}] {self.message}"


@dataclass(frozen=True)
class Cell:
    """One cell with its number among all cells (from 1) and the section it stands in."""

    node: NotebookNode
    number: int
    section: str

    @property
    def source(self) -> str:
        """Its text."""
        return self.node.source

    @property
    def tags(self) -> list[str]:
        """Its tags."""
        return self.node.metadata.get("tags", [])

    @property
    def kind(self) -> str | None:
        """The kind that folds it, such as `plot`; None for an open cell."""
        return kind(self.tags)

    @property
    def outputs(self) -> list[NotebookNode]:
        """Its stored outputs."""
        return self.node.get("outputs", [])

    def stored(self, name: str) -> list[Any]:
        """What its outputs hold under `repro` by one name, such as `entry`, in order."""
        told = [output.get("metadata", {}).get("repro", {}) for output in self.outputs]
        return [metadata[name] for metadata in told if name in metadata]

    @property
    def where(self) -> str:
        """Its name in messages: number, and its first line."""
        first = (self.source.strip() or "empty").splitlines()[0]
        return f"cell {self.number} (`{first[:60]}`)"

    @property
    def markdown(self) -> markdown.Markdown:
        """Its text, read as Markdown."""
        return markdown.read(self.source)

    @cached_property
    def tree(self) -> ast.Module:
        """Its code, parsed; an empty module where it does not parse (reported by `style`)."""
        try:
            return ast.parse(self.source)
        except SyntaxError:
            return ast.Module(body=[], type_ignores=[])


@dataclass(frozen=True)
class Chapter:
    """One notebook of the book.

    Attributes:
        path: its file.
        text: the content of the file.
        notebook: the same, parsed.
    """

    path: Path
    text: str
    notebook: NotebookNode

    @property
    def slug(self) -> str:
        """File name without its ending."""
        return self.path.stem

    @property
    def part(self) -> str:
        """Name of the folder."""
        return self.path.parent.name

    @property
    def repro(self) -> dict[str, Any]:
        """The notebook's own metadata."""
        return self.notebook.metadata.get("repro", {})

    @cached_property
    def cells(self) -> list[Cell]:
        """All cells; the section of a cell is the last second-level heading at or above it."""
        section, cells = "", []
        for number, node in enumerate(self.notebook.cells, start=1):
            if node.cell_type == "markdown":
                inside = [text for level, text in markdown.read(node.source).headings if level == 2]
                section = inside[-1] if inside else section
            cells.append(Cell(node, number, section))
        return cells

    @property
    def code(self) -> list[Cell]:
        """Code cells."""
        return [cell for cell in self.cells if cell.node.cell_type == "code"]

    @property
    def prose(self) -> list[Cell]:
        """Text cells."""
        return [cell for cell in self.cells if cell.node.cell_type == "markdown"]

    @property
    def headings(self) -> list[tuple[int, str]]:
        """Level and text of all headings, in order."""
        return [heading for cell in self.prose for heading in cell.markdown.headings]

    @property
    def equations(self) -> Iterator[tuple[str, Cell]]:
        """Label and cell of every tagged formula, in order."""
        for cell in self.prose:
            for tag in cell.markdown.tags:
                yield equation_label(self.slug, tag), cell

    @property
    def executed(self) -> bool:
        """Whether the chapter holds stored outputs at all."""
        return any(cell.outputs for cell in self.code)

    @property
    def root(self) -> Path:
        """The book that the chapter belongs to: the folder of `references.bib`."""
        return self.path.resolve().parents[2]


def equation_label(slug: str, tag: str) -> str:
    """The label by which a chapter and its checks refer to the formula with a tag."""
    return f"eq-{slug}-{tag}"


def load(path: Path) -> Chapter:
    """Read a chapter.

    Args:
        path: its notebook.

    Returns:
        The chapter, whatever it holds; whether that is in order is for the checks to say.

    Raises:
        BookError: when the file is not a notebook in format 4; the message says why.
    """
    text = path.read_text(encoding="utf-8")
    try:
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
    except Exception as error:  # nbformat raises many kinds; all mean the same here
        cause = (str(error).strip().splitlines() or [type(error).__name__])[0]
        hint = "Restore it from version control or write it anew."
        raise BookError(f"is not a valid notebook: {cause}. {hint}") from error
    return Chapter(path, text, notebook)


def count_cells(path: Path) -> int:
    """Number of code cells; 0 for a file that is not a notebook."""
    try:
        return len(load(path).code)
    except BookError:
        return 0
