"""What nbval needs to verify the book's notebooks, as a pytest plugin.

Chapters are stored without execution counts, which nbval takes for cells that never ran and then
compares nothing; here every cell counts as run, so its outputs are compared, and a cell without
stored outputs must give none. Entries of the ledger are compared as records. After a cell that
could not be run, the rest of its notebook is skipped: it would only fail for the same reason.

With `--cell-results=FD` one line of JSON for each cell is written to that file descriptor as soon
as the cell is done; `press.execution` reads them.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Generator
from queue import Empty
from typing import Any

import nbval.plugin
import pytest
from nbformat import NotebookNode
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell

from press import comparison

OUTPUT_SECONDS = 60  # nbval's own 5 s can be too short on a machine with much else to do
LOOK_SECONDS = 1  # how often a silent kernel is asked whether it still lives


class KernelDied(Exception):
    """The kernel's process ended while a cell ran."""


class WatchedKernel(RunningKernel):
    """A kernel whose death is noticed at once, and not when the cell's time is up.

    It runs in the folder that pytest was started in, and not beside the notebook: in isolation
    that folder is empty.
    """

    def __init__(self, kernel_name: str, cwd: str | None, startup_timeout: float) -> None:
        super().__init__(kernel_name, os.getcwd(), startup_timeout)

    def get_message(self, stream: str, timeout: float | None = None) -> dict[str, Any]:
        """The next message of a stream.

        Args:
            stream: `iopub` or `shell`.
            timeout: seconds to wait for it; None waits for ever.

        Returns:
            The message.

        Raises:
            queue.Empty: there was none in time.
            KernelDied: there will be none.
        """
        end = float("inf") if timeout is None else time.monotonic() + timeout
        while True:
            wait = min(LOOK_SECONDS, max(0.0, end - time.monotonic()))
            try:
                return super().get_message(stream, wait)
            except Empty:
                if not self.is_alive():
                    raise KernelDied("the kernel died") from None
                if time.monotonic() >= end:
                    raise


class _Reporter:
    """Writes one line for each cell to a file descriptor."""

    def __init__(self, descriptor: int) -> None:
        self.stream = os.fdopen(descriptor, "w", encoding="utf-8")

    def cell(self, item: IPyNbCell, call: pytest.CallInfo, outcome: str) -> None:
        """Report a cell that is done."""
        facts = {"cell": item.cell_num, "outcome": outcome, "seconds": round(call.duration, 3)}
        if outcome == "failed":
            facts |= failure(item, call.excinfo.value)
        print(json.dumps(facts), file=self.stream, flush=True)


REPORTER = pytest.StashKey[_Reporter]()


def failure(item: IPyNbCell, error: BaseException) -> dict[str, str]:
    """How a cell failed.

    Args:
        item: the cell.
        error: what nbval raised for it.

    Returns:
        Its `kind` (`outputs` differ, the code `raised`, it `timed out`, the kernel `died`, or
        nbval itself `broke`), and what there is to `detail`; with `raised`, `message` is the
        exception's name and text.
    """
    if isinstance(error, KernelDied) or not item.parent.kernel:
        return {"kind": "died", "detail": str(error)}
    if item.parent.timed_out:
        return {"kind": "timed out", "detail": str(error)}
    if item.compared is False:
        return {"kind": "outputs", "detail": "\n".join(item.comparison_traceback)}
    for output in item.test_outputs or []:
        if output.output_type == "error":
            return {
                "kind": "raised",
                "message": f"{output.ename}: {output.evalue}",
                "detail": "\n".join(output.traceback),
            }
    return {"kind": "broke", "detail": f"{type(error).__name__}: {error}"}


def compare_outputs(item: IPyNbCell, new: list[NotebookNode], stored: list[NotebookNode]) -> bool:
    """Compare the outputs of a cell: records first, then what nbval compares.

    Args:
        item: the cell; its `comparison_traceback` then says what differs.
        new: the outputs of the execution.
        stored: those of the notebook.

    Returns:
        Whether they agree.
    """
    found = comparison.differences(stored, new)
    plain = [[one for one in outputs if not comparison.drawn(one)] for outputs in (new, stored)]
    item.compared = IPyNbCell.compare_outputs(item, *plain)
    if found:
        item.compared = False
        item.comparison_traceback = [*found, *item.comparison_traceback]
    return item.compared


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that asks for results."""
    said = "file descriptor to which a line of JSON for each cell is written"
    parser.getgroup("nbval").addoption("--cell-results", type=int, metavar="FD", help=said)


def pytest_configure(config: pytest.Config) -> None:
    """Watch kernels, and open the stream of results where it is wanted."""
    os.environ["REPRO_QUIET"] = "1"  # keeps progress displays out of the outputs
    nbval.plugin.RunningKernel = WatchedKernel
    if (descriptor := config.getoption("--cell-results")) is not None:
        config.stash[REPORTER] = _Reporter(descriptor)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let nbval compare a cell that is stored without an execution count."""
    if isinstance(item, IPyNbCell):
        item.cell.execution_count = item.cell_num + 1
        item.output_timeout = OUTPUT_SECONDS
        item.compared = None
        item.compare_outputs = lambda new, stored: compare_outputs(item, new, stored)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what comes after a cell that could not be run."""
    if broken_by := getattr(item.parent, "broken_by", None):
        pytest.skip(f"{broken_by} of this notebook failed to run")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember the first cell that could not be run, and write down how every cell ended."""
    report = yield
    if isinstance(item, IPyNbCell) and (report.when == "call" or not report.passed):
        if report.failed and item.compared is not False:
            item.parent.broken_by = item.name
        if REPORTER in item.config.stash:
            item.config.stash[REPORTER].cell(item, call, report.outcome)
    return report
