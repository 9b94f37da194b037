"""The plugin that lets nbval compare a stored chapter and reports how each cell ended."""

import json
import os
from queue import Empty
from types import SimpleNamespace

import nbval.plugin
import pytest
from nbformat import from_dict
from nbformat.v4 import new_code_cell, new_output
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell, NbCellError

from press import nbval_plugin
from press.nbval_plugin import KernelDied, WatchedKernel, failure


@pytest.fixture
def item():
    """A cell as nbval collects it, without a session around it."""
    made = object.__new__(IPyNbCell)
    made.cell, made.cell_num, made.name = new_code_cell("1"), 4, "Cell 4"
    made.parent = SimpleNamespace(
        kernel="kernel", timed_out=False, skip_compare=("metadata",), sanitize_patterns={}
    )
    made.config = SimpleNamespace(stash={}, option=SimpleNamespace(color="no"))
    made.colors, made.test_outputs = nbval.plugin.nocolors, None
    nbval_plugin.pytest_itemcollected(made)
    return made


def ended(item, error=None, when="call"):
    """Let a phase of a cell end; returns the report."""
    excinfo = error and SimpleNamespace(value=error)
    call = SimpleNamespace(excinfo=excinfo, duration=0.25)
    outcome = "failed" if error else "passed"
    report = SimpleNamespace(
        when=when, outcome=outcome, passed=not error, failed=bool(error), skipped=False
    )
    wrapper = nbval_plugin.pytest_runtest_makereport(item, call)
    next(wrapper)
    with pytest.raises(StopIteration) as stop:
        wrapper.send(report)
    assert stop.value.value is report


def test_every_cell_counts_as_run(item):
    assert item.cell.execution_count == 5
    assert item.output_timeout == nbval_plugin.OUTPUT_SECONDS
    nbval_plugin.pytest_itemcollected(SimpleNamespace())


def test_outputs_and_records_are_compared(item, monkeypatch):
    one, two = (new_output("execute_result", {"text/plain": text}) for text in "12")
    ledger = from_dict({"output_type": "display_data", "data": {"text/plain": "a table"}})
    ledger.metadata = from_dict({"repro": {"ledger": True}})
    redrawn = from_dict(ledger | {"data": {"text/plain": "another"}})
    assert item.compare_outputs([one, ledger], [one, redrawn])
    hooks = SimpleNamespace(pytest_assertrepr_compare=lambda **_: [["1 != 2"]])
    monkeypatch.setattr(IPyNbCell, "ihook", hooks)
    assert not item.compare_outputs([one, ledger], [two, redrawn])
    assert not item.compare_outputs([one], [one, ledger])
    assert item.comparison_traceback == ["ledgers shown: 0, stored: 1"]


def test_the_rest_is_skipped_after_a_cell_that_could_not_be_run(item):
    item.compared = False
    ended(item, NbCellError(4, "Cell outputs differ", "1"))
    nbval_plugin.pytest_runtest_setup(item)
    item.compared = None
    ended(item, NbCellError(4, "Cell execution caused an exception", "1"))
    with pytest.raises(pytest.skip.Exception, match="Cell 4 of this notebook failed"):
        nbval_plugin.pytest_runtest_setup(item)


def test_every_kind_of_failure(item):
    error = NbCellError(4, "as nbval says it", "1")
    assert failure(item, KeyError("id")) == {"kind": "broke", "detail": "KeyError: 'id'"}
    item.test_outputs = [
        new_output("stream", text="before"),
        new_output("error", ename="ValueError", evalue="no", traceback=["a", "b"]),
    ]
    raised = {"kind": "raised", "message": "ValueError: no", "detail": "a\nb"}
    assert failure(item, error) == raised
    item.compared, item.comparison_traceback = False, ["1", "2"]
    assert failure(item, error) == {"kind": "outputs", "detail": "1\n2"}
    item.parent.timed_out = True
    assert failure(item, error) == {"kind": "timed out", "detail": "as nbval says it"}
    assert failure(item, KernelDied("it died")) == {"kind": "died", "detail": "it died"}
    item.parent.kernel = None
    assert failure(item, RuntimeError("never started"))["kind"] == "died"


def test_results_are_written_as_lines(item, monkeypatch):
    monkeypatch.setattr(nbval.plugin, "RunningKernel", RunningKernel)
    monkeypatch.setenv("REPRO_QUIET", "0")
    receive, send = os.pipe()
    item.config.getoption = lambda name: send
    nbval_plugin.pytest_configure(item.config)
    assert nbval.plugin.RunningKernel is WatchedKernel and os.environ["REPRO_QUIET"] == "1"
    ended(item, when="setup")  # a set-up that passed is not the end of the cell
    ended(item)
    ended(item, KernelDied("it died"))
    item.config.stash.clear()  # closes the stream
    with os.fdopen(receive) as lines:
        passed, failed = map(json.loads, lines)
    assert passed == {"cell": 4, "outcome": "passed", "seconds": 0.25}
    assert failed == passed | {"outcome": "failed", "kind": "died", "detail": "it died"}


@pytest.fixture
def kernel(monkeypatch):
    """A kernel that lives and says nothing; `kernel.waits` are the seconds it was waited for."""
    made = object.__new__(WatchedKernel)
    made.waits, made.clock = [], 0.0

    def silent(self, stream, timeout):
        made.waits.append(timeout)
        made.clock += timeout
        raise Empty

    monkeypatch.setattr(RunningKernel, "get_message", silent)
    monkeypatch.setattr(nbval_plugin.time, "monotonic", lambda: made.clock)
    made.is_alive = lambda: True
    return made


def test_a_living_kernel_is_waited_for(kernel):
    with pytest.raises(Empty):
        kernel.get_message("shell", 2.5)
    assert kernel.waits == [1, 1, 0.5]


@pytest.mark.parametrize("timeout", [None, 300])
def test_a_dead_kernel_is_not(kernel, timeout):
    kernel.is_alive = lambda: len(kernel.waits) < 3
    with pytest.raises(KernelDied):
        kernel.get_message("shell", timeout)
    assert kernel.waits == [1, 1, 1]
