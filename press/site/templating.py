"""Templates of the extension, filled with escaping, as docutils nodes."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from docutils import nodes
from jinja2 import ChoiceLoader, Environment, FileSystemLoader

from press.bench import text
from press.site import numbers
from repro import markup
from repro.claims.cards import css

#: What a measured text begins with that is not a number.
STATISTIC = re.compile(r"^(mean|slope) ")


@cache
def environment() -> Environment:
    """The environment of the chapters' templates, with those of the site and their filters."""
    shared = markup.environment()
    own = FileSystemLoader(Path(__file__).parent / "templates")
    made = shared.overlay(loader=ChoiceLoader([own, shared.loader]))
    # An overlay has the filters of its original; these stay out of that.
    made.filters = made.filters | {
        "cell": text,
        "css": css,
        "duration": duration,
        "memory": memory,
        "phrase": phrase,
        "powers": numbers.written,
    }
    return made


def fill(template: str, **values: object) -> str:
    """Fill a template of this folder, named without `.html`."""
    return environment().get_template(f"{template}.html").render(**values)


def node(template: str, **values: object) -> nodes.raw:
    """Fill a template of this folder into a node for a doctree."""
    return nodes.raw("", fill(template, **values), format="html")


def phrase(measured: str) -> str:
    """Write what was measured as a part of a sentence: `mean 3` as `a mean of 3`."""
    return STATISTIC.sub(r"a \1 of ", measured)


def duration(seconds: float) -> str:
    """Write a duration for a reader: `28 s`, `4 min`, `4 min 10 s`, `1 h 5 min`."""
    total = max(1, round(seconds))
    if total < 60:
        return f"{total} s"
    if total < 3600:
        minutes, rest = divmod(total, 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(round(total / 60), 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def memory(megabytes: float) -> str:
    """Write a memory size for a reader: `640 MB` below a gigabyte, `1.3 GB` above."""
    return f"{megabytes:.0f} MB" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB"
