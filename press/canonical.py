"""One canonical form for stored notebooks, so that an unchanged chapter gives an empty diff."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import nbformat
from nbformat import NotebookNode

from press import BookError

KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
#: What stands on the fold of a cell, by the kind that its author tags it with.
PROMPTS = {
    "setup": "Show the set-up",
    "plot": "Show the plot code",
    "table": "Show the table code",
    "check": "Show the check",
    "claim": "Show the claim",
    "solution": "Show the solution",
}
#: Tags that fold a cell on the site; they follow from its kind.
DERIVED_TAGS = ("hide-input", "hide-cell")
#: From this size on JavaScript writes a number with an exponent, which Python reads as a float.
EXPONENT_FROM = 10**21


def canonical(notebook: NotebookNode) -> str:
    """Text of a notebook with everything removed that changes without a change of content.

    Execution counts, timestamps, widget state and editor settings go; keys are sorted; what folds
    a cell in JupyterLab and on the site follows from its kind; numbers are those that JavaScript
    writes back alike. Applying it twice changes nothing, nor does saving in JupyterLab.

    Args:
        notebook: a notebook in format 4; it is not modified.

    Returns:
        JSON text that ends in one newline.

    Raises:
        BookError: a stored number does not survive JavaScript; names the cell and the number.
    """
    nb = NotebookNode(
        cells=[_cell(cell, index) for index, cell in enumerate(notebook.cells)],
        metadata={
            "kernelspec": KERNELSPEC,
            "language_info": {"name": "python"},
            "repro": _numbers(notebook.metadata.get("repro", {}), "the notebook's metadata"),
        },
        nbformat=4,
        nbformat_minor=5,
    )
    return nbformat.writes(nbformat.from_dict(nb)).rstrip("\n") + "\n"


def kind(tags: Iterable[str]) -> str | None:
    """The kind that folds a cell, the first of its tags that is one; None for an open cell."""
    return next((tag for tag in tags if tag in PROMPTS), None)


def javascript(number: int | float) -> int | float:
    """The number as it returns from JupyterLab, where JavaScript reads and writes it.

    Args:
        number: any number; one that JavaScript would change is an error, not changed silently.

    Returns:
        An integer for a whole number below 10^21 (30 for 30.0, 0 for -0.0), else the same float.

    Raises:
        ValueError: an integer that no float holds, NaN or an infinity.
    """
    try:
        value = float(number)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise ValueError("is no number that JSON can hold")
    if abs(value) >= EXPONENT_FROM or not value.is_integer():
        written: int | float = value
    else:
        written = int(Decimal(repr(value)))  # the shortest digits, then zeros
    if isinstance(number, int) and not (isinstance(written, int) and written == number):
        raise ValueError("has more digits than JavaScript keeps")
    return written


def _numbers(value: Any, where: str) -> Any:
    """A JSON value with every number as JavaScript writes it back."""
    if isinstance(value, dict):
        return {key: _numbers(item, where) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_numbers(item, where) for item in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    try:
        return javascript(value)
    except ValueError as error:
        raise BookError(
            f"{where} stores {value!r}, which {error}: JupyterLab would change it or not open the "
            "file. Store it as text."
        ) from error


def _cell(cell: NotebookNode, index: int) -> dict[str, Any]:
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
    return _numbers(clean, f"cell {index + 1}")


def _cell_metadata(cell: NotebookNode) -> dict[str, Any]:
    """The metadata that the book uses: its own, the author's tags, and what folds the cell."""
    tags = [tag for tag in cell.metadata.get("tags", []) if tag not in DERIVED_TAGS]
    kept: dict[str, Any] = {"repro": cell.metadata.get("repro")}
    found = kind(tags) if cell.cell_type == "code" else None
    if found:
        solution = found == "solution"
        tags.append("hide-cell" if solution else "hide-input")
        kept["jupyter"] = {"source_hidden": True} | ({"outputs_hidden": True} if solution else {})
        kept["mystnb"] = {"code_prompt_show": PROMPTS[found]}
    kept["tags"] = list(dict.fromkeys(tags))
    return {key: value for key, value in kept.items() if value}


def _output(output: NotebookNode) -> dict[str, Any] | None:
    """An output without counts and widget views; None when nothing of it is left."""
    clean = {key: value for key, value in output.items() if key != "transient"}
    if "execution_count" in clean:
        clean["execution_count"] = None
    if "data" in clean:
        clean["data"] = {mime: clean["data"][mime] for mime in clean["data"] if mime != WIDGET_VIEW}
        if not clean["data"]:
            return None
    return clean
