"""A shown figure is small, sharp, described and numbered."""

import base64
import io
import json

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from repro.figures import show


def test_show_stores_picture_words_and_width(line_figure, shown):
    show(line_figure(figsize=(5, 3)), alt="Eight sine\n  waves.", name="waves")
    [(bundle, metadata)] = shown
    assert bundle["text/plain"] == "figure: Eight sine waves."
    assert metadata["repro"] == {"alt": "Eight sine waves.", "kind": "drawing", "name": "waves"}
    assert metadata["image/png"] == {"alt": "Eight sine waves.", "width": 500}
    image = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))
    assert image.size == (1000, 600)
    assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    assert plt.get_fignums() == []
    json.dumps([bundle, metadata])


def test_show_is_deterministic_and_small(line_figure, shown):
    show(line_figure(), alt="Waves")
    show(line_figure(), alt="Waves")
    (first, _), (second, _) = shown
    assert first == second
    content = base64.b64decode(first["image/png"])
    assert len(content) < 40_000
    assert b"Software" not in content
    assert b"tIME" not in content


def test_a_caption_is_numbered_and_stands_under_the_figure(line_figure, shown):
    show(line_figure(), alt="Waves", caption="Shifted by $\\pi/8$\n each; a < b.")
    (_, picture), (caption, told) = shown
    assert picture["repro"]["figure"] == 1
    assert caption["text/plain"] == "Figure 1. Shifted by $\\pi/8$ each; a < b."
    assert caption["text/html"] == (
        '<p class="repro-caption" id="figure-1"><strong>Figure 1.</strong> Shifted by '
        r'<span class="math notranslate nohighlight">\(\pi/8\)</span> each; a &lt; b.</p>'
    )
    assert told == {"repro": {"caption": 1}}


@pytest.mark.parametrize("blank", ["", "  \n"])
def test_show_refuses_a_figure_without_words(blank, line_figure, shown):
    with pytest.raises(ValueError, match="show: alt is blank; say in a sentence"):
        show(line_figure(), alt=blank)
    with pytest.raises(ValueError, match="show: caption is blank"):
        show(line_figure(), alt="Waves", caption=blank)
    with pytest.raises(ValueError, match="alt is blank"):
        show(line_figure(), alt=None)
    assert shown == []


def test_show_refuses_what_is_not_a_figure(shown):
    with pytest.raises(TypeError, match="show: expected a matplotlib Figure, got ndarray"):
        show(np.zeros(3), alt="Zeros", caption="Zeros.")
    assert shown == []


def test_show_outside_ipython_displays_nothing(line_figure, capsys):
    show(line_figure(), alt="Waves", caption="Waves.")
    assert capsys.readouterr().out == ""
