"""The palette can be told apart by everyone, and a shown figure is small, exact and described."""

import base64
import io
import itertools
import json
import subprocess
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from repro import figures
from repro.figures import DIVERGING, INK, PALETTE, SEQUENTIAL, raster, show, use_style

LIGHT, DARK = "#ffffff", "#121821"

# Machado, Oliveira and Fernandes (2009), "A Physiologically-based Model for Simulation of Color
# Vision Deficiency", severity 1.0; applied to linear RGB.
DEFICIENCIES = {
    "none": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
# Smallest CIELAB distance between any two colours. About 2.3 is just noticeable side by side;
# eight colours that must all lie between both backgrounds in lightness reach no more than this.
APART = {"none": 28.0, "protanopia": 17.0, "deuteranopia": 17.0, "tritanopia": 17.0}


def linear(colour):
    """Linear RGB in 0..1 of a matplotlib colour."""
    channels = np.array(mpl.colors.to_rgb(colour))
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(first, second):
    """WCAG 2 contrast ratio of two colours."""
    low, high = sorted(linear(c) @ [0.2126, 0.7152, 0.0722] for c in (first, second))
    return (high + 0.05) / (low + 0.05)


def seen(colour, deficiency):
    """CIELAB of a colour as somebody with a colour-vision deficiency sees it."""
    from skimage.color import rgb2lab

    rgb = np.clip(DEFICIENCIES[deficiency] @ linear(colour), 0, 1)
    encoded = np.where(rgb <= 0.0031308, rgb * 12.92, 1.055 * rgb ** (1 / 2.4) - 0.055)
    return rgb2lab(encoded[None, None])[0, 0]


@pytest.fixture
def shown(monkeypatch):
    """Outputs that `show` publishes."""
    outputs = []
    monkeypatch.setattr(figures, "publish", lambda *output: outputs.append(output))
    with mpl.rc_context():
        use_style()
        yield outputs
    plt.close("all")


def line_figure(**options):
    fig, ax = plt.subplots(**options)
    x = np.linspace(0, 6, 200)
    for shift, colour in enumerate(PALETTE.values()):
        ax.plot(x, np.sin(x + shift / 2), color=colour)
    ax.set(xlabel="time / s", ylabel="voltage / V")
    return fig


@pytest.mark.parametrize("background", [LIGHT, DARK])
@pytest.mark.parametrize("name", PALETTE)
def test_palette_has_contrast(name, background):
    assert contrast(PALETTE[name], background) >= 3


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_palette_stays_apart(deficiency):
    distances = {
        (a, b): np.linalg.norm(seen(PALETTE[a], deficiency) - seen(PALETTE[b], deficiency))
        for a, b in itertools.combinations(PALETTE, 2)
    }
    closest = min(distances, key=distances.get)
    assert distances[closest] >= APART[deficiency], (closest, distances[closest])


def test_a_colour_too_close_would_be_seen():
    """The measure above does separate: red and green of one lightness merge for deuteranopes."""
    red, green = "#b45a3c", "#787832"
    assert np.linalg.norm(seen(red, "none") - seen(green, "none")) > 28
    assert np.linalg.norm(seen(red, "deuteranopia") - seen(green, "deuteranopia")) < 17


def test_ink_has_nearly_the_best_contrast_possible_on_both_backgrounds():
    best = np.sqrt(contrast(LIGHT, DARK))
    assert min(contrast(INK, LIGHT), contrast(INK, DARK)) >= best - 0.1


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_sequential_map_grows_lighter_for_everyone(deficiency):
    lightness = [seen(mpl.colormaps[SEQUENTIAL](v), deficiency)[0] for v in np.linspace(0, 1, 32)]
    assert np.all(np.diff(lightness) > 0)


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_ends_of_the_diverging_map_stay_apart(deficiency):
    low, high = (seen(mpl.colormaps[DIVERGING](v), deficiency) for v in (0.1, 0.9))
    assert np.linalg.norm(low - high) > 28


def test_show_stores_picture_words_and_width(shown):
    show(line_figure(figsize=(5, 3)), alt="Eight sine\n  waves.", name="waves")
    [(bundle, metadata)] = shown
    assert bundle["text/plain"] == "figure: Eight sine waves."
    assert metadata["repro"] == {"alt": "Eight sine waves.", "name": "waves"}
    assert metadata["image/png"] == {"alt": "Eight sine waves.", "width": 500}
    image = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))
    assert image.size == (720, 432)
    assert plt.get_fignums() == []
    json.dumps([bundle, metadata])


