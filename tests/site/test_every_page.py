"""One visit to every page: nothing fails, overflows a phone, or lacks its picture."""

import pytest
from rendered import CHAPTERS, PAGES
from visitor import Visitor

pytestmark = pytest.mark.browser
PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def phone(browser, site):
    """A visitor with one window as wide as a phone, which goes from page to page."""
    opened = Visitor(browser, site)
    opened.page = opened.window(**PHONE)
    yield opened
    opened.close()


@pytest.mark.parametrize("page", PAGES or ["index.html"])
def test_page(phone, script, page):
    phone.problems.clear()
    phone.page.set_viewport_size(PHONE)
    phone.go(phone.page, page)
    seen = phone.page.evaluate(script("look"))
    assert phone.problems == []
    assert seen["overflowing"] == []
    assert seen["scrollWidth"] <= seen["width"]
    assert seen["raw"] == []
    assert seen["formulas"] == seen["typeset"] == seen["spoken"]
    assert [image["source"] for image in seen["images"] if not image["loaded"]] == []
    assert [image["source"] for image in seen["images"] if not image["alt"].strip()] == []
    assert [image["source"] for image in seen["images"] if not image["sized"]] == []
    if page in CHAPTERS:
        assert seen["formulas"] > 10
        phone.page.set_viewport_size(DESKTOP)
        assert phone.page.evaluate(script("wide")) == []
