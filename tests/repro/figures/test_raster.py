"""Pictures as bytes: few colours where nobody sees it, fewer pixels only where they must be."""

import base64
import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from repro.figures import raster


def opened(content):
    return Image.open(io.BytesIO(content))


def noise(inches):
    fig = plt.figure(figsize=(inches, inches))
    pixels = np.random.default_rng(0).random((200 * inches, 200 * inches, 3))
    fig.figimage(pixels, resize=False)
    return fig


def test_what_is_transparent_becomes_white(shown):
    fig = plt.figure(figsize=(1, 1), facecolor="none")
    image = raster.draw_pixels(fig, 100)
    assert (image.mode, image.size) == ("RGB", (100, 100))
    assert image.getcolors() == [(10_000, (255, 255, 255))]


def test_few_colours_are_kept_exactly():
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (40, 3), dtype=np.uint8)
    pixels = colours[rng.integers(0, 40, (40, 50))]
    reduced, error = raster.reduce_colours(Image.fromarray(pixels), 256)
    assert error == 0
    assert np.array_equal(np.asarray(reduced.convert("RGB")), pixels)


def test_white_stays_white(line_figure, shown):
    image = raster.draw_pixels(line_figure(), 100)
    for size in (16, 64):
        reduced, _ = raster.reduce_colours(image, size)
        assert reduced.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_the_error_is_that_of_what_is_drawn():
    """A white margin, however wide, does not hide what happened to the picture."""
    pixels = np.full((200, 200, 3), 255, np.uint8)
    pixels[:10, :10] = np.random.default_rng(0).integers(0, 255, (10, 10, 3))
    _, error = raster.reduce_colours(Image.fromarray(pixels), 4)
    assert error > raster.VISIBLE_ERROR


def test_photographs_are_known_by_their_colours(line_figure, shown):
    assert raster.photographic(raster.draw_pixels(noise(1), 200))
    assert not raster.photographic(raster.draw_pixels(line_figure(), 200))


def test_a_blank_image_is_no_special_case():
    _, error = raster.reduce_colours(Image.new("RGB", (4, 3), "white"), 64)
    assert error == 0


def test_line_art_gets_a_small_palette_and_two_pixels_each(line_figure, shown):
    figure = line_figure(figsize=(5, 3))
    stored = opened(raster.to_png(figure))
    assert (stored.mode, stored.size) == ("P", (1000, 600))
    assert len(stored.getcolors()) <= raster.PALETTE_SIZES[0]
    before = np.asarray(raster.draw_pixels(figure, raster.SHARP_DPI)).astype(int)
    difference = np.abs(before - np.asarray(stored.convert("RGB")))
    assert difference.mean() < 1
    assert np.quantile(difference, 0.99) <= raster.VISIBLE_ERROR


def test_many_colours_keep_a_full_png_while_it_is_small(shown):
    fig = plt.figure(figsize=(1, 0.5))
    fig.figimage(np.random.default_rng(0).random((100, 200, 3)), resize=False)
    assert opened(raster.to_png(fig)).mode == "RGB"


def test_large_pictures_get_a_palette_then_fewer_pixels(shown, monkeypatch):
    figure = noise(1)
    monkeypatch.setattr(raster, "LARGE_PNG", 100_000)
    palette = opened(raster.to_png(figure))
    assert (palette.mode, palette.width) == ("P", 200)
    monkeypatch.setattr(raster, "LARGE_PNG", 1)
    smallest = opened(raster.to_png(figure))
    assert (smallest.mode, smallest.width) == ("P", 144)


@pytest.mark.parametrize("options", [{"colours": 32}, {"quality": 60}])
def test_webp_is_the_same_on_every_run(options, line_figure, shown):
    image = raster.draw_pixels(line_figure(), 100)
    first, second = (raster.to_webp(image, **options) for _ in range(2))
    assert first == second
    assert opened(first).size == image.size


def test_a_data_uri_holds_its_bytes():
    address = raster.data_uri("webp", b"abc")
    head, content = address.split(",")
    assert head == "data:image/webp;base64"
    assert base64.b64decode(content) == b"abc"
