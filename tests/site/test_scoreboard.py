"""The scoreboard's folds and filters."""

import json

import pytest
from rendered import CHAPTERS, SCOREBOARD

pytestmark = pytest.mark.browser


def rows(page):
    """Entries that the scoreboard shows."""
    return page.locator(".scoreboard__entry:visible")


def chapters(page, state="[open]"):
    """Its chapters that are open and not hidden."""
    return page.locator(f".scoreboard__chapter{state}:visible")


def values(page, name):
    """What a filter offers, beside everything."""
    options = page.locator(f"select[name={name}] option")
    return list(filter(None, options.evaluate_all("all => all.map(o => o.value)")))


def test_filters(visitor, stored):
    page = visitor.open(SCOREBOARD)
    find = page.locator(".scoreboard input[type=search]")
    count = page.locator(".scoreboard__count")
    assert chapters(page, "").count() == len(CHAPTERS) and rows(page).count() == 0, "all are folded"
    if not stored["stated"]:
        pytest.skip("no paper's claims are stored")
    name = max(page.locator(".scoreboard__id").all_text_contents(), key=len)
    find.fill(name.upper())
    assert 1 <= rows(page).count() <= stored["stated"]
    assert all(name in text for text in rows(page).all_inner_texts())
    find.fill("no entry says this")
    assert rows(page).count() == chapters(page, "").count() == 0
    find.fill("")
    assert rows(page).count() == 0, "without a filter all are folded again"
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
    assert "0 of" in count.inner_text()
    page.locator("[type=reset]").click()
    page.wait_for_function("document.querySelector('[type=reset]').disabled")
    assert f"{stored['stated']} of {stored['stated']} claims" in count.inner_text()
    assert visitor.problems == []


def test_the_address_keeps_the_filters(visitor):
    page = visitor.open(SCOREBOARD)
    (verdict, *_) = values(page, "verdict")
    page.locator("select[name=verdict]").select_option(verdict)
    shown = rows(page).count()
    assert page.url.endswith(f"?verdict={verdict}".replace(" ", "+"))
    page.reload()
    assert page.locator("select[name=verdict]").input_value() == verdict
    assert rows(page).count() == shown > 0


def test_an_entry_that_the_address_names_is_unfolded(visitor):
    page = visitor.open(SCOREBOARD)
    last = page.locator(".scoreboard__others .scoreboard__entry").last.get_attribute("id")
    visitor.open(f"{SCOREBOARD}#{last}")
    page.locator(f"#{last}").wait_for()
    assert page.locator(f"#{last}").bounding_box()["y"] < page.viewport_size["height"]


def test_headings_stay_in_sight(visitor):
    page = visitor.open(SCOREBOARD)
    page.locator("[name=all]").click()
    assert chapters(page).count() == len(CHAPTERS)
    page.locator(".scoreboard__entry:visible").nth(6).evaluate("row => row.scrollIntoView()")
    page.wait_for_timeout(100)
    tops = page.locator(".scoreboard__table thead th:visible").evaluate_all(
        "all => all.map(one => Math.round(one.getBoundingClientRect().top))"
    )
    assert any(0 <= top <= 60 for top in tops)
    page.locator("[name=all]").click()
    assert chapters(page).count() == 0


def test_the_download_holds_every_entry(site, stored):
    told = json.loads((site / "_static" / "scoreboard.json").read_text("utf-8"))
    entries = [entry for chapter in told for entry in chapter["entries"]]
    assert len(entries) == stored["claim"] + stored["check"] + stored["finding"]
    assert sum(len(chapter["paper"]) for chapter in told) == stored["stated"]


def test_folds_open_without_scripts(visitor, stored):
    page = visitor.open(SCOREBOARD, scripts=False)
    assert not page.locator(".scoreboard__filters").is_visible()
    first = page.locator(".scoreboard__chapter").first
    first.locator("summary").first.click()
    assert first.locator(".scoreboard__entry").first.is_visible()
