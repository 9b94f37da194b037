"""The rendered site and a browser with no network, for the tests of this folder."""

import json
import os
import shutil
from pathlib import Path

import pytest
from rendered import CHAPTERS, PAGES, SITE

LOCAL = ("file:", "data:", "blob:")
# MathJax is loaded late: wait until it has typeset, then for the pictures.
SETTLED = """async () => {
  await window.MathJax?.startup?.promise;
  for (const image of document.images) image.loading = "eager";
  await Promise.allSettled([...document.images].map((image) => image.decode()));
}"""


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
        opened = driver.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield opened
        opened.close()


class Visitor:
    """Opens pages of the site from disk, offline, and keeps what goes wrong on them."""

    def __init__(self, browser, site):
        self.browser, self.site = browser, site
        self.contexts = []
        self.problems = []

    def open(self, address, *, width=1280, height=900, mode="light", scripts=True, settle=True):
        """Open a page, maybe with a query, and wait until it is typeset."""
        context = self.browser.new_context(
            viewport={"width": width, "height": height}, offline=True, java_script_enabled=scripts
        )
        context.set_default_timeout(10_000)
        self.contexts.append(context)
        if mode:
            context.add_init_script(f"localStorage.mode ??= localStorage.theme ??= {mode!r}")
        page = context.new_page()
        page.on("request", self._request)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(f"script error: {error}"))
        page.goto(self.site.as_uri() + "/" + address)
        if scripts and settle:
            page.evaluate(SETTLED)
        return page

    def _request(self, request):
        if not request.url.startswith(LOCAL):
            self.problems.append(f"asks the network for {request.url}")

    def _console(self, message):
        if message.type in ("error", "warning"):
            self.problems.append(f"console {message.type}: {message.text}")

    def close(self):
        """Close all pages."""
        for context in self.contexts:
            context.close()
        self.contexts.clear()


@pytest.fixture
def visitor(browser, site):
    """Opens pages, and closes them after the test."""
    opened = Visitor(browser, site)
    yield opened
    opened.close()


@pytest.fixture(params=CHAPTERS or ["none"], scope="module")
def chapter(request):
    """Every chapter's page in turn."""
    if request.param == "none":
        pytest.skip("the site has no chapter")
    return request.param


@pytest.fixture(scope="module")
def reader(browser, site, chapter):
    """A visitor who has the chapter open as `reader.page`, for all the tests of that chapter."""
    opened = Visitor(browser, site)
    opened.page = opened.open(chapter)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def seen_on_phone(browser, site):
    """What a visit to a page at 360 pixels shows, by page; each is visited once."""
    cache = {}

    def look(address):
        if address not in cache:
            visitor = Visitor(browser, site)
            page = visitor.open(address, width=360, height=740)
            script = (Path(__file__).parent / "look.js").read_text()
            cache[address] = page.evaluate(script) | {"problems": list(visitor.problems)}
            visitor.close()
        return cache[address]

    return look


@pytest.fixture(scope="session")
def ledger_size(site):
    """Number of claims stored in all notebooks of the site."""
    outputs = [
        output
        for page in CHAPTERS
        for cell in json.loads((site / "_sources" / page).with_suffix(".ipynb").read_text())[
            "cells"
        ]
        for output in cell.get("outputs", [])
    ]
    return sum("claim" in output.get("metadata", {}).get("repro", {}) for output in outputs)
