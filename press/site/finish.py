"""What is done once the pages of the site are written."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any


def when_built(work: Callable[..., None]) -> Callable[..., None]:
    """Make work on a finished site a handler of Sphinx's `build-finished`.

    Args:
        work: takes the application, behind its object where it is a method.

    Returns:
        The handler, which takes an exception as well: it does nothing after a build that failed,
        or one of another format than HTML.
    """

    @wraps(work)
    def handle(*told: Any) -> None:
        *objects, app, exception = told
        if exception is None and app.builder.format == "html":
            work(*objects, app)

    return handle
