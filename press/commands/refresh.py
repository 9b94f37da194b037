"""Execute a chapter in a fresh kernel and store its canonical outputs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbval.kernel import CURRENT_ENV_KERNEL_NAME, NbvalKernelspecManager

from press import BookError
from press.canonical import canonical
from press.chapter import count_cells, load
from press.writing import shown, write_atomically
from repro.progress import progress

CELL_TIMEOUT = 600
KEEP_WITHIN = 0.25  # a stored cost is replaced only when the new one differs by more
ANSI = re.compile(r"\x1b\[[0-9;]*m")
PEAK_PROBE = (
    "import resource as _r, sys as _s\n"
    "print(_r.getrusage(_r.RUSAGE_SELF).ru_maxrss / (2**20 if _s.platform == 'darwin' else 2**10))"
)


@dataclass(frozen=True)
class Refreshed:
    """What one execution cost: wall seconds, peak memory in MB, and whether the file changed."""

    seconds: float
    peak_mb: float
    changed: bool


def refresh(path: Path, on_cell: Callable[[], None] = lambda: None) -> Refreshed:
    """Execute a chapter and replace its stored outputs by canonical ones.

    Args:
        path: the notebook.
        on_cell: called after each code cell.

    Returns:
        The cost of the run and whether the file's bytes changed.

    Raises:
        BookError: when the file is not a notebook or a cell fails; it is then left as it was.
    """
    before, notebook = _read(path)
    seconds, peak_mb = _execute(notebook, path, on_cell)
    costs = notebook.metadata.setdefault("repro", NotebookNode())
    _keep_or_replace(costs, "seconds", round(seconds, 1), slack=0.5)
    _keep_or_replace(costs, "peak_mb", round(peak_mb), slack=0)
    after = canonical(notebook)
    if after != before:
        write_atomically(path, after)
    return Refreshed(seconds, peak_mb, after != before)


def _read(path: Path) -> tuple[str, NotebookNode]:
    """The text and the cells of a notebook."""
    try:
        chapter = load(path)
    except BookError as error:
        raise BookError(f"{shown(path)} {error}") from error
    return chapter.text, chapter.notebook


def _execute(
    notebook: NotebookNode, path: Path, on_cell: Callable[[], None]
) -> tuple[float, float]:
    """Run every code cell in order; returns (wall seconds, peak MB) of the kernel."""
    manager = AsyncKernelManager(
        kernel_name=CURRENT_ENV_KERNEL_NAME, kernel_spec_manager=NbvalKernelspecManager()
    )
    probe = nbformat.v4.new_code_cell(PEAK_PROBE)
    client = NotebookClient(
        notebook,
        km=manager,
        timeout=CELL_TIMEOUT,
        store_widget_state=False,
        record_timing=False,
        coalesce_streams=True,
    )
    code = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    with tempfile.TemporaryDirectory() as scratch:
        environment = {**os.environ, "REPRO_QUIET": "1"}
        # The kernel's own stderr holds start-up notices only; that of a cell comes as output.
        quiet = subprocess.DEVNULL
        with client.setup_kernel(cwd=scratch, env=environment, stderr=quiet):
            start = time.perf_counter()
            for index in code:
                _run_cell(client, notebook.cells[index], index, shown(path))
                on_cell()
            seconds = time.perf_counter() - start
            notebook.cells.append(probe)
            _run_cell(client, probe, len(notebook.cells) - 1, shown(path))
            notebook.cells.pop()
    return seconds, float(probe.outputs[0].text)


def _run_cell(client: NotebookClient, cell: NotebookNode, index: int, chapter: str) -> None:
    """Run one cell; its failure becomes a message with chapter, cell and first line."""
    first = (cell.source.strip() or "empty").splitlines()[0]
    where = f"{chapter}: cell {index + 1} (`{first}`)"
    unchanged = "The notebook was left as it was."
    try:
        client.execute_cell(cell, index)
    except CellExecutionError as error:
        detail = ANSI.sub("", "\n".join(cell.outputs[-1].traceback))
        cause = f"{error.ename}: {error.evalue}"
        raise BookError(f"{where} failed: {cause}\n{unchanged}\n\n{detail}") from error
    except CellTimeoutError as error:
        cause = f"took more than {client.timeout} s"
        raise BookError(f"{where} {cause}. {unchanged}") from error
    except DeadKernelError as error:
        cause = "the kernel died, most often for want of memory"
        raise BookError(f"{where}: {cause}. {unchanged}") from error


def _keep_or_replace(costs: NotebookNode, name: str, new: float, slack: float) -> None:
    """Keep the stored cost unless the new one differs by more than a quarter and `slack`."""
    old = costs.get(name)
    known = isinstance(old, int | float) and not isinstance(old, bool)
    if not known or abs(new - old) > max(KEEP_WITHIN * old, slack):
        costs[name] = new


def refresh_all(paths: dict[str, Path]) -> int:
    """Refresh chapters one after another, one summary line each.

    Returns:
        The number of chapters that failed; the others are refreshed all the same.
    """
    failures = 0
    for slug, path in paths.items():
        try:
            with progress(count_cells(path), f"cells of {slug}") as advance:
                result = refresh(path, advance)
        except BookError as error:
            failures += 1
            print(error, file=sys.stderr)
            continue
        state = "updated" if result.changed else "unchanged"
        print(f"{slug:<28} {state:<10} {result.seconds:6.1f} s  {result.peak_mb:6.0f} MB")
    return failures
