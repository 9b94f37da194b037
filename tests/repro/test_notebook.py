"""Where the code runs is found without importing IPython, and shown only there."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from repro import notebook


@pytest.fixture
def inside(monkeypatch):
    """Run inside IPython, with or without a kernel; returns what was displayed."""

    def enter(**attributes):
        shell = SimpleNamespace(execution_count=7, **attributes)
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
        shown = []
        display = SimpleNamespace(display=lambda *args, **options: shown.append((args, options)))
        monkeypatch.setitem(sys.modules, "IPython.display", display)
        return shown

    return enter


def test_outside_ipython_there_is_nothing(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert notebook.shell() is None
    assert not notebook.in_kernel()
    assert notebook.execution_count() is None
    notebook.publish({"text/plain": "a"})


def test_a_terminal_is_no_kernel(inside):
    inside()
    assert notebook.shell() is not None
    assert not notebook.in_kernel()
    assert notebook.execution_count() == 7


def test_a_kernel_is_one(inside):
    inside(kernel=object())
    assert notebook.in_kernel()


def test_publish_displays_one_output(inside):
    shown = inside()
    notebook.publish({"text/plain": "a"}, {"repro": {"alt": "b"}})
    notebook.publish({"text/plain": "c"})
    assert shown == [
        (({"text/plain": "a"},), {"raw": True, "metadata": {"repro": {"alt": "b"}}}),
        (({"text/plain": "c"},), {"raw": True, "metadata": {}}),
    ]


@pytest.mark.parametrize("module", ["notebook", "markup", "report", "progress", "figures"])
def test_nothing_that_shows_imports_ipython(module):
    code = (
        f"import sys, repro.{module} as m; getattr(m, 'publish', lambda d: 0)({{}}); "
        "assert not {'IPython', 'ipywidgets', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
