"""What the tests of figures share: what is displayed, and a browser to look at it."""

import os
import re
import shutil

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from repro.figures import PALETTE, captions, exploring, page, showing, use_style


@pytest.fixture
def shown(monkeypatch):
    """Outputs that figures publish, in the book's style and a process that has shown nothing."""
    outputs = []
    for module in (captions, exploring, showing):
        monkeypatch.setattr(module, "publish", lambda *output: outputs.append(output))
    monkeypatch.setattr(page, "_shown", type(page._shown)())
    with mpl.rc_context():
        use_style()
        yield outputs
    plt.close("all")


@pytest.fixture
def line_figure():
    """A function that draws eight sine waves."""

    def draw(**options):
        fig, ax = plt.subplots(**options)
        x = np.linspace(0, 6, 200)
        for shift, colour in enumerate(PALETTE.values()):
            ax.plot(x, np.sin(x + shift / 2), color=colour)
        ax.set(xlabel="time / s", ylabel="voltage / V")
        return fig

    return draw


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium."""
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
def visit(browser):
    """Open a page with the network cut; problems collect the console's errors and requests."""
    contexts = []

    def cut(route, problems):
        problems.append(route.request.url)
        route.abort()

    def open_page(address, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        opened = context.new_page()
        problems = []
        context.route(re.compile("^https?:"), lambda route: cut(route, problems))
        opened.on("pageerror", lambda error: problems.append(str(error)))
        opened.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
        opened.goto(address)
        return opened, problems

    yield open_page
    for context in contexts:
        context.close()
