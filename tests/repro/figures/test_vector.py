"""SVG that needs no font, keeps its scales, and packs well."""

import json
import re
import xml.etree.ElementTree as ElementTree
import zlib

import matplotlib.pyplot as plt
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from repro.figures.vector import pack, to_svg


def unpacked(content):
    """As `assets/explore.js` does it."""
    elements, drawings = json.loads(zlib.decompress(content))
    return ["<".join(elements[k] for k in drawing) for drawing in drawings]


def wave(k):
    fig, ax = plt.subplots(figsize=(5, 2.5))
    x = np.linspace(0, 6, 200)
    ax.plot(x, np.sin(x + k / 7), ".-", label="sine")
    ax.set(xlabel="time / s", ylim=(-1, 1), title="A < B")
    ax.legend()
    plt.close(fig)
    return fig


def test_the_markup_is_whole_and_the_same_on_every_run(shown):
    first, second = to_svg(wave(1)), to_svg(wave(1))
    assert first == second
    root = ElementTree.fromstring(first)
    assert root.get("viewBox") == "0 0 360 180"
    assert "\n" not in first
    assert "<text" not in first and "<metadata" not in first and "<!--" not in first


def test_coordinates_are_short_and_scales_are_whole(shown):
    markup = to_svg(wave(1))
    coordinates = re.findall(r' d="([^"]*)"', markup)
    assert not re.search(r"\.\d{3}", " ".join(coordinates))
    assert "scale(0.015625)" in markup
    assert "scale(0.105 -0.105)" in markup


def test_everything_referred_to_is_there(shown):
    markup = to_svg(wave(1))
    known = set(re.findall(r'id="([^"]*)"', markup))
    wanted = set(re.findall(r'(?:href="#|url\(#)([^")]*)', markup))
    assert wanted and wanted <= known


def test_many_positions_take_little_more_than_one(shown):
    drawings = [to_svg(wave(k)) for k in range(5)]
    content = pack(drawings)
    assert unpacked(content) == drawings
    assert len(content) < 2.5 * len(zlib.compress(drawings[0].encode(), 9))


@given(st.lists(st.text("ab<>é\n", max_size=12), min_size=1, max_size=5))
def test_any_drawings_come_back(drawings):
    assert unpacked(pack(drawings)) == drawings
