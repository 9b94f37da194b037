"""How entries and ledgers look: portable plain text, escaped HTML, borders that stand out."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_entries import CHECK, CLAIM, OPPOSITE, SCALE

from repro.claims import Ledger, Stated, at_most, cards, within
from repro.claims.verdicts import judge

ROWS = [
    Stated("a", "A beats B", "2 points (table 1)"),
    Stated("b", "It holds on $N$ images", "78 % (table 2)", out_of_reach="no data <here>"),
]


def record_of(kind="claim", id="a", **changes):
    base = CHECK if kind == "check" else CLAIM
    return judge(kind=kind, chapter="demo", id=id, **(base | changes))


def records():
    return [
        record_of(),
        record_of("check", "c"),
        record_of("finding", "f", statement="C", control=[-1, -2, -3, -2, -1]),
    ]


def test_plain_text_is_the_same_on_every_machine():
    assert cards.card_text(record_of("check")) == "check a | holds | at most 1e-12"
    assert cards.ledger_text(ROWS, records()).splitlines() == [
        "1 of 2 claims tested: 1 reproduced",
        "claim a | reproduced | mean paired difference above 0 (95 % interval)",
        "1 check holds",
        "check c | holds | at most 1e-12",
        "1 finding",
        "finding f | found | mean paired difference above 0 (95 % interval)",
    ]
    assert cards.paper_text(ROWS).splitlines() == [
        "id  the paper claims        here",
        "a   A beats B               tested",
        "b   It holds on $N$ images  out of reach",
    ]


def test_the_three_kinds_are_told_apart():
    html = cards.ledger(ROWS, records())
    claims, checks, findings = html.split("<table")[1:]
    assert "1 of 2 claims tested: 1 reproduced" in claims and "no data &lt;here&gt;" in claims
    assert "1 check holds" in checks and "1 finding" in findings
    assert "reproduced" not in checks + findings


def test_the_table_of_the_paper_shows_verdicts_where_there_are_any():
    bare, told = cards.paper("demo", ROWS, []), cards.paper("demo", ROWS, records())
    assert "tested below" in bare and "reproduced" not in bare
    assert '<a href="#claim-demo-a">' in told and ">reproduced<" in told
    for html in (bare, told):
        assert r"\(N\)" in html and "out of reach: no data &lt;here&gt;" in html


def test_text_is_escaped_and_mathematics_is_typeset():
    texts = {"statement": '$a<b$ & a "<b>"', "reconstructed": "<i>", "control_is": r"5 \$ & more"}
    record = record_of(**texts)
    for html in (cards.card(record, "<u>"), cards.ledger(ROWS, [record])):
        assert r'<span class="math notranslate nohighlight">\(a&lt;b\)</span> &amp; a' in html
        assert "<b>" not in html and "<i>" not in html and "5 $ &amp; more" in html
        assert ">consistent<" in html
    assert "&lt;u&gt;" in cards.card(record, "<u>")
    assert "claim--consistent" in cards.card(record, "")


def test_a_card_shows_all_evidence():
    html = cards.card(record_of(**SCALE), "table 1")
    for text in ("not at this scale", "Positive control", "a baseline without augmentation",
                 "epochs", "6 gives", "18 gives", "1.52 [1.013, 2.027] points, n = 5 pairs",
                 "(trial)", "too few epochs", "table 1"):  # fmt: skip
        assert text in html
    html = cards.card(record_of(**OPPOSITE), "")
    assert "(not refuted): A without its key step" in html and "Paper" not in html
    excuse = {"control": 0.5, "nothing_nearer": "a sign"}
    assert "No nearer control" in cards.card(record_of("check", **excuse), "")


def test_a_refusal_shows_why():
    html = cards.refused_card("<A>", {"Rule": "at most 1"}, "no & no")
    assert "&lt;A&gt;" in html and "no &amp; no" in html and "claim--refused" in html


def test_tiny_numbers_are_written_with_powers_of_ten():
    record = record_of("check", id="a1e-5", measured=[0, 1.5e-13], control=[1e-13, 2.5e-12])
    for html in (cards.card(record, ""), cards.ledger([], [record])):
        for text in ("at most 10⁻¹²", "[0, 1.5×10⁻¹³]", "[10⁻¹³, 2.5×10⁻¹²]", "a1e-5"):
            assert text in html
    assert "at most 1e-12" in cards.card_text(record)


FLOATS = st.lists(st.floats(0.001, 0.999), min_size=5, max_size=70, unique=True)


@settings(max_examples=25)
@given(FLOATS, FLOATS)
def test_outputs_differ_between_machines_only_inside_the_masks(first, second):
    shown = []
    for values in (first, second):
        changes = {"measured": values, "accept": within(0, 1), "unit": "<mm>"}
        record = record_of(**changes, control=[value + 1 for value in values])
        plain = cards.ledger_text(ROWS, [record]) + cards.card_text(record)
        assert not re.search(r"\d\.\d", plain)
        html = cards.card(record, "") + cards.ledger(ROWS, [record])
        shown.append(re.sub(r'<span class="measured">[^<]*</span>', "", html))
    assert shown[0] == shown[1]
    assert not re.search(r"\d\.\d{2,}", re.sub(r' style="[^"]*"', "", shown[0]))


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", cards.COLOURS.values(), ids=cards.COLOURS)
@pytest.mark.parametrize("page", ["#ffffff", "#121821"])
def test_borders_stand_out_in_light_and_dark(colour, page):
    light, dark = sorted((luminance(colour), luminance(page)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 3


def test_every_verdict_has_a_colour():
    made = [record_of(), record_of(**SCALE), record_of(**OPPOSITE), *records()]
    made.append(record_of("check", accept=at_most(2e-12)))
    assert {record["verdict"] for record in made} <= set(cards.COLOURS)
