"""What the dark theme may turn over."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from repro.figures import PALETTE
from repro.figures.kinds import kind

VALUES = np.arange(12.0).reshape(3, 4)


def lines(ax):
    ax.plot([0, 1])
    ax.fill_between([0, 1], [1, 2], alpha=0.2)
    ax.bar([0], [1])
    ax.scatter([0, 1], [1, 0], color=PALETTE["red"])
    ax.legend(["a"])


PICTURES = {
    "image": lambda ax: ax.imshow(VALUES),
    "photograph": lambda ax: ax.imshow(np.zeros((2, 2, 3))),
    "mesh": lambda ax: ax.pcolormesh(VALUES),
    "contours": lambda ax: ax.contourf(VALUES),
    "values": lambda ax: ax.scatter([0, 1], [1, 0], c=[0.1, 0.9]),
}


def drawn(*draws):
    fig, ax = plt.subplots()
    for draw in draws:
        draw(ax)
    plt.close(fig)
    return fig


def test_lines_areas_and_text_are_a_drawing():
    assert kind(drawn(lines)) == "drawing"


@pytest.mark.parametrize("name", PICTURES)
def test_what_is_coloured_by_values_is_a_picture(name):
    assert kind(drawn(lines, PICTURES[name])) == "picture"


def test_what_is_hidden_does_not_count():
    assert kind(drawn(lambda ax: ax.imshow(VALUES).set_visible(False))) == "drawing"


def test_figures_that_share_a_place_are_one_kind():
    assert kind(drawn(lines), drawn(PICTURES["image"])) == "picture"
