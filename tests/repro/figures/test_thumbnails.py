"""A thumbnail is drawn for its size: nothing in it must be read."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from repro.figures import THUMBNAIL_INCHES, thumbnail


def bare(figsize=THUMBNAIL_INCHES, **options):
    fig, ax = plt.subplots(figsize=figsize, **options)
    ax.plot([0, 1, 0])
    ax.axis("off")
    return fig, ax


def test_a_bare_drawing_is_stored_small_and_marked(shown):
    thumbnail(bare()[0], alt="A peak")
    [(bundle, metadata)] = shown
    assert metadata["repro"] == {"alt": "A peak", "kind": "drawing", "thumbnail": True}
    assert metadata["image/png"]["width"] == 320
    assert bundle["text/plain"] == "figure: A peak"
    assert plt.get_fignums() == []


def test_a_frame_without_ticks_is_no_label(shown):
    fig, ax = plt.subplots(figsize=THUMBNAIL_INCHES)
    ax.imshow(np.eye(3))
    ax.set(xticks=[], yticks=[])
    thumbnail(fig, alt="A diagonal")
    assert shown[0][1]["repro"]["kind"] == "picture"


LEGIBLE = {
    "the title 'T'": lambda fig, ax: ax.set_title("T"),
    "the title 'L'": lambda fig, ax: ax.set_title("L", loc="left"),
    "a legend": lambda fig, ax: ax.legend(["a"]),
    "the figure's title or label 'S'": lambda fig, ax: fig.suptitle("S"),
    "the figure's title or label 'X'": lambda fig, ax: fig.supxlabel("X"),
    "the figure's legend": lambda fig, ax: fig.legend(["a"]),
    "the label 'x'": lambda fig, ax: ax.set(xlabel="x", xticks=[], yticks=[]),
    "ticks on x": lambda fig, ax: ax.set(yticks=[]),
    "ticks on y": lambda fig, ax: ax.set(xticks=[]),
}


@pytest.mark.parametrize("what", LEGIBLE)
def test_what_nobody_could_read_there_is_refused(what, shown):
    fig, ax = bare()
    if what.startswith(("ticks", "the label")):
        ax.axis("on")
    LEGIBLE[what](fig, ax)
    with pytest.raises(ValueError, match="expected nothing to be read") as caught:
        thumbnail(fig, alt="A peak")
    assert what in str(caught.value)
    assert shown == []


def test_ticks_in_space_are_seen_too(shown):
    fig, _ = plt.subplots(figsize=THUMBNAIL_INCHES, subplot_kw={"projection": "3d"})
    with pytest.raises(ValueError, match="ticks on z"):
        thumbnail(fig, alt="A cube")


def test_another_size_is_refused(shown):
    with pytest.raises(ValueError, match=r"of \(3.2, 2.0\) inches, got \(7.0, 3.0\); draw it"):
        thumbnail(bare((7, 3))[0], alt="A peak")


def test_other_objects_and_blank_words_are_refused(shown):
    with pytest.raises(TypeError, match="thumbnail: expected a matplotlib Figure, got NoneType"):
        thumbnail(None, alt="A peak")
    with pytest.raises(ValueError, match="thumbnail: alt is blank"):
        thumbnail(bare()[0], alt=" ")
