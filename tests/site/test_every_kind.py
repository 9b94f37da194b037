"""What holds on all pages alike, tried on one page of each kind."""

import pytest
from rendered import KINDS, LANDING, PAGES

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("kind", KINDS)
def test_text_stands_out_from_its_ground(visitor, script, kind):
    page = visitor.open(KINDS[kind], settle=False)
    page.add_style_tag(content="* { transition: none !important }")
    for mode in ("light", "dark"):
        page.evaluate("mode => { document.documentElement.dataset.theme = mode }", mode)
        assert page.evaluate(script("contrast")) == [], mode


@pytest.mark.parametrize("kind", KINDS)
def test_pages_are_readable_without_scripts(visitor, kind):
    page = visitor.open(KINDS[kind], scripts=False)
    assert page.locator(".bd-article h1").is_visible()
    assert page.locator(".bd-article").inner_text().strip()


def test_there_is_a_page_of_every_kind(site):
    assert {kind: page for kind, page in KINDS.items() if page not in PAGES} == {}


def test_dark_mode_is_a_click_away_and_stays(visitor):
    page = visitor.go(visitor.window(mode=None), LANDING)
    html, button = page.locator("html"), page.locator(".theme-switch-button:visible").first
    for _ in range(2):  # light, dark and automatic take turns
        if html.get_attribute("data-theme") != "dark":
            before = html.get_attribute("data-mode")
            button.click()
            page.wait_for_function(
                "was => document.documentElement.dataset.mode !== was", arg=before
            )
    assert html.get_attribute("data-theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 24, 33)"
    # Chromium shares what a page stores with a delay: wait until another page sees it. (Hence
    # no mode at the start either: a page that does not see the choice yet would overwrite it.)
    other = page.context.new_page()
    other.goto(visitor.site.as_uri() + "/_static/book.css")
    other.wait_for_function("localStorage.theme === 'dark'")
    page.reload()
    assert html.get_attribute("data-theme") == "dark"


def test_dark_pages_print_on_white(visitor):
    page = visitor.go(visitor.window(mode="dark"), LANDING)
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.querySelector('p')).color") == "rgb(28, 36, 48)"
