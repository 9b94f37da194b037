"""Stored records: judged again, compared with a new run, and written back by JavaScript."""

import copy
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_entries import CHECK, CLAIM, OPPOSITE, SCALE, ledger_of

from repro.claims import (
    ClaimError,
    Varied,
    absolute,
    at_least,
    at_most,
    compare,
    equals,
    slope,
    within,
)
from repro.claims.stored import rejudge
from repro.claims.verdicts import judge


def javascript(value):
    """A model of JSON.parse and JSON.stringify: every number is a double, written shortest."""
    if isinstance(value, dict):
        return {key: javascript(part) for key, part in value.items()}
    if isinstance(value, list):
        return [javascript(part) for part in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    number = float(value)
    assert math.isfinite(number), "JSON.stringify writes null"
    whole = number.is_integer() and abs(number) < 1e21
    return int(number) if whole else number


def through_javascript(record):
    text = json.dumps(record, allow_nan=False)
    return json.loads(json.dumps(javascript(json.loads(text))))


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("claim", {}),
        ("claim", {"reconstructed": "constants"}),
        ("claim", SCALE),
        ("claim", OPPOSITE),
        ("check", {}),
        ("check", {"control": 0.5, "nothing_nearer": "it is a sign"}),
        ("finding", {}),
        ("claim", {"accept": equals(30.0), "measured": 30.0, "control": 31.0}),
        ("claim", {"accept": equals(2**60 + 1), "measured": 2**60 + 1, "control": 2**60}),
        ("claim", {"accept": at_most(1e16), "measured": 1e15, "control": 1e17}),
        ("claim", {"accept": at_least(-0.0), "measured": -0.0, "control": -1e-300}),
        ("claim", {"accept": at_least(1e22), "measured": 3e22, "control": 1e21,
                   "drift": absolute(1e17)}),
        ("finding", {"accept": within(0, 3e20), "measured": np.linspace(1, 2e20, 99),
                     "control": np.linspace(1, 4e20, 99)}),
        ("claim", SCALE | {"accept": at_least(9), "measured": 2.0, "control": 1.0,
                           "positive": 12.0,
                           "cause": Varied("steps", {2.0: 1.0, 2**60: 6.0}, "trial")}),
        ("check", {"accept": slope(2, 0.1), "measured": ([1, 2, 4], [1.0, 4.0, 16.0]),
                   "control": ([1, 2, 4], [1.0, 2.0, 4.0])}),
    ],
)  # fmt: skip
def test_a_record_survives_javascript(made, kind, changes):
    record = made(kind, **changes)
    returned = through_javascript(record)
    assert returned == record == rejudge(returned)
    assert compare(record, returned) == compare(returned, record) == []


NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(-1e99, 1e99, allow_subnormal=True)
SAMPLES = st.lists(st.integers(-(10**6), 10**6) | st.floats(-1e9, 1e9), min_size=1, max_size=80)


@settings(max_examples=50)
@given(NUMBERS, NUMBERS, NUMBERS)
def test_every_number_survives_javascript(measured, control, bound):
    for accept in (at_least(bound), equals(measured)):
        changes = {"measured": measured, "control": control, "accept": accept}
        try:
            record = judge(kind="claim", chapter="demo", id="a", **(CLAIM | changes))
        except ClaimError:
            continue
        returned = through_javascript(record)
        assert returned == record == rejudge(returned)


@settings(max_examples=50)
@given(SAMPLES, st.floats(0, 1e6), st.floats(-1e6, 1e6))
def test_every_sample_survives_javascript(values, shift, bound):
    control = [value - shift for value in values]
    changes = {"measured": values, "control": control, "accept": at_least(bound)}
    try:
        record = judge(kind="finding", chapter="demo", id="a", **(CLAIM | changes))
    except ClaimError:
        return
    returned = through_javascript(record)
    assert returned == record == rejudge(returned)


# Edited records.

