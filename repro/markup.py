"""Text for readers: masked numbers, mathematics, templates, and aligned columns."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

#: What stands for a measured number in plain text.
ELLIPSIS = "…"
#: Inline mathematics, $...$ on one line; a dollar sign is written \$.
MATH = re.compile(r"(?<!\\)\$([^$\n]+?)(?<!\\)\$")
#: A number as Python writes it with an exponent.
SCIENTIFIC = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)e([+-]\d+)(?!\w)")
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
TEMPLATES = Path(__file__).parent / "templates"
#: A cell of a plain-text table that stands on the right: a number, or the dash of a missing one.
_NUMBER = re.compile(r"[-+−]?\.?\d\S*( \S{1,3})?|[-…]?")


def powers_of_ten(text: str) -> str:
    """Write the numbers of a text as readers do: 1e-12 as 10⁻¹², 2.5e+03 as 2.5×10³."""

    def written(number: re.Match[str]) -> str:
        digits, power = number[1], "10" + str(int(number[2])).translate(SUPERSCRIPTS)
        return power if digits == "1" else f"{digits}×{power}"

    return SCIENTIFIC.sub(written, text)


def mask(text: str) -> str:
    """Wrap a measured number in the span that nbval's sanitizer masks."""
    return f'<span class="measured">{html.escape(powers_of_ten(text))}</span>'


def typeset(formula: str) -> str:
    """Return inline mathematics as the HTML that both Jupyter and Sphinx typeset."""
    return f'<span class="math notranslate nohighlight">\\({html.escape(formula)}\\)</span>'


def inline(text: str) -> str:
    """Return plain text with $mathematics$ as HTML."""
    parts = MATH.split(text)
    parts[::2] = [html.escape(part.replace("\\$", "$")) for part in parts[::2]]
    parts[1::2] = [typeset(formula) for formula in parts[1::2]]
    return "".join(parts)


@cache
def environment() -> Environment:
    """The environment of all templates: every value is escaped, an unknown name is an error.

    Filters: `inline` for text with $mathematics$, `mask` for a measured number, `powers` for
    exponents as readers write them.
    """
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "inline": lambda text: Markup(inline(text)),
        "mask": lambda text: Markup(mask(text)),
        "powers": powers_of_ten,
    }
    return made


def render(template: str, /, **values: object) -> str:
    """Fill a template of `repro/templates`.

    Args:
        template: its name without `.html`.
        **values: what it uses; text is escaped unless it is `markupsafe.Markup`.

    Returns:
        HTML.

    Raises:
        jinja2.TemplateNotFound: no such template.
        jinja2.UndefinedError: the template uses a name that `values` lacks.
    """
    return environment().get_template(f"{template}.html").render(**values)


def aligned(rows: Iterable[Sequence[str]], headings: Sequence[str]) -> str:
    """Lay out a table in plain text, columns of numbers to the right and all others to the left.

    Args:
        rows: the cells of each row, as many as there are headings.
        headings: one for each column.

    Returns:
        One line for the headings and one for each row.

    Raises:
        ValueError: a row has another number of cells.
    """
    rows = [list(row) for row in rows]
    for number, row in enumerate(rows):
        if len(row) != len(headings):
            raise ValueError(
                f"row {number}: expected {len(headings)} cells ({', '.join(headings)}), "
                f"got {len(row)}: {row}"
            )
    columns = []
    for heading, *cells in zip(headings, *rows, strict=True):
        width = max(map(len, (heading, *cells)))
        right = bool(cells) and all(_NUMBER.fullmatch(cell) for cell in cells)
        columns.append([f"{cell:{'>' if right else '<'}{width}}" for cell in (heading, *cells)])
    return "\n".join("  ".join(line).rstrip() for line in zip(*columns, strict=True))
