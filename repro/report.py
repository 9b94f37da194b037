"""Measured numbers in prose and tables, masked where they differ between machines.

Whole numbers, truth values and text are shown as they are and compared when a chapter is
verified. Floats stand in spans that the comparison masks. A count that varies between machines is
therefore passed as a float; a closed form that does not vary is passed as text, already rounded.
"""

from __future__ import annotations

import html
import math
import numbers
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from repro.markup import ELLIPSIS, MATH, inline, mask, render, typeset
from repro.notebook import publish

FIELD = re.compile(r"\{(\w+)(?::([^{}]*))?\}")


class Masked(str):
    """HTML of a measured number; `say` and `table` show it as it is, and as "…" in plain text."""

    __slots__ = ()


class Shown(NamedTuple):
    """One value as the reader sees it.

    Attributes:
        rich: HTML.
        plain: text that is the same on every machine.
        number: whether it is a number rather than words.
    """

    rich: Markup
    plain: str
    number: bool


def measured(value: float, fmt: str = ".3g", unit: str = "") -> Masked:
    """Return a measured number as HTML, in a span that is masked when outputs are compared.

    Args:
        value: a finite number; a NumPy scalar or a tensor of one element too.
        fmt: its format specification.
        unit: text shown after the number.

    Returns:
        HTML for `say` and `table`.

    Raises:
        ValueError: `value` is NaN or infinite.
        TypeError: `value` is not one number.
    """
    value = _plain(value)
    if isinstance(value, str | bool):
        raise TypeError(f"expected a number, got {value!r}")
    return Masked(mask(f"{format(value, fmt)} {unit}".strip()))


def say(template: str, **values: Any) -> None:
    r"""Display a paragraph with computed numbers in it.

    Args:
        template: text or inline HTML with fields, `{name}` or `{name:format}`. Formulas between
            dollar signs keep their braces; a dollar sign is written `\$`.
        **values: what the fields show. Floats are masked (default format .3g); whole numbers,
            truth values and text are not.

    Raises:
        ValueError: a field without a value, a value without a field, NaN or infinity.
        TypeError: a value that is neither text nor one number.
    """
    used: set[str] = set()

    def fill(text: str, plain: bool) -> str:
        def field(match: re.Match[str]) -> str:
            name, fmt = match.groups()
            if name not in values:
                raise ValueError(f"no value for {{{name}}}; given: {', '.join(values) or 'none'}")
            used.add(name)
            shown = _shown(values[name], fmt or "")
            return shown.plain if plain else shown.rich

        return FIELD.sub(field, text).replace("\\$", "$")

    parts = MATH.split(template)
    rich = [typeset(part) if i % 2 else fill(part, False) for i, part in enumerate(parts)]
    plain = [f"${part}$" if i % 2 else fill(_untagged(part), True) for i, part in enumerate(parts)]
    if unused := set(values) - used:
        raise ValueError(f"no field for {', '.join(sorted(unused))} in {template!r}")
    publish(
        {
            "text/html": f'<p class="repro-say">{"".join(rich)}</p>',
            "text/plain": " ".join("".join(plain).split()),
        }
    )


def table(
    rows: Iterable[Sequence[Any]], columns: Sequence[str] | Mapping[str, str], caption: str = ""
) -> None:
    """Display a table.

    Args:
        rows: cells, one a column: text, whole numbers, truth values, floats (masked) or the result
            of `measured`.
        columns: the headings, or a mapping from each heading to the format of its numbers
            (default .3g for floats).
        caption: text above the table. Text, headings and caption may hold $mathematics$.

    Raises:
        ValueError: a row of another length, no heading or one twice, NaN or infinity.
        TypeError: another cell.
    """
    formats = dict(columns) if isinstance(columns, Mapping) else dict.fromkeys(columns, "")
    if len(formats) != len(columns) or not formats:
        raise ValueError(f"expected one or more different headings, got {list(columns)}")
    rows = [list(row) for row in rows]
    for number, row in enumerate(rows):
        if len(row) != len(formats):
            raise ValueError(f"row {number} has {len(row)} cells for {len(formats)} columns: {row}")
    cells = [[_shown(v, f) for v, f in zip(row, formats.values(), strict=True)] for row in rows]
    lines = [" | ".join(formats), *(" | ".join(cell.plain for cell in row) for row in cells)]
    publish(
        {
            "text/html": render("table", caption=caption, headings=list(formats), rows=cells),
            "text/plain": "\n".join([caption, *lines] if caption else lines),
        }
    )


def _shown(value: Any, fmt: str) -> Shown:
    """A value as the reader sees it."""
    if isinstance(value, Masked):
        return Shown(Markup(value), ELLIPSIS, True)
    value = _plain(value)
    if isinstance(value, str | bool):
        return Shown(Markup(inline(str(value))), str(value), False)
    if isinstance(value, float):
        return Shown(Markup(measured(value, fmt or ".3g")), ELLIPSIS, True)
    text = format(value, fmt)
    return Shown(Markup(html.escape(text)), text, True)


def _plain(value: Any) -> str | bool | int | float:
    """Return one value as a Python scalar; a NumPy scalar or a one-element tensor is unpacked."""
    if not isinstance(value, str | bool | numbers.Real) and getattr(value, "shape", None) == ():
        value = value.item()
    if isinstance(value, str | bool | int):
        return value
    if not isinstance(value, numbers.Real):
        raise TypeError(
            f"expected text or one number, got {type(value).__name__} {value!r}; "
            "reduce arrays to the numbers that the reader should see"
        )
    if isinstance(value, numbers.Integral):
        return int(value)
    if not math.isfinite(value):
        raise ValueError(f"a number to be shown is {float(value)!r}; fix what computes it")
    return float(value)


def _untagged(text: str) -> str:
    """Drop HTML tags and entities from a template."""
    return html.unescape(re.sub(r"</?[A-Za-z][^<>]*>", "", text))
