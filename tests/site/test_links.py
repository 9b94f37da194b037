"""Every address inside the site leads somewhere: pages, anchors, pictures, scripts, downloads."""

from functools import cache
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup
from rendered import PAGES, ROOT, SITE

ATTRIBUTES = {"href", "src", "poster", "data"}


@cache
def parsed(page):
    """A page, parsed, and all its anchors."""
    soup = BeautifulSoup((SITE / page).read_text(encoding="utf-8"), "html.parser")
    named = [tag.get("name") for tag in soup.find_all("a")]
    return soup, {tag["id"] for tag in soup.find_all(id=True)} | set(named)


def addresses(page):
    """Every address a page names, except those that leave the site."""
    for tag in parsed(page)[0].find_all(True):
        for attribute in ATTRIBUTES & set(tag.attrs):
            address = tag[attribute].strip()
            if not urlsplit(address).scheme and not address.startswith("//"):
                yield address


def broken(page, address):
    """Why an address leads nowhere; None if it leads somewhere."""
    parts = urlsplit(address)
    if parts.path.startswith("/"):
        return "starts at the root of the server, so it fails from disk and below a path"
    target = (SITE / page).parent / unquote(parts.path) if parts.path else SITE / page
    target = target.resolve()
    if not target.is_file():
        return "there is no such file"
    anchor = unquote(parts.fragment)
    inside = target.is_relative_to(SITE.resolve()) and target.suffix == ".html"
    if anchor and inside:
        known = parsed(target.relative_to(SITE.resolve()).as_posix())[1]
        return None if anchor in known else "the page has no such anchor"
    return None


@pytest.mark.parametrize("page", PAGES or ["index.html"])
def test_internal_addresses_lead_somewhere(site, page):
    reasons = {address: broken(page, address) for address in set(addresses(page))}
    assert {address: why for address, why in reasons.items() if why} == {}


@pytest.mark.parametrize("page", PAGES or ["index.html"])
def test_scripts_and_styles_come_from_the_site(site, page):
    tags = parsed(page)[0].find_all(["script", "link", "img", "iframe", "source"])
    loaded = [tag.get("src") or tag.get("href") for tag in tags if tag.get("rel") != ["canonical"]]
    assert [address for address in loaded if address and urlsplit(address).netloc] == []


def test_pages_name_no_place_on_this_machine(site):
    assert [page for page in PAGES if str(ROOT) in (site / page).read_text("utf-8")] == []
