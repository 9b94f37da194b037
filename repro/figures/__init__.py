"""The book's figures: one style, described pictures, and sliders that work on a static page."""

from repro.figures.explore import explore
from repro.figures.style import DIVERGING, INK, PALETTE, SEQUENTIAL, show, use_style

__all__ = ["DIVERGING", "INK", "PALETTE", "SEQUENTIAL", "explore", "show", "use_style"]
