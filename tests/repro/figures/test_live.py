"""In a live kernel the sliders draw anew; without one, or without widgets, the page suffices."""

import sys

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from repro.figures import explore, live

NUMBERS = range(3)


def draw(k, offset=0):
    fig, ax = plt.subplots(figsize=(4, 2))
    ax.plot(np.arange(10) * k + offset)
    return fig


CELL = """
import sys
import matplotlib.pyplot as plt
from repro.figures import explore, use_style
use_style()
calls = []
def draw(k):
    calls.append(k)
    fig, ax = plt.subplots(figsize=(4, 2))
    ax.plot([0, k])
    return fig
explore(draw, alt="Slope {k}", labels={"k": "slope"}, k=[1, 2, 3])
"""
PROBE = """
import ipywidgets
from ipywidgets.widgets import widget
[slider] = [w for w in widget._instances.values() if isinstance(w, ipywidgets.SelectionSlider)]
[picture] = [w for w in widget._instances.values() if isinstance(w, ipywidgets.HTML)]
before = picture.value
assert slider.description == "slope" and calls == [1, 2, 3]
assert slider.value == 1
slider.value = 2
assert calls == [1, 2, 3, 3]
assert picture.value != before and 'alt="Slope 3"' in picture.value
print("redrawn")
"""


def execute(*cells):
    """Run cells in a fresh kernel and return their outputs."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata["kernelspec"] = kernel
    client = NotebookClient(notebook, timeout=120, kernel_name="python3")
    return [cell.outputs for cell in client.execute().cells]


def test_in_a_live_kernel_the_slider_redraws():
    [output], [answer] = execute(CELL, PROBE)
    assert set(output.data) == {
        "application/vnd.jupyter.widget-view+json",
        "text/html",
        "text/plain",
    }
    assert output.metadata["repro"]["explore"] == ["k"]
    assert answer.text == "redrawn\n"


def test_without_ipywidgets_the_page_still_works(shown, monkeypatch):
    monkeypatch.setattr(live, "in_kernel", lambda: True)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    explore(draw, alt="Slope {k}", k=NUMBERS)
    assert set(shown[0][0]) == {"text/html", "text/plain"}


class Box:
    def get_view_spec(self):
        return {"model_id": "box"}


def test_the_widget_calls_the_same_function(shown, monkeypatch):
    """As the test in a live kernel, inside this process."""
    ipywidgets = pytest.importorskip("ipywidgets")
    monkeypatch.setattr(live, "in_kernel", lambda: True)
    made = []
    monkeypatch.setattr(ipywidgets, "VBox", lambda children, **_: made.extend(children) or Box())
    explore(draw, alt="Slope {k}, <offset> {offset}", k=NUMBERS, offset=[0, 5])
    assert shown[0][0][live.MIME] == {"model_id": "box"}
    picture, k, offset = made
    assert (k.value, offset.value) == (1, 0)
    assert 'alt="Slope 1, &lt;offset&gt; 0"' in picture.value
    k.value, offset.value = 2, 1
    assert 'alt="Slope 2, &lt;offset&gt; 5"' in picture.value
    assert plt.get_fignums() == []
