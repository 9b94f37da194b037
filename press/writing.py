"""Small file helpers: atomic writes, chapter look-up and names for messages."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from press import BookError, toc
from repro import chapters


def write_atomically(path: Path, text: str) -> None:
    """Write `text` to `path` in one step: a reader sees the old file or the new one.

    Args:
        path: file to create or replace; its folder is created when missing.
        text: full new content, stored as UTF-8.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        os.chmod(temporary, path.stat().st_mode if path.exists() else 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def shown(path: Path) -> str:
    """Name of a file for messages: relative to the book's root where it lies inside it."""
    try:
        return path.resolve().relative_to(chapters.ROOT.resolve()).as_posix()
    except ValueError:
        return path.as_posix()


def select(wanted: str) -> dict[str, Path]:
    """Chapters that a command line names.

    Args:
        wanted: a slug such as `"sttn"`, or `"all"`.

    Returns:
        Paths by slug, in the order of the book; empty only for `"all"` in an empty book.

    Raises:
        BookError: when no chapter has that slug; the message lists those there are.
    """
    known = toc.paths()
    if wanted == "all":
        return dict(known)
    if wanted not in known:
        names = ", ".join(known) or "none yet"
        raise BookError(f"there is no chapter {wanted!r}. Chapters: {names}; or write 'all'.")
    return {wanted: known[wanted]}
