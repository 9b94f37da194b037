"""New chapters: from the template to a place in the book, and nothing by halves."""

import difflib
import subprocess
import sys

import nbformat
import pytest
import yaml

from press import BookError, toc
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
    assert kinds(path) == {*GAPS, "refreshed"}
    refresh(path)
    assert kinds(path) == GAPS
    notebook = nbformat.read(path, as_version=4)
    assert notebook.cells[0].source == "# Latent weights"
    assert "@" not in "".join(cell.source for cell in notebook.cells)
    assert any("eq-latent_weights-scale" in cell.source for cell in notebook.cells)
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


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]])
def test_is_tidy(empty_book, command):
    for path in new("hardware", "bnn_engine")[:2]:
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
        assert kinds(path) == {*GAPS, "refreshed"}
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


CONTENTS = """\
format: jb-book
root: index
# The parts, in order.
parts:
  - caption: "Quantization"   # comment
    numbered: true
    chapters:
      - file: chapters/quantization/index
        title: About this part
      - file: chapters/quantization/palquant   # second
        sections:
          - file: chapters/appendix/aside
  - caption: Appendix
    chapters:
      - file: chapters/appendix/scoreboard
"""
QUANTIZATION = CONTENTS.split("  - caption: Appendix")[0]


def added(part, slug, contents=CONTENTS):
    """Lines that entering a chapter adds; all others stay as they are."""
    after = toc.with_chapter(contents, part, slug)
    yaml.safe_load(after)
    lines = list(difflib.ndiff(contents.splitlines(), after.splitlines()))
    assert not any(line.startswith("- ") for line in lines)
    place = next(i for i, line in enumerate(lines) if line.startswith("+ "))
    return lines[place - 1][2:].strip(), [line[2:] for line in lines if line.startswith("+ ")]


def test_contents_at_the_end_of_a_part():
    place, lines = added("quantization", "survey")
    assert place == "- file: chapters/appendix/aside"
    assert lines == ["      - file: chapters/quantization/survey"]


def test_contents_after_an_opening_page_with_a_title():
    contents = CONTENTS.replace("      - file: chapters/quantization/palquant   # second\n", "")
    contents = contents.replace(
        "        sections:\n          - file: chapters/appendix/aside\n", ""
    )
    place, lines = added("quantization", "survey", contents)
    assert place == "title: About this part"
    assert lines == ["      - file: chapters/quantization/survey"]


@pytest.mark.parametrize(
    ("part", "before"),
    [("binarization", "parts:"), ("vision", "- file: chapters/appendix/aside")],
)
def test_contents_with_a_new_part_in_its_place(part, before):
    place, lines = added(part, "first")
    assert place == before
    assert lines == [
        f"  - caption: {toc.PARTS[part]}",
        "    chapters:",
        f"      - file: chapters/{part}/index",
        "        title: About this part",
        f"      - file: chapters/{part}/first",
    ]


def test_contents_with_a_last_part():
    place, _ = added("science", "first", QUANTIZATION)
    assert place == "- file: chapters/appendix/aside"


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ("parts: [", "not valid YAML"),
        ("root: index\n", "has no parts"),
        ("parts:\n  - {caption: Vision, chapters: [{file: chapters/vision/a}]}\n", "no parts"),
        (f"{QUANTIZATION}more: |\n  - caption: Vision\n", "cannot be extended"),
    ],
)
def test_contents_that_cannot_be_extended(contents, message):
    with pytest.raises(BookError, match=message):
        toc.with_chapter(contents, "hardware", "a")
