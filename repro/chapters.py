"""Chapters as files and as modules: find them, read them, import their methods."""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = ROOT / "chapters"


class ChapterError(Exception):
    """A chapter that does not exist, cannot be read, or whose method does not run."""


def notebooks() -> dict[str, Path]:
    """The notebook of every chapter by slug, in alphabetical order of parts, then of slugs.

    Raises:
        ChapterError: two notebooks have the same slug.
    """
    found: dict[str, Path] = {}
    for path in sorted(CHAPTERS.glob("*/*.ipynb")):
        if path.parent.name.startswith("."):  # Jupyter's checkpoints
            continue
        if path.stem in found:
            raise ChapterError(
                f"two chapters are called {path.stem}: {found[path.stem]} and {path}. "
                "Slugs are unique in the book: rename one"
            )
        found[path.stem] = path
    return found


def find(slug: str) -> Path:
    """The notebook of one chapter.

    Args:
        slug: the chapter's name, such as `"sttn"`.

    Raises:
        ChapterError: there is no such chapter, and the message lists those there are; or none
            at all, because the package was installed without them.
    """
    if not CHAPTERS.is_dir():
        raise ChapterError(
            f"no chapter {slug!r}, for there is no folder {CHAPTERS}: the notebooks are not part "
            "of the installed package. Clone the repository, and install it from there with "
            "`pip install -e .`"
        )
    known = notebooks()
    if slug not in known:
        raise ChapterError(
            f"no chapter is called {slug!r}. Known chapters: {', '.join(known) or 'none yet'}"
        )
    return known[slug]


def read(path: Path | str) -> NotebookNode:
    """A notebook, in nbformat 4.

    Args:
        path: its file.

    Raises:
        ChapterError: the file is missing or is not a notebook.
    """
    import nbformat

    try:
        return nbformat.read(str(path), as_version=4)
    except FileNotFoundError as error:
        raise ChapterError(f"{path} does not exist") from error
    except Exception as error:  # nbformat raises many kinds, one a reason
        raise ChapterError(
            f"{path} is not a notebook in nbformat 4 ({type(error).__name__}: {error}): "
            "restore it from version control"
        ) from error


def method_cells(notebook: Mapping[str, Any]) -> list[tuple[int, str]]:
    """Number and source of every code cell tagged `method`.

    Args:
        notebook: in nbformat 4, read by `read` or as plain JSON.

    Returns:
        The cells in order, with their numbers among all cells of the notebook, from 1.
    """
    return [
        (number, "".join(cell["source"]))
        for number, cell in enumerate(notebook["cells"], start=1)
        if cell["cell_type"] == "code" and "method" in cell["metadata"].get("tags", [])
    ]


def method_hash(chapter: str | Path) -> str:
    """SHA-256 of the sources of a chapter's method cells, in hexadecimal digits.

    It stays the same when text, experiments or the numbers of cells change.

    Args:
        chapter: its slug, or the path of its notebook.

    Raises:
        ChapterError: as for `find` and `read`.
    """
    notebook = read(chapter if isinstance(chapter, Path) else find(chapter))
    return digest(method_cells(notebook))


def digest(cells: list[tuple[int, str]]) -> str:
    """SHA-256 of the sources of cells, in hexadecimal digits.

    Args:
        cells: as `method_cells` returns them.
    """
    return hashlib.sha256("\0".join(source for _, source in cells).encode()).hexdigest()


def chapter(slug: str) -> ModuleType:
    """The method of a chapter: a module of what its cells tagged `method` define.

    Only those cells run, in order; nothing is trained, read or drawn. The module is
    `repro.methods.SLUG`, so objects of its classes can be pickled, saved by torch and sent to
    another process. It is kept, and run anew only when its cells have changed since.

    Args:
        slug: the chapter's name, such as `"sttn"`.

    Raises:
        ChapterError: no such chapter (the known ones are listed), no method cell, or a method
            cell that fails; names chapter and cell, and carries the original error as cause.
    """
    path = find(slug)
    name = f"repro.methods.{slug}"
    loaded = sys.modules.get(name)
    if loaded is not None and loaded.__spec__.loader.digest != method_hash(path):
        del sys.modules[name]
    return importlib.import_module(name)
