"""What counts as a change: everything that a chapter's outputs depend on, and nothing else."""

import shutil

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from press import passed
from repro import chapters

USER = [
    "import repro\nfrom repro.figures import show\nother = repro.chapter('other')",
    "%not python",
]
OTHER = "from repro.stats import t_interval\n\ndef double(x):\n    return 2 * x"


def write(path, *sources, tags=()):
    """Write a notebook of code cells."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [new_code_cell(source, metadata={"tags": list(tags)}) for source in sources]
    for number, cell in enumerate(cells):  # the same ids each time
        cell.id = f"cell-{number}"
    nbformat.write(new_notebook(cells=cells), path)
    return path


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A small package and two chapters, of which `user` uses the method of `other`."""
    package = {
        "__init__.py": "from repro.chapters import chapter",
        "chapters.py": "import hashlib",
        "figures/__init__.py": "from repro.figures.show import show",
        "figures/show.py": "from . import style\nfrom repro.markup import mask",
        "figures/style.py": "",
        "markup.py": "import html, repro.notebook",
        "notebook.py": "def late():\n    import repro.late",
        "late.py": "",
        "stats.py": "",
        "training.py": "",
        "templates/table.html": "<table>",
    }
    for name, text in package.items():
        (tmp_path / "repro" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "repro" / name).write_text(text)
    (tmp_path / "requirements.txt").write_text("numpy==2.0")
    monkeypatch.setattr(passed, "SOURCES", tmp_path)
    monkeypatch.setattr(chapters, "ROOT", tmp_path)
    monkeypatch.setattr(chapters, "CHAPTERS", tmp_path / "chapters")
    write(tmp_path / "chapters/vision/user.ipynb", *USER)
    write(tmp_path / "chapters/vision/other.ipynb", OTHER, tags=["method"])
    return tmp_path


def digest(book):
    """The digest of the chapter that uses the other one."""
    return passed.digest(book / "chapters/vision/user.ipynb")


@pytest.mark.parametrize(
    "name",
    [
        *("repro/__init__.py", "repro/chapters.py", "repro/figures/__init__.py"),
        *("repro/figures/show.py", "repro/figures/style.py", "repro/markup.py"),
        *("repro/notebook.py", "repro/late.py", "repro/stats.py", "repro/templates/table.html"),
        *(
            "requirements.txt",
            "requirements-alone.txt",
            "chapters/vision/user.ipynb",
            "trials/results/user.json",
        ),
        "press/nbval_plugin.py",
    ],
)
def test_what_it_depends_on(book, name):
    before = digest(book)
    (book / name).parent.mkdir(parents=True, exist_ok=True)
    with open(book / name, "a") as file:
        file.write("\n")
    assert digest(book) != before


def test_trials_of_another_name_that_it_shows(book):
    write(book / "chapters/vision/user.ipynb", 'repro.trials.show("losses", "rates")')
    before = digest(book)
    stored = book / "trials/results/losses.json"
    stored.parent.mkdir(parents=True)
    stored.write_text("{}")
    assert digest(book) != before


def test_what_it_does_not_depend_on(book):
    before = digest(book)
    for name in ("repro/training.py", "repro/__pycache__/a.pyc", "trials/results/unnamed.json"):
        (book / name).parent.mkdir(parents=True, exist_ok=True)
        (book / name).write_text("changed")
    notebook = nbformat.read(book / "chapters/vision/other.ipynb", as_version=4)
    notebook.cells.append(new_markdown_cell("More text."))
    nbformat.write(notebook, book / "chapters/vision/other.ipynb")
    assert digest(book) == before


def test_the_method_of_another_chapter(book):
    before = digest(book)
    write(book / "chapters/vision/other.ipynb", OTHER.replace("2 *", "3 *"), tags=["method"])
    assert digest(book) != before


def test_chapters_that_use_each_other(book):
    method = "from repro.methods.user import double"
    write(book / "chapters/vision/other.ipynb", method, tags=["method"])
    write(book / "chapters/vision/user.ipynb", "repro.chapter('other')", tags=["method"])
    assert digest(book) == digest(book)


def test_a_chapter_that_is_not_a_notebook_has_a_digest(book):
    (book / "chapters/vision/user.ipynb").write_text("{")
    assert digest(book) == digest(book)


def test_what_passed_is_remembered(book):
    assert passed.unchanged({"user": "1", "other": "2"}) == set()
    passed.remember({"user": "1"})
    passed.remember({"other": "2"})
    assert passed.unchanged({"user": "1", "other": "3", "new": "4"}) == {"user"}


@pytest.mark.parametrize("damage", ["", "{", "[]"])
def test_a_damaged_file_means_that_nothing_passed(book, damage):
    passed.remember({"user": "1"})
    (book / "_build/passed.json").write_text(damage)
    assert passed.unchanged({"user": "1"}) == set()
    shutil.rmtree(book / "_build")
    assert passed.unchanged({"user": "1"}) == set()
