"""The stored form of notebooks: stable, portable, and free of what an editor leaves behind."""

import copy
import json

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from press.canonical import KERNELSPEC, canonical

WIDGET = "application/vnd.jupyter.widget-view+json"


def notebook():
    plain = new_output("execute_result", {"text/plain": "2"}, execution_count=7)
    view = new_output("display_data", {WIDGET: {"model_id": "1f"}, "text/plain": "slider"})
    bare = new_output("display_data", {WIDGET: {"model_id": "2f"}})
    return new_notebook(
        cells=[
            new_markdown_cell("# Title", metadata={"collapsed": True}),
            new_code_cell("1 + 1", execution_count=7, outputs=[plain, view, bare]),
            new_code_cell("pass", metadata={"tags": ["solution"], "execution": {"start": "now"}}),
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
    text, code, solution = clean["cells"]
    assert text["metadata"] == {}
    assert code["execution_count"] is None
    assert [output["data"] for output in code["outputs"]] == [
        {"text/plain": ["2"]},
        {"text/plain": ["slider"]},
    ]
    assert code["outputs"][0]["execution_count"] is None
    assert "execution" not in solution["metadata"]


def test_folds_solutions():
    solution = json.loads(canonical(notebook()))["cells"][2]["metadata"]
    assert solution == {
        "tags": ["solution", "hide-cell"],
        "jupyter": {"source_hidden": True},
        "mystnb": {"code_prompt_show": "Show the solution"},
    }


def test_gives_ids_where_there_are_none_and_keeps_attachments():
    given = notebook()
    given.cells[0].attachments = {"a.png": {"image/png": "AAAA"}}
    for cell in given.cells:
        del cell["id"]
    first, second = canonical(given), canonical(given)
    assert first == second
    cells = json.loads(first)["cells"]
    assert len({cell["id"] for cell in cells}) == 3
    assert cells[0]["attachments"] == {"a.png": {"image/png": "AAAA"}}
