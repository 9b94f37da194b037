"""The landing page and the page of a part."""

import pytest
from rendered import CHAPTERS, LANDING, PART

pytestmark = pytest.mark.browser


def test_gallery_shows_every_chapter(visitor):
    page = visitor.open(LANDING)
    cards = page.locator(".gallery__card")
    assert sorted(card.get_attribute("href") for card in cards.all()) == sorted(CHAPTERS)
    for card in cards.all():
        assert card.locator("img").evaluate("image => image.naturalWidth") > 100
        assert "tested" in card.locator(".gallery__coverage").inner_text()


def test_numbers_agree_with_the_records(visitor, stored):
    opening = visitor.open(LANDING).locator(".opening")
    papers, claims = opening.locator("dd").all_inner_texts()
    assert int(papers.split()[0]) == len(CHAPTERS)
    assert claims.split() == [str(stored["claim"]), "of", str(stored["stated"])]
    verdicts = opening.locator(".verdict").all_inner_texts()
    assert sum(int(verdict.split()[0]) for verdict in verdicts) == stored["stated"]


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_everything_is_said_on_the_first_screen(visitor, width, height):
    page = visitor.open(LANDING, width=width, height=height)
    for part in ("__sentence", "__play img", "__play input", "__verdicts", "__start a"):
        box = page.locator(f".opening{part}").first.bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= height, part
        assert box["x"] >= 0 and box["x"] + box["width"] <= width, part


def test_the_slider_moves_the_picture(visitor):
    page = visitor.open(LANDING)
    image = page.locator(".opening img")
    before = image.get_attribute("alt")
    page.locator(".opening input[type=range]").first.press("Home")
    assert image.get_attribute("alt") != before
    page.wait_for_function("image => image.naturalWidth > 0", arg=image.element_handle())
    assert visitor.problems == []


def test_filters_show_the_papers_of_a_part(visitor):
    page = visitor.open(LANDING)
    cards = page.locator(".gallery__card:visible")
    buttons = page.locator(".gallery__filters button")
    shown = 0
    for button in buttons.all()[1:]:
        button.press("Enter")
        assert button.get_attribute("aria-pressed") == "true"
        assert page.locator(".gallery__filters [aria-pressed=true]").count() == 1
        assert {*cards.locator(".gallery__part").all_inner_texts()} == {
            button.inner_text().rpartition(" ")[0]
        }
        assert button.inner_text().endswith(f" {cards.count()}")
        shown += cards.count()
    assert shown == len(CHAPTERS)
    buttons.first.click()
    assert cards.count() == len(CHAPTERS)


def test_all_papers_show_without_scripts(visitor):
    page = visitor.open(LANDING, scripts=False)
    assert page.locator(".gallery__card:visible").count() == len(CHAPTERS)
    assert not page.locator(".gallery__filters").is_visible()
    assert page.locator(".opening img").is_visible()


def test_a_part_shows_its_own_chapters(visitor):
    cards = visitor.open(PART).locator(".gallery__card")
    folder = PART.rpartition("/")[0]
    own = [page for page in CHAPTERS if page.startswith(folder + "/")]
    assert cards.count() == len(own)
    cards.first.click()
    cards.page.locator(".chapter-card").wait_for()
