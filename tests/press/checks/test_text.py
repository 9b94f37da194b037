"""Prose that reads well anywhere, citations, and equations."""

import pytest
from breaking import (
    add,
    assert_named,
    cases,
    cell,
    code,
    edit,
    messages,
    of_module,
    swap,
    tag,
    text,
)
from sample_chapter import CITATION

from press.checks import text as module

LABEL = "eq-sample-scale"
INSIDE = '([Sample, 2020](https://doi.org/10.1/sample "sample2020"))'


def check_first(nb):
    check = cell(nb, tag=f"checks:{LABEL}")
    nb.cells.remove(check)
    add(nb, check, 1)


BREAKS = {
    "prose": [
        (lambda nb: text(nb, "By {cite:t}`a`."), "has the role `{cite:t}`a``, which other viewers"),
        (lambda nb: text(nb, "By {cite:p}`a`."), "Cite with a link"),
        (lambda nb: text(nb, "By {eq}`a`."), "Refer with a link"),
        (lambda nb: text(nb, "$$ a $$ (eq-sample-b)"), "Name the formula `\\tag{name}`"),
        (lambda nb: text(nb, "$$ a \\label{b} $$"), "Name the formula `\\tag{name}`"),
        (lambda nb: text(nb, "\\begin{align}\na\n\\end{align}"), "Put it between `$$`"),
        (lambda nb: text(nb, "```{note}\na\n```"), "the directive `{note}`"),
        (lambda nb: text(nb, "(here)=\n# A"), "the target `here`"),
    ],
    "citations": [
        (lambda nb: nb.metadata.repro.update(paper="absent"), "cites `absent`, which references"),
        (lambda nb: text(nb, '[A](https://a.b "absent")'), "cites `absent`, which references"),
        (lambda nb: swap(nb, "[Sample (2020)]", "[Sample et al. (2020)]"), f"Write `{CITATION}`"),
        (lambda nb: swap(nb, "10.1/sample", "10.1/other"), f"Write `{CITATION}`"),
        (lambda nb: text(nb, INSIDE.replace("2020]", "2021]")), f"Write `{INSIDE[1:-1]}`"),
        (lambda nb: text(nb, "[Sample, 2020](a)"), f"a BibTeX key. Write `{INSIDE[1:-1]}`"),
        (lambda nb: text(nb, "[Nobody et al. (2020)](a)"), "a BibTeX key. Add its entry"),
    ],
    "equations": [
        (lambda nb: tag(nb, cell(nb, tag=f"checks:{LABEL}"), "check"), "is tagged but unchecked"),
        (lambda nb: text(nb, "$$ 1 = 1 \\tag{other} $$"), "`eq-sample-other` is tagged but"),
        (lambda nb: text(nb, "$$ 1 = 1 \\tag{scale} $$"), "is stated twice, the second time in"),
        (lambda nb: text(nb, "$$ 1 = 1 \\tag{1} $$"), "tags a formula `1`. Use lower-case"),
        (lambda nb: text(nb, "$$ a \\tag{b} \\tag{c} $$"), "tags one formula twice"),
        (
            lambda nb: text(nb, "$$ \\begin{aligned} a \\tag{b} \\end{aligned} $$"),
            "has `\\tag{b}` inside an environment",
        ),
        (check_first, "checked before it is stated"),
        (lambda nb: code(nb, "assert x", "check", "checks:eq-none"), "which no formula is tagged"),
        (lambda nb: swap(nb, "ledger.check(\"scale\"", "print(\"scale\""), "asserts nothing"),
        (lambda nb: text(nb, "[(no)](#eq-sample-no)"), "refers to `eq-sample-no`, which no"),
        (lambda nb: text(nb, "[Why](#Why-it-works)"), "links to `#Why-it-works`, which the site"),
        (lambda nb: text(nb, "[here](#eq-sample-scale)"), "as `here`. Write `(scale)`"),
    ],
}  # fmt: skip


@cases(BREAKS)
def test_every_fault_is_found_and_named(sample, check, damage, cause):
    assert_named(sample, check, damage, cause)


def test_every_check_is_tested():
    assert set(BREAKS) == of_module(module)


@pytest.mark.parametrize(
    "good",
    [
        INSIDE,
        "$$ \\begin{aligned} a \\end{aligned} $$",
        "[code](https://a.b/2020)",
        "`{cite:t}`",
    ],
)
def test_what_is_in_order_passes(sample, good):
    edit(sample, lambda nb: text(nb, good))
    assert [line for check in BREAKS for line in messages(sample, check)] == []


def test_no_bibliography_at_all(book, sample):
    (book / "references.bib").unlink()
    assert ["which references.bib does not hold" in m for m in messages(sample, "citations")] == [
        True,
        True,
    ]


def test_a_bibliography_that_cannot_be_read(book, sample):
    (book / "references.bib").write_text("@misc{a, title = {A")
    (told,) = messages(sample, "citations")
    assert "references.bib is not valid BibTeX" in told
