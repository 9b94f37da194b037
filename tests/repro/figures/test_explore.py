"""Sliders: refused when wrong, small and deterministic when right, alive in browser and kernel."""

import json
import os
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import matplotlib as mpl
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

import repro.figures.explore as module
from repro.figures import explore, use_style
from repro.figures.sliders import ExploreError, make_sliders

NUMBERS = range(3)


def draw(k, offset=0):
    fig, ax = plt.subplots(figsize=(4, 2))
    ax.plot(np.arange(10) * k + offset)
    return fig


def noise(k):
    fig, ax = plt.subplots()
    ax.imshow(np.random.default_rng(k).random((300, 600, 3)), aspect="auto")
    return fig


@pytest.fixture
def shown(monkeypatch):
    """Outputs that `explore` publishes, in a process that has shown nothing yet."""
    outputs = []
    monkeypatch.setattr(module, "publish", lambda *output: outputs.append(output))
    monkeypatch.setattr(module, "_shown", type(module._shown)())
    with mpl.rc_context():
        use_style()
        yield outputs
    plt.close("all")


def data_of(page):
    """The JSON inside a page."""
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', page)[1])


def test_one_output_carries_page_words_and_metadata(shown):
    explore(
        draw,
        alt="Slope {k},\n offset {offset:.2f}",
        labels={"offset": "offset / V"},
        fmt={"offset": "{:.1f}"},
        k=np.arange(3),
        offset=[0.5, 1.0],
    )
    [(bundle, metadata)] = shown
    assert set(bundle) == {"text/html", "text/plain"}
    assert bundle["text/plain"] == "explore: Slope 0, offset 0.50\nk: 0, 1, 2\noffset / V: 0.5, 1.0"
    assert metadata == {"repro": {"alt": "Slope 0, offset 0.50", "explore": ["k", "offset"]}}
    data = data_of(bundle["text/html"])
    assert len(data["frames"]) == 5
    assert data["alts"][3] == "Slope 1, offset 1.00"
    assert data["sliders"][1] == {"label": "offset / V", "texts": ["0.5", "1.0"]}
    assert "offset / V = 0.5 (one of 6 pictures)" in bundle["text/html"]
    assert 'width="400" height="200"' in bundle["text/html"]
    assert plt.get_fignums() == []


def test_the_page_is_deterministic_and_its_ids_are_unique(shown):
    explore(draw, alt="Slope {k}", k=NUMBERS)
    explore(draw, alt="Slope {k}", k=NUMBERS)
    explore(draw, alt="Rise {k}", k=NUMBERS)
    pages = [bundle["text/html"] for bundle, _ in shown]
    ids = [re.search(r'id="([^"]+)"', page)[1] for page in pages]
    assert len(set(ids)) == 3
    assert pages[1].replace(ids[1], ids[0]) == pages[0]
    module._shown.clear()
    explore(draw, alt="Slope {k}", k=NUMBERS)
    assert shown[-1][0]["text/html"] == pages[0]


def test_text_cannot_break_out_of_the_markup(shown):
    label = '</script><img src=x onerror="alert(1)">'
    explore(draw, alt='Quote " <b> {k}', labels={"k": label}, k=NUMBERS)
    page = shown[0][0]["text/html"]
    assert page.count("</script>") == 2
    assert page.count("<img") == 1
    assert data_of(page)["sliders"][0]["label"] == label
    assert 'alt="Quote &quot; &lt;b&gt; 0"' in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "no slider"),
        ({"k": [1]}, r"k has 1 position\(s\), at least 2"),
        ({"k": []}, r"k has 0 position\(s\)"),
        ({"k": "abc"}, "k: expected a sequence of positions, got 'abc'"),
        ({"k": 3}, "k: expected a sequence of positions, got 3"),
        ({"k": [1, 2, 1]}, r"positions of k that read alike: \['1'\]"),
        ({"k": [0.1, 0.1 + 1e-12]}, "read alike"),
        ({"k": [1.21, 1.22], "fmt": {"k": "{:.1f}"}}, "read alike"),
        ({"k": [1, 2], "fmt": {"k": "{:q}"}}, "cannot format 1"),
        ({"k": [1, 2], "fmt": {"j": "{}"}}, r"fmt for \['j'\], but the sliders are \['k'\]"),
        ({"k": [1, 2], "labels": {"j": "J"}}, r"labels for \['j'\]"),
        ({"k": [1, 2], "labels": {"k": " "}}, "label of k is blank"),
        ({"k": range(49)}, r"49 pictures \(49 of k\), at most 48"),
        ({"k": range(7), "offset": range(7)}, r"49 pictures \(7 of k x 7 of offset\)"),
        ({"k": [1, 2], "alt": " "}, "alt is blank"),
        ({"k": [1, 2], "alt": None}, "alt is blank"),
        ({"k": [1, 2], "alt": "A line"}, r"alt names \[\], but the sliders are \['k'\]"),
        ({"k": [1, 2], "alt": "{k} {j}"}, r"alt names \['j', 'k'\]"),
    ],
)
def test_wrong_arguments_are_refused(shown, arguments, message):
    with pytest.raises(ExploreError, match=message):
        explore(draw, **{"alt": "Slope {k}"} | arguments)
    assert not shown


