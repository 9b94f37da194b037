"""Templates of the extension, filled with escaping, as docutils nodes."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from docutils import nodes
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from repro.markup import inline, powers_of_ten


@cache
def environment() -> Environment:
    """Return the template environment; every value is escaped."""
    env = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= {
        "duration": duration,
        "memory": memory,
        "powers": powers_of_ten,
        # Mathematics between dollar signs becomes what MathJax typesets; the rest is escaped.
        "inline": lambda text: Markup(inline(text)),
        "css": lambda verdict: verdict.replace(" ", "-"),
    }
    return env


def node(template: str, **values: object) -> nodes.raw:
    """Fill a template of this folder, named without ``.html``, into a node for a doctree."""
    html = environment().get_template(f"{template}.html").render(**values)
    return nodes.raw("", html, format="html")


def duration(seconds: float) -> str:
    """Write a duration for a reader: ``28 s``, ``4 min``, ``4 min 10 s``, ``1 h 5 min``."""
    total = max(1, round(seconds))
    if total < 60:
        return f"{total} s"
    if total < 3600:
        minutes, rest = divmod(total, 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(round(total / 60), 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def memory(megabytes: float) -> str:
    """Write a memory size for a reader: ``640 MB`` below a gigabyte, ``1.3 GB`` above."""
    return f"{megabytes:.0f} MB" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB"
