"""The site in Firefox, where it is installed: one page of each kind that readers meet first."""

import os
import shutil

import pytest
from rendered import CHAPTER, CHAPTERS, LANDING, SCOREBOARD
from visitor import SETTLED

pytestmark = pytest.mark.browser
#: Pages and the width of the window, that of a desktop or a phone.
PAGES = {LANDING: 390, SCOREBOARD: 390} | dict.fromkeys((CHAPTER, *CHAPTERS[-1:]), 1280)
MOVED = """async () => {
  const figure = document.querySelector(".repro-explore");
  const image = figure.querySelector("img");
  const input = figure.querySelector("input");
  const drawn = async () => {
    await new Promise((done) => setTimeout(done, 300)); // a drawing is unpacked on its first move
    await image.decode();
    return [image.src.length, image.alt, image.naturalWidth > 0];
  };
  const before = await drawn();
  input.value = input.value === input.min ? input.max : input.min;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  return [before, await drawn()];
}"""


@pytest.fixture(scope="module")
def firefox(site, tmp_path_factory):
    """A headless Firefox; the variable FIREFOX goes first."""
    named = os.environ.get("FIREFOX")
    names = (named,) if named else ("firefox-esr", "firefox")
    executable = next(filter(None, map(shutil.which, names)), None)
    if executable is None:
        pytest.skip("no Firefox found: install firefox-esr, or set FIREFOX=/path/to/it")
    from firefox import opened

    with opened(executable, tmp_path_factory.mktemp("firefox")) as browser:
        yield browser


@pytest.mark.parametrize("page", [page for page in PAGES if page])
def test_pages_open_and_sliders_move(firefox, site, script, page):
    firefox.problems.clear()
    firefox.open((site / page).as_uri(), width=PAGES[page])
    firefox.run(SETTLED)
    seen = firefox.run(script("look"))
    assert seen["scrollWidth"] <= seen["width"]
    assert seen["overflowing"] == []
    assert seen["raw"] == []
    assert seen["formulas"] == seen["typeset"]
    assert [image["source"] for image in seen["images"] if not image["loaded"]] == []
    if page != SCOREBOARD:
        before, after = firefox.run(MOVED)
        assert before != after
        assert before[2] and after[2]
    assert firefox.problems == []
