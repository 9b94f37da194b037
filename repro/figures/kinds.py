"""Drawings and pictures: what the site's dark theme may turn over, and what it must leave alone.

Figures stand on white, so that they are legible wherever a notebook is shown. In the site's dark
theme white becomes the page and ink becomes light, while hues stay (`_static/book.css`). That
suits lines, text and areas; it would make negatives of photographs and turn colour maps upside
down. Those keep their colours, on a card.
"""

from __future__ import annotations

from typing import Literal

from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

Kind = Literal["drawing", "picture"]


def kind(*figures: Figure) -> Kind:
    """Whether figures are drawings or hold pictures.

    Args:
        *figures: one figure, or all that share a place: they are one kind, so that their ground
            never changes.

    Returns:
        "picture" with a visible image or anything coloured by a map, such as a heat map or points
        whose colours are values; "drawing" otherwise.
    """
    return "picture" if any(map(_pictured, figures)) else "drawing"


def _pictured(figure: Figure) -> bool:
    """Whether anything visible is coloured by values."""
    mapped = figure.findobj(
        lambda artist: isinstance(artist, ScalarMappable) and artist.get_array() is not None
    )
    return any(artist.get_visible() for artist in mapped)
