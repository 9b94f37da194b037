"""What nbval needs to verify the book's notebooks, as a pytest plugin.

Chapters are stored without execution counts, which nbval takes for cells that never ran and then
compares nothing; here every cell counts as run, so its outputs are compared, and a cell without
stored outputs must give none. After a cell that fails to run, the rest of its notebook is skipped:
it would only fail for the same reason.
"""

from __future__ import annotations

import os

import pytest
from nbval.plugin import IPyNbCell, NbCellError

OUTPUT_SECONDS = 60  # nbval's own 5 s can be too short on a machine with much else to do


def pytest_configure(config: pytest.Config) -> None:
    """Keep progress displays out of the outputs that are compared."""
    os.environ["REPRO_QUIET"] = "1"


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let nbval compare a cell that is stored without an execution count."""
    if isinstance(item, IPyNbCell):
        item.cell.execution_count = item.cell_num + 1
        item.output_timeout = OUTPUT_SECONDS


def pytest_exception_interact(node: pytest.Item, call: pytest.CallInfo, report: object) -> None:
    """Remember the first cell of a notebook that could not be run to its end."""
    error = call.excinfo.value if call.excinfo else None
    ran = isinstance(error, NbCellError) and "differ" in str(error)
    if isinstance(node, IPyNbCell) and not ran:
        node.parent.broken_by = node.name


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what comes after a cell that could not be run."""
    broken_by = getattr(item.parent, "broken_by", None)
    if broken_by:
        pytest.skip(f"{broken_by} of this notebook failed to run")
