"""The stored form of notebooks: stable, portable, and the same after JupyterLab has saved it."""

import copy
import json
import math
import shutil
import subprocess

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from press import BookError
from press.canonical import KERNELSPEC, PROMPTS, canonical, javascript

WIDGET = "application/vnd.jupyter.widget-view+json"


def notebook():
    plain = new_output("execute_result", {"text/plain": "2"}, execution_count=7)
    view = new_output("display_data", {WIDGET: {"model_id": "1f"}, "text/plain": "slider"})
    bare = new_output("display_data", {WIDGET: {"model_id": "2f"}})
    collapsed = {"collapsed": True, "jupyter": {"outputs_hidden": True}}
    return new_notebook(
        cells=[
            new_markdown_cell("# Title", metadata={"collapsed": True}),
            new_code_cell("1 + 1", execution_count=7, outputs=[plain, view, bare]),
            new_code_cell("pass", metadata={"tags": ["solution"], "execution": {"start": "now"}}),
            new_code_cell("pass", metadata=collapsed),
        ],
        metadata={
            "widgets": {},
            "vscode": {},
            "repro": {"slug": "x"},
            "kernelspec": {"name": "y", "display_name": "Y"},
        },
    )


def test_is_stable_and_valid():
    once = canonical(notebook())
    read = nbformat.reads(once, as_version=4)
    nbformat.validate(read)
    assert canonical(read) == once
    assert once.endswith("}\n")


def test_leaves_the_argument_alone():
    given = notebook()
    before = copy.deepcopy(given)
    canonical(given)
    assert given == before


def test_removes_counts_widgets_and_editor_settings():
    clean = json.loads(canonical(notebook()))
    assert clean["metadata"] == {
        "kernelspec": KERNELSPEC,
        "language_info": {"name": "python"},
        "repro": {"slug": "x"},
    }
    text, code, solution, collapsed = clean["cells"]
    assert text["metadata"] == {}
    assert code["execution_count"] is None
    assert [output["data"] for output in code["outputs"]] == [
        {"text/plain": ["2"]},
        {"text/plain": ["slider"]},
    ]
    assert code["outputs"][0]["execution_count"] is None
    assert "execution" not in solution["metadata"]
    assert collapsed["metadata"] == {}


def metadata_of(*tags):
    """Stored metadata of a code cell with some tags."""
    cell = new_code_cell("1", metadata={"tags": list(tags)})
    return json.loads(canonical(new_notebook(cells=[cell])))["cells"][0]["metadata"]


@pytest.mark.parametrize("kind", [kind for kind in PROMPTS if kind != "solution"])
def test_a_kind_folds_the_code_and_says_what_is_inside(kind):
    assert metadata_of(kind, "checks:eq-x-a") == {
        "tags": [kind, "checks:eq-x-a", "hide-input"],
        "jupyter": {"source_hidden": True},
        "mystnb": {"code_prompt_show": PROMPTS[kind]},
    }


def test_a_solution_folds_with_its_outputs():
    assert metadata_of("solution", "hide-input") == {
        "tags": ["solution", "hide-cell"],
        "jupyter": {"source_hidden": True, "outputs_hidden": True},
        "mystnb": {"code_prompt_show": "Show the solution"},
    }


def test_a_cell_that_changes_its_kind_folds_anew():
    assert metadata_of("plot", "hide-cell")["tags"] == ["plot", "hide-input"]
    assert metadata_of("method", "hide-input") == {"tags": ["method"]}


def test_gives_ids_where_there_are_none_and_keeps_attachments():
    given = notebook()
    given.cells[0].attachments = {"a.png": {"image/png": "AAAA"}}
    for cell in given.cells:
        del cell["id"]
    first, second = canonical(given), canonical(given)
    assert first == second
    cells = json.loads(first)["cells"]
    assert len({cell["id"] for cell in cells}) == 4
    assert cells[0]["attachments"] == {"a.png": {"image/png": "AAAA"}}


