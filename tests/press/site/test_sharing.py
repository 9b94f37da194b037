"""What others show of a page that somebody sends."""

from base64 import b64decode

from PIL import Image
from small_site import METADATA, PNG, parsed

from press.site import sharing


def told(page):
    """What a page says of itself, by name."""
    return {tag["property"]: tag["content"] for tag in page.select("meta[property^='og:']")}


def test_landing(built):
    page = parsed(built, "index.html")
    assert told(page) == {
        "og:type": "website",
        "og:site_name": "Book",
        "og:title": "Book",
        "og:description": "Papers & what became of them.",
        "og:image": "_static/share.png",
    }
    with Image.open(built / told(page)["og:image"]) as picture:
        assert picture.size == (1200, 630)


def test_chapters_show_their_own_picture(built):
    page = parsed(built, "chapters/binarization/one.html")
    assert told(page)["og:type"] == "article"
    assert told(page)["og:description"] == METADATA["summary"]
    assert told(page)["og:image"] == "../../_static/thumbnails/one.png"


def test_addresses_are_whole_once_they_are_known(app_at):
    context = {"title": "Deep", "metatags": '<meta name="description" content="x" />'}
    sharing.tell(app_at("https://book.org/"), "deep/page", "page.html", context, object())
    assert 'content="https://book.org/_static/share.png"' in context["metatags"]


def test_a_page_without_text_says_nothing():
    context = {"title": "Search", "metatags": ""}
    sharing.tell(None, "search", "search.html", context, None)
    assert context["metatags"] == ""


def test_picture_has_room_for_six():
    made = sharing.picture("A Book", ["13 of 33"], [b64decode(PNG)] * 9)
    assert made.size == sharing.SIZE
    assert len(sharing.PLACES) == 6
