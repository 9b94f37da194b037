"""One canonical form for stored notebooks, so that an unchanged chapter gives an empty diff."""

from __future__ import annotations

import hashlib

import nbformat
from nbformat import NotebookNode

KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
CELL_METADATA = ("jupyter", "mystnb", "repro", "tags")
FOLDED = {"jupyter": {"source_hidden": True}, "mystnb": {"code_prompt_show": "Show the solution"}}


def canonical(notebook: NotebookNode) -> str:
    """Text of a notebook with everything removed that changes without a change of content.

    Execution counts, timestamps, widget state and editor settings go; keys are sorted; a
    ``solution`` cell gets the tags and metadata that fold it. Applying it twice changes nothing.

    Args:
        notebook: a notebook in format 4; it is not modified.

    Returns:
        JSON text that ends in one newline.
    """
    nb = NotebookNode(
        cells=[_cell(cell, index) for index, cell in enumerate(notebook.cells)],
        metadata={
            "kernelspec": KERNELSPEC,
            "language_info": {"name": "python"},
            "repro": notebook.metadata.get("repro", {}),
        },
        nbformat=4,
        nbformat_minor=5,
    )
    return nbformat.writes(nbformat.from_dict(nb)).rstrip("\n") + "\n"


def _cell(cell: NotebookNode, index: int) -> dict:
    """A cell with its portable metadata, its id and its cleaned outputs."""
    clean = {
        "cell_type": cell.cell_type,
        "id": cell.get("id") or hashlib.sha256(f"{index}{cell.source}".encode()).hexdigest()[:8],
        "metadata": _cell_metadata(cell),
        "source": cell.source,
    }
    if cell.get("attachments"):
        clean["attachments"] = cell.attachments
    if cell.cell_type == "code":
        outputs = [_output(output) for output in cell.get("outputs", [])]
        clean |= {"execution_count": None, "outputs": [o for o in outputs if o is not None]}
    return clean


def _cell_metadata(cell: NotebookNode) -> dict:
    """The metadata that the book uses, with solutions folded."""
    kept = {key: cell.metadata[key] for key in CELL_METADATA if cell.metadata.get(key)}
    if cell.cell_type == "code" and "solution" in kept.get("tags", []):
        kept["tags"] = list(dict.fromkeys([*kept["tags"], "hide-cell"]))
        for key, value in FOLDED.items():
            kept[key] = {**kept.get(key, {}), **value}
    return kept


def _output(output: NotebookNode) -> dict | None:
    """An output without counts and widget views; None when nothing of it is left."""
    clean = {key: value for key, value in output.items() if key != "transient"}
    if "execution_count" in clean:
        clean["execution_count"] = None
    if "data" in clean:
        clean["data"] = {mime: clean["data"][mime] for mime in clean["data"] if mime != WIDGET_VIEW}
        if not clean["data"]:
            return None
    return clean
