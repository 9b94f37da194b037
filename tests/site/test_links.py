"""Every address inside the site leads somewhere: pages, anchors, pictures, scripts, downloads."""

import posixpath
import re
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest
from rendered import CHAPTERS, PAGES, ROOT, SITE

ATTRIBUTES = {"href", "src", "poster", "data"}
LOADING = {"script", "link", "img", "iframe", "source"}


@dataclass
class Links(HTMLParser):
    """What a page names: addresses, what it loads by itself, and its own anchors.

    A tree of the page, which nothing here needs, would take three times as long.
    """

    addresses: set[str] = field(default_factory=set)
    loaded: set[str] = field(default_factory=set)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self):
        super().__init__()

    def handle_starttag(self, tag, attrs):
        """Note what one element names."""
        known = {name: (value or "").strip() for name, value in attrs}
        self.anchors |= {known[name] for name in ("id", "name") if name in known}
        self.addresses |= {known[name] for name in ATTRIBUTES & set(known)}
        if tag in LOADING and known.get("rel") != "canonical":
            self.loaded.add(known.get("src") or known.get("href", ""))


@cache
def read(page):
    """The links of a page."""
    links = Links()
    links.feed((SITE / page).read_text(encoding="utf-8"))
    return links


def broken(page, address):
    """Why an address leads nowhere; None if it leads somewhere, or off the site."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return None
    if parts.path.startswith("/"):
        return "starts at the root of the server, so it fails from disk and below a path"
    target = (SITE / page).parent / unquote(parts.path) if parts.path else SITE / page
    target = target.resolve()
    if not target.is_file():
        return "there is no such file"
    inside = target.is_relative_to(SITE.resolve()) and target.suffix == ".html"
    if parts.fragment and inside:
        known = read(target.relative_to(SITE.resolve()).as_posix()).anchors
        return None if unquote(parts.fragment) in known else "the page has no such anchor"
    return None


@pytest.mark.parametrize("page", PAGES or ["index.html"])
def test_internal_addresses_lead_somewhere(site, page):
    reasons = {address: broken(page, address) for address in read(page).addresses}
    assert {address: why for address, why in reasons.items() if why} == {}


@pytest.mark.parametrize("page", PAGES or ["index.html"])
def test_scripts_and_styles_come_from_the_site(site, page):
    assert [address for address in read(page).loaded if urlsplit(address).netloc] == []


@pytest.mark.skipif(not CHAPTERS, reason="the site has no chapter")
def test_reading_on_leads_through_all_chapters(site):
    def leads(page, way):
        found = re.search(rf'class="{way}"\s+href="([^"]+)"', (site / page).read_text("utf-8"))
        return posixpath.normpath(posixpath.join(posixpath.dirname(page), found[1]))

    last = next(page for page in CHAPTERS if leads(page, "right-next") not in CHAPTERS)
    order = [last]
    while (before := leads(order[0], "left-prev")) in CHAPTERS:
        assert leads(before, "right-next") == order[0]
        order.insert(0, before)
    assert sorted(order) == CHAPTERS


def test_pages_name_no_place_on_this_machine(site):
    assert [page for page in PAGES if str(ROOT) in (site / page).read_text("utf-8")] == []
