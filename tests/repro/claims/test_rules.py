"""The acceptance rules: what each accepts, refutes, prints and refuses."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from repro.claims import at_least, at_most, equals, improves, slope, within
from repro.claims.measurement import ClaimError, Measurement
from repro.claims.rules import RULES, Rule, rebuild

NUMBERS = st.integers(-(10**6), 10**6) | st.floats(-1e9, 1e9, allow_nan=False)
SAMPLES = st.lists(NUMBERS, min_size=1, max_size=100)
EVERY_RULE = [
    equals(0),
    equals(True),
    equals([[1, 2.5], [3, 4]]),
    at_most(0.5),
    at_least(-2),
    at_least(3, of=5),
    within(0, 1),
    improves(),
    improves(confidence=0.99, by=-0.5),
    slope(2, 0.1),
]


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (equals(0), "equals 0"),
        (equals(True), "equals true"),
        (equals((1, 0.5)), "equals (1, 0.5)"),
        (at_most(0.5), "at most 0.5"),
        (at_most(1 / 3), "at most 0.333333"),
        (at_least(2.0), "at least 2"),
        (at_least(np.int64(3)), "at least 3"),
        (at_least(3, of=5), "at least 3 of 5"),
        (within(-1, 1), "within -1 to 1"),
        (improves(), "mean paired difference above 0 (95 % interval)"),
        (improves(0.99, by=0.5), "mean paired difference above 0.5 (99 % interval)"),
        (slope(2, 0.1), "log-log slope 2 within 0.1"),
    ],
)
def test_rules_print_themselves(rule, text):
    assert rule.text == str(rule) == repr(rule) == text


@pytest.mark.parametrize("rule", EVERY_RULE, ids=str)
def test_a_rule_is_rebuilt_from_its_name_and_arguments(rule):
    assert rebuild(rule.name, rule.args) == rule


def test_rebuild_explains_what_it_does_not_know():
    with pytest.raises(ClaimError, match="unknown rule 'close_to'"):
        rebuild("close_to", {})
    with pytest.raises(ClaimError, match="rule at_most"):
        rebuild("at_most", {"limit": 1})


@pytest.mark.parametrize(
    "make",
    [
        lambda: at_least(-math.inf),
        lambda: at_least(math.inf),
        lambda: at_most(math.inf),
        lambda: at_most(math.nan),
        lambda: at_most(1e200),
        lambda: at_most("0.5"),
        lambda: at_most(True),
        lambda: at_most(np.array([0.5])),
        lambda: at_least(torch.tensor(0.5)),
        lambda: at_least(0, of=5),
        lambda: at_least(6, of=5),
        lambda: at_least(1, of=2.5),
        lambda: within(2, 1),
        lambda: within(math.nan, 1),
        lambda: within(0, math.inf),
        lambda: improves(confidence=0.5),
        lambda: improves(confidence=1),
        lambda: improves(by=math.nan),
        lambda: slope(math.nan, 0.1),
        lambda: slope(1, 0),
        lambda: slope(1, 1),
        lambda: slope(1, math.nan),
        lambda: equals(math.nan),
        lambda: equals([]),
        lambda: equals("0"),
        lambda: equals(1j),
        lambda: equals(range(3)),
        lambda: equals(list(range(65))),
    ],
)
def test_rules_that_cannot_judge_are_refused_when_made(make):
    with pytest.raises(ClaimError):
        make()


def test_rules_cannot_be_derived_or_changed():
    with pytest.raises(ClaimError, match="cannot be derived"):
        type("Lenient", (Rule,), {"accepts": lambda self, value: True})
    with pytest.raises(AttributeError):
        at_most(1).bound = 2
    with pytest.raises(AttributeError):
        object.__setattr__(at_most(1), "accepts", lambda value: True)


@given(SAMPLES, NUMBERS)
def test_elementwise_rules_mean_every_element(values, bound):
    assert at_most(bound).accepts(values) == all(v <= bound for v in values)
    assert at_least(bound).accepts(values) == all(v >= bound for v in values)
    assert equals(bound).accepts(values) == all(v == bound for v in values)
    assert within(bound - 1, bound + 1).accepts(values) == all(
        bound - 1 <= v <= bound + 1 for v in values
    )


@given(SAMPLES, NUMBERS)
def test_no_rule_accepts_what_it_refutes(values, bound):
    for rule in (at_most(bound), at_least(bound), equals(bound), within(bound, bound + 1)):
        assert not (rule.accepts(values) and rule.refutes(values))


def test_the_opposite_rule_is_stricter_than_a_failure():
    assert not at_most(0).accepts([-1, 1]) and not at_most(0).refutes([-1, 1])
    assert at_most(0).refutes([1, 2])
    assert at_least(0).refutes([-2, -1]) and not at_least(0).refutes([-2, 1])
    assert within(0, 1).refutes([2, 3]) and not within(0, 1).refutes([-1, 2])
    assert equals(0).refutes([1, 2]) and not equals(0).refutes([-1, 1])
    assert equals([1, 2]).refutes([2, 1]) and not equals([1, 2]).refutes([1, 3])
    assert equals(True).refutes(False)


def test_equality_is_exact_for_large_integers_and_single_precision():
    assert not equals(2.0**53).accepts(np.array(2**53 + 1))
    assert equals(2**63).accepts(np.array(2**63, dtype=np.uint64))
    assert not equals(0.1).accepts(np.float32(0.1))
    assert not equals(2**64 - 1).accepts(np.array(-1))


def test_truth_values_and_numbers_are_not_mixed():
    assert equals(True).accepts(np.array([True, True]))
    assert not equals(True).accepts([True, False])
    for rule, value in [(equals(0), False), (equals(True), 1), (at_most(1), True)]:
        with pytest.raises(ClaimError, match="truth value"):
            rule.accepts(value)


def test_equals_an_array_needs_its_shape():
    assert equals([[1, 2], [3, 4]]).accepts(np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert not equals([1, 2]).accepts([2, 1])
    with pytest.raises(ClaimError, match=r"\(3,\); expected \(2,\)"):
        equals([1, 2]).accepts([1, 2, 3])


def test_counts_are_whole_numbers_in_range():
    assert at_least(3, of=5).accepts(3) and not at_least(3, of=5).accepts(2)
    assert at_least(3, of=5).accepts(np.full(100, 4))
    for value in (6, -1, 2.5, np.full(100, 2.5)):
        with pytest.raises(ClaimError, match="not a count"):
            at_least(3, of=5).accepts(value)


def test_improves_needs_the_whole_interval_above():
    better = [0.9, 1.1, 1.0, 1.2, 0.8]
    assert improves().accepts(better) and improves(by=0.5).accepts(better)
    assert not improves(by=0.9).accepts(better)
    assert not improves().accepts([3, -1, 2, -1, 1])
    assert not improves().refutes([3, -1, 2, -1, 1])
    assert improves().refutes(np.negative(better))
    assert improves(by=-2).accepts([-0.5, 0.1, -0.2, 0.3, -0.1])


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (1.0, "at least 5 pairs"),
        ([1, 2, 3, 4], "at least 5 pairs"),
        (np.ones((5, 2)), "one difference per seed"),
        ([2.0] * 5, "seeds changed nothing"),
        (np.zeros(100), "seeds changed nothing"),
        ([1, 1 + 1e-15, 1, 1, 1], "seeds changed nothing"),
    ],
)
def test_improves_refuses_what_has_no_interval(value, why):
    with pytest.raises(ClaimError, match=why):
        improves().accepts(value)


def test_slope_finds_the_exponent():
    x = np.array([1, 2, 4, 8])
    assert slope(2, 0.01).accepts((x, 3.0 * x**2))
    assert slope(2, 0.1).refutes((x, x**3))
    assert slope(0, 0.1).accepts((x, [5, 5, 5, 5]))
    noisy = x**2.2 * np.array([1.5, 0.6, 1.7, 0.9])
    assert not slope(2.6, 0.1).accepts((x, noisy)) and not slope(2.6, 0.1).refutes((x, noisy))
    assert slope(2, 0.1).describe(Measurement.of((x, x**2))) == "slope 2 over 4 points"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ([1, 2, 3], "expected a pair"),
        (([1, 2], [1, 2]), "3 to 32"),
        ((range(1, 34), range(1, 34)), "range"),
        ((list(range(1, 34)), list(range(1, 34))), "3 to 32"),
        (([1, 2, 3], [0, 1, 2]), "positive"),
        (([1, 1, 2], [1, 2, 3]), "3 distinct x"),
        (([1, 2, 3], [1, 2]), "ragged"),
    ],
)
def test_slope_refuses_what_has_no_slope(value, why):
    with pytest.raises(ClaimError, match=why):
        slope(1, 0.1).accepts(value)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (math.nan, "NaN or infinity"),
        ([1, math.inf], r"1 of 2 values"),
        (np.float16("inf"), "NaN or infinity"),
        ([], "empty"),
        (np.zeros((0, 3)), "empty"),
        ("0", "of type str"),
        (np.array(["0"]), "strings are not measurements"),
        (None, "of type NoneType"),
        ({1.0}, "of type set"),
        (1 + 0j, "of type complex"),
        (np.array([1j]), "no order"),
        (np.array([1, None]), "64 bits"),
        (2**70, "64 bits"),
        ([2**70, 1], "64 bits"),
        (np.array(1.0, dtype=np.longdouble), "float64"),
        (np.array("2020-01-01", dtype="datetime64[D]"), "expected booleans"),
        (np.ma.masked_array([1.0, math.nan], mask=[False, True]), "masked"),
        ([1.0, [2.0, 3.0]], "ragged"),
        ([True, 1], "mixes truth values"),
        ([2**53 + 1, 0.5], "2\\*\\*53"),
        ([2**63, -(2**53) - 1], "2\\*\\*53"),
        (1e150, "magnitude"),
        (torch.tensor([1.0], dtype=torch.bfloat16), "no NumPy form"),
        (torch.tensor([math.nan]), "NaN or infinity"),
    ],
)
def test_unfit_measurements_are_refused(value, why):
    with pytest.raises(ClaimError, match=why):
        Measurement.of(value)


class NoArray:
    def __array__(self, dtype=None, copy=None):
        raise TypeError("not today")


def test_an_object_that_does_not_convert_is_refused():
    with pytest.raises(ClaimError, match="not today"):
        Measurement.of(NoArray())


def test_tensors_masked_arrays_and_lists_are_converted_by_value():
    want = Measurement.of([0.5, 1.0])
    assert Measurement.of(torch.tensor([0.5, 1.0], requires_grad=True)) == want
    assert Measurement.of([torch.tensor(0.5), np.float32(1)]) == want
    assert Measurement.of(np.ma.masked_array([0.5, 1.0])) == want


@given(st.lists(NUMBERS, min_size=65, max_size=90))
def test_large_samples_survive_as_a_summary(values):
    measurement = Measurement.of(values)
    assert measurement.values is None
    assert Measurement.from_record(measurement.record()) == measurement


@pytest.mark.parametrize(
    "change",
    [{"mean": 5.0}, {"std": -1.0}, {"std": 9.0}, {"n": 99}, {"shape": [50]}, {"min": math.nan}],
)
def test_an_edited_summary_contradicts_itself(change):
    record = Measurement.of(np.linspace(0, 1, 100)).record()
    record["summary"].update(change)
    with pytest.raises(ClaimError):
        Measurement.from_record(record)


def test_a_stored_measurement_has_one_form():
    with pytest.raises(ClaimError, match="either a value or a summary"):
        Measurement.from_record({})
    with pytest.raises(ClaimError, match="stored as a summary"):
        Measurement.from_record({"value": list(range(65))})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (12345678, "12345678"),
        (0.123456, "0.1235"),
        (True, "true"),
        ([True, False, True], "2 of 3 true"),
        ([3, 3], "3 (all 2)"),
        ([1, 2, 4.5], "mean 2.5 [1, 4.5], n = 3"),
    ],
)
def test_measurements_print_on_one_line(value, text):
    assert Measurement.of(value).text == text


def test_the_registry_holds_every_rule():
    assert set(RULES) == {"equals", "at_most", "at_least", "within", "improves", "slope"}
