"""The rendered site in a real browser, opened from disk with no network."""

from pathlib import Path

import pytest
from rendered import CHAPTERS, PAGES

pytestmark = pytest.mark.browser
PAGES = PAGES or ["index.html"]
SCOREBOARD = "chapters/appendix/scoreboard.html"
CONTRAST, WIDE = (
    (Path(__file__).parent / f"{name}.js").read_text() for name in ("contrast", "wide")
)


@pytest.mark.parametrize("page", PAGES)
def test_nothing_fails_and_nothing_asks_the_network(seen_on_phone, page):
    assert seen_on_phone(page)["problems"] == []


@pytest.mark.parametrize("page", PAGES)
def test_nothing_overflows_a_phone(seen_on_phone, page):
    seen = seen_on_phone(page)
    assert seen["overflowing"] == []
    assert seen["scrollWidth"] <= seen["width"]


@pytest.mark.parametrize("page", PAGES)
def test_mathematics_is_typeset(seen_on_phone, page):
    seen = seen_on_phone(page)
    assert (seen["raw"], seen["failed"]) == ([], 0)
    assert seen["typeset"] >= seen["formulas"]


def test_chapters_have_mathematics(seen_on_phone, chapter):
    assert seen_on_phone(chapter)["formulas"] > 10


@pytest.mark.parametrize("page", PAGES)
def test_every_image_loads_and_is_described(seen_on_phone, page):
    images = seen_on_phone(page)["images"]
    assert [image["source"] for image in images if not image["loaded"]] == []
    assert [image["source"] for image in images if not image["alt"].strip()] == []


@pytest.mark.parametrize("page", PAGES)
def test_text_stands_out_from_its_ground(visitor, page):
    opened = visitor.open(page, settle=False)
    opened.add_style_tag(content="* { transition: none !important }")
    for mode in ("light", "dark"):
        opened.evaluate("mode => { document.documentElement.dataset.theme = mode }", mode)
        assert opened.evaluate(CONTRAST) == [], mode


def test_gallery_shows_every_chapter(visitor):
    page = visitor.open("index.html")
    cards = page.locator(".gallery__card")
    assert sorted(card.get_attribute("href") for card in cards.all()) == sorted(CHAPTERS)
    for card in cards.all():
        assert card.locator("img").evaluate("image => image.naturalWidth") > 100


def test_figures_agree_with_the_ledgers(visitor, ledger_size):
    chapters, claims, time = (
        visitor.open("index.html").locator(".book-figures dd").all_inner_texts()
    )
    assert int(chapters) == len(CHAPTERS)
    reproduced, made = map(int, claims.split("/"))
    assert 0 <= reproduced <= made == ledger_size
    assert time.endswith(("s", "min", "h"))


def test_card_names_the_paper(reader):
    card = reader.page.locator("h1 + .chapter-card, h1 ~ .chapter-card")
    assert card.locator("cite").inner_text()
    assert {"Scale", "Data", "Last run", "Claims"} <= set(card.locator("dt").all_inner_texts())


def test_sliders_change_the_picture_by_keyboard(reader):
    figures = reader.page.locator(".repro-explore")
    assert figures.count() > 0
    for figure in figures.all():
        for slider in figure.locator("input[type=range]").all():
            image = figure.locator("img")
            before = image.get_attribute("src"), image.get_attribute("alt")
            slider.press("ArrowRight")
            after = image.get_attribute("src"), image.get_attribute("alt")
            assert before[0] != after[0], "the picture stayed the same"
            assert before[1] != after[1], "the description stayed the same"
            assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    assert reader.problems == []


def test_formulas_code_and_tables_fit_the_column(reader):
    assert reader.page.evaluate(WIDE) == []


def test_sliders_of_a_page_are_independent(reader):
    pictures = reader.page.locator(".repro-explore img")
    slider = reader.page.locator(".repro-explore input[type=range]").first
    slider.press("Home")
    before = [picture.get_attribute("src") for picture in pictures.all()]
    slider.press("End")
    after = [picture.get_attribute("src") for picture in pictures.all()]
    assert before[0] != after[0]
    assert before[1:] == after[1:]


def test_chapter_is_readable_without_scripts(visitor, chapter):
    page = visitor.open(chapter, mode=None, scripts=False)
    assert page.locator(".repro-explore img").first.is_visible()
    assert page.locator(".chapter-card").is_visible()


def test_solutions_are_folded_and_open(reader):
    solutions = reader.page.locator(".cell.tag_solution details")
    assert solutions.count() >= 3
    first = solutions.first
    assert not first.locator(".cell_input").first.is_visible()
    first.locator("summary").first.press("Enter")
    assert first.locator(".cell_input").first.is_visible()


def test_search_finds_a_chapter(reader, visitor, chapter):
    title = reader.page.locator(".bd-article h1").evaluate("h1 => h1.firstChild.data")
    page = visitor.open(f"search.html?q={'+'.join(title.split())}", settle=False)
    page.locator(f"#search-results a[href^='{chapter}']").first.wait_for()
    assert visitor.problems == []


def test_dark_mode_is_a_click_away_and_stays(visitor):
    page = visitor.open("index.html", mode=None)
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
    page = visitor.open("index.html", mode="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.querySelector('p')).color") == "rgb(28, 36, 48)"


def rows(page):
    """Claims that the scoreboard shows."""
    return page.locator(".scoreboard__claim:visible")


@pytest.mark.parametrize("width", [360, 1280])
def test_scoreboard_filters(visitor, ledger_size, width):
    page = visitor.open(SCOREBOARD, width=width)
    everything = rows(page).count()
    assert everything == ledger_size
    if not everything:
        pytest.skip("the ledger is empty")
    name = rows(page).last.locator(".scoreboard__id").inner_text().split(" · ")[0]
    page.locator(".scoreboard input[type=search]").fill(name.upper())
    assert 1 <= rows(page).count() <= everything
    assert all(name in text for text in rows(page).all_inner_texts())
    assert f"of {everything}" in page.locator(".scoreboard__count").inner_text()
    page.locator(".scoreboard input[type=search]").fill("no claim says this")
    assert rows(page).count() == 0
    assert page.locator(".scoreboard__chapter:visible").count() == 0
    page.locator(".scoreboard input[type=search]").fill("")
    for select in ("part", "verdict"):
        shown = 0
        values = page.locator(f"select[name={select}] option").evaluate_all(
            "all => all.map(o => o.value)"
        )
        for value in filter(None, values):
            page.locator(f"select[name={select}]").select_option(value)
            shown += rows(page).count()
        assert shown == everything, f"filtering by {select} loses or repeats claims"
        page.locator(f"select[name={select}]").select_option("")


def test_scoreboard_is_a_plain_table_without_scripts(visitor, ledger_size):
    page = visitor.open(SCOREBOARD, mode=None, scripts=False)
    assert rows(page).count() == ledger_size
    assert not page.locator(".scoreboard__filters").is_visible()
