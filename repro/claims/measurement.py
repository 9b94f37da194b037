"""What a claim measures: numbers checked, copied, and small enough to be judged again later."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

#: Up to this many numbers are stored one by one; more are stored as a summary.
STORED = 64
#: A magnitude above this is a diverged computation, not a measurement or a bound.
LIMIT = 1e100
#: Integers beyond this are not exact as 64-bit floats.
EXACT = 2**53


class ClaimError(ValueError):
    """A claim, a rule or a stored record that the ledger refuses; the message says why."""


def number(value: bool | int | float, digits: int = 4) -> str:
    """Print a number for a reader: integers in full, other floats to `digits` figures."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) or (value.is_integer() and abs(value) <= EXACT):
        return str(int(value))
    return f"{value:.{digits}g}"


def stored_number(value: bool | int | float) -> bool | int | float | str:
    """A number as JSON keeps it, also where JavaScript reads and writes the file in between.

    JavaScript writes 30.0 as 30 and rounds integers above 2**53, which therefore become text.
    """
    if isinstance(value, bool):
        return value
    if abs(value) > EXACT:
        return repr(value)
    return int(value) if float(value).is_integer() else float(value)


def read_number(value: Any) -> Any:
    """The number that `stored_number` wrote, in nested lists too; all else stays as it is.

    Raises:
        ClaimError: text that no number is stored as.
    """
    if isinstance(value, list):
        return [read_number(v) for v in value]
    if not isinstance(value, str):
        return value
    try:
        found: int | float = float(value) if set(value) & set(".en") else int(value)
    except ValueError:
        found = 0
    if stored_number(found) != value:
        raise ClaimError(f"expected a number, got the text {value!r}")
    return found


def plain(value: Any) -> Any:
    """A NumPy scalar as a Python number; all else stays as it is."""
    return value.item() if isinstance(value, np.integer | np.floating) else value


