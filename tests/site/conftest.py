"""The rendered site and a browser with no network, for the tests of this folder."""

import json
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest
from rendered import CHAPTER, CHAPTERS, PAGES, SITE
from visitor import Visitor

SCRIPTS = Path(__file__).parent


def refuse(reason):
    """Skip, or fail where the tests must run."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"{reason} (CI is set, so these tests must run)", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def site():
    """Folder of the rendered site."""
    if not PAGES:
        refuse(f"there is no rendered site in {SITE}: run `make book` first")
    return SITE


def find_browser():
    """Path of an installed Chromium or Chrome; the variable CHROMIUM goes first."""
    named = os.environ.get("CHROMIUM")
    names = (named,) if named else ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="session")
def browser(site):
    """A headless Chromium."""
    executable = find_browser()
    if executable is None:
        refuse("no Chromium found: install it, or set CHROMIUM=/path/to/it")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        # Chromium's sandbox needs rights that containers do not give; the pages are our own.
        flags = ["--no-sandbox", "--disable-gpu"]
        opened = driver.chromium.launch(executable_path=executable, args=flags)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def guest(browser, site):
    """The visitor of all tests."""
    opened = Visitor(browser, site)
    yield opened
    opened.close()


@pytest.fixture
def visitor(guest):
    """The visitor, to whom nothing has happened yet."""
    guest.problems.clear()
    return guest


@pytest.fixture(scope="module")
def reader(browser, site):
    """A visitor who has a chapter open as `reader.page`, for all tests of a module."""
    if not CHAPTER:
        pytest.skip("the site has no chapter")
    opened = Visitor(browser, site)
    opened.page = opened.open(CHAPTER)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def script():
    """Read one of the scripts beside these tests."""
    return lambda name: (SCRIPTS / f"{name}.js").read_text()


@pytest.fixture(scope="session")
def stored(site):
    """Number of entries stored in all notebooks of the site, by kind, and of `stated` claims."""
    counts = Counter()
    for page in CHAPTERS:
        notebook = json.loads((site / "_sources" / page).with_suffix(".ipynb").read_text("utf-8"))
        for cell in notebook["cells"]:
            for output in cell.get("outputs", []):
                told = output.get("metadata", {}).get("repro", {})
                counts["stated"] += len(told.get("paper", []))
                if "entry" in told:
                    counts[told["entry"]["kind"]] += 1
    return counts
