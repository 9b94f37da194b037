"""The finished chapters as the site needs them: notebook, paper, records and thumbnail."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from press import BookError, bibliography, records, toc
from press.bibliography import Paper
from press.chapter import Chapter, load
from press.checks.metadata import TEXTS
from press.records import Records
from press.site.pictures import Picture, thumbnail
from repro import chapters
from repro.claims import ClaimError
from repro.claims.paper import Stated, gaps

#: Metadata without which a chapter is not shown; `make refresh` writes the last two.
REQUIRED = (*TEXTS, "seconds", "peak_mb")


class UnfinishedError(Exception):
    """A chapter that cannot be shown yet; the message says why and what to do."""


@dataclass(frozen=True)
class Finished:
    """One finished chapter, with what its page and the gallery show beside the notebook.

    Attributes:
        chapter: the notebook, whose `repro` metadata are complete.
        paper: the paper it reproduces.
        records: its claims, checks and findings, judged again.
        thumbnail: its picture in the gallery, if it has one.
    """

    chapter: Chapter
    paper: Paper
    records: Records
    thumbnail: Picture | None

    @property
    def slug(self) -> str:
        """The chapter's short name."""
        return self.chapter.slug

    @property
    def docname(self) -> str:
        """Its page's name for Sphinx."""
        return docname(self.chapter.path)

    @property
    def metadata(self) -> dict[str, Any]:
        """The notebook's own metadata."""
        return self.chapter.repro

    @property
    def claims(self) -> list[tuple[Stated, dict[str, Any] | None]]:
        """What the paper claims, in its order, each with the record of its test, if it has one."""
        made = {entry["id"]: entry for entry in self.records.of("claim")}
        return [(row, made.get(row.id)) for row in self.records.rows]

    @property
    def others(self) -> list[dict[str, Any]]:
        """The checks, then the findings."""
        return self.records.of("check") + self.records.of("finding")


def docname(path: Path) -> str:
    """A page's name for Sphinx: a file's path from the book's root, without its ending."""
    return path.relative_to(chapters.ROOT).with_suffix("").as_posix()


def up(page: str) -> str:
    """The way from a page to the root of the site.

    Args:
        page: its name for Sphinx.
    """
    return "../" * page.count("/")


def notebook(page: str) -> Path | None:
    """The notebook of a chapter's page; None for any other page.

    Args:
        page: its name for Sphinx.
    """
    return next((path for path in toc.paths().values() if docname(path) == page), None)


def read(path: Path) -> Finished:
    """Read one chapter.

    Args:
        path: its notebook.

    Raises:
        UnfinishedError: metadata or the paper's BibTeX entry is missing, a stored record does not
            bear out its verdict, or the table of the paper's claims does not fit the records;
            names chapter and cause.
    """
    bibtex = chapters.ROOT / bibliography.FILE
    stamps = tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in (path, bibtex))
    return _read(path, bibtex, stamps)


@lru_cache(maxsize=128)
def _read(path: Path, bibtex: Path, stamps: tuple[int, ...]) -> Finished:
    """Read one chapter; `stamps` change with its files, so that an old result is not taken."""
    try:
        chapter = load(path)
    except BookError as error:
        raise UnfinishedError(f"chapter {path.stem} {error}") from error
    absent = [field for field in REQUIRED if chapter.repro.get(field) in (None, "")]
    if absent:
        raise UnfinishedError(
            f"chapter {path.stem}: the notebook's metadata 'repro' lack {', '.join(absent)}. Fill "
            f"in what is yours and run `make refresh CH={path.stem}` for what is measured"
        )
    try:
        paper = bibliography.load(bibtex, chapter.repro["paper"])
        stored = records.read(chapter.slug, chapter.notebook)
    except (BookError, KeyError, ClaimError) as error:
        raise UnfinishedError(f"chapter {path.stem}: {error.args[0]}") from error
    if missing := gaps(stored.rows, stored.entries):
        raise UnfinishedError(f"chapter {path.stem}: {'; '.join(missing)}")
    return Finished(chapter, paper, stored, thumbnail(chapter))


def read_all(docnames: Iterable[str]) -> list[Finished]:
    """Read the finished chapters in the order of the book.

    Args:
        docnames: the pages of the site; a notebook that is not among them is not finished.

    Returns:
        Every chapter that can be read. The page of one that cannot be says why.
    """
    listed = set(docnames)
    found = []
    for path in toc.paths().values():
        if docname(path) in listed:
            try:
                found.append(read(path))
            except UnfinishedError:
                continue
    return found
