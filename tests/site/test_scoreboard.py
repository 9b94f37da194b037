"""The scoreboard's tables and filters."""

import pytest
from rendered import SCOREBOARD

pytestmark = pytest.mark.browser


def rows(page):
    """Entries that the scoreboard shows."""
    return page.locator(".scoreboard__entry:visible")


def values(page, name):
    """What a filter offers, beside everything."""
    options = page.locator(f"select[name={name}] option")
    return list(filter(None, options.evaluate_all("all => all.map(o => o.value)")))


@pytest.mark.parametrize("width", [360, 1280])
def test_filters(visitor, stored, width):
    page = visitor.open(SCOREBOARD, width=width)
    find = page.locator(".scoreboard input[type=search]")
    count = page.locator(".scoreboard__count")
    assert rows(page).count() == stored["stated"], "checks and findings are folded"
    if not stored["stated"]:
        pytest.skip("no paper's claims are stored")
    name = rows(page).last.locator(".scoreboard__id").inner_text()
    find.fill(name.upper())
    assert 1 <= rows(page).count() <= stored["stated"]
    assert all(name in text for text in rows(page).all_inner_texts())
    assert f"{rows(page).count()} of {stored['stated']} claims" in count.inner_text()
    find.fill("no entry says this")
    assert rows(page).count() == page.locator(".scoreboard__chapter:visible").count() == 0
    find.fill("")
    for filter_by in ("part", "verdict"):
        shown = 0
        for value in values(page, filter_by):
            page.locator(f"select[name={filter_by}]").select_option(value)
            shown += rows(page).count()
        assert shown == stored["stated"], f"filtering by {filter_by} loses or repeats claims"
        page.locator(f"select[name={filter_by}]").select_option("")
    expected = {"claim": stored["stated"], "check": stored["check"], "finding": stored["finding"]}
    for kind in values(page, "kind"):
        page.locator("select[name=kind]").select_option(kind)
        assert rows(page).count() == expected[kind], "a kind that is asked for is unfolded"


def test_plain_tables_without_scripts(visitor, stored):
    page = visitor.open(SCOREBOARD, scripts=False)
    assert rows(page).count() == stored["stated"]
    assert not page.locator(".scoreboard__filters").is_visible()
    page.locator(".scoreboard summary").click()
    assert rows(page).count() == stored["stated"] + stored["check"] + stored["finding"]
