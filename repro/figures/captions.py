"""Captions, numbered in the order in which they are first shown."""

from __future__ import annotations

from repro.markup import render
from repro.notebook import publish

_numbers: dict[str, int] = {}  # of every caption that this process has shown


def one_line(text: str, what: str) -> str:
    """A text with its line breaks and runs of blanks reduced to single blanks.

    Args:
        text: the text.
        what: what it is, for the message: "show: alt".

    Returns:
        The text on one line.

    Raises:
        ValueError: the text is blank or no text.
    """
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{what} is blank; say in a sentence what the figure shows")
    return " ".join(text.split())


def number(caption: str) -> int:
    """The figure's number: a caption shown again, as when a cell is run anew, keeps its own."""
    return _numbers.setdefault(caption, len(_numbers) + 1)


def restart() -> None:
    """Count from 1 again."""
    _numbers.clear()


def publish_caption(caption: str) -> None:
    """Display a caption, with its number, under the figure shown before it.

    Args:
        caption: text on one line; it may hold $mathematics$.
    """
    place = number(caption)
    publish(
        {
            "text/html": render("caption", number=place, text=caption),
            "text/plain": f"Figure {place}. {caption}",
        },
        {"repro": {"caption": place}},
    )
