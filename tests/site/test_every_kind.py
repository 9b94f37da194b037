"""What holds on all pages alike, tried on one page of each kind."""

import gzip
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from rendered import CHAPTER, KINDS, LANDING, PAGES

pytestmark = pytest.mark.browser
#: Sections that are not laid out yet, and colours on their way, are looked at as well.
ALL_LAID_OUT = "* { content-visibility: visible !important; transition: none !important }"
#: A visit that opens every fold and comes by everything once.
READ_THROUGH = """async () => {
  document.querySelectorAll("details").forEach((fold) => (fold.open = true));
  const frame = () => new Promise(requestAnimationFrame);
  for (let y = 0; y < document.documentElement.scrollHeight; y += innerHeight) {
    scrollTo(0, y);
    await frame().then(frame);
  }
}"""
#: How far the parts of a page moved after they were shown.
SHIFTED = """() => new Promise((done) => {
  const sum = (entries) => entries.reduce((total, entry) => total + entry.value, 0);
  new PerformanceObserver((list) => done(sum(list.getEntries())))
    .observe({ type: "layout-shift", buffered: true });
  setTimeout(done, 200, 0);
})"""


def path_of(address):
    """The file that a page names."""
    return Path(unquote(urlsplit(address).path))


@pytest.mark.parametrize("kind", KINDS)
def test_text_stands_out_from_its_ground(visitor, script, kind):
    page = visitor.open(KINDS[kind], settle=False)
    page.add_style_tag(content="* { transition: none !important }")
    for mode in ("light", "dark"):
        page.evaluate("mode => { document.documentElement.dataset.theme = mode }", mode)
        assert page.evaluate(script("contrast")) == [], mode


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_shuts_readers_out(visitor, kind):
    for window in ({"width": 1280, "mode": "light"}, {"width": 360, "mode": "dark"}):
        page = visitor.open(KINDS[kind], **window)
        page.add_style_tag(content=ALL_LAID_OUT)
        page.evaluate(READ_THROUGH)
        found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        said = [(rule["id"], [node["html"][:120] for node in rule["nodes"][:4]]) for rule in found]
        assert said == [], window


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


@pytest.mark.parametrize("kind", KINDS)
def test_pages_are_light(visitor, kind):
    page = visitor.open(KINDS[kind])
    sheets = page.locator("link[rel=stylesheet]").evaluate_all("all => all.map(one => one.href)")
    scripts = page.locator("script[src]").evaluate_all("all => all.map(one => one.src)")
    files = [path_of(address) for address in (page.url, *sheets, *scripts)]
    assert sum(len(gzip.compress(file.read_bytes(), 6)) for file in files) < 350_000
    assert page.evaluate(SHIFTED) == 0


def test_a_phones_menu_gives_the_focus_back(visitor):
    page = visitor.open(CHAPTER, width=360)
    for name, link in (("primary", ".bd-docs-nav a"), ("secondary", ".page-toc a")):
        button = page.locator(f".{name}-toggle")
        button.focus()
        page.keyboard.press("Enter")
        assert page.locator(f"dialog[open] {link}").first.is_visible()
        page.keyboard.press("Escape")
        assert page.locator("dialog[open]").count() == 0
        assert button.evaluate("button => button === document.activeElement")
    assert visitor.problems == []


def test_a_wide_window_folds_the_contents_away(visitor):
    page = visitor.open(CHAPTER)
    contents = page.locator("#pst-primary-sidebar")
    assert contents.is_visible()
    page.locator(".primary-toggle").click()
    contents.wait_for(state="hidden")
    page.locator(".primary-toggle").click()
    contents.wait_for(state="visible")


def test_the_keyboard_opens_the_search(visitor):
    page = visitor.open(LANDING)
    page.keyboard.press("Control+k")
    assert page.locator("#pst-search-dialog input").evaluate("it => it === document.activeElement")
    page.keyboard.press("Control+k")
    assert not page.locator("#pst-search-dialog").is_visible()


def test_the_contents_of_the_page_mark_the_place(visitor):
    page = visitor.open(CHAPTER)
    for section in ("the-method", "exercises"):
        page.locator(f"#pst-page-toc-nav a[href='#{section}']").click()
        page.wait_for_function(
            "name => document.querySelector('#pst-page-toc-nav [aria-current]')?.hash === name",
            arg=f"#{section}",
        )
        top = page.locator(f"#{section}").evaluate("it => it.getBoundingClientRect().top")
        assert -5 < top < 200


def test_paper_shows_no_controls(visitor):
    page = visitor.go(visitor.window(), CHAPTER)
    page.emulate_media(media="print")
    controls = (
        "details.hide > summary, .repro-explore input, .bd-sidebar, .bd-header-article, "
        ".copybtn, .prev-next-footer, .headerlink"
    )
    assert [one.inner_text() for one in page.locator(controls).all() if one.is_visible()] == []
    assert page.locator("h1").first.is_visible()
    assert page.locator(".formula--display > svg").last.is_visible()
    cut = (
        "all => all.filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.innerText)"
    )
    assert page.locator("pre:visible").evaluate_all(cut) == [], "paper does not scroll"
    assert page.locator(".claim__details .claim__row").first.is_visible(), "nothing stays folded"
