"""The acceptance rules: what each accepts, refutes, prints and refuses."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.claims import ClaimError, at_least, at_most, equals, improves, slope, within
from repro.claims.measurement import Measurement
from repro.claims.rules import RULES, rebuild

NUMBERS = st.integers(-(10**6), 10**6) | st.floats(-1e9, 1e9, allow_nan=False)
SAMPLES = st.lists(NUMBERS, min_size=1, max_size=100)


def accepts(rule, value):
    """Whether a rule accepts a value, or why it cannot judge it."""
    measured = Measurement.of(value)
    rule.fits(measured)
    return rule.accepts(measured)


def refutes(rule, value):
    """Whether the opposite rule accepts a value, or why it cannot judge it."""
    measured = Measurement.of(value)
    rule.fits(measured)
    return rule.refutes(measured)


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
        lambda: at_most(10**400),
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
        lambda: at_most(-1e-300),
        lambda: improves(confidence=0.94),
        lambda: improves(confidence=1),
        lambda: improves(by=math.nan),
        lambda: slope(math.nan, 0.1),
        lambda: slope(1, 0),
        lambda: slope(1, 0.6),
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


def test_rules_cannot_be_changed():
    with pytest.raises(AttributeError):
        at_most(1).bound = 2
    with pytest.raises(AttributeError):
        object.__setattr__(at_most(1), "accepts", lambda value: True)


@settings(max_examples=40)
@given(SAMPLES, NUMBERS)
def test_elementwise_rules_mean_every_element(values, bound):
    sizes = [abs(v) for v in values]
    assert accepts(at_most(abs(bound)), sizes) == all(v <= abs(bound) for v in sizes)
    assert accepts(at_least(bound), values) == all(v >= bound for v in values)
    assert accepts(equals(bound), values) == all(v == bound for v in values)
    assert accepts(within(bound - 1, bound + 1), values) == all(
        bound - 1 <= v <= bound + 1 for v in values
    )


@settings(max_examples=40)
@given(SAMPLES, NUMBERS)
def test_no_rule_accepts_what_it_refutes(values, bound):
    for rule in (at_least(bound), equals(bound), within(bound, bound + 1)):
        assert not (accepts(rule, values) and refutes(rule, values))
    rule, sizes = at_most(abs(bound)), [abs(v) for v in values]
    assert not (accepts(rule, sizes) and refutes(rule, sizes))


def test_the_opposite_rule_is_stricter_than_a_failure():
    assert not accepts(at_most(0), [0, 1]) and not refutes(at_most(0), [0, 1])
    assert refutes(at_most(0), [1, 2])
    assert refutes(at_least(0), [-2, -1]) and not refutes(at_least(0), [-2, 1])
    assert refutes(within(0, 1), [2, 3]) and not refutes(within(0, 1), [-1, 2])
    assert refutes(equals(0), [1, 2]) and not refutes(equals(0), [-1, 1])
    assert refutes(equals([1, 2]), [2, 1]) and not refutes(equals([1, 2]), [1, 3])
    assert refutes(equals(True), False)


def test_equality_is_exact_for_large_integers_and_single_precision():
    assert not accepts(equals(2.0**53), np.array(2**53 + 1))
    assert accepts(equals(2**63), np.array(2**63, dtype=np.uint64))
    assert not accepts(equals(0.1), np.float32(0.1))
    assert not accepts(equals(2**64 - 1), np.array(-1))
    assert not accepts(at_most(2.0**53), 2**53 + 1) and not accepts(at_least(2**53 + 1), 2.0**53)
    assert not accepts(equals(0), 5e-324)


def test_truth_values_and_numbers_are_not_mixed():
    assert accepts(equals(True), np.array([True, True]))
    assert not accepts(equals(True), [True, False])
    for rule, value in [(equals(0), False), (equals(True), 1), (at_most(1), True)]:
        with pytest.raises(ClaimError, match="truth value"):
            accepts(rule, value)


def test_equals_an_array_needs_its_shape():
    assert accepts(equals([[1, 2], [3, 4]]), np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert not accepts(equals([1, 2]), [2, 1])
    with pytest.raises(ClaimError, match=r"\(3,\); expected \(2,\)"):
        accepts(equals([1, 2]), [1, 2, 3])


def test_counts_are_whole_numbers_in_range():
    assert accepts(at_least(3, of=5), 3) and not accepts(at_least(3, of=5), 2)
    assert accepts(at_least(3, of=5), np.full(100, 4))
    for value in (6, -1, 2.5, np.full(100, 2.5)):
        with pytest.raises(ClaimError, match="not a count"):
            accepts(at_least(3, of=5), value)


def test_improves_needs_the_whole_interval_above():
    better = [0.9, 1.1, 1.0, 1.2, 0.8]
    assert accepts(improves(), better) and accepts(improves(by=0.5), better)
    assert not accepts(improves(by=0.9), better)
    assert not accepts(improves(), [3, -1, 2, -1, 1])
    assert not refutes(improves(), [3, -1, 2, -1, 1])
    assert refutes(improves(), np.negative(better))
    assert accepts(improves(by=-2), [-0.5, 0.1, -0.2, 0.3, -0.1])


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (1.0, "at least 5 pairs"),
        ([1, 2, 3, 4], "at least 5 pairs"),
        (np.ones((5, 2)), "one difference per seed"),
        ([2.0] * 5, "seeds changed nothing"),
        (np.zeros(100), "seeds changed nothing"),
        ([1, 1 + 1e-15, 1, 1, 1], "seeds changed nothing"),
        ([0.1, 0.2, 0.4, 0.1, 0.2, 0.4], "no replicates"),
        ([0.1, 0.1, 0.2, 0.2, 0.4, 0.4], "no replicates"),
        ([1, 2, 3, 4, 4, 3, 2, 1, 4, 3, 2, 1], "comes 3 times"),
    ],
)
def test_improves_refuses_what_has_no_interval(value, why):
    with pytest.raises(ClaimError, match=why):
        accepts(improves(), value)


def test_slope_finds_the_exponent():
    x = np.array([1, 2, 4, 8])
    assert accepts(slope(2, 0.01), (x, 3.0 * x**2))
    assert refutes(slope(2, 0.1), (x, x**3))
    assert accepts(slope(0, 0.1), (x, [5, 5, 5, 5]))
    noisy = x**2.2 * np.array([1.5, 0.6, 1.7, 0.9])
    assert not accepts(slope(2.6, 0.1), (x, noisy)) and not refutes(slope(2.6, 0.1), (x, noisy))
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
        accepts(slope(1, 0.1), value)


def test_a_few_equal_counts_are_chance():
    assert accepts(improves(), [1, 1, 2, 2, 3, 3])


@pytest.mark.parametrize(
    ("rule", "value", "step"),
    [
        (at_most(1e-12), 0.5, 1e-12),
        (at_most(0), 0.5, 1e-6),
        (at_most(0), 7, 1.0),
        (equals(0), 7, 1.0),
        (equals(0), 0.5, 1e-6),
        (equals(609), 1239, 6.09),
        (equals([2, 5000]), [2, 4000], 50.0),
        (equals(True), False, 1.0),
        (slope(2, 0.1), ([1, 2, 4], [1, 2, 4]), 0.1),
    ],
)
def test_the_unit_of_a_disturbance(rule, value, step):
    assert rule.identity and rule.step(Measurement.of(value)) == step


@pytest.mark.parametrize("rule", EVERY_RULE, ids=str)
def test_only_identities_have_such_a_unit(rule):
    assert rule.identity == (rule.name in ("equals", "at_most", "slope"))


@pytest.mark.parametrize("rule", [improves(), improves(by=0.5), slope(2, 0.1), slope(1, 0.1)])
def test_what_is_short_by_more_than_its_spread_is_refuted(rule):
    x = np.array([1, 2, 4, 8])
    samples = [[0.9, 1.1, 1, 1.2, 0.8], [-0.9, -1.1, 1, -1.2, -0.8], [-1.1, -1, -0.9, -1.2, -0.8]]
    pairs = [(x, x**2), (x, x**1.5 * [1.5, 0.6, 1.7, 0.9]), (x, x)]
    for value in samples if rule.name == "improves" else pairs:
        measured = Measurement.of(value)
        short, spread = rule.shortfall(measured), rule.spread(measured)
        assert rule.refutes(measured) == (short > spread)


def test_elementwise_rules_do_not_reckon_with_chance():
    assert at_most(1).spread(Measurement.of(2.0)) == 0


def test_rules_describe_a_measurement_with_its_unit():
    better = Measurement.of([0.9, 1.1, 1.0, 1.2, 0.8])
    assert improves().describe(better, "points") == "1 [0.8037, 1.196] points, n = 5 pairs"
    assert at_least(0).describe(better, "points") == "mean 1 [0.8, 1.2] points, n = 5"


def test_the_registry_holds_every_rule():
    assert set(RULES) == {"equals", "at_most", "at_least", "within", "improves", "slope"}
