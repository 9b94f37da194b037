"""What other programs show of a page that somebody sends: title, description and a picture.

The book's picture is drawn when the site is built, from the thumbnails of its chapters; a chapter
has its own thumbnail.
"""

from __future__ import annotations

import re
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
from docutils import nodes
from PIL import Image, ImageDraw, ImageFont
from sphinx.application import Sphinx

from press import toc
from press.records import total
from press.site import library, repository, thumbnails
from press.site.finish import when_built

PICTURE = "_static/share.png"
#: Pixels that those who show such pictures recommend.
SIZE = (1200, 630)
INK, MUTED = "#121821", "#566170"
#: Size and places of the thumbnails on the picture: their left upper corners.
SMALL = (304, 190)
PLACES = [(x, y) for y in (14, 220, 426) for x in (564, 882)]
DESCRIPTION = re.compile(r'<meta (?=[^>]*name="description")[^>]*content="([^"]*)"')


def tell(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Add the tags of the Open Graph protocol to a page."""
    described = DESCRIPTION.search(context.get("metatags", ""))
    if doctree is None or described is None:
        return
    path = library.notebook(page)
    picture = PICTURE
    if path is not None and pictured(path):
        picture = f"{thumbnails.FOLDER}/{path.stem}.png"
    base = repository.site_address(app.config) or library.up(page)
    told = {
        "og:type": "website" if page == app.config.root_doc else "article",
        "og:site_name": app.config.html_title,
        "og:title": re.sub(r"<[^>]+>", "", context["title"]),
        "og:image": base + picture,
        "twitter:card": "summary_large_image",
    }
    tags = [f'<meta property="og:description" content="{described[1]}" />']
    for name, content in told.items():
        kind = "name" if name.startswith("twitter") else "property"
        tags.append(f'<meta {kind}="{name}" content="{escape(content)}" />')
    context["metatags"] += "\n".join(tags) + "\n"


def pictured(path: Path) -> bool:
    """Whether the gallery has a picture of a chapter."""
    try:
        return library.read(path).thumbnail is not None
    except library.UnfinishedError:
        return False


@when_built
def draw(app: Sphinx) -> None:
    """Draw the picture of the book."""
    found = library.read_all(app.env.found_docs)
    coverage = total(chapter.records for chapter in found)
    lines = [
        f"{len(found)} of {toc.PAPERS} papers",
        f"{coverage.tested} of {coverage.stated} claims tested",
        *(f"{number} {verdict}" for verdict, number in coverage.verdicts.items()),
    ]
    shown = [chapter.thumbnail.png for chapter in found if chapter.thumbnail]
    path = Path(app.outdir) / PICTURE
    path.parent.mkdir(parents=True, exist_ok=True)
    picture(app.config.html_title, lines, shown[:: max(1, len(shown) // len(PLACES))]).save(path)


def picture(title: str, lines: list[str], shown: list[bytes]) -> Image.Image:
    """The book's picture.

    Args:
        title: of the book; each of its words has a line.
        lines: what stands below it.
        shown: PNGs; as many as have a place are shown.
    """
    made = Image.new("RGB", SIZE, "white")
    pen = ImageDraw.Draw(made)
    y = 70
    for text in title.split():
        pen.text((60, y), text, fill=INK, font=font("DejaVuSerif-Bold", 64))
        y += 78
    y += 26
    for text in lines:
        pen.text((60, y), text, fill=MUTED, font=font("DejaVuSans", 30))
        y += 44
    for place, png in zip(PLACES, shown, strict=False):
        small = Image.open(BytesIO(png)).convert("RGBA").resize(SMALL, Image.Resampling.LANCZOS)
        made.paste(small, place, small)
    return made


def font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """A font that matplotlib brings."""
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / f"fonts/ttf/{name}.ttf", size)


def setup(app: Sphinx) -> None:
    """Tell behind the descriptions, and draw when the site is built."""
    app.connect("html-page-context", tell, priority=600)
    app.connect("build-finished", draw)