def test_48_pictures_are_accepted():
    assert len(make_sliders({"k": range(8), "offset": range(6)}, {}, {})) == 2


@pytest.mark.parametrize("wrong", [None, np.zeros(2)])
def test_draw_must_return_a_figure(shown, wrong):
    message = f"draw returned {type(wrong).__name__} at {{'k': 0}}, expected a matplotlib Figure"
    with pytest.raises(TypeError, match=message):
        explore(lambda k: wrong, alt="Slope {k}", k=NUMBERS)


def test_an_error_in_draw_names_the_position(shown):
    with pytest.raises(ZeroDivisionError) as caught:
        explore(lambda k: 1 / k, alt="Inverse of {k}", k=NUMBERS)
    assert "drawing the position {'k': 0}" in caught.value.__notes__[0]


def test_figures_must_have_one_size(shown):
    with pytest.raises(ExploreError, match="different sizes"):
        explore(lambda k: plt.figure(figsize=(3 + k, 2)), alt="Size {k}", k=NUMBERS)


def test_pictures_that_stay_too_large_are_refused(shown):
    with pytest.raises(ExploreError, match=r"6 pictures take \d{3,} kB .* at most 150 kB"):
        explore(noise, alt="Noise {k}", k=range(6))


def test_the_best_quality_that_fits_is_taken(shown, monkeypatch):
    explore(draw, alt="Slope {k}", k=NUMBERS)
    best = len(shown[0][0]["text/html"])
    monkeypatch.setattr(module, "MOST_BYTES", best - 1)
    explore(draw, alt="Slope {k}", k=NUMBERS)
    assert len(shown[1][0]["text/html"]) < best


def test_photographs_fit_too(shown):
    from skimage import data

    def brighter(gain):
        fig, ax = plt.subplots(figsize=(5, 5))
        ax.imshow(np.clip(data.astronaut() / 255 * gain, 0, 1))
        return fig

    explore(brighter, alt="Gain {gain}", gain=[0.5, 1.0, 1.5, 2.0])
    assert len(shown[0][0]["text/html"].encode()) <= module.MOST_BYTES


CELL = """
import sys
import matplotlib.pyplot as plt
{prepare}
from repro.figures import explore, use_style
use_style()
calls = []
def draw(k):
    calls.append(k)
    fig, ax = plt.subplots(figsize=(4, 2))
    ax.plot([0, k])
    return fig
explore(draw, alt="Slope {{k}}", labels={{"k": "slope"}}, k=[1, 2, 3])
"""
PROBE = """
import ipywidgets
from ipywidgets.widgets import widget
[slider] = [w for w in widget._instances.values() if isinstance(w, ipywidgets.SelectionSlider)]
[picture] = [w for w in widget._instances.values() if isinstance(w, ipywidgets.HTML)]
before = picture.value
assert slider.description == "slope" and calls == [1, 2, 3]
slider.value = 2
assert calls == [1, 2, 3, 3]
assert picture.value != before and 'alt="Slope 3"' in picture.value
print("redrawn")
"""


