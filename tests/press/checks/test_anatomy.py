"""Sections, sizes and exercises."""

from breaking import (
    assert_named,
    cases,
    cell,
    code,
    edit,
    forget_outputs,
    messages,
    of_module,
    swap,
    tag,
    text,
)

from press.checks import anatomy

PLAIN = "value = 1\n" * 25


def swap_sections(nb):
    play, results = (cell(nb, starts=f"## {name}") for name in ("Play", "What reproduces"))
    play.source, results.source = results.source, play.source


def add_words(nb, section, words):
    cell(nb, starts=f"## {section}").source += " word" * words


def open_cells(nb, section, count):
    place = nb.cells.index(cell(nb, starts=f"## {section}")) + 1
    for _ in range(count):
        code(nb, PLAIN)
        nb.cells.insert(place, nb.cells.pop())


BREAKS = {
    "sections": [
        (lambda nb: swap(nb, "## Play", "### Play"), "`## Play` is missing"),
        (lambda nb: swap(nb, "## Bit for bit", "### Bits"), "`## Bit for bit` is missing"),
        (lambda nb: text(nb, "## Notes"), "`## Notes` that is not of the book"),
        (lambda nb: text(nb, "## Play"), "has a section twice"),
        (swap_sections, "wrong order"),
        (lambda nb: swap(nb, "### Deviations", "### Departures"), "lacks `### Deviations"),
    ],
    "unwritten": [
        (lambda nb: text(nb, "Unwritten: more."), "unwritten section: cell "),
        (lambda nb: nb.metadata.repro.update(scale="Unwritten: x"), "repro.scale"),
    ],
    "length": [
        (lambda nb: text(nb, "word " * 2000), "2,000 to 3,500. Cut."),
        (lambda nb: swap(nb, "stands for an argument that a reader could", ""), "Say more."),
        (lambda nb: add_words(nb, "The paper in one minute", 300), "it may have 400. Move"),
        (lambda nb: add_words(nb, "The method", 500), "before the first result, at most 800"),
    ],
    "open-lines": [
        (lambda nb: open_cells(nb, "The method", 6), "in its first four sections, which may have"),
        (lambda nb: open_cells(nb, "Further reading", 12), "of open code, a chapter has 300"),
    ],
    "exercises": [
        (lambda nb: swap(nb, "### Exercise 3", "### Task"), "has 2 exercises"),
        (
            lambda nb: tag(nb, cell(nb, tag="solution")),
            "`### Exercise 1. As follows: five minutes` has no",
        ),
    ],
}


@cases(BREAKS)
def test_every_fault_is_found_and_named(sample, check, damage, cause):
    assert_named(sample, check, damage, cause)


def test_every_check_is_tested():
    assert set(BREAKS) == of_module(anatomy)


def test_bit_for_bit_is_optional_elsewhere(book, sample):
    place = book / "chapters" / "vision" / sample.name
    place.parent.mkdir()
    sample.rename(place)
    edit(place, lambda nb: swap(nb, "## Bit for bit", "### Bits"))
    assert messages(place, "sections") == []


def test_headings_in_code_fences_are_not_headings(sample):
    edit(sample, lambda nb: text(nb, "```python\n## Notes\n```"))
    assert messages(sample, "sections") == []


def test_folded_code_and_formulas_do_not_count(sample):
    def damage(nb):
        for _ in range(12):
            code(nb, PLAIN, "table")
        text(nb, "$$ a " + "b " * 3000 + "$$\n\n`" + "c " * 3000 + "`")

    edit(sample, damage)
    assert messages(sample, "open-lines") + messages(sample, "length") == []


def test_the_first_result_of_a_chapter_that_never_ran_is_not_awaited(sample):
    edit(sample, lambda nb: (forget_outputs(nb), add_words(nb, "The method", 500)))
    assert messages(sample, "length") == []


def test_a_gap_is_named_before_the_length(sample):
    edit(sample, lambda nb: text(nb, "Unwritten: more " + "word " * 3000))
    assert messages(sample, "length") == []
