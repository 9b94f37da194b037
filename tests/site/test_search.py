"""Excerpts of what a search finds, on a server: browsers refuse them to pages on disk."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytestmark = pytest.mark.browser


class Quiet(SimpleHTTPRequestHandler):
    """A server of files that says nothing."""

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def server(site):
    """Address of the site on a server of this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_excerpts_come_from_the_text_alone(browser, server):
    page = browser.new_page()
    page.goto(f"{server}/search.html?q=notation")
    page.locator("#search-results .context").first.wait_for()
    excerpts = page.locator("#search-results .context").all_inner_texts()
    assert not any(word in text for text in excerpts for word in ("Contents", ".pdf", "Show the"))
    formula = '<article class="bd-article"><p>So <span class="formula">%s</span>.</p></article>'
    mathml = "<math><mfrac><mi>a</mi><msup><mi>x</mi><mn>2</mn></msup></mfrac></math>"
    assert page.evaluate("page => Search.htmlToText(page)", formula % mathml) == "So a/(x^2)."
    page.close()
