"""Chapters as data and as modules: find them, read them, import their methods."""

from __future__ import annotations

import linecache
import sys
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = ROOT / "chapters"

#: Folder and caption of every part, in the order of the book.
PARTS: dict[str, str] = {
    "binarization": "Binary and ternary networks",
    "quantization": "Quantization",
    "hardware": "Hardware",
    "vision": "Vision",
    "medical": "Medical imaging",
    "science": "Science",
}


class ChapterError(Exception):
    """A chapter that does not exist, cannot be read, or whose method does not run."""


def paths(chapters: Path | None = None) -> dict[str, Path]:
    """Every chapter's notebook by slug, ordered by part, then as in ``_toc.yml``.

    Args:
        chapters: folder of the parts; default :data:`CHAPTERS`. ``_toc.yml`` lies beside it.
            Chapters that it does not list follow the others of their part, by name.

    Raises:
        ChapterError: two notebooks have the same slug, or ``_toc.yml`` is no YAML.
    """
    chapters = CHAPTERS if chapters is None else chapters
    order = _toc(chapters.parent / "_toc.yml")
    found: dict[str, Path] = {}
    for part in PARTS:
        notebooks = {path.stem: path for path in sorted((chapters / part).glob("*.ipynb"))}
        for slug in sorted(notebooks, key=lambda s: order.get(f"{part}/{s}", len(order))):
            if slug in found:
                raise ChapterError(
                    f"two chapters are called {slug}: {found[slug]} and {notebooks[slug]}. "
                    "Slugs are unique in the book: rename one"
                )
            found[slug] = notebooks[slug]
    return found


def _toc(path: Path) -> dict[str, int]:
    """Position of ``part/slug`` in the table of contents; empty where there is none."""
    if not path.is_file():
        return {}
    import yaml

    try:
        toc = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ChapterError(f"{path} is not valid YAML: {error}") from error
    files = [Path(file).with_suffix("") for file in _files(toc)]
    return {f"{file.parent.name}/{file.name}": i for i, file in enumerate(files)}


def _files(node: Any) -> list[str]:
    """Values of every ``file`` key of a nested structure, in order."""
    if isinstance(node, dict):
        own = [node["file"]] if isinstance(node.get("file"), str) else []
        return own + [file for value in node.values() for file in _files(value)]
    if isinstance(node, list):
        return [file for value in node for file in _files(value)]
    return []


def path(slug: str) -> Path:
    """The notebook of one chapter.

    Raises:
        ChapterError: there is no such chapter; the message lists those there are.
    """
    known = paths()
    if slug not in known:
        raise ChapterError(
            f"no chapter is called {slug!r}. Known chapters: {', '.join(known) or 'none yet'}"
        )
    return known[slug]


def read(path: Path | str) -> NotebookNode:
    """A notebook, in nbformat 4.

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


def metadata(notebook: NotebookNode) -> dict[str, Any]:
    """What the notebook's metadata say under ``repro`` (see the design); empty if nothing."""
    return dict(notebook.metadata.get("repro", {}))


@cache
def chapter(slug: str) -> SimpleNamespace:
    """The method of a chapter: what its cells tagged ``method`` define.

    Only those cells run, in order, in one namespace of their own; nothing is trained, read
    or drawn. The result is kept, so that a second call returns the same objects.

    Args:
        slug: the chapter's name, such as ``"sttn"``.

    Returns:
        Everything the cells define or import, by name.

    Raises:
        ChapterError: no such chapter (the known ones are listed), no method cell, or a method
            cell that fails; names chapter and cell, and carries the original error as cause.
    """
    notebook = read(path(slug))
    cells = [
        (number, cell.source)
        for number, cell in enumerate(notebook.cells, start=1)
        if cell.cell_type == "code" and "method" in cell.metadata.get("tags", [])
    ]
    if not cells:
        raise ChapterError(f"chapter {slug} has no code cell tagged `method`: nothing to import")
    # A registered module lets dataclasses, pickle and type hints find where they were defined.
    module = ModuleType(f"repro.chapters.{slug}", f"Method of chapter {slug}.")
    sys.modules[module.__name__] = module
    try:
        for number, source in cells:
            _run(slug, number, source, module.__dict__)
    except ChapterError:
        del sys.modules[module.__name__]
        raise
    public = {k: v for k, v in vars(module).items() if not k.startswith("__")}
    return SimpleNamespace(**public)


def _run(slug: str, number: int, source: str, namespace: dict[str, Any]) -> None:
    """Run one cell; its lines are kept for tracebacks and ``inspect.getsource``."""
    name = f"<chapter {slug}, cell {number}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    try:
        exec(compile(source, name, "exec", dont_inherit=True), namespace)
    except Exception as error:
        raise ChapterError(
            f"chapter {slug}, cell {number} (tagged `method`) failed: "
            f"{type(error).__name__}: {error}. Method cells run alone, so they must import what "
            "they use and need nothing from other cells"
        ) from error