def test_show_is_deterministic_transparent_and_small(shown):
    show(line_figure(), alt="Waves")
    show(line_figure(), alt="Waves")
    (first, _), (second, _) = shown
    assert first == second
    content = base64.b64decode(first["image/png"])
    assert len(content) < 40_000
    assert b"Software" not in content
    assert b"tIME" not in content
    assert np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))[0, 0, 3] == 0


@pytest.mark.parametrize("alt", ["", "  \n", None])
def test_show_refuses_a_figure_without_words(shown, alt):
    with pytest.raises(ValueError, match="alt is blank"):
        show(line_figure(), alt=alt)


def test_show_refuses_what_is_not_a_figure(shown):
    with pytest.raises(TypeError, match="expected a matplotlib Figure, got ndarray"):
        show(np.zeros(3), alt="Zeros")


def test_show_outside_ipython_displays_nothing(capsys):
    show(line_figure(), alt="Waves")
    assert capsys.readouterr().out == ""


def test_publish_displays_one_output_inside_ipython(monkeypatch):
    calls = []
    monkeypatch.setattr(raster, "get_ipython", object)
    monkeypatch.setattr(raster, "display", lambda *args, **options: calls.append((args, options)))
    raster.publish({"text/plain": "figure: Waves"}, {"repro": {}})
    assert calls == [(({"text/plain": "figure: Waves"},), {"metadata": {"repro": {}}, "raw": True})]


def test_few_colours_are_kept_exactly():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (200, 4), dtype=np.uint8)[rng.integers(0, 200, (40, 50))]
    pixels[..., 3] |= 0x80  # nearly transparent colours have no exact 8-bit colour to keep
    reduced, error = raster.reduce_colours(Image.fromarray(pixels))
    assert error == 0
    assert np.abs(np.asarray(reduced.convert("RGBA")).astype(int) - pixels).max() == 0


def test_line_art_gets_a_palette_close_to_the_original(shown):
    image = raster.draw_pixels(line_figure(), 144)
    content = raster.to_png(image)
    stored = Image.open(io.BytesIO(content))
    assert stored.mode == "P"
    for background in (LIGHT, DARK):
        paper = Image.new("RGBA", image.size, background)
        pixels = [
            np.asarray(Image.alpha_composite(paper, i.convert("RGBA"))) for i in (image, stored)
        ]
        difference = np.abs(pixels[0].astype(int) - pixels[1])
        assert difference.mean() < 1
        assert np.quantile(difference, 0.99) <= raster.VISIBLE_ERROR


def test_many_colours_keep_a_full_png_while_it_is_small():
    pixels = np.full((80, 80, 4), 255, np.uint8)
    pixels[..., :3] = np.random.default_rng(0).integers(0, 256, (80, 80, 3))
    small = Image.fromarray(pixels)
    assert Image.open(io.BytesIO(raster.to_png(small))).mode == "RGBA"
    large = small.resize((640, 640), Image.Resampling.BICUBIC)
    assert Image.open(io.BytesIO(raster.to_png(large))).mode == "P"


def test_an_empty_image_is_no_special_case():
    reduced, error = raster.reduce_colours(Image.new("RGBA", (4, 3)))
    assert (reduced.size, error) == ((4, 3), 0)


def test_style_starts_from_matplotlibs_defaults():
    with mpl.rc_context():
        plt.style.use("ggplot")
        use_style()
        assert mpl.rcParams["axes.facecolor"] == "none"
        assert mpl.rcParams["axes.grid"] is False


def test_import_needs_no_torch():
    code = "import sys, repro.figures; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