class TestNumbers:
    @pytest.mark.parametrize(
        ("number", "written"),
        [
            (30.0, "30"),
            (-0.0, "0"),
            (1e16, "10000000000000000"),
            (2.0**60, "1152921504606847000"),
            (1e21, "1e+21"),
            (1e-7, "1e-07"),
            (0.1, "0.1"),
            (2**53, "9007199254740992"),
            (10**20, "100000000000000000000"),
        ],
    )
    def test_as_javascript_writes_them(self, number, written):
        assert json.dumps(javascript(number)) == written

    @pytest.mark.parametrize("number", [2**53 + 1, 10**21, 10**400, -(10**17) - 1])
    def test_integers_that_javascript_changes(self, number):
        with pytest.raises(ValueError, match=r"more digits|no number"):
            javascript(number)

    @pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
    def test_what_json_cannot_hold(self, number):
        with pytest.raises(ValueError, match="no number that JSON can hold"):
            javascript(number)

    @given(st.floats(allow_nan=False, allow_infinity=False))
    def test_a_float_keeps_its_value_and_its_form(self, number):
        once = javascript(number)
        assert float(once) == number
        assert json.dumps(javascript(json.loads(json.dumps(once)))) == json.dumps(once)

    @given(st.integers(-(2**53), 2**53))
    def test_an_integer_stays(self, number):
        assert javascript(number) == number
        assert isinstance(javascript(number), int)

    def test_everywhere_in_a_notebook(self):
        told = {"seconds": 30.0, "deep": [{"n": -0.0, "flag": True, "none": None, "text": "1.0"}]}
        shown = new_output("display_data", {"text/plain": "x"}, metadata={"repro": {"e": 1e16}})
        cell = new_code_cell("1", metadata={"repro": {"a": 2.0}}, outputs=[shown])
        stored = json.loads(canonical(new_notebook(cells=[cell], metadata={"repro": told})))
        assert json.dumps(stored["metadata"]["repro"], sort_keys=True) == (
            '{"deep": [{"flag": true, "n": 0, "none": null, "text": "1.0"}], "seconds": 30}'
        )
        (cell,) = stored["cells"]
        assert json.dumps(cell["metadata"]["repro"]) == '{"a": 2}'
        assert json.dumps(cell["outputs"][0]["metadata"]["repro"]) == '{"e": 10000000000000000}'

    def test_what_cannot_be_stored_is_named_with_its_place(self):
        shown = new_output(
            "display_data", {"text/plain": "x"}, metadata={"repro": {"n": 2**53 + 1}}
        )
        cells = [new_markdown_cell("a"), new_code_cell("1", outputs=[shown])]
        with pytest.raises(BookError, match=r"cell 2 stores 9007199254740993, .* Store it as text"):
            canonical(new_notebook(cells=cells))
        with pytest.raises(BookError, match=r"the notebook's metadata stores nan"):
            canonical(new_notebook(metadata={"repro": {"seconds": math.nan}}))


#: Floats at the edges of the two notations, and where digits run out.
EDGES = [10.0**power * sign for power in range(-25, 25) for sign in (1, -1)]
EDGES += [1 / 3, 2.0**53, 2.0**62, 123456789012345680000.0, 5e-324, 1.7976931348623157e308, 0.5]


@pytest.mark.skipif(shutil.which("node") is None, reason="JavaScript itself, where it is installed")
def test_javascript_itself_changes_nothing():
    text = json.dumps([javascript(number) for number in EDGES])
    script = "process.stdout.write(JSON.stringify(JSON.parse(require('fs').readFileSync(0))))"
    run = subprocess.run(["node", "-e", script], input=text, capture_output=True, text=True)
    assert json.dumps(json.loads(run.stdout)) == text


def as_jupyterlab_saves(text):
    """A notebook's file after JupyterLab opened and saved it: JavaScript's numbers, lists joined.

    The server reads with nbformat and sends JSON; the page holds every number as a double and
    sends JSON back; the server writes with nbformat.
    """

    def double(digits):
        value = float(digits)
        return int(value) if value.is_integer() and abs(value) < 2**53 else value

    sent = json.dumps(nbformat.reads(text, as_version=4))
    held = json.loads(sent, parse_int=double, parse_float=double)
    return nbformat.writes(nbformat.from_dict(held)).rstrip("\n") + "\n"


def test_saving_in_jupyterlab_leaves_an_empty_difference():
    given = notebook()
    given.metadata.repro.seconds, given.metadata.repro.share = 41.0, 0.25
    text = canonical(given)
    assert as_jupyterlab_saves(text) == text
