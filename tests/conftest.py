"""Settings and fixtures that all tests share."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings
from sample_chapter import BIBLIOGRAPHY, PART, SLUG, TOC, write_sample

from repro import chapters

os.environ["REPRO_QUIET"] = "1"

# The same examples on every run; no deadline, because the machine may have other work.
settings.register_profile("book", derandomize=True, deadline=None)
settings.load_profile("book")


def make_book(root: Path) -> Path:
    """Write an empty book: contents, references and masks, no chapter."""
    (root / "chapters").mkdir(parents=True)
    (root / "_toc.yml").write_text(TOC)
    (root / "references.bib").write_text(BIBLIOGRAPHY)
    shutil.copy(chapters.ROOT / ".nbval-sanitize.cfg", root)
    return root


def use_book(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Let the commands work on another book."""
    patch.setattr(chapters, "ROOT", root)
    patch.setattr(chapters, "CHAPTERS", root / "chapters")


@pytest.fixture
def empty_book(tmp_path, monkeypatch):
    """Root of a book without chapters, in use."""
    root = make_book(tmp_path / "book")
    use_book(root, monkeypatch)
    return root


@pytest.fixture(scope="session")
def finished_sample(tmp_path_factory):
    """Root of a book with one small chapter that passes every check."""
    root = make_book(tmp_path_factory.mktemp("sample") / "book")
    with pytest.MonkeyPatch.context() as patch:
        use_book(root, patch)
        write_sample()
    return root


@pytest.fixture
def book(finished_sample, tmp_path, monkeypatch):
    """Root of a copy of that book, in use."""
    root = shutil.copytree(finished_sample, tmp_path / "book")
    use_book(root, monkeypatch)
    return root


@pytest.fixture
def sample(book):
    """Path of the chapter in that copy."""
    return book / "chapters" / PART / f"{SLUG}.ipynb"
