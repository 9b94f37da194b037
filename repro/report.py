"""Measured numbers in prose and tables, masked where they differ between machines.

Whole numbers, truth values and text are shown as they are and compared when a chapter is
verified. Floats stand in spans that the comparison masks. A count that varies between machines is
therefore passed as a float; a closed form that does not vary is passed as text, already rounded.
"""

import html
import math
import numbers
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from repro.markup import ELLIPSIS, MATH, inline, mask, publish, typeset

FIELD = re.compile(r"\{(\w+)(?::([^{}]*))?\}")


class Masked(str):
    """HTML of a measured number; `say` and `table` show it as it is, and as "…" in plain text."""

    __slots__ = ()


def measured(value: float, fmt: str = ".3g", unit: str = "") -> Masked:
    """Return a measured number as HTML, in a span that is masked when outputs are compared.

    `value` is a finite number, `fmt` a format specification, `unit` text shown after the number.
    Raises ValueError for NaN and infinity, TypeError for anything that is not one number.
    """
    value = _plain(value)
    if isinstance(value, str | bool):
        raise TypeError(f"expected a number, got {value!r}")
    return Masked(mask(f"{format(value, fmt)} {unit}".strip()))


def say(template: str, **values: Any) -> None:
    r"""Display a paragraph with computed numbers in it.

    `template` is text or inline HTML, with `{name}` or `{name:format}` fields for the `values`.
    Formulas between dollar signs keep their braces; a dollar sign is written `\$`.
    Floats are masked (default format .3g); whole numbers, truth values and text are not.
    Raises ValueError for fields without a value, values without a field, NaN and infinity, and
    TypeError for values that are neither text nor one number.
    """
    used: set[str] = set()

    def fill(plain: bool, text: str) -> str:
        def field(match: re.Match[str]) -> str:
            name, fmt = match.groups()
            if name not in values:
                raise ValueError(f"no value for {{{name}}}; given: {', '.join(values) or 'none'}")
            used.add(name)
            return _cell(values[name], fmt or "")[plain]

        return FIELD.sub(field, text).replace("\\$", "$")

    parts = MATH.split(template)
    rich = [typeset(part) if i % 2 else fill(False, part) for i, part in enumerate(parts)]
    plain = [f"${part}$" if i % 2 else fill(True, _untagged(part)) for i, part in enumerate(parts)]
    if unused := set(values) - used:
        raise ValueError(f"no field for {', '.join(sorted(unused))} in {template!r}")
    publish(f'<p class="repro-say">{"".join(rich)}</p>', " ".join("".join(plain).split()))


def table(
    rows: Iterable[Sequence[Any]], columns: Sequence[str] | Mapping[str, str], caption: str = ""
) -> None:
    """Display a table.

    `rows` are sequences of cells, one a column: text, whole numbers, truth values, floats
    (masked) or the result of `measured`. `columns` are the headings, or a mapping from each
    heading to the format of its numbers (default .3g for floats). `caption` is text.
    Text, headings and caption may hold $mathematics$.
    Raises ValueError for a row of another length, NaN and infinity, and TypeError for other cells.
    """
    formats = dict(columns) if isinstance(columns, Mapping) else dict.fromkeys(columns, "")
    if len(formats) != len(columns) or not formats:
        raise ValueError(f"expected one or more different headings, got {list(columns)}")
    rows = [list(row) for row in rows]
    for number, row in enumerate(rows):
        if len(row) != len(formats):
            raise ValueError(f"row {number} has {len(row)} cells for {len(formats)} columns: {row}")
    cells = [[_cell(v, f) for v, f in zip(row, formats.values(), strict=True)] for row in rows]
    publish(_html_table(rows, cells, list(formats), caption), _text_table(cells, formats, caption))


def _html_table(rows: list, cells: list, headings: list[str], caption: str) -> str:
    """Lay out a table in HTML; numbers carry the class `num`."""
    head = "".join(f'<th scope="col">{inline(heading)}</th>' for heading in headings)
    lines = [
        "".join(_html_cell(value, rich) for value, (rich, _) in zip(row, line, strict=True))
        for row, line in zip(rows, cells, strict=True)
    ]
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    title = f"<caption>{inline(caption)}</caption>\n" if caption else ""
    return (
        f'<table class="repro-table">\n{title}<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table>"
    )


def _text_table(cells: list, headings: Iterable[str], caption: str) -> str:
    """Lay out a table in plain text, floats as "…"."""
    lines = [" | ".join(headings), *(" | ".join(plain for _, plain in line) for line in cells)]
    return "\n".join([caption, *lines] if caption else lines)


def _html_cell(value: Any, rich: str) -> str:
    """Return a table cell; numbers, unlike text and words such as True, get the class `num`."""
    words = isinstance(value, str | bool | np.bool_) and not isinstance(value, Masked)
    return f"<td>{rich}</td>" if words else f'<td class="num">{rich}</td>'


def _cell(value: Any, fmt: str) -> tuple[str, str]:
    """Return a value as HTML and as portable plain text."""
    if isinstance(value, Masked):
        return str(value), ELLIPSIS
    value = _plain(value)
    if isinstance(value, float):
        return measured(value, fmt or ".3g"), ELLIPSIS
    if isinstance(value, str | bool):
        text = str(value)
        return inline(text), text
    text = format(value, fmt)
    return html.escape(text), text


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
