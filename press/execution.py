"""Executing notebooks, always in isolation: with nbval to compare, with nbclient to store."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbval.kernel import CURRENT_ENV_KERNEL_NAME, NbvalKernelspecManager
from pytest import ExitCode

from press import BookError
from press.isolation import Isolation, isolated
from repro import chapters

CELL_TIMEOUT = 300  # seconds
LAST_LINES = 30
#: How pytest ends when every code cell was looked at; there may be none.
FINISHED = (ExitCode.OK, ExitCode.TESTS_FAILED, ExitCode.NO_TESTS_COLLECTED)
NBVAL = (
    *("-m", "pytest", "-q", "-c", os.devnull, "--noconftest", "-p", "no:cacheprovider"),
    *("-p", "nbval.plugin", "-p", "press.nbval_plugin", "--nbval", "--nbval-current-env"),
    *(f"--nbval-cell-timeout={CELL_TIMEOUT}", "--color=no"),
)
ANSI = re.compile(r"\x1b\[[0-9;]*m")
PROBE = (
    "import resource as _r, sys as _s, time as _t\n"
    "print(_t.process_time(), _r.getrusage(_r.RUSAGE_SELF).ru_maxrss"
    " / (2**20 if _s.platform == 'darwin' else 2**10))"
)


@dataclass(frozen=True)
class CellResult:
    """How one code cell ended when its notebook was executed and compared.

    Attributes:
        cell: its index among the code cells, from 0.
        outcome: `passed`, `failed` or `skipped` (after a cell that could not be run).
        seconds: how long it took.
        kind: how it failed: its `outputs` differ, its code `raised`, it `timed out`, the kernel
            `died`, or nbval itself `broke`; empty unless it failed.
        message: with `raised`, the exception's name and text.
        detail: what differs, or the traceback.
    """

    cell: int
    outcome: str
    seconds: float
    kind: str = ""
    message: str = ""
    detail: str = ""


def compare(
    path: Path,
    on_cell: Callable[[CellResult], object] = lambda result: None,
    extra: Mapping[str, str] | None = None,
) -> list[CellResult]:
    """Execute a notebook with nbval and compare every output with the stored one.

    Args:
        path: the notebook; it is not modified.
        on_cell: called as soon as a cell is done.
        extra: variables that its process has besides those of the isolation.

    Returns:
        One result for each code cell.

    Raises:
        BookError: nbval could not run the notebook at all; holds what it printed.
    """
    receive, send = os.pipe()
    with isolated(extra) as isolation, tempfile.TemporaryFile("w+", errors="replace") as printed:
        folder = isolation.workplace()
        options = {
            "--nbval-sanitize-with": chapters.ROOT / ".nbval-sanitize.cfg",
            "--rootdir": folder,
            "--cell-results": send,
        }
        with subprocess.Popen(
            [sys.executable, *NBVAL, *(f"{k}={v}" for k, v in options.items()), path.resolve()],
            cwd=folder,
            env=isolation.environment | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            stdout=printed,
            stderr=subprocess.STDOUT,
            pass_fds=[send],
        ) as run:
            os.close(send)  # so that the pipe ends when nbval does
            results = list(_results(receive, on_cell))
        if run.returncode not in FINISHED:
            printed.seek(0)
            raise BookError(f"nbval could not run it:\n{_last(printed.read())}")
    return results


def _results(receive: int, on_cell: Callable[[CellResult], object]) -> Iterator[CellResult]:
    """The results that come through a pipe, until its other end is closed."""
    with os.fdopen(receive, encoding="utf-8") as lines:
        for line in lines:
            facts = json.loads(line)
            facts["detail"] = _last(ANSI.sub("", facts.get("detail", "")))
            result = CellResult(**facts)
            on_cell(result)
            yield result


def _last(text: str) -> str:
    """The last lines of a text."""
    return "\n".join(text.strip().splitlines()[-LAST_LINES:])


@dataclass(frozen=True)
class Cost:
    """What one execution cost: the kernel's seconds of computing, and its peak memory in MB.

    A kernel computes on one core. Its own seconds do not grow with what else the machine does.
    """

    seconds: float
    peak_mb: float


def execute(notebook: NotebookNode, on_cell: Callable[[], object] = lambda: None) -> Cost:
    """Run every code cell of a notebook in order, and put the new outputs into it.

    Args:
        notebook: a notebook in format 4; modified in place.
        on_cell: called after each code cell.

    Returns:
        What the run cost.

    Raises:
        BookError: a cell failed, took too long, or the kernel died; names the cell and the cause.
    """
    with isolated() as isolation, _client(notebook, isolation) as client:
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type == "code":
                _run_cell(client, cell, index)
                on_cell()
        probe = nbformat.v4.new_code_cell(PROBE)
        notebook.cells.append(probe)  # nbclient runs only what stands in the notebook
        _run_cell(client, probe, len(notebook.cells) - 1)
        notebook.cells.pop()
    return Cost(*map(float, probe.outputs[0].text.split()))


@contextmanager
def _client(notebook: NotebookNode, isolation: Isolation) -> Iterator[NotebookClient]:
    """A client whose kernel runs in isolation, until the end of the context."""
    manager = AsyncKernelManager(
        kernel_name=CURRENT_ENV_KERNEL_NAME,
        kernel_spec_manager=NbvalKernelspecManager(),
        # By default it lies in the home of whoever runs this process.
        connection_file=str(isolation.workplace() / "kernel.json"),
    )
    client = NotebookClient(
        notebook,
        km=manager,
        timeout=CELL_TIMEOUT,
        store_widget_state=False,
        record_timing=False,
        coalesce_streams=True,
    )
    with client.setup_kernel(
        cwd=str(isolation.workplace()),
        env=isolation.environment,
        # The kernel's own stderr holds start-up notices only; that of a cell comes as output.
        stderr=subprocess.DEVNULL,
        cleanup_kc=True,  # the kernel ends here, though its manager is ours
    ):
        yield client


def _run_cell(client: NotebookClient, cell: NotebookNode, index: int) -> None:
    """Run one cell; its failure becomes a message with the cell, the cause and the traceback."""
    first = (cell.source.strip() or "empty").splitlines()[0]
    where = f"cell {index + 1} (`{first}`)"
    cell.outputs = []  # nbclient passes over an empty cell, whatever it holds
    try:
        client.execute_cell(cell, index)
    except CellExecutionError as error:
        detail = ANSI.sub("", error.traceback)
        raise BookError(f"{where} failed: {error.ename}: {error.evalue}\n\n{detail}") from error
    except CellTimeoutError as error:
        raise BookError(f"{where} took more than {client.timeout} s") from error
    except DeadKernelError as error:
        raise BookError(f"{where}: the kernel died, most often for want of memory") from error