def is_number(value: Any) -> bool:
    """Whether a value is a finite number of a magnitude that can be measured."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -LIMIT <= value <= LIMIT


def gap(one: bool | int | float, other: bool | int | float) -> float:
    """One number minus the other, rounded once: 0 only if they are equal, large integers too."""
    return float(Fraction(one) - Fraction(other))


def glimpse(value: Any) -> str:
    """Show any object on one short line, for error messages.

    Never raises, whatever the object's own repr does.
    """
    shape = getattr(value, "shape", ())
    if shape:
        return f"{type(value).__name__} of shape {tuple(shape)}"
    try:
        line = " ".join(repr(value).split())
    except Exception:  # a foreign repr may fail in any way; the message must still come out
        return f"an object of type {type(value).__name__}"
    return line if len(line) <= 80 else line[:77] + "..."


@dataclass(frozen=True, slots=True)
class Measurement:
    """Finite real numbers or truth values, copied, with what the rules need to judge them.

    `shape` is () for a single value. `low`, `high` are the exact extremes (Python scalars),
    `mean` the arithmetic mean, `std` the sample standard deviation (0 for a single value).
    `values` holds all numbers in C order when there are at most 64, otherwise None.
    """

    shape: tuple[int, ...]
    low: bool | int | float
    high: bool | int | float
    mean: float
    std: float
    values: tuple[bool | int | float, ...] | None

    @property
    def n(self) -> int:
        """How many numbers were measured."""
        return math.prod(self.shape)

    @property
    def truth(self) -> bool:
        """Whether these are truth values rather than numbers."""
        return isinstance(self.low, bool)

    @property
    def size(self) -> float:
        """The largest magnitude."""
        return float(max(abs(self.low), abs(self.high)))

    @property
    def numbers(self) -> tuple[bool | int | float, ...]:
        """All numbers, or what is kept of many: extremes, mean and standard deviation."""
        if self.values is not None:
            return self.values
        return (self.low, self.high, self.mean, self.std)

    def text(self, unit: str = "") -> str:
        """The measurement on one line, such as "mean 2 [1, 3] points, n = 5"."""
        unit = unit and f" {unit}"
        if self.n == 1:
            return number(self.low) + unit
        if self.truth:
            return f"{round(self.mean * self.n)} of {self.n} true{unit}"
        if self.low == self.high:
            return f"{number(self.low)}{unit} (all {self.n})"
        ends = f"[{number(self.low)}, {number(self.high)}]"
        return f"mean {number(self.mean)} {ends}{unit}, n = {self.n}"

    def record(self) -> dict[str, Any]:
        """Return what is stored: `{"value": ...}` (nested lists) or `{"summary": {...}}`."""
        if self.values is not None:
            kept = [stored_number(v) for v in self.values]
            return {"value": np.array(kept, dtype=object).reshape(self.shape).tolist()}
        summary = {"min": self.low, "max": self.high, "mean": self.mean, "std": self.std}
        kept = {name: stored_number(v) for name, v in summary.items()}
        return {"summary": {"n": self.n, "shape": list(self.shape), **kept}}

    @classmethod
    def of(cls, value: Any) -> "Measurement":
        """Check and copy a number, a truth value, an array, a tensor or (nested) lists of them.

        Raises:
            ClaimError: anything empty, ragged, masked, not finite, complex, of mixed or unknown
                type, above 1e100 in magnitude, or not exact in 64 bits.
        """
        if type(value) is cls:
            return value
        array = _array(value)
        if array.size == 0:
            raise ClaimError(f"it is empty (shape {array.shape}): nothing was measured")
        if not np.isfinite(array).all():
            bad = int(array.size - np.isfinite(array).sum())
            raise ClaimError(f"it holds NaN or infinity ({bad} of {array.size} values)")
        low, high = array.min().item(), array.max().item()
        if low < -LIMIT or high > LIMIT:
            raise ClaimError(f"its magnitude exceeds {LIMIT:g}: the computation diverged")
        if array.size <= STORED:
            values = tuple(array.ravel().tolist())
            return cls(array.shape, low, high, *_moments(values), values)
        std = float(np.std(array, ddof=1, dtype=np.float64))
        return cls(array.shape, low, high, float(np.mean(array, dtype=np.float64)), std, None)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Measurement":
        """Rebuild a measurement from its stored form.

        Raises:
            ClaimError: the record is malformed, or its summary contradicts itself.
        """
        if ("value" in record) == ("summary" in record):
            raise ClaimError("a stored measurement has either a value or a summary")
        if "value" in record:
            measurement = cls.of(read_number(record["value"]))
            if measurement.n > STORED:
                raise ClaimError(f"more than {STORED} numbers are stored as a summary")
            return measurement
        return _from_summary(record["summary"])


def _from_summary(summary: dict[str, Any]) -> Measurement:
    """Rebuild a measurement of more than 64 numbers; no real sample can have another form."""
    summary = {name: read_number(value) for name, value in summary.items()}
    ends = Measurement.of([summary["min"], summary["max"]])
    spread = Measurement.of([summary["mean"], summary["std"]])
    (low, high), (mean, std), shape = ends.values, spread.values, tuple(summary["shape"])
    n, slack = math.prod(shape), 1e-9 * (abs(low) + abs(high))
    largest_std = (high - low) / 2 * math.sqrt(n / max(n - 1, 1))  # Popoviciu's inequality
    if not (
        n == summary["n"]
        and n > STORED
        and low - slack <= mean <= high + slack
        and 0 <= std <= largest_std + slack
    ):
        raise ClaimError(f"its summary contradicts itself: {json.dumps(summary, sort_keys=True)}")
    return Measurement(shape, low, high, float(mean), float(std), None)


def _moments(values: tuple[bool | int | float, ...]) -> tuple[float, float]:
    """Mean and sample standard deviation, with sums rounded once: the same on every machine."""
    mean = math.fsum(values) / len(values)
    squares = math.fsum((v - mean) ** 2 for v in values)
    return mean, math.sqrt(squares / max(len(values) - 1, 1))


def _array(value: Any) -> np.ndarray:
    """Copy a value into an array of booleans, integers or 64-bit floats."""
    if hasattr(value, "detach"):  # a torch tensor; torch itself is not imported here
        try:
            value = value.detach().cpu().numpy()
        except (TypeError, RuntimeError) as error:
            raise ClaimError(
                f"this tensor has no NumPy form ({error}); convert it, say with .double()"
            ) from error
    if isinstance(value, list | tuple):
        return _stack([_array(part) for part in value])
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise ClaimError("it has masked elements, which hide values; pass .compressed()")
    if not isinstance(value, bool | int | float) and not hasattr(value, "__array__"):
        raise ClaimError(
            f"it is of type {type(value).__name__}; expected a number, a truth value, "
            "an array, a tensor or a list of numbers"
        )
    try:
        return _plain(np.array(value, subok=False))
    except (TypeError, OverflowError) as error:
        raise ClaimError(f"it has no NumPy form ({error}); convert it") from error


def _plain(array: np.ndarray) -> np.ndarray:
    """Let through booleans, integers and floats of up to 64 bits; explain the others."""
    if array.dtype.kind in "biu":
        return array
    if array.dtype.kind == "f" and array.dtype.itemsize <= 8:
        return array.astype(np.float64)
    hint = {
        "c": "complex numbers have no order; take the modulus or the real part",
        "f": "convert it to float64 first",
        "O": "use integers that fit into 64 bits, or floats",
        "U": "strings are not measurements",
    }.get(array.dtype.kind, "expected booleans, integers or floats")
    raise ClaimError(f"its elements are of type {array.dtype}: {hint}")


def _stack(parts: Iterable[np.ndarray]) -> np.ndarray:
    """Stack the converted elements of a list without changing any value."""
    parts = list(parts)
    if not parts:
        return np.empty(0)
    shapes = sorted({part.shape for part in parts})
    if len(shapes) > 1:
        raise ClaimError(f"it is ragged: elements of shapes {shapes[0]} and {shapes[1]}")
    kinds = {part.dtype.kind for part in parts}
    if "b" in kinds and len(kinds) > 1:
        raise ClaimError("it mixes truth values with numbers")
    stacked = np.stack(parts)
    integers = [part for part in parts if part.dtype.kind in "iu"]
    if stacked.dtype.kind == "f" and any(
        ((part > EXACT) | (part < -EXACT)).any() for part in integers
    ):
        raise ClaimError("it mixes floats with integers above 2**53, which floats cannot hold")
    return stacked
