"""The positions of an `explore` figure: checked, formatted, and put into words."""

from __future__ import annotations

import itertools
import math
import string
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_FRAMES = 48

Position = tuple[int, ...]  # one index per slider


class ExploreError(ValueError):
    """Sliders, text or pictures that `explore` cannot show; the message says what to change."""


@dataclass(frozen=True)
class Slider:
    """One slider: the argument's name, its label, its positions and how they read."""

    name: str
    label: str
    values: tuple[Any, ...]
    texts: tuple[str, ...]


def make_sliders(
    values: Mapping[str, Iterable[Any]], labels: Mapping[str, str], fmt: Mapping[str, str]
) -> list[Slider]:
    """Check the arguments of `explore` and turn them into sliders.

    Args:
        values: the positions of each slider, by name.
        labels: text beside a slider, in place of its name.
        fmt: how a slider's values read.

    Returns:
        One slider for each name.

    Raises:
        ExploreError: as `explore` says.
    """
    if not values:
        raise ExploreError("explore: no slider; name one, as in delta=[0.0, 0.1, 0.2]")
    for kind, given in (("labels", labels), ("fmt", fmt)):
        if unknown := sorted(set(given) - set(values)):
            raise ExploreError(f"explore: {kind} for {unknown}, but the sliders are {list(values)}")
    sliders = [
        _slider(name, positions, labels.get(name, name), fmt.get(name))
        for name, positions in values.items()
    ]
    total = math.prod(len(slider.values) for slider in sliders)
    if total > MOST_FRAMES:
        counts = " x ".join(f"{len(slider.values)} of {slider.name}" for slider in sliders)
        raise ExploreError(
            f"explore: {total} pictures ({counts}), at most {MOST_FRAMES}: use fewer positions"
        )
    return sliders


def _slider(name: str, positions: Iterable[Any], label: str, fmt: str | None) -> Slider:
    """One checked slider."""
    if isinstance(positions, str) or not isinstance(positions, Iterable):
        raise ExploreError(f"explore: {name}: expected a sequence of positions, got {positions!r}")
    values = tuple(value.item() if hasattr(value, "item") else value for value in positions)
    texts = tuple(_read(name, value, fmt) for value in values)
    if len(values) < 2:
        raise ExploreError(f"explore: {name} has {len(values)} position(s), at least 2 are needed")
    if twice := [text for text, count in Counter(texts).items() if count > 1]:
        raise ExploreError(
            f"explore: positions of {name} that read alike: {twice}; drop one, or give fmt"
        )
    if not label.strip():
        raise ExploreError(f"explore: the label of {name} is blank")
    return Slider(name, label, values, texts)


def _read(name: str, value: Any, fmt: str | None) -> str:
    """A value as a reader would write it, without the last bits, which differ by machine."""
    if fmt is None:
        return f"{value:.6g}" if isinstance(value, float) else str(value)
    try:
        return fmt.format(value)
    except (ValueError, IndexError, KeyError) as error:
        raise ExploreError(
            f"explore: fmt {fmt!r} of {name} cannot format {value!r} ({error}); "
            'expected something like "{:.2f}"'
        ) from error


def make_start(
    sliders: Sequence[Slider], start: Mapping[str, Any], fmt: Mapping[str, str]
) -> Position:
    """Where the sliders stand at first.

    Args:
        sliders: the sliders.
        start: the position of some or all of them, by name; the others start in the middle.
        fmt: how values read: a position is found by what the reader sees.

    Returns:
        One index per slider.

    Raises:
        ExploreError: a start for no slider, or one that is none of its positions.
    """
    if unknown := sorted(set(start) - {slider.name for slider in sliders}):
        names = [slider.name for slider in sliders]
        raise ExploreError(f"explore: start for {unknown}, but the sliders are {names}")
    return tuple(_index(slider, start, fmt.get(slider.name)) for slider in sliders)


def _index(slider: Slider, start: Mapping[str, Any], fmt: str | None) -> int:
    """Where one slider stands at first."""
    if slider.name not in start:
        return (len(slider.texts) - 1) // 2
    text = _read(slider.name, start[slider.name], fmt)
    if text not in slider.texts:
        raise ExploreError(
            f"explore: start of {slider.name}: expected one of {', '.join(slider.texts)}, "
            f"got {text}"
        )
    return slider.texts.index(text)


def all_positions(sliders: Sequence[Slider]) -> list[Position]:
    """Every combination of positions, the last slider moving fastest."""
    return list(itertools.product(*(range(len(slider.values)) for slider in sliders)))


def arguments(sliders: Sequence[Slider], position: Position) -> dict[str, Any]:
    """The values at one position, by name."""
    return {s.name: s.values[k] for s, k in zip(sliders, position, strict=True)}


class _Words(string.Formatter):
    """Formats "{name}" as the slider reads and "{name:spec}" from the value itself."""

    def format_field(self, value: tuple[Any, str], spec: str) -> str:
        return format(value[0], spec) if spec else value[1]


def alternative(template: str, sliders: Sequence[Slider], position: Position) -> str:
    """Alternative text at one position.

    Args:
        template: the text, with a field for each slider.
        sliders: the sliders.
        position: one index for each.

    Returns:
        The text on one line.

    Raises:
        ExploreError: the template is blank, or does not name exactly the sliders.
    """
    if not isinstance(template, str) or not template.strip():
        raise ExploreError("explore: alt is blank; say in a sentence what the figure shows")
    fields = {field for _, field, _, _ in string.Formatter().parse(template) if field is not None}
    names = {slider.name for slider in sliders}
    if fields != names:
        raise ExploreError(
            f"explore: alt names {sorted(fields)}, but the sliders are {sorted(names)}; "
            "name each in braces, so that the text changes with the picture"
        )
    shown = {s.name: (s.values[k], s.texts[k]) for s, k in zip(sliders, position, strict=True)}
    return " ".join(_Words().vformat(template, (), shown).split())