EDITS = {
    "measured value": lambda r: r["measured"].update(value=[0, 0, 0, 1, 2]),
    "measured NaN": lambda r: r["measured"].update(value=math.nan),
    "measured text for a number": lambda r: r["measured"].update(value="five"),
    "measured gone": lambda r: r.pop("measured"),
    "measured form": lambda r: r.update(measured=0),
    "control accepted": lambda r: r["control"].update(value=[1, 2, 3, 4, 5]),
    "control shorter": lambda r: r["control"].update(value=[-1]),
    "rule loosened": lambda r: r["rule"].update(name="at_least", args={"bound": -9}),
    "rule vacuous": lambda r: r["rule"].update(name="at_most", args={"bound": math.inf}),
    "rule unknown": lambda r: r["rule"].update(name=["improves"]),
    "rule gone": lambda r: r["rule"].pop("args"),
    "rule argument": lambda r: r["rule"]["args"].update(by="nought"),
    "verdict": lambda r: r.update(verdict="not at this scale", reason="small"),
    "verdict of another kind": lambda r: r.update(verdict="holds"),
    "verdict unknown": lambda r: r.update(verdict="proved"),
    "kind": lambda r: r.update(kind="check"),
    "reason": lambda r: r.update(reason="because"),
    "unit": lambda r: r.update(unit=5),
    "drift": lambda r: r["drift"].update(name="absolute", by=1e9),
    "drift gone": lambda r: r.update(drift="wide"),
    "positive": lambda r: r.update(positive_is="an effect"),
    "cause": lambda r: r.update(cause={"what": "x", "levels": [], "source": "y"}),
    "excuse": lambda r: r.update(nothing_nearer="so"),
    "extra key": lambda r: r.update(note="x"),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edited_record_is_refused(made, edit):
    record = made()
    edit(record)
    with pytest.raises(ClaimError):
        rejudge(record)


@pytest.mark.parametrize("record", [None, "reproduced", [], {}, {"kind": "claim"}])
def test_what_is_no_record_is_refused(made, record):
    with pytest.raises(ClaimError, match="malformed: expected the keys kind, chapter"):
        rejudge(record)
    with pytest.raises(ClaimError, match="malformed"):
        compare(made(), record)


def test_texts_follow_from_the_rest(made):
    record = made(**SCALE)
    reworded = copy.deepcopy(record)
    for name in ("rule", "measured", "control", "positive", "drift"):
        reworded[name]["text"] = "in other words"
    reworded["cause"]["levels"][0]["text"] = "in other words"
    assert rejudge(reworded) == record
    assert compare(reworded, record) == []


# Compared with a new run.


def test_what_moves_within_its_band_is_the_same(made):
    old = made()
    assert compare(old, made(measured=np.add(CLAIM["measured"], 0.3))) == []
    assert compare(made("check"), made("check", measured=9e-15)) == []


def test_a_method_made_quietly_worse_is_told_although_its_rule_accepts(made):
    old, worse = made(), made(measured=np.multiply(CLAIM["measured"], 0.5))
    assert worse["verdict"] == old["verdict"] == "reproduced"
    assert compare(old, worse) == [
        "measured was 1 [0.8037, 1.196] points, n = 5 pairs, is 0.5 [0.4018, 0.5982] points, "
        "n = 5 pairs: outside its band (mean within 2 times half its interval over seeds)"
    ]
    found = compare(made("check"), made("check", measured=9e-13))
    assert found == [
        "measured was 2e-15, is 9e-13: outside its band (a rounding error of the same order)"
    ]
    tight = {"accept": at_most(0.02), "control": 0.5}
    found = compare(made(**tight, measured=0.0068), made(**tight, measured=0.0069))
    assert "outside its band (within 1e-06 of its size)" in found[0]
    count = {"accept": at_least(3, of=5), "control": 1, "unit": "seeds"}
    assert "was 5 seeds, is 4 seeds" in compare(made(**count, measured=5),
                                                made(**count, measured=4))[0]  # fmt: skip


def test_controls_and_evidence_are_compared_as_well(made):
    old = made(**SCALE)
    assert "control was" in compare(old, made(**(SCALE | {"control": [-9, -8, -7, -9, -8]})))[0]
    stronger = [13.1, 14.2, 13.6, 15.1, 14.4]
    assert "positive was" in compare(old, made(**(SCALE | {"positive": stronger})))[0]
    levels = SCALE["cause"].levels
    other = Varied("epochs", levels | {18: stronger}, "trial")
    found = compare(old, made(**(SCALE | {"cause": other})))
    assert "cause 'epochs' (trial) at 18 was 1.52" in found[0]
    other = Varied("epochs", {6: levels[6], 20: levels[18]}, "trial")
    found = compare(old, made(**(SCALE | {"cause": other})))
    assert "now are" in found[0] and "at 20" in found[0]


def test_what_else_changed_is_named(made):
    old = made()
    assert compare(old, made(statement="B beats A")) == [
        "statement was 'With five seeds A beats B', is 'B beats A'"
    ]
    found = compare(made("check"), made("check", accept=at_most(2e-12)))
    assert found == ["rule was 'at most 1e-12', is 'at most 2e-12'"]
    found = compare(old, made(reconstructed="constants"))
    assert found[0] == "verdict was 'reproduced', is 'consistent'"


def test_an_edit_that_fits_itself_is_found_by_the_next_run(made):
    """Numbers, texts and card edited together are in order, until the cell is executed."""
    honest = made(measured=[0.2, 0.3, 0.25, 0.35, 0.15])
    flattering = made(measured=[9.2, 9.3, 9.25, 9.35, 9.15])
    assert rejudge(flattering) == flattering
    assert "outside its band" in compare(flattering, honest)[0]
    many = {"accept": within(0, 9), "control": np.linspace(0, 99, 100)}
    honest = made(**many, measured=np.linspace(1, 5, 100))
    flattering = copy.deepcopy(honest)
    flattering["measured"]["summary"].update(mean=2.0)
    assert rejudge(flattering)["verdict"] == "reproduced"
    assert "outside its band" in compare(flattering, honest)[0]


def test_ledger_and_records_judge_alike(made):
    ledger, name = ledger_of("check")
    ledger.check(name, **CHECK)
    assert ledger.records == [made("check")]
