"""The book's figures: one style, described pictures, and sliders that work on a static page."""

from repro.figures.exploring import explore
from repro.figures.showing import show
from repro.figures.style import DIVERGING, INK, PALETTE, SEQUENTIAL, use_style
from repro.figures.thumbnails import THUMBNAIL_INCHES, thumbnail

__all__ = [
    "DIVERGING",
    "INK",
    "PALETTE",
    "SEQUENTIAL",
    "THUMBNAIL_INCHES",
    "explore",
    "show",
    "thumbnail",
    "use_style",
]
