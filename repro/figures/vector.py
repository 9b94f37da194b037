"""Many similar drawings as SVG in a few kilobytes: sharp on every screen, compressed together."""

from __future__ import annotations

import io
import json
import re
import zlib
from collections.abc import Sequence
from itertools import zip_longest

import matplotlib as mpl
from matplotlib.figure import Figure

# Coordinates are in points: a tenth is finer than a pixel of any screen. Scales need all of theirs.
_COORDINATES = re.compile(r'(?<= )(?:d|x|y)="[^"]*"|translate\([^)]*\)')
_DECIMALS = re.compile(r"(\.\d)\d+")
_NOISE = re.compile(r"<!--.*?-->|\A.*?(?=<svg)", re.DOTALL)
# Groups are named for nobody; what is referred to stands on other elements.
_GROUPS = re.compile(r'(?<=<g) id="[^"]*"')


def to_svg(figure: Figure) -> str:
    """Draw a figure as SVG on one line; text becomes outlines, so that no font is needed.

    Args:
        figure: the figure.

    Returns:
        The markup, the same on every run.
    """
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with mpl.rc_context({"svg.hashsalt": "repro", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata=nothing)
    markup = _GROUPS.sub("", _NOISE.sub("", buffer.getvalue()))
    markup = _COORDINATES.sub(lambda found: _DECIMALS.sub(r"\1", found[0]), markup)
    return " ".join(markup.split()).replace("> <", "><")


def pack(drawings: Sequence[str]) -> bytes:
    """Compress similar drawings together.

    Each element is stored once, and a drawing as the list of its elements. Elements at the same
    place of the drawings, which differ least, stand side by side.

    Args:
        drawings: markup of each.

    Returns:
        Compressed JSON: the elements and, for each drawing, their indices. `assets/explore.js`
        reads it.
    """
    split = [drawing.split("<") for drawing in drawings]
    elements: dict[str, int] = {}
    for place in zip_longest(*split):
        for element in place:
            if element is not None:
                elements.setdefault(element, len(elements))
    content = [list(elements), [[elements[element] for element in parts] for parts in split]]
    return zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 9)
