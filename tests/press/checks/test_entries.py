"""The ledger: what is stored, and the calls that made it."""

from breaking import (
    assert_named,
    cases,
    cell,
    edit,
    entries,
    forget_outputs,
    messages,
    of_module,
    swap,
    tag,
    without,
)

from press.checks import entries as module


def without_outputs(holds):
    """A cell that stores nothing."""
    return lambda nb: cell(nb, kind="code", holds=holds).update(outputs=[])


def table(nb):
    """The stored rows of the table of the paper's claims."""
    (shown,) = cell(nb, kind="code", starts="ledger.paper(").outputs
    return shown.metadata.repro.paper


def move_table(nb):
    moved = cell(nb, kind="code", starts="ledger.paper(")
    nb.cells.remove(moved)
    nb.cells.append(moved)


def hide_ledger(nb):
    next(c for c in nb.cells if c.source == "ledger").source = "1"


BREAKS = {
    "claims": [
        (without_outputs("ledger.paper("), "has no table of what the paper claims. Show it"),
        (lambda nb: table(nb).pop(), "the paper claims has 5 rows, 6 or more are wanted"),
        (move_table, "shows the paper's claims. Move it to `## The paper in one minute`"),
        (lambda nb: entries(nb)[0].pop("control"), "Correct the entry, then run `make refresh"),
        (lambda nb: entries(nb)[2].measured.update(value=1), "check 'scale'"),
        (without_outputs('ledger.claim("best-scale"'), "the paper's claim 'best-scale' has no"),
    ],
    "ledger": [
        (lambda nb: swap(nb, '"best-scale", "As', '"better", "As'), "entry `better` of cell "),
        (lambda nb: swap(nb, "control_is=", "why="), "has no control. Pass control="),
        (without_outputs("for power"), "entry `(computed name)` of cell"),
        (
            lambda nb: swap(nb, '=error["one"] - error["mean"]', '=error["one"] - error["one"]'),
            "computes `error['one'] - error['one']`, the same",
        ),
        (lambda nb: tag(nb, cell(nb, tag="claim")), "does not fold as one. Tag the cell `claim`"),
        (lambda nb: tag(nb, cell(nb, tag="check")), "does not fold as one. Tag the cell `check`"),
        (hide_ledger, "does not show its ledger"),
    ],
}  # fmt: skip


@cases(BREAKS)
def test_every_fault_is_found_and_named(sample, check, damage, cause):
    assert_named(sample, check, damage, cause)


def test_every_check_is_tested():
    assert set(BREAKS) == of_module(module)


def test_a_chapter_that_never_ran_lacks_no_outputs(sample):
    edit(sample, forget_outputs)
    assert messages(sample, "ledger") == []
    assert messages(sample, "claims") == []


def test_keywords_that_are_passed_on_may_hold_the_control(sample):
    edit(sample, lambda nb: swap(nb, "control_is=", "**more, why="))
    assert not any("has no control" in line for line in messages(sample, "ledger"))


def test_calls_on_other_objects_are_no_entries(sample):
    edit(sample, lambda nb: without(nb, "for power"))
    assert messages(sample, "ledger") == []
