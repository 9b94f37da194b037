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
    numbers = visitor.open(LANDING).locator(".book-numbers")
    chapters, claims, time = numbers.locator("dd").all_inner_texts()
    assert int(chapters) == len(CHAPTERS)
    assert claims.split() == [str(stored["claim"]), "of", str(stored["stated"])]
    assert time.endswith(("s", "min", "h"))
    verdicts = numbers.locator(".verdict").all_inner_texts()
    assert sum(int(verdict.split()[0]) for verdict in verdicts) == stored["claim"]
    besides = numbers.locator("small").inner_text()
    assert f"{stored['check']} check" in besides and f"{stored['finding']} finding" in besides


def test_a_part_shows_its_own_chapters(visitor):
    cards = visitor.open(PART).locator(".gallery__card")
    folder = PART.rpartition("/")[0]
    own = [page for page in CHAPTERS if page.startswith(folder + "/")]
    assert cards.count() == len(own)
    cards.first.click()
    cards.page.locator(".chapter-card").wait_for()