def execute(*cells):
    """Run cells in a fresh kernel and return their outputs."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata["kernelspec"] = kernel
    client = NotebookClient(notebook, timeout=120, kernel_name="python3")
    return [cell.outputs for cell in client.execute().cells]


def test_in_a_live_kernel_the_slider_redraws():
    [output], [answer] = execute(CELL.format(prepare=""), PROBE)
    assert set(output.data) == {
        "application/vnd.jupyter.widget-view+json",
        "text/html",
        "text/plain",
    }
    assert output.metadata["repro"]["explore"] == ["k"]
    assert answer.text == "redrawn\n"


def test_without_ipywidgets_the_page_still_works():
    [[output]] = execute(CELL.format(prepare="sys.modules['ipywidgets'] = None"))
    assert set(output.data) == {"text/html", "text/plain"}


def test_the_widget_calls_the_same_function(shown, monkeypatch):
    """As the test in a live kernel, inside this process."""
    ipywidgets = pytest.importorskip("ipywidgets")
    monkeypatch.setattr(module, "get_ipython", lambda: SimpleNamespace(kernel=object()))
    made = []
    monkeypatch.setattr(ipywidgets, "VBox", lambda children, **_: made.extend(children) or Box())
    explore(draw, alt="Slope {k}, <offset> {offset}", k=NUMBERS, offset=[0, 5])
    assert shown[0][0]["application/vnd.jupyter.widget-view+json"] == {"model_id": "box"}
    picture, k, offset = made
    k.value, offset.value = 2, 1
    assert 'alt="Slope 2, &lt;offset&gt; 5"' in picture.value
    assert plt.get_fignums() == []


class Box:
    def get_view_spec(self):
        return {"model_id": "box"}


def test_import_needs_no_torch_and_no_widgets():
    code = (
        "import sys, repro.figures.explore; assert not {'torch', 'ipywidgets'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium that is not allowed to reach anything."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not path:
        pytest.skip("no Chromium found: install it or name it in CHROMIUM")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def page_file(shown, tmp_path):
    """A file with two figures of the same words and one with two sliders."""
    explore(draw, alt="Slope {k}", k=NUMBERS)
    explore(draw, alt="Slope {k}", k=NUMBERS)
    explore(draw, alt="Slope {k}, offset {offset}", k=NUMBERS, offset=[0, 5])
    path = tmp_path / "page.html"
    body = "\n".join(bundle["text/html"] for bundle, _ in shown)
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    path.write_text(f"<!doctype html><html><head>{head}</head><body>{body}</body></html>", "utf-8")
    return path.as_uri()


def open_page(browser, address, **options):
    """Open a page with the network cut; problems collect the console's errors and requests."""
    context = browser.new_context(**options)
    page = context.new_page()
    problems = []
    context.route(re.compile("^https?:"), lambda route: (problems.append(route.request.url),
                                                         route.abort()))  # fmt: skip
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.goto(address)
    return page, problems


def pictures(page):
    return page.eval_on_selector_all(".repro-explore img", "all => all.map(i => [i.src, i.alt])")


@pytest.mark.browser
def test_keys_move_only_their_own_picture(browser, page_file):
    page, problems = open_page(browser, page_file)
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


@pytest.mark.browser
def test_two_sliders_reach_every_combination(browser, page_file):
    page, _ = open_page(browser, page_file)
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


@pytest.mark.browser
def test_running_the_script_again_changes_nothing(browser, page_file):
    page, problems = open_page(browser, page_file)
    page.evaluate("""() => {
        const again = document.createElement("script");
        again.textContent = document.querySelector(".repro-explore script:last-child").textContent;
        document.body.append(again);
    }""")
    assert page.get_by_role("slider").count() == 4
    assert problems == []


@pytest.mark.browser
def test_a_figure_inserted_later_comes_alive(browser, page_file):
    """As JupyterLab does it: markup first, then every script is replaced by a copy of itself."""
    page, problems = open_page(browser, page_file)
    page.evaluate("""() => {
        const markup = document.querySelector(".repro-explore").outerHTML
            .replace("data-ready", "data-was-ready")
            .replace(/<div class="repro-explore-controls">.*?<\\/div><\\/div>/s,
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
    assert page.get_by_role("slider").count() == 5
    page.get_by_role("slider").nth(4).press("End")
    assert [alt for _, alt in pictures(page)][::3] == ["Slope 0", "Slope 2"]
    assert problems == []


@pytest.mark.browser
def test_without_scripts_the_first_picture_stands_alone(browser, page_file):
    page, problems = open_page(browser, page_file, java_script_enabled=False)
    first = page.locator(".repro-explore img").first
    assert first.is_visible()
    assert first.bounding_box()["width"] > 100
    assert first.get_attribute("alt") == "Slope 0"
    assert page.locator(".repro-explore-still").first.inner_text() == "k = 0 (one of 3 pictures)"
    assert page.locator("input").count() == 0
    assert problems == []


@pytest.mark.browser
def test_touch_moves_the_picture_on_a_phone(browser, page_file):
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    page, problems = open_page(browser, page_file, **phone)
    slider = page.get_by_role("slider").first
    box = slider.bounding_box()
    assert box["height"] >= 44
    page.touchscreen.tap(box["x"] + box["width"] - 4, box["y"] + box["height"] / 2)
    assert pictures(page)[0][1] == "Slope 2"
    assert pictures(page)[1][1] == "Slope 0"
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert problems == []
