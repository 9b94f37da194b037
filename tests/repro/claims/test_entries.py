"""Nothing is told twice in a ledger."""

import numpy as np
import pytest
from small_entries import CHECK, CLAIM

from repro.claims import ClaimError, Ledger, Stated, equals, within


@pytest.fixture
def ledger():
    ledger = Ledger("demo")
    ledger.paper(Stated("a", "A beats B", "table 1"), Stated("b", "A beats C", "table 2"))
    ledger.claim("a", **CLAIM)
    return ledger


def twice(ledger, why, kind="claim", name="b", **changes):
    with pytest.raises(ClaimError, match=why):
        getattr(ledger, kind)(name, **changes)
    assert [record["id"] for record in ledger.records] == ["a"]


def test_an_id_is_used_once(ledger):
    twice(ledger, "used already in this chapter, for 'With five seeds", name="a", **CLAIM)
    twice(ledger, "used already", name="a", **(CLAIM | {"statement": "Another"}))


@pytest.mark.parametrize(
    "statement",
    [
        "With five seeds A beats B",
        " With five  seeds A beats B. ",
        "with FIVE seeds A beats B",
        "With five\u200b seeds A beats B",
        "With five seeds Ａ beats B",
    ],
)
def test_a_statement_is_made_once(ledger, statement):
    changes = CLAIM | {"statement": statement, "measured": np.add(CLAIM["measured"], 1)}
    twice(ledger, "entry 'a' makes the same statement", **changes)


def test_a_test_counts_once(ledger):
    why = "same rule, measurement and control: one test counts once"
    twice(ledger, why, **(CLAIM | {"statement": "With five seeds A beats C"}))
    twice(ledger, why, "finding", "c", **(CLAIM | {"statement": "A is better"}))
    many = {"accept": within(0, 2), "measured": np.linspace(0, 1, 99),
            "control": np.linspace(0, 3, 99), "control_is": "x"}  # fmt: skip
    ledger.finding("c", "The first", **many)
    with pytest.raises(ClaimError, match=why):
        ledger.finding("d", "The second", **many)


def test_counts_may_agree_by_chance(ledger):
    count = CHECK | {"accept": equals(0), "measured": 0, "control": 3}
    ledger.check("c", **count)
    ledger.check("d", **(count | {"statement": "Another identity"}))
    assert [record["id"] for record in ledger.records] == ["a", "c", "d"]


def test_rounding_errors_may_agree_by_chance(ledger):
    ledger.check("c", **CHECK)
    ledger.check("d", **(CHECK | {"statement": "Another identity"}))
    ledger.finding("e", **(CHECK | {"statement": "A third"}))
    ledger.finding("f", **(CHECK | {"statement": "A fourth"}))
    assert len(ledger.records) == 5


def test_statements_that_differ_in_a_sign_are_two(ledger):
    ledger.finding("c", **(CLAIM | {"statement": "$a<b$", "measured": [1.5, 2, 3, 4, 5]}))
    ledger.finding("d", **(CLAIM | {"statement": "$a>b$", "measured": [1.5, 2, 3, 4, 6]}))
    assert len(ledger.records) == 3
