"""Drift bands: what may move when a chapter is executed again, and which bands say nothing."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_entries import PAIRS

from repro.claims import (
    ClaimError,
    absolute,
    at_least,
    at_most,
    equals,
    improves,
    relative,
    seeds,
    within,
)
from repro.claims.drift import Drift, default
from repro.claims.measurement import Measurement

NETWORK = {"accept": at_least(0.6), "measured": 0.91, "control": 0.1}
SEEDS = {
    "accept": at_least(0.6),
    "measured": [0.91, 0.93, 0.92, 0.9],
    "control": [0.1, 0.2, 0.1, 0.1],
}


def of(*values):
    return [Measurement.of(value) for value in values]


@pytest.mark.parametrize(
    ("rule", "value", "name"),
    [
        (equals(3), 3, "exact"),
        (at_least(1), [3, 4], "exact"),
        (equals(True), True, "exact"),
        (improves(), PAIRS, "seeds"),
        (at_most(1e-12), 2e-15, "rounding"),
        (at_most(1e-12), 0.0, "rounding"),
        (at_most(1e-4), 8e-6, "rounding"),  # single precision
        (at_most(0.02), 1e-4, "rounding"),
        # An error that is not small against its bound is a number like others: it might double
        # without its rule noticing.
        (at_most(0.02), 0.007, "relative"),
        (within(0, 1), 0.5, "relative"),
        (at_least(0.5), np.linspace(1, 2, 100), "relative"),
    ],
)
def test_each_kind_of_number_has_its_band(rule, value, name):
    assert default(rule, Measurement.of(value)).name == name


@pytest.mark.parametrize(
    ("band", "rule", "old", "near", "far"),
    [
        (Drift("exact"), equals(3), 3, 3, 4),
        (Drift("exact"), equals(True), True, True, False),
        (Drift("rounding"), at_most(1e-10), 1e-15, 9e-14, 2e-13),
        (Drift("rounding"), at_most(1e-10), 3e-13, 2e-12, 4e-12),
        (Drift("rounding"), at_most(1e-10), 4e-12, 5e-13, 3e-13),
        (relative(0.01), at_least(0), [100.0, 1.0], [100.9, 1.9], [100.0, 2.1]),
        (absolute(0.05), at_least(0), 0.5, 0.54, 0.56),
        (seeds(), improves(), PAIRS, np.add(PAIRS, 0.38), np.add(PAIRS, 0.4)),
        (relative(0.01), at_least(0), np.arange(99.0), np.arange(99) + 0.5, np.arange(99) + 2.0),
    ],
)
def test_what_lies_in_a_band(band, rule, old, near, far):
    old, near, far = of(old, near, far)
    assert band.holds(old, old, rule)
    assert band.holds(old, near, rule) and not band.holds(old, far, rule)


def test_another_shape_or_kind_is_outside_every_band():
    one, two, truth = of(1, [1, 1], True)
    for band in (Drift("exact"), absolute(9), relative(0.9)):
        assert not band.holds(one, two, equals(1)) and not band.holds(one, truth, equals(1))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Drift("loose"),
        lambda: absolute(0),
        lambda: absolute(-1),
        lambda: absolute(math.inf),
        lambda: absolute(math.nan),
        lambda: absolute("0.1"),
        lambda: absolute(True),
        lambda: absolute(10**400),
        lambda: relative(1),
        lambda: seeds(0),
        lambda: Drift("exact", 0.1),
    ],
)
def test_a_band_without_a_width_is_refused(make):
    with pytest.raises(ClaimError, match="drift: expected"):
        make()


def test_anything_but_a_band_is_refused(refused):
    lenient = type("Lenient", (Drift,), {"holds": lambda *args: True})("absolute", 1e9)
    for drift in (0.1, "exact", seeds, lenient):
        refused("drift must be", drift=drift)
    refused("only errors under at_most", drift=Drift("rounding"), **NETWORK)


@pytest.mark.parametrize(
    "band", [absolute(1e9), absolute(0.5), relative(0.5), absolute(0.41)], ids=str
)
def test_a_band_that_reaches_the_control_is_refused(refused, band):
    refused("more than half way to the control", drift=band, **NETWORK)


def test_a_band_over_seeds_that_reaches_the_control_is_refused(refused):
    refused("more than half way", **SEEDS, drift=seeds(30))
    refused("more than half way", drift=seeds(20))
    # Sizes are no seeds: their spread says nothing about chance.
    sizes = {"accept": equals([8, 16, 32, 64]), "measured": [8, 16, 32, 64]}
    refused("more than half way", **sizes, control=[8, 16, 32, 128], drift=seeds())


def test_a_band_over_seeds_needs_seeds(refused):
    refused("needs one number per seed", drift=seeds(), **NETWORK)
    refused("needs one number per seed", drift=seeds(), measured=[0.9, 0.91],
            accept=at_least(0.6), control=[0.1, 0.2])  # fmt: skip


@pytest.mark.parametrize("changes", [NETWORK | {"drift": absolute(0.05)}, SEEDS], ids=str)
def test_trained_networks_have_their_bands(made, changes):
    assert made(**changes)["verdict"] == "reproduced"
    assert made(**(SEEDS | {"drift": seeds()}))["drift"] == {
        "name": "seeds",
        "by": 2,
        "text": "mean within 2 times half its interval over seeds",
    }


def test_a_width_may_be_a_numpy_number(made):
    drift = made(**NETWORK, drift=absolute(np.float32(0.0625)))["drift"]
    assert drift["by"] == 0.0625 and type(drift["by"]) is float


def test_the_interval_of_improves_is_as_wide_as_it_is(made):
    # The default reaches the control here; the rule and its own interval keep them apart.
    assert made(control=[0.0, 1.4, 0.1, 1.2, 0.5])["drift"]["name"] == "seeds"


@given(st.floats(0.01, 1e6), st.floats(0.01, 1e6), st.floats(1e-6, 1e6))
def test_no_declared_band_holds_measurement_and_control(low, gap, by):
    measured, control = of(low, low + gap)
    band = absolute(by)
    try:
        band.check_control(measured, control, at_most(low))
    except ClaimError:
        return
    assert not band.holds(measured, control, at_most(low))
