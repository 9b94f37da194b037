"""The static page of a figure with sliders: the same on every run, safe, and described."""

import json
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

from repro.figures import explore
from repro.figures import page as module
from repro.figures.sliders import ExploreError

NUMBERS = range(3)


def draw(k, offset=0):
    fig, ax = plt.subplots(figsize=(4, 2))
    ax.plot(np.arange(10) * k + offset)
    return fig


def noise(k):
    fig, ax = plt.subplots(figsize=(2, 1))
    ax.imshow(np.random.default_rng(k).random((100, 200, 3)), aspect="auto")
    return fig


def data_of(page):
    """The JSON inside a page."""
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', page)[1])


def test_the_page_holds_sliders_words_and_pictures(shown):
    labels, fmt = {"offset": "offset / V"}, {"offset": "{:.1f}"}
    alt = "Slope {k}, offset {offset:.2f}"
    explore(draw, alt=alt, labels=labels, fmt=fmt, k=NUMBERS, offset=[0.5, 1.0])
    page = shown[0][0]["text/html"]
    data = data_of(page)
    assert data["start"] == [1, 0]
    assert data["alts"][3] == "Slope 1, offset 1.00"
    assert data["sliders"][1] == {"label": "offset / V", "texts": ["0.5", "1.0"]}
    assert "k = 1, offset / V = 0.5 (one of 6 pictures)" in page
    assert 'class="dark-light repro-drawing"' in page
    assert 'width="400" height="200"' in page


def test_nothing_but_pictures_may_differ_between_machines(shown, monkeypatch):
    """What nbval's sanitizer leaves over does not depend on how the pictures are stored."""
    explore(draw, alt="Slope {k}", k=NUMBERS)
    monkeypatch.setattr(module, "_shown", type(module._shown)())
    explore(lambda k: draw(-k), alt="Slope {k}", k=NUMBERS)
    masks = re.compile("data:image/[a-z+.-]+;base64,[A-Za-z0-9+/=]+")
    first, second = (bundle["text/html"] for bundle, _ in shown)
    assert first != second
    assert masks.sub("", first) == masks.sub("", second)


def test_the_page_is_deterministic_and_its_ids_are_unique(shown):
    explore(draw, alt="Slope {k}", k=NUMBERS)
    explore(draw, alt="Slope {k}", k=NUMBERS)
    explore(draw, alt="Rise {k}", k=NUMBERS)
    pages = [bundle["text/html"] for bundle, _ in shown]
    ids = [re.search(r'id="([^"]+)"', page)[1] for page in pages]
    assert len(set(ids)) == 3
    assert pages[1].replace(ids[1], ids[0]) == pages[0]
    module._shown.clear()
    explore(draw, alt="Slope {k}", k=NUMBERS)
    assert shown[-1][0]["text/html"] == pages[0]


def test_text_cannot_break_out_of_the_markup(shown):
    label = '</script><img src=x onerror="alert(1)">'
    explore(draw, alt='Quote " <b> {k}', labels={"k": label}, k=NUMBERS)
    page = shown[0][0]["text/html"]
    assert page.count("</script>") == 2
    assert page.count("<img") == 1
    assert data_of(page)["sliders"][0]["label"] == label
    assert 'alt="Quote &#34; &lt;b&gt; 1"' in page


def test_pictures_that_stay_too_large_are_refused(shown, monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 10_000)
    with pytest.raises(ExploreError, match=r"9 pictures take \d\d kB .* at most 10 kB"):
        explore(noise, alt="Noise {k}", k=range(9))
