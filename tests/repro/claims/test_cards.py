"""How claims and ledgers look: portable plain text, escaped HTML, borders that stand out."""

import numpy as np
import pytest

from repro.claims import Ledger, at_most, cards, equals, improves

CLAIM = {
    "statement": "The difference is zero",
    "kind": "exact",
    "paper": "eq. 5",
    "measured": np.zeros(3),
    "accept": equals(0),
    "control": np.array([0.0, 0.25, 0.5]),
    "control_is": "thresholding the real kernel instead",
}
PAIRS = {"accept": improves(), "control": [1, -1, 0.5, -0.5, 0.1]}


def test_plain_text_is_the_same_on_every_machine():
    ledger = Ledger("demo")
    assert repr(ledger) == "0 claims yet"
    ledger.claim("a", **CLAIM)
    ledger.claim("b", **(CLAIM | PAIRS | {"statement": "B", "measured": [1, 2, 3, 4, 5]}))
    assert cards.card_text(ledger.records[0]) == "claim a | exact | equals 0 | reproduced"
    assert repr(ledger).splitlines() == [
        "2 claims: 2 reproduced",
        "a | equals 0 | reproduced",
        "b | mean paired difference above 0 (95 % interval) | reproduced",
    ]


def test_text_is_escaped_and_mathematics_is_typeset():
    ledger = Ledger("demo")
    texts = {"statement": '$a<b$ & a "<b>"', "reconstructed": "<i>", "paper": r"5 \$ & more"}
    ledger.claim("a", **(CLAIM | texts))
    record = ledger.records[0]
    for rich in (cards.card(record), cards.table([record])):
        assert r'<span class="math notranslate nohighlight">\(a&lt;b\)</span> &amp; a' in rich
        assert "<b>" not in rich and "<i>" not in rich and "5 $ &amp; more" in rich
        assert "claim--consistent" in rich and ">consistent<" in rich


def test_tiny_numbers_are_written_with_powers_of_ten():
    ledger = Ledger("demo")
    measured = {
        "measured": np.array([0, 1.5e-13]),
        "control": [1, 2.5e-7],
        "accept": at_most(1e-12),
    }
    ledger.claim("a1e-5", **(CLAIM | measured))
    record = ledger.records[0]
    for rich in (cards.card(record), cards.table([record])):
        for text in ("at most 10⁻¹²", "[0, 1.5×10⁻¹³]", "[2.5×10⁻⁷, 1]", "a1e-5"):
            assert text in rich
    assert "at most 1e-12" in cards.card_text(record)


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", cards.BORDERS.values())
@pytest.mark.parametrize("page", ["#ffffff", "#121821"])
def test_borders_stand_out_in_light_and_dark(colour, page):
    light, dark = sorted((luminance(colour), luminance(page)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 3
