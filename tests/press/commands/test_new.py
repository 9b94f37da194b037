"""New chapters: from the template to a place in the book, and nothing by halves."""

import subprocess
import sys

import nbformat
import pytest

from press import BookError, toc, writing
from press.checks import problems
from press.commands.new import new
from press.commands.refresh import refresh
from repro import chapters

PROJECT = chapters.ROOT
GAPS = {"unwritten", "claims"}


def tree(root):
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def kinds(path):
    return {problem.check for problem in problems(path)}


def test_has_only_honest_gaps_and_runs(empty_book):
    written = new("binarization", "latent_weights")
    path = written[0]
    assert [file.relative_to(empty_book).as_posix() for file in written] == [
        "chapters/binarization/latent_weights.ipynb",
        "tests/chapters/test_latent_weights.py",
        "chapters/binarization/index.md",
        "_toc.yml",
    ]
    assert kinds(path) == {"unwritten", "refreshed"}
    refresh(path)
    assert kinds(path) == GAPS
    notebook = nbformat.read(path, as_version=4)
    assert notebook.cells[0].source == "# Latent weights"
    assert "@" not in "".join(cell.source for cell in notebook.cells)
    assert any("#eq-latent_weights-scale" in cell.source for cell in notebook.cells)
    index = (empty_book / "chapters/binarization/index.md").read_text()
    assert index.startswith("# Binary and ternary networks\n")
    assert ":part: binarization" in index


def test_its_test_passes_once_the_chapter_is_there(empty_book, monkeypatch):
    stub = new("vision", "yolof")[1]
    monkeypatch.delitem(sys.modules, "repro.methods.yolof", raising=False)
    namespace = {}
    exec(compile(stub.read_text(), str(stub), "exec"), namespace)
    module = namespace["repro"].chapter("yolof")
    namespace["test_the_scale_is_the_least_squares_solution"](module, 7)


@pytest.mark.parametrize(
    ("command", "files"), [(["check"], slice(2)), (["format", "--check"], slice(1, 2))]
)
def test_is_tidy(empty_book, command, files):
    for path in new("hardware", "bnn_engine")[files]:  # authors break the lines of a notebook
        name = path.relative_to(empty_book).as_posix()
        ruff = [sys.executable, "-m", "ruff", *command, f"--stdin-filename={name}", "-"]
        run = subprocess.run(ruff, cwd=PROJECT, input=path.read_bytes(), capture_output=True)
        assert run.returncode == 0, run


def test_the_template_and_the_sections_that_a_part_needs(empty_book):
    sections = {}
    for part in toc.PARTS:
        path = new(part, f"in_{part}")[0]
        cells = nbformat.read(path, as_version=4).cells
        sections[part] = any(cell.source.startswith("## Bit for bit") for cell in cells)
        assert kinds(path) == {"unwritten", "refreshed"}
    assert [part for part, there in sections.items() if there] == [
        "binarization",
        "quantization",
        "hardware",
    ]
    assert list(toc.paths()) == [f"in_{part}" for part in toc.PARTS]


@pytest.mark.parametrize(
    ("part", "slug", "message"),
    [
        ("poetry", "sonnets", "no part 'poetry'. Parts: binarization, quantization"),
        ("vision", "YOLOF", "'YOLOF' is not a slug. Expected lower-case"),
        ("vision", "../up", "is not a slug"),
        ("vision", "a__b", "is not a slug"),
        ("vision", "", "is not a slug"),
        ("vision", "index", "index.md exists"),
        ("vision", "sample", "chapters/binarization/sample.ipynb exists. Choose another"),
    ],
)
def test_refusals_write_nothing(book, part, slug, message):
    (book / "chapters/vision").mkdir()
    (book / "chapters/vision/index.md").write_text("# Vision\n")
    before = tree(book)
    with pytest.raises(BookError, match=message.replace(".", r"\.")):
        new(part, slug)
    assert tree(book) == before


@pytest.mark.parametrize("failing", [2, 3, 4])
def test_all_files_or_none(empty_book, monkeypatch, failing):
    before = tree(empty_book)
    calls = iter(range(1, 100))

    def write(path, text):
        if next(calls) == failing:
            raise OSError(28, "No space left on device", str(path))
        writing.write_atomically(path, text)

    monkeypatch.setattr("press.commands.new.write_atomically", write)
    with pytest.raises(BookError, match=r"could not write .*No space left on device"):
        new("vision", "yolof")
    assert tree(empty_book) == before
