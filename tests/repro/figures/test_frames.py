"""The best quality that fits: outlines for drawings, sharp pixels, then fewer."""

import base64
import io
import re

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from repro.figures import frames, raster
from repro.figures.page import MOST_BYTES


def wave(k, points=200, noise=0):
    fig, ax = plt.subplots(figsize=(5, 2.5))
    x = np.linspace(0, 6, points)
    for shift in range(3):
        y = np.sin(x + shift + k / 7) + noise * np.random.default_rng(shift).normal(size=points)
        ax.plot(x, y, label=f"phase {shift}")
    ax.set(xlabel="time / s", ylabel="voltage / V", ylim=(-1.1, 1.1), title=f"k = {k}")
    ax.legend()
    plt.close(fig)
    return fig


def heat(k):
    fig, ax = plt.subplots(figsize=(2, 1.4))
    y, x = np.mgrid[-2:2:60j, -2:2:60j]
    ax.imshow(np.sin(x + k / 9) * np.cos(y))
    plt.close(fig)
    return fig


def stored(figures, most=MOST_BYTES, start=0):
    """The frames that `store` settles for."""
    taken = []

    def page(made):
        taken.append(made)
        return made.still + "".join(made.others) + made.packed

    frames.store(figures, start, page, most)
    return taken[-1]


def width(address):
    """Pixels across a picture."""
    return Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))).width


def test_48_positions_of_line_art_would_fit(shown):
    """They share what does not move: each further one adds as much as the last."""
    drawings = [wave(k) for k in range(4)]
    made, half = stored(drawings), stored(drawings[:2])
    assert made.packed and not made.others
    assert width(made.still) == 1000
    each = (len(made.packed) - len(half.packed)) / 2
    assert len(made.still) + len(made.packed) + 44 * each < 0.75 * MOST_BYTES


def test_24_heat_maps_would_have_two_device_pixels_each(shown):
    made = stored([heat(k) for k in range(4)], most=MOST_BYTES / 6)
    assert not made.packed
    assert width(made.still) == width(made.others[3]) == 400


def test_the_still_picture_is_stored_once(shown):
    made = stored([heat(k) for k in range(3)], start=1)
    assert made.others[1] == ""
    assert all(made.others[k] not in ("", made.still) for k in (0, 2))


def test_what_is_too_heavy_as_outlines_becomes_pixels(shown):
    made = stored([wave(k, points=6_000, noise=1) for k in range(2)], most=60_000)
    assert not made.packed
    assert len(made.others) == 2


def test_quality_falls_only_as_far_as_it_must(shown):
    figures = [heat(k) for k in range(2)]
    sizes = []
    most = MOST_BYTES
    while True:
        try:
            made = stored(figures, most)
        except frames.TooLarge as error:
            assert error.args[0] > most
            break
        sizes.append(len(made.still) + sum(map(len, made.others)))
        assert sizes[-1] <= most
        most = sizes[-1] - 1
    assert len(sizes) >= 5
    assert sizes == sorted(sizes, reverse=True)


def test_photographs_fit_too(shown):
    from skimage import data

    fig, ax = plt.subplots(figsize=(3, 3))
    ax.imshow(data.astronaut())
    plt.close(fig)
    made = stored([fig, fig], most=60_000)
    assert width(made.still) >= 300


def test_steps_begin_sharp():
    assert frames.STEPS[0][0] == raster.SHARP_DPI == 2 * raster.CSS_PIXELS_PER_INCH
    assert re.match(r"data:image/[a-z+.-]+;base64,", stored([wave(0)]).packed)
