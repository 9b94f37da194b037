"""Where the code runs, and how it shows something there; IPython is never imported to find out."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any


def shell() -> Any | None:
    """The running IPython shell, or None outside IPython."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def in_kernel() -> bool:
    """Whether a Jupyter kernel runs this process."""
    return getattr(shell(), "kernel", None) is not None


def execution_count() -> int | None:
    """The running cell's number, or None outside IPython."""
    running = shell()
    return None if running is None else running.execution_count


def publish(data: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> None:
    """Display one output; does nothing outside IPython.

    Args:
        data: content by mime type.
        metadata: what is stored beside it; the book's own stands under `repro`.
    """
    if shell() is None:
        return
    from IPython.display import display

    display(dict(data), raw=True, metadata=dict(metadata or {}))
