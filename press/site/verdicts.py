"""How verdicts look on the site: colours for the style sheet, from those of the cards."""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx

from repro.claims.cards import COLOURS, css

FILE = "verdicts.css"


def style_sheet() -> str:
    """One line for each verdict: its class defines the variable `--verdict`.

    The colours have 3:1 on both grounds, enough for marks and edges; text keeps the page's own.
    """
    return "".join(
        f".verdict--{css(name)} {{ --verdict: {colour}; }}\n" for name, colour in COLOURS.items()
    )


def write(app: Sphinx) -> None:
    """Write the style sheet beside the others."""
    if app.builder.format == "html":
        path = Path(app.outdir) / "_static" / FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(style_sheet(), encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Add the style sheet to every page."""
    app.add_css_file(FILE)
    app.connect("builder-inited", write)
