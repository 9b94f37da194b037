"""Execute a chapter in a fresh kernel and store its canonical outputs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from press import BookError
from press.canonical import canonical
from press.chapter import Chapter, count_cells, load
from press.execution import execute
from press.records import redraw
from press.writing import shown, write_atomically
from repro.claims import ClaimError
from repro.progress import progress

KEEP_WITHIN = 0.25  # a stored cost is replaced only when the new one differs by more


@dataclass(frozen=True)
class Refreshed:
    """Seconds of computing and peak MB of one execution, and whether the file changed."""

    seconds: float
    peak_mb: float
    changed: bool


def refresh_all(paths: dict[str, Path]) -> int:
    """Refresh chapters one after another, one summary line each.

    Args:
        paths: the chapters by slug.

    Returns:
        The number of chapters that failed; the others are refreshed all the same.
    """
    failures = 0
    for slug, path in paths.items():
        try:
            with progress(max(1, count_cells(path)), f"cells of {slug}") as advance:
                result = refresh(path, advance)
        except BookError as error:
            failures += 1
            print(error, file=sys.stderr)
            continue
        state = "updated" if result.changed else "unchanged"
        print(f"{slug:<28} {state:<10} {result.seconds:6.1f} s  {result.peak_mb:6.0f} MB")
    return failures


def refresh(path: Path, on_cell: Callable[[], object] = lambda: None) -> Refreshed:
    """Execute a chapter and replace its stored outputs by canonical ones.

    Args:
        path: the notebook.
        on_cell: called after each code cell.

    Returns:
        The cost of the run and whether the file's bytes changed.

    Raises:
        BookError: when the file is not a notebook, a cell fails or its records are not in order; it
            is then left as it was.
    """
    chapter = _read(path)
    notebook = chapter.notebook
    try:
        cost = execute(notebook, on_cell)
    except BookError as error:
        cell, _, detail = str(error).partition("\n")
        message = f"{shown(path)}: {cell}. The notebook was left as it was.\n{detail}"
        raise BookError(message.rstrip()) from error
    costs = notebook.metadata.setdefault("repro", NotebookNode())
    _keep_or_replace(costs, "seconds", round(cost.seconds, 1), slack=0.5)
    _keep_or_replace(costs, "peak_mb", round(cost.peak_mb), slack=0)
    try:
        redraw(chapter.slug, notebook)  # the table of the paper's claims shows later verdicts
    except ClaimError as error:
        raise BookError(f"{shown(path)}: {error}. The notebook was left as it was.") from error
    after = canonical(notebook)
    if after != chapter.text:
        write_atomically(path, after)
    return Refreshed(cost.seconds, cost.peak_mb, after != chapter.text)


def _read(path: Path) -> Chapter:
    """A chapter, or an error that names the file."""
    try:
        return load(path)
    except BookError as error:
        raise BookError(f"{shown(path)} {error}") from error


def _keep_or_replace(costs: NotebookNode, name: str, new: float, slack: float) -> None:
    """Keep the stored cost unless the new one differs by more than a quarter and `slack`."""
    old = costs.get(name)
    known = isinstance(old, int | float) and not isinstance(old, bool)
    if not known or abs(new - old) > max(KEEP_WITHIN * old, slack):
        costs[name] = new
