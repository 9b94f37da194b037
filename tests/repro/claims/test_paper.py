"""The table of what a paper claims: its rows, its gaps, and how much of it was tested."""

import pytest
from small_entries import CLAIM

from repro.claims import ClaimError, Ledger, Stated
from repro.claims.paper import VERDICTS, Coverage, check_rows, coverage, gaps

ROWS = [
    Stated("a", "A beats B", "2 points (table 1)"),
    Stated("b", "A beats C", "3 points (table 1)", out_of_reach="C is not public"),
]


def entry(id, kind="claim", verdict="reproduced"):
    return {"id": id, "kind": kind, "verdict": verdict}


def test_a_claim_that_was_tried_and_not_decided_needs_no_entry():
    row = Stated("a", "A beats B", "2 points", undecided="the interval covers 0")
    assert (row.untested, row.why) == ("not decided", "the interval covers 0")
    assert gaps([row], []) == []
    (found,) = gaps([row], [entry("a")])
    assert found == "claim 'a' is declared not decided, yet an entry tests it"


def test_a_table_without_gaps():
    assert gaps(ROWS, [entry("a"), entry("c", "check"), entry("d", "finding")]) == []


@pytest.mark.parametrize(
    ("entries", "gap"),
    [
        ([], "the paper's claim 'a' has no entry: test it with ledger.claim, or say"),
        ([entry("a", "finding")], "'a' is in the table of the paper's claims but is no claim"),
        ([entry("a"), entry("b")], "claim 'b' is declared out of reach, yet an entry tests it"),
        ([entry("a"), entry("c")], "claim 'c' is not in the table of the paper's claims: add"),
    ],
)
def test_every_gap_is_told(entries, gap):
    (found,) = gaps(ROWS, entries)
    assert found.startswith(gap)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "empty"),
        ([("a", "A beats B", "table 1")], "rows, got"),
        ([ROWS[0], Stated("a", "Another", "table 2")], "give id 'a' twice"),
        ([ROWS[0], Stated("c", "A beats B", "table 2")], "the same claim twice"),
        ([ROWS[0], Stated("c", "a beats\u200b B.", "table 2")], "the same claim twice"),
    ],
)
def test_a_table_that_is_none_is_refused(rows, why):
    with pytest.raises(ClaimError, match=why):
        check_rows(rows)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (("а", "A beats B", "table 1"), "id must be letters"),  # a Cyrillic letter
        (("a\u200b", "A beats B", "table 1"), "id must be letters"),
        (("a", " ", "table 1"), "says must be text"),
        (("a", "A beats B", ""), "where must be text"),
        (("a", "A beats B", "table 1", " "), "out_of_reach must be text"),
        (("a", "A beats B", "table 1", None), "out_of_reach must be text"),
        (("a", "A beats B", "table 1", "", " "), "undecided must be text"),
        (("a", "A beats B", "table 1", "no data", "too short"), "say which"),
    ],
)
def test_a_row_that_says_nothing_is_refused(row, why):
    with pytest.raises(ClaimError, match=why):
        Stated(*row)


def test_a_row_is_stored_as_it_is():
    assert Stated("a", "A  beats\nB", "table 1").record() == {
        "id": "a",
        "says": "A beats B",
        "where": "table 1",
        "out_of_reach": "",
        "undecided": "",
    }


@pytest.mark.parametrize(
    ("stated", "verdicts", "text"),
    [
        (0, [], "0 of 0 claims tested"),
        (1, ["reproduced"], "1 of 1 claim tested: 1 reproduced"),
        (9, ["contradicted", *["reproduced"] * 5, "not at this scale"],
         "7 of 9 claims tested: 5 reproduced, 1 not at this scale, 1 contradicted"),
    ],
)  # fmt: skip
def test_coverage_counts_claims_only(stated, verdicts, text):
    entries = [entry(str(n), verdict=verdict) for n, verdict in enumerate(verdicts)]
    others = [entry("x", "check", "holds"), entry("y", "finding", "found")]
    found = coverage(stated, entries + others)
    assert found.text == text and found.tested == len(verdicts)
    assert set(found.verdicts) <= set(VERDICTS)
    assert found == Coverage(stated, found.verdicts)


# In a ledger.


def test_a_claim_that_is_in_no_table_is_refused():
    for rows in ([], [ROWS[1]]):
        ledger = Ledger("demo")
        if rows:
            ledger.paper(*rows)
        with pytest.raises(ClaimError, match="has no such id: add a Stated row"):
            ledger.claim("a", **CLAIM)
        assert ledger.records == []


def test_a_claim_that_is_out_of_reach_is_refused():
    ledger = Ledger("demo")
    ledger.paper(*ROWS)
    with pytest.raises(ClaimError, match="this is out of reach there"):
        ledger.claim("b", **CLAIM)
    with pytest.raises(ClaimError, match="this is a finding"):
        ledger.finding("a", **CLAIM)
    assert ledger.records == []


def test_a_claim_without_entry_is_told_with_the_ledger():
    ledger = Ledger("demo")
    ledger.paper(*ROWS)
    told = "the paper's claim 'a' has no entry: test it with ledger.claim"
    data, metadata = ledger._repr_mimebundle_()
    assert told in repr(ledger) and told in data["text/plain"]
    assert "claim 'a' has no entry".replace("'", "&#x27;") in data["text/html"]
    assert metadata == {"repro": {"ledger": True}}
    ledger.claim("a", **CLAIM)
    assert "no entry" not in repr(ledger)


def test_the_table_is_declared_once():
    ledger = Ledger("demo")
    ledger.paper(*ROWS)
    ledger.claim("a", **CLAIM)
    away = Stated("a", "A beats B", "2 points (table 1)", out_of_reach="too hard")
    for later in ([ROWS[1]], [away, ROWS[1]]):
        with pytest.raises(ClaimError, match="declared already"):
            ledger.paper(*later)
    assert ledger.rows == ROWS
