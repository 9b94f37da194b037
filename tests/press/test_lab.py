"""`make lab`: a real JupyterLab in a headless Chromium, and what it does to a chapter's file."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from press import lab as lab_module
from press.canonical import canonical
from press.execution import execute
from press.isolation import isolated
from press.lab import store_canonical
from press.records import redraw

PLACE = "chapters/vision/tiny.ipynb"
CELLS = [
    new_markdown_cell("# Title\n\n$$ a = 1 \\tag{sum} $$"),
    new_code_cell(
        "import repro\n"
        "import matplotlib.pyplot as plt\n"
        "from repro.claims import Ledger, Stated, at_most\n"
        "from repro.figures import explore, use_style\n"
        'use_style()\nledger = Ledger("tiny")',
        metadata={"tags": ["setup"]},
    ),
    new_code_cell('ledger.paper(Stated("small", "The error is small", "3 % (table 1)"))'),
    new_code_cell(
        "def draw(power):\n"
        "    fig, ax = plt.subplots(figsize=(3, 2))\n"
        "    ax.plot([0, 1], [0, 2**power])\n"
        "    return fig\n"
        'explore(draw, alt="Two to the power {power}", power=[0, 1, 2])',
        metadata={"tags": ["plot"]},
    ),
    # Numbers that JavaScript writes in another way than Python.
    new_code_cell(
        'ledger.claim("small", "On digits it is small", measured=[30.0, 1e-17, -0.0],\n'
        '             accept=at_most(50.0), control=[75.5, 80.0, 1e16], control_is="a guess")',
        metadata={"tags": ["claim"]},
    ),
    new_code_cell("ledger"),
    new_code_cell("2**10", metadata={"tags": ["solution"]}),
]


def chapter():
    """A small chapter, executed, with its cards drawn; not yet in canonical form."""
    notebook = new_notebook(cells=CELLS)
    notebook.metadata.repro = {"seconds": 1.0}
    execute(notebook)
    redraw("tiny", notebook)
    return notebook


def test_what_is_saved_is_canonical():
    notebook = new_notebook(cells=[new_code_cell("1", execution_count=3)])
    notebook.metadata = {"widgets": {"state": {}}, "repro": {"seconds": 30.0}}
    model = {"type": "notebook", "content": notebook}
    store_canonical(model, path="/chapters/vision/tiny.ipynb", contents_manager=None)
    assert nbformat.writes(model["content"]) + "\n" == canonical(notebook)
    assert model["content"].cells[0].execution_count is None


@pytest.mark.parametrize(
    ("kind", "path"), [("notebook", "scratch.ipynb"), ("file", "chapters/vision/index.md")]
)
def test_other_files_are_saved_as_they_are(kind, path):
    model = {"type": kind, "content": "anything"}
    store_canonical(model, path)
    assert model == {"type": kind, "content": "anything"}


def test_options_given_go_before_the_books_own(monkeypatch):
    given = []
    monkeypatch.setattr(lab_module.LabApp, "launch_instance", given.extend)
    lab_module.main(["--ServerApp.root_dir=elsewhere", "--no-browser"])
    assert [option for option in given if "root_dir" in option] == [
        "--ServerApp.root_dir=elsewhere"
    ]
    assert "--LabApp.default_url=/lab/tree/chapters" in given and given[-1] == "--no-browser"


@pytest.fixture
def lab(tmp_path):
    """Address of a JupyterLab whose root holds one chapter, and the chapter's file."""
    file = tmp_path / PLACE
    file.parent.mkdir(parents=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = (
        *(f"--ServerApp.root_dir={tmp_path}", f"--ServerApp.port={port}", "--no-browser"),
        *("--ServerApp.port_retries=0", "--IdentityProvider.token=", "--allow-root"),
    )
    with isolated() as room, open(tmp_path / "log", "w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "press.lab", *options],
            cwd=room.workplace(),
            env=room.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        address = f"http://127.0.0.1:{port}"
        try:
            file.write_text(canonical(chapter()), encoding="utf-8")  # while the server starts
            wait_for(f"{address}/api", server, tmp_path / "log")
            yield address, file
        finally:
            server.terminate()
            server.wait()


def wait_for(address, server, log):
    """Wait until a server answers."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(300):
        assert server.poll() is None, log.read_text()
        try:
            return direct.open(address, timeout=5).close()
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"no answer: {log.read_text()}")


@pytest.fixture
def page():
    """A page of a headless Chromium."""
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not executable:
        pytest.skip("no Chromium found: install it, or set CHROMIUM=/path/to/it")
    with pytest.importorskip("playwright.sync_api").sync_playwright() as driver:
        # Chromium's sandbox needs rights that containers do not give; the pages are our own.
        browser = driver.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 1280, "height": 1000})
        opened.set_default_timeout(20_000)
        yield opened
        browser.close()


def save(page):
    """Save the notebook, and wait until the server has written it."""

    def written(reply):
        return reply.request.method == "PUT" and "/api/contents/" in reply.url

    with page.expect_response(written) as reply:
        page.keyboard.press("Control+s")
    assert reply.value.ok


@pytest.mark.browser
def test_open_save_run_move_save(lab, page):
    address, file = lab
    stored = file.read_text(encoding="utf-8")
    foreign = []
    page.on("request", lambda request: foreign.append(request.url))

    page.goto(address)
    for name in ("vision", "tiny.ipynb"):  # it opens on the chapters
        page.locator(".jp-DirListing-item", has_text=name).dblclick()
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for()

    # Folded: the set-up, the plot, the claim and the solution; of the solution the output too.
    page.locator(".jp-OutputPlaceholder").wait_for(state="attached")
    assert page.locator(".jp-InputPlaceholder").count() == 4
    assert page.locator(".jp-OutputPlaceholder").count() == 1
    assert page.locator(".Toastify__toast, .jp-Dialog").all_inner_texts() == []

    save(page)
    assert file.read_text(encoding="utf-8") == stored

    for entry in ("Run", "Run All Cells"):
        page.get_by_role("menuitem", name=entry, exact=True).click()
    slider, picture = (
        page.locator(f".jupyter-widgets {part}").first for part in (".noUi-handle", "img")
    )
    before = picture.get_attribute("src")
    slider.press("ArrowRight")
    moved = "before => document.querySelector('.jupyter-widgets img').src !== before"
    page.wait_for_function(moved, arg=before)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for()

    save(page)
    assert file.read_text(encoding="utf-8") == stored
    own = ("data:", "blob:", f"{address}/")
    assert [url for url in foreign if not url.startswith(own)] == []
