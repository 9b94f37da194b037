"""What can be measured, how it is kept, and what is no measurement."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.claims import ClaimError
from repro.claims.measurement import Measurement, glimpse, read_number, stored_number

NUMBERS = st.integers(-(10**6), 10**6) | st.floats(-1e9, 1e9, allow_nan=False)


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


@settings(max_examples=10)
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
    assert Measurement.of(value).text() == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.5 px"),
        ([3, 3], "3 px (all 2)"),
        ([1, 2, 4.5], "mean 2.5 [1, 4.5] px, n = 3"),
        ([True, False], "1 of 2 true px"),
    ],
)
def test_a_unit_stands_after_the_numbers(value, text):
    assert Measurement.of(value).text("px") == text


class Lie(float):
    """A number that says another when asked."""

    def __float__(self):
        return 9.0

    def __le__(self, other):
        return True

    def __repr__(self):
        return "9.0"


class Fickle:
    """An array that is another one each time."""

    def __init__(self):
        self.calls = 0

    def __array__(self, dtype=None, copy=None):
        self.calls += 1
        return np.array([float(self.calls)])


def test_objects_that_lie_are_taken_at_their_first_word():
    lie = Measurement.of([Lie(1.0)])
    assert lie == Measurement.of([9.0]) and type(lie.low) is float
    once = Measurement.of(Fickle())
    assert once.values == (1.0,) and once.low == once.high == once.mean == 1.0


def test_a_measurement_of_ones_own_making_is_none():
    class Flattering(Measurement):
        pass

    own = Flattering((), 0, 0, 0.0, 0.0, (0,))
    with pytest.raises(ClaimError, match="of type Flattering"):
        Measurement.of(own)


def test_narrow_types_are_widened_before_anything_is_summed():
    small = Measurement.of(np.full(99, 100, dtype=np.int8))
    assert (small.low, small.mean, small.std) == (100, 100.0, 0.0)
    half = Measurement.of(torch.full((99,), 60000.0, dtype=torch.float16))
    assert (half.low, half.mean, half.std) == (60000.0, 60000.0, 0.0)


def test_a_large_copy_does_not_change_with_its_array():
    array = np.zeros(99)
    measured = Measurement.of(array)
    array[:] = 1
    assert measured.high == 0


@given(st.integers(-(2**70), 2**70) | st.floats(-1e99, 1e99))
def test_a_number_is_read_as_it_was_stored(value):
    stored = stored_number(value)
    assert isinstance(stored, str) or abs(stored) <= 2**53
    assert read_number(json.loads(json.dumps(stored))) == value


@pytest.mark.parametrize("text", ["five", "", "1e", "1_0", "30", "0.5", "nan", "١"])
def test_text_that_no_number_is_stored_as_is_refused(text):
    with pytest.raises(ClaimError, match="expected a number, got the text"):
        read_number([text])


def test_any_object_is_shown_on_one_line():
    class Rude:
        def __repr__(self):
            raise RuntimeError

    assert glimpse(Rude()) == "an object of type Rude"
    assert glimpse(np.zeros(3)) == "ndarray of shape (3,)"
    assert glimpse("long\n" * 50).endswith("...") and len(glimpse("long" * 50)) == 80
