"""The finished chapters as the site needs them: metadata, paper, stored claims, thumbnail."""

from __future__ import annotations

from base64 import b64decode
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from press import BookError, bibliography, chapter, toc
from press.bibliography import Paper
from repro import claims
from repro.claims.verdicts import VERDICTS

BIBLIOGRAPHY = bibliography.FILE
REQUIRED = ("slug", "part", "title", "paper", "summary", "scale", "data", "seconds", "peak_mb")


class UnfinishedError(Exception):
    """A chapter that cannot be shown yet; the message says why and what to do."""


@dataclass(frozen=True)
class Finished:
    """One finished chapter, with what its page and the gallery show beside the notebook.

    Attributes:
        docname: its page's name for Sphinx, the notebook's path from the book's root, no suffix.
        metadata: the notebook's `repro` metadata, complete.
        paper: the paper it reproduces.
        claims: its stored claims, as `repro.claims.collect` returns them.
        thumbnail: PNG and alternative text of its picture in the gallery, if it has one.
    """

    docname: str
    metadata: dict[str, Any]
    paper: Paper
    claims: tuple[dict[str, Any], ...]
    thumbnail: tuple[bytes, str] | None

    @property
    def slug(self) -> str:
        """The chapter's short name."""
        return self.metadata["slug"]

    @property
    def verdicts(self) -> dict[str, int]:
        """Number of claims by verdict; see `count_verdicts`."""
        return count_verdicts(self.claims)


def read(path: Path, root: Path) -> Finished:
    """Read one chapter.

    Args:
        path: its notebook.
        root: the book's root, which holds `references.bib`.

    Raises:
        UnfinishedError: metadata or the paper's BibTeX entry is missing, or a stored claim does
            not bear out its verdict; names chapter and cause.
    """
    stamps = tuple(file.stat().st_mtime_ns for file in (path, root / BIBLIOGRAPHY))
    return _read(path, root, stamps)


@lru_cache(maxsize=128)
def _read(path: Path, root: Path, stamps: tuple[int, int]) -> Finished:
    """Read one chapter; `stamps` change with its files, so that an old result is not taken."""
    try:
        loaded = chapter.load(path)
    except BookError as error:
        raise UnfinishedError(f"chapter {path.stem} {error}") from error
    metadata = dict(loaded.repro)
    absent = [field for field in REQUIRED if metadata.get(field) in (None, "")]
    if absent:
        raise UnfinishedError(
            f"chapter {path.stem}: the notebook's metadata 'repro' lack {', '.join(absent)}. Fill "
            f"in what is yours and run `make refresh CH={path.stem}` for what is measured"
        )
    try:
        paper = bibliography.load(root / BIBLIOGRAPHY, metadata["paper"])
        records = tuple(claims.collect([path]))
    except (BookError, KeyError, claims.ClaimError) as error:
        raise UnfinishedError(f"chapter {path.stem}: {error.args[0]}") from error
    docname = path.relative_to(root).with_suffix("").as_posix()
    return Finished(docname, metadata, paper, records, thumbnail(loaded.notebook))


def read_all(root: Path, docnames: Iterable[str]) -> list[Finished]:
    """Read the finished chapters in the order of the book.

    Args:
        root: the book's root.
        docnames: the pages of the site; a notebook that is not among them is not finished.

    Returns:
        Every chapter that can be read. The page of one that cannot be says why.
    """
    listed = set(docnames)
    found = []
    for path in toc.paths().values():
        if path.relative_to(root).with_suffix("").as_posix() in listed:
            try:
                found.append(read(path, root))
            except UnfinishedError:
                continue
    return found


def count_verdicts(records: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Count claims by verdict, best verdict first, zeros left out."""
    counted = Counter(record["verdict"] for record in records)
    return {verdict: counted[verdict] for verdict in VERDICTS if counted[verdict]}


def thumbnail(notebook: NotebookNode) -> tuple[bytes, str] | None:
    """Return the picture that stands for a chapter in the gallery.

    Returns:
        PNG bytes and alternative text of the last picture of the cell tagged `thumbnail`; None
        where there is no such cell or it shows no picture.
    """
    found = [picture for cell in notebook.cells if _has_tag(cell) for picture in pictures(cell)]
    return found[-1] if found else None


def pictures(cell: NotebookNode) -> list[tuple[bytes, str]]:
    """Return PNG bytes and alternative text, maybe empty, of every picture a cell shows."""
    return [
        (b64decode(output.data["image/png"]), output.metadata.get("repro", {}).get("alt", ""))
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]


def _has_tag(cell: NotebookNode) -> bool:
    """Whether a cell is tagged `thumbnail`."""
    return "thumbnail" in cell.metadata.get("tags", [])
