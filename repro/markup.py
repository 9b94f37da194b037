"""Outputs that are the same on every machine: masked numbers, and display without IPython."""

import html
import re
import sys
from typing import Any

#: What stands for a measured number in plain text.
ELLIPSIS = "…"
#: Inline mathematics, $...$ on one line; a dollar sign is written \$.
MATH = re.compile(r"(?<!\\)\$([^$\n]+?)(?<!\\)\$")
#: A number as Python writes it with an exponent.
SCIENTIFIC = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)e([+-]\d+)(?!\w)")
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


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
