"""The table of contents: the order of the book, and new chapters without a line changed."""

import difflib
import shutil

import pytest

from press import BookError, toc
from repro import chapters

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

  # what follows the papers
  - caption: Appendix
    chapters:
      - file: chapters/appendix/scoreboard
"""
QUANTIZATION = CONTENTS.split("\n  # what follows")[0]
INDENTED_LESS = """\
parts:
- caption: Quantization
  chapters:
  - file: 'chapters/quantization/index'
- caption: Appendix
"""


def added(part, slug, contents=CONTENTS):
    """Lines that entering a chapter adds, and the line above; all others stay as they are."""
    after = toc.with_chapter(contents, part, slug)
    lines = list(difflib.ndiff(contents.splitlines(), after.splitlines()))
    assert not any(line.startswith("- ") for line in lines)
    place = next(i for i, line in enumerate(lines) if line.startswith("+ "))
    return lines[place - 1][2:].strip(), [line[2:] for line in lines if line.startswith("+ ")]


def test_at_the_end_of_a_part():
    place, lines = added("quantization", "survey")
    assert place == "- file: chapters/appendix/aside"
    assert lines == ["      - file: chapters/quantization/survey"]


def test_after_an_opening_page_with_a_title():
    start = CONTENTS.index("      - file: chapters/quantization/palquant")
    contents = CONTENTS[:start] + CONTENTS[CONTENTS.index("\n  # what follows") :]
    place, lines = added("quantization", "survey", contents)
    assert place == "title: About this part"
    assert lines == ["      - file: chapters/quantization/survey"]


def test_in_another_layout():
    place, lines = added("quantization", "survey", INDENTED_LESS)
    assert place == "- file: 'chapters/quantization/index'"
    assert lines == ["  - file: chapters/quantization/survey"]


@pytest.mark.parametrize(
    ("part", "before"), [("binarization", "parts:"), ("vision", "# what follows the papers")]
)
def test_a_new_part_in_its_place(part, before):
    place, lines = added(part, "first")
    assert place == before
    assert lines == [
        f"  - caption: {toc.PARTS[part]}",
        "    chapters:",
        f"      - file: chapters/{part}/index",
        "        title: About this part",
        f"      - file: chapters/{part}/first",
    ]


def test_a_last_part():
    place, _ = added("science", "first", QUANTIZATION)
    assert place == "- file: chapters/appendix/aside"


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ("parts: [", "not valid YAML"),
        ("root: index\n", "has no parts"),
        ("- a\n", "has no parts"),
        ("parts:\n", "has no parts"),
        ("parts:\n  - {chapters: [{file: chapters/hardware/b}]}\n", "cannot be extended"),
        ("parts: [{caption: Vision, chapters: []}]\n", "cannot be extended"),
    ],
)
def test_what_cannot_be_extended(contents, message):
    with pytest.raises(BookError, match=message):
        toc.with_chapter(contents, "hardware", "a")


def test_pages_in_order():
    assert toc.pages(CONTENTS + "  - file: chapters/x.md\n") == [
        "chapters/quantization/index",
        "chapters/quantization/palquant",
        "chapters/appendix/aside",
        "chapters/appendix/scoreboard",
        "chapters/x",
    ]


def test_chapters_in_the_order_of_the_book(empty_book):
    listed = [("vision", "b"), ("vision", "a"), ("binarization", "z")]
    text = (empty_book / toc.FILE).read_text()
    for part, slug in listed:
        text = toc.with_chapter(text, part, slug)
    (empty_book / toc.FILE).write_text(text)
    for part, slug in [*listed, ("vision", "0"), ("poetry", "p")]:
        path = empty_book / "chapters" / part / f"{slug}.ipynb"
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
    assert list(toc.paths()) == ["z", "b", "a", "0", "p"]
    (empty_book / toc.FILE).unlink()
    assert list(toc.paths()) == ["z", "0", "a", "b", "p"]
    shutil.copy(chapters.CHAPTERS / "vision" / "a.ipynb", chapters.CHAPTERS / "poetry")
    with pytest.raises(chapters.ChapterError, match="two chapters are called a"):
        toc.paths()
