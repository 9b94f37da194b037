"""The sliders in a real browser: by key, by touch, for screen readers, and without scripts."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from repro.figures import explore, exploring

NUMBERS = range(3)
pytestmark = pytest.mark.browser


def draw(k, offset=0):
    fig, ax = plt.subplots(figsize=(4, 2))
    ax.plot(np.arange(10) * k + offset)
    return fig


def heat(k):
    fig, ax = plt.subplots(figsize=(2, 1))
    ax.imshow(np.arange(6).reshape(2, 3) % (k + 2))
    return fig


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    """Two drawings of the same words, one with two sliders, and a picture that starts at 1."""
    shown = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exploring, "publish", lambda *output: shown.append(output))
        explore(draw, alt="Slope {k}", start={"k": 0}, k=NUMBERS)
        explore(draw, alt="Slope {k}", start={"k": 0}, k=NUMBERS)
        both = {"k": 0, "offset": 0}
        explore(draw, alt="Slope {k}, offset {offset}", start=both, k=NUMBERS, offset=[0, 5])
        explore(heat, alt="Remainders by {k} and 2", k=NUMBERS)
    path = tmp_path_factory.mktemp("page") / "page.html"
    body = "\n".join(bundle["text/html"] for bundle, _ in shown)
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    path.write_text(f"<!doctype html><html><head>{head}</head><body>{body}</body></html>", "utf-8")
    return path.as_uri()


@pytest.fixture
def alive(visit, page_file):
    """Open the page and wait until its drawings are unpacked."""

    def opened(**options):
        page, problems = visit(page_file, **options)
        page.wait_for_function(
            """() => [...document.querySelectorAll("img.repro-drawing")]
                .every((image) => image.src.startsWith("data:image/svg+xml,"))"""
        )
        return page, problems

    return opened


def pictures(page):
    return page.eval_on_selector_all(".repro-explore img", "all => all.map(i => [i.src, i.alt])")


def test_keys_move_only_their_own_picture(alive):
    page, problems = alive()
    before = pictures(page)
    slider = page.get_by_role("slider", name="k").nth(1)
    assert slider.get_attribute("aria-valuetext") == "0"
    slider.press("ArrowRight")
    after = pictures(page)
    assert after[1][0] != before[1][0]
    assert after[1][1] == "Slope 1"
    assert (after[0], after[2]) == (before[0], before[2])
    assert slider.get_attribute("aria-valuetext") == "1"
    assert page.locator("output").nth(1).inner_text() == "1"
    slider.press("End")
    assert pictures(page)[1][1] == "Slope 2"
    slider.press("Home")
    assert pictures(page) == before
    assert page.eval_on_selector_all("img", "all => all.every(i => i.naturalWidth > 0)")
    assert problems == []


def test_a_picture_starts_where_it_was_told(alive):
    page, problems = alive()
    slider = page.get_by_role("slider").nth(4)
    assert slider.input_value() == "1"
    still, alt = pictures(page)[3]
    assert alt == "Remainders by 1 and 2"
    sources = set()
    for key in ("Home", "ArrowRight", "ArrowRight"):
        slider.press(key)
        sources.add(pictures(page)[3][0])
    assert len(sources) == 3 and still in sources
    assert page.eval_on_selector_all("img", "all => all.every(i => i.naturalWidth > 0)")
    assert problems == []


def test_the_position_is_announced_once_it_rests(alive):
    page, _ = alive()
    words = page.locator(".repro-explore-words").first
    assert words.get_attribute("aria-live") == "polite"
    assert words.inner_text() == ""
    box = words.bounding_box()
    assert (box["width"], box["height"]) == (1, 1)
    page.evaluate("""() => {
        window.heard = [];
        const words = document.querySelector(".repro-explore-words");
        new MutationObserver(() => heard.push(words.textContent))
            .observe(words, { childList: true });
    }""")
    slider = page.get_by_role("slider").first
    slider.press("ArrowRight")
    slider.press("ArrowRight")
    page.wait_for_function("heard.length > 0")
    page.wait_for_timeout(700)
    assert page.evaluate("heard") == ["Slope 2"]


def test_two_sliders_reach_every_combination(alive):
    page, _ = alive()
    first, second = (page.get_by_role("slider").nth(i) for i in (2, 3))
    seen = set()
    for k in NUMBERS:
        for offset, key in ((0, "Home"), (5, "End")):
            second.press(key)
            source, alt = pictures(page)[2]
            assert alt == f"Slope {k}, offset {offset}"
            seen.add(source)
        first.press("ArrowRight")
    assert len(seen) == 6


def test_running_the_script_again_changes_nothing(alive):
    page, problems = alive()
    page.evaluate("""() => {
        const again = document.createElement("script");
        again.textContent = document.querySelector(".repro-explore script:last-child").textContent;
        document.body.append(again);
    }""")
    assert page.get_by_role("slider").count() == 5
    assert problems == []


def test_a_figure_inserted_later_comes_alive(alive):
    """As JupyterLab does it: markup first, then every script is replaced by a copy of itself."""
    page, problems = alive()
    page.evaluate("""() => {
        const markup = document.querySelector(".repro-explore").outerHTML
            .replace("data-ready", "data-was-ready")
            .replace(/<div class="repro-explore-controls">.*?<\\/div><\\/div><p.*?<\\/p>/s,
                     '<p class="repro-explore-still">k = 0</p>');
        const host = document.createElement("div");
        host.innerHTML = markup;
        for (const script of host.querySelectorAll("script")) {
            const copy = document.createElement("script");
            for (const { name, value } of script.attributes) copy.setAttribute(name, value);
            copy.textContent = script.textContent;
            script.replaceWith(copy);
        }
        document.body.append(host);
    }""")
    assert page.get_by_role("slider").count() == 6
    page.get_by_role("slider").nth(5).press("End")
    assert [alt for _, alt in pictures(page)][::4] == ["Slope 0", "Slope 2"]
    assert problems == []


def test_an_old_browser_keeps_the_still_picture(browser, page_file):
    context = browser.new_context()
    context.add_init_script("delete window.DecompressionStream")
    page = context.new_page()
    page.goto(page_file)
    assert page.get_by_role("slider").count() == 1  # the picture's: pixels need no unpacking
    assert page.locator(".repro-explore-still").count() == 3
    context.close()


def test_without_scripts_the_first_picture_stands_alone(visit, page_file):
    page, problems = visit(page_file, java_script_enabled=False)
    first = page.locator(".repro-explore img").first
    assert first.is_visible()
    assert first.bounding_box()["width"] > 100
    assert first.get_attribute("alt") == "Slope 0"
    assert page.locator(".repro-explore-still").first.inner_text() == "k = 0 (one of 3 pictures)"
    assert page.locator("input").count() == 0
    assert problems == []


def test_touch_moves_the_picture_on_a_phone(alive):
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    page, problems = alive(**phone)
    slider = page.get_by_role("slider").first
    box = slider.bounding_box()
    assert box["height"] >= 44
    page.touchscreen.tap(box["x"] + box["width"] - 4, box["y"] + box["height"] / 2)
    assert pictures(page)[0][1] == "Slope 2"
    assert pictures(page)[1][1] == "Slope 0"
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert problems == []
