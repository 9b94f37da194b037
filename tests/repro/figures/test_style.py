"""The palette can be read and told apart by everyone, on white and as the dark theme shows it."""

import io
import itertools
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from repro.figures import DIVERGING, INK, PALETTE, SEQUENTIAL, captions, use_style

WHITE, DARK_PAGE = "#ffffff", "#121821"
COLOURS = {"ink": INK} | PALETTE

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
# Smallest CIELAB distance between any two colours, for everyone and with a deficiency. About 2.3 is
# just noticeable side by side. More would cost the contrast that text needs in both themes.
APART = {"light": (26.0, 14.0), "dark": (22.0, 12.0)}


def turned_over(colour):
    """A colour of a drawing in the dark theme, as `_static/book.css` makes it: RGB in 0..1.

    CSS filters work on encoded values: `invert(1)` is 1 - c, `hue-rotate(180deg)` reflects at the
    grey of the same luma, and `screen` lays the result over the page.
    """
    inverted = 1 - np.array(mpl.colors.to_rgb(colour))
    turned = np.clip(2 * (inverted @ [0.213, 0.715, 0.072]) - inverted, 0, 1)
    return 1 - (1 - turned) * (1 - np.array(mpl.colors.to_rgb(DARK_PAGE)))


def dimmed(colour):
    """A colour of a picture's card in the dark theme: `brightness(0.9)`."""
    return 0.9 * np.array(mpl.colors.to_rgb(colour))


THEMES = {"light": mpl.colors.to_rgb, "dark": turned_over, "card": dimmed}


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


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", COLOURS)
def test_every_colour_is_legible_as_text(name, theme):
    show = THEMES[theme]
    assert contrast(show(COLOURS[name]), show(WHITE)) >= 4.5


def test_white_becomes_the_page():
    assert np.allclose(turned_over(WHITE), mpl.colors.to_rgb(DARK_PAGE))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_palette_stays_apart(deficiency, theme):
    colours = {name: seen(THEMES[theme](colour), deficiency) for name, colour in PALETTE.items()}
    distances = {
        (a, b): np.linalg.norm(colours[a] - colours[b])
        for a, b in itertools.combinations(colours, 2)
    }
    closest = min(distances, key=distances.get)
    assert distances[closest] >= APART[theme][deficiency != "none"], (closest, distances[closest])


def test_a_colour_too_close_would_be_seen():
    """The measure above does separate: red and green of one lightness merge for deuteranopes."""
    red, green = "#b45a3c", "#787832"
    assert np.linalg.norm(seen(red, "none") - seen(green, "none")) > 28
    assert np.linalg.norm(seen(red, "deuteranopia") - seen(green, "deuteranopia")) < 17


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_sequential_map_grows_lighter_for_everyone(deficiency):
    lightness = [seen(mpl.colormaps[SEQUENTIAL](v), deficiency)[0] for v in np.linspace(0, 1, 32)]
    assert np.all(np.diff(lightness) > 0)


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_ends_of_the_diverging_map_stay_apart(deficiency):
    low, high = (seen(mpl.colormaps[DIVERGING](v), deficiency) for v in (0.1, 0.9))
    assert np.linalg.norm(low - high) > 28


def test_style_starts_from_matplotlibs_defaults_on_white_paper():
    with mpl.rc_context():
        plt.style.use("ggplot")
        use_style()
        assert mpl.rcParams["axes.facecolor"] == "white"
        assert mpl.rcParams["savefig.facecolor"] == "white"
        assert mpl.rcParams["axes.grid"] is False


def test_style_counts_captions_anew(shown):
    captions.number("First.")
    use_style()
    assert captions.number("Second.") == 1


def test_import_needs_no_torch():
    code = "import sys, repro.figures; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


CSS = Path(__file__).parents[3] / "_static" / "book.css"


@pytest.mark.browser
@pytest.mark.parametrize("theme", THEMES)
def test_a_browser_shows_the_colours_measured_above(theme, visit, tmp_path):
    """The page's own style sheet, on the markup that the site gives a figure."""
    colours = [WHITE, *COLOURS.values()]
    swatches = np.array([mpl.colors.to_rgb(colour) for colour in colours]) * 255
    picture = Image.fromarray(np.rint(swatches)[None].astype(np.uint8))
    picture.resize((8 * len(colours), 8), Image.Resampling.NEAREST).save(tmp_path / "swatches.png")
    kind = "picture" if theme == "card" else "drawing"
    (tmp_path / "page.html").write_text(
        f'<!doctype html><html data-theme="{"light" if theme == "light" else "dark"}">'
        f"<style>{CSS.read_text()} body {{ margin: 0; background: var(--pst-color-background) }}"
        f'</style><div class="bd-content"><div class="bd-article"><div class="cell_output">'
        f'<a class="image-reference"><img class="repro-{kind}" src="swatches.png"></a>'
        "</div></div></div></html>"
    )
    page, problems = visit((tmp_path / "page.html").as_uri())
    taken = Image.open(io.BytesIO(page.locator("img").screenshot())).convert("RGB")
    for place, colour in enumerate(colours):
        expected = np.array(THEMES[theme](colour)) * 255
        assert np.abs(taken.getpixel((8 * place + 4, 4)) - expected).max() <= 3, colour
    assert problems == []
