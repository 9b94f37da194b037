"""Outputs that are the same on every machine: masked numbers, and display without IPython."""

import html
import re
import sys
from typing import Any

#: What stands for a measured number in plain text.
ELLIPSIS = "…"
#: Inline mathematics, $...$ on one line; a dollar sign is written \$.
MATH = re.compile(r"(?<!\\)\$([^$\n]+?)(?<!\\)\$")


def shell() -> Any | None:
    """Return the running IPython shell, or None outside IPython (which is never imported)."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def publish(rich: str, plain: str, metadata: dict[str, Any] | None = None) -> None:
    """Display one output with HTML and plain text; does nothing outside IPython."""
    if shell() is None:
        return
    from IPython.display import display

    display({"text/html": rich, "text/plain": plain}, raw=True, metadata=metadata or {})


def mask(text: str) -> str:
    """Wrap a measured number in the span that nbval's sanitizer masks."""
    return f'<span class="measured">{html.escape(text)}</span>'


def typeset(formula: str) -> str:
    """Return inline mathematics as the HTML that both Jupyter and Sphinx typeset."""
    return f'<span class="math notranslate nohighlight">\\({html.escape(formula)}\\)</span>'


def inline(text: str) -> str:
    """Return plain text with $mathematics$ as HTML."""
    parts = MATH.split(text)
    parts[::2] = [html.escape(part.replace("\\$", "$")) for part in parts[::2]]
    parts[1::2] = [typeset(formula) for formula in parts[1::2]]
    return "".join(parts)
