"""Sliders: one output when right, and an explanation when wrong."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from repro.figures import explore
from repro.figures.sliders import ExploreError, make_sliders

NUMBERS = range(3)


def draw(k, offset=0):
    fig, ax = plt.subplots(figsize=(4, 2))
    ax.plot(np.arange(10) * k + offset)
    return fig


def test_one_output_carries_page_words_and_metadata(shown):
    explore(
        draw,
        alt="Slope {k},\n offset {offset:.2f}",
        labels={"offset": "offset / V"},
        fmt={"offset": "{:.1f}"},
        k=np.arange(3),
        offset=[0.5, 1.0],
    )
    [(bundle, metadata)] = shown
    assert set(bundle) == {"text/html", "text/plain"}
    assert bundle["text/plain"] == "explore: Slope 1, offset 0.50\nk: 0, 1, 2\noffset / V: 0.5, 1.0"
    assert metadata == {
        "repro": {"alt": "Slope 1, offset 0.50", "explore": ["k", "offset"], "kind": "drawing"}
    }
    assert plt.get_fignums() == []


def test_the_start_is_what_words_and_picture_show(shown):
    explore(draw, alt="Slope {k}, offset {offset}", start={"k": 2}, k=NUMBERS, offset=[0, 5, 9])
    bundle, metadata = shown[0]
    assert metadata["repro"]["alt"] == "Slope 2, offset 5"
    assert bundle["text/plain"].startswith("explore: Slope 2, offset 5\n")
    assert "k = 2, offset = 5 (one of 9 pictures)" in bundle["text/html"]


def test_a_start_is_found_by_what_the_reader_sees(shown):
    values = np.linspace(0, 1, 11)
    explore(draw, alt="Slope {k}", start={"k": 0.3}, fmt={"k": "{:.2f}"}, k=values)
    assert shown[0][1]["repro"]["alt"] == "Slope 0.30"


def test_a_caption_is_numbered_and_follows(shown):
    explore(draw, alt="Slope {k}", caption="A slope.", k=NUMBERS)
    (_, figure), (caption, _) = shown
    assert figure["repro"]["figure"] == 1
    assert caption["text/plain"] == "Figure 1. A slope."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "no slider"),
        ({"k": [1]}, r"k has 1 position\(s\), at least 2"),
        ({"k": []}, r"k has 0 position\(s\)"),
        ({"k": "abc"}, "k: expected a sequence of positions, got 'abc'"),
        ({"k": 3}, "k: expected a sequence of positions, got 3"),
        ({"k": [1, 2, 1]}, r"positions of k that read alike: \['1'\]"),
        ({"k": [0.1, 0.1 + 1e-12]}, "read alike"),
        ({"k": [1.21, 1.22], "fmt": {"k": "{:.1f}"}}, "read alike"),
        ({"k": [1, 2], "fmt": {"k": "{:q}"}}, "cannot format 1"),
        ({"k": [1, 2], "fmt": {"j": "{}"}}, r"fmt for \['j'\], but the sliders are \['k'\]"),
        ({"k": [1, 2], "labels": {"j": "J"}}, r"labels for \['j'\]"),
        ({"k": [1, 2], "labels": {"k": " "}}, "label of k is blank"),
        ({"k": range(49)}, r"49 pictures \(49 of k\), at most 48"),
        ({"k": range(7), "offset": range(7)}, r"49 pictures \(7 of k x 7 of offset\)"),
        ({"k": [1, 2], "start": {"j": 1}}, r"start for \['j'\], but the sliders are \['k'\]"),
        ({"k": [1, 2], "start": {"k": 3}}, "start of k: expected one of 1, 2, got 3"),
        ({"k": [1, 2], "alt": " "}, "alt is blank"),
        ({"k": [1, 2], "alt": None}, "alt is blank"),
        ({"k": [1, 2], "alt": "A line"}, r"alt names \[\], but the sliders are \['k'\]"),
        ({"k": [1, 2], "alt": "{k} {j}"}, r"alt names \['j', 'k'\]"),
    ],
)
def test_wrong_arguments_are_refused(shown, arguments, message):
    with pytest.raises(ExploreError, match=message):
        explore(draw, **{"alt": "Slope {k}"} | arguments)
    assert not shown


def test_48_pictures_are_accepted():
    assert len(make_sliders({"k": range(8), "offset": range(6)}, {}, {})) == 2


@pytest.mark.parametrize("wrong", [None, np.zeros(2)])
def test_draw_must_return_a_figure(shown, wrong):
    message = f"draw returned {type(wrong).__name__} at {{'k': 0}}, expected a matplotlib Figure"
    with pytest.raises(TypeError, match=message):
        explore(lambda k: wrong, alt="Slope {k}", k=NUMBERS)


def test_an_error_in_draw_names_the_position(shown):
    with pytest.raises(ZeroDivisionError) as caught:
        explore(lambda k: 1 / k, alt="Inverse of {k}", k=NUMBERS)
    assert "drawing the position {'k': 0}" in caught.value.__notes__[0]


def test_figures_must_have_one_size(shown):
    with pytest.raises(ExploreError, match="different sizes"):
        explore(lambda k: plt.figure(figsize=(3 + k, 2)), alt="Size {k}", k=NUMBERS)
