"""Metadata, contents, cost and size."""

import pytest
from breaking import assert_named, cases, code, messages, of_module, swap

from press import toc
from press.checks import metadata

BREAKS = {
    "metadata": [
        (lambda nb: nb.metadata.repro.pop("data"), "no repro.data"),
        (lambda nb: nb.metadata.repro.update(slug="other"), "slug is 'other', its place says"),
        (lambda nb: nb.metadata.repro.update(part="vision"), "part is 'vision', its place says"),
        (lambda nb: nb.metadata.repro.update(summary="x" * 201), "longer than 200 characters"),
        (lambda nb: nb.metadata.repro.update(title="Else"), "repro.title says 'Else'"),
        (lambda nb: nb.cells.pop(0), "does not open with a text cell"),
        (lambda nb: nb.cells.clear(), "does not open with a text cell"),
        (lambda nb: swap(nb, "# Sample", "Sample"), "does not open with a text cell"),
    ],
    "budget": [
        (lambda nb: nb.metadata.repro.update(seconds=30.5), "took 30.5 s, the budget is 30 s"),
        (lambda nb: nb.metadata.repro.update(peak_mb=5000), "took 5000 MB"),
    ],
    "size": [(lambda nb: code(nb, "# " + "x" * 450_000), "kB with its outputs, the limit is 450")],
}


@cases(BREAKS)
def test_every_fault_is_found_and_named(sample, check, damage, cause):
    assert_named(sample, check, damage, cause)


def test_every_check_is_tested():
    assert set(BREAKS) | {"contents"} == of_module(metadata)


def test_a_part_that_does_not_exist(sample):
    place = sample.parents[1] / "poetry" / sample.name
    place.parent.mkdir()
    sample.rename(place)
    assert any("not a part (binarization" in line for line in messages(place, "metadata"))


@pytest.mark.parametrize("contents", ["format: jb-book\nroot: index\n", None])
def test_a_chapter_that_no_contents_list(book, sample, contents):
    if contents:
        (book / toc.FILE).write_text(contents)
    else:
        (book / toc.FILE).unlink()
    (told,) = messages(sample, "contents")
    assert "Add `- file: chapters/binarization/sample`" in told


def test_contents_that_are_no_yaml(book, sample):
    (book / toc.FILE).write_text("parts: [")
    (told,) = messages(sample, "contents")
    assert "_toc.yml is not valid YAML" in told
