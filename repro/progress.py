"""Live progress that leaves nothing behind: a terminal line, or a notebook display emptied."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from repro.notebook import in_kernel

Show = Callable[[str], None]
Clear = Callable[[], None]


@contextmanager
def progress(total: int, what: str) -> Iterator[Callable[[], None]]:
    """Show how much of a long piece of work is done.

    In a notebook a line of text is updated in place and emptied at the end; in a terminal one
    line of standard error is overwritten and erased. With the environment variable
    `REPRO_QUIET=1`, and where nobody watches (no notebook, standard error is not a terminal),
    nothing is shown at all.

    Args:
        total: number of steps, 1 or more.
        what: what a step is, in the plural, such as "seeds".

    Yields:
        A function to call after every step.
    """
    show, clear = _display()
    start, done = time.monotonic(), 0

    def advance() -> None:
        nonlocal done
        done += 1
        elapsed = time.monotonic() - start
        left = elapsed / done * (total - done)
        show(f"{done} of {total} {what}, {elapsed:.0f} s, about {left:.0f} s left")

    show(f"0 of {total} {what}")
    try:
        yield advance
    finally:
        clear()


def _display() -> tuple[Show, Clear]:
    """How to show a line and how to remove it, for where this process runs."""
    if os.environ.get("REPRO_QUIET") != "1":
        if in_kernel():
            return _notebook()
        if sys.stderr is not None and sys.stderr.isatty():
            return _terminal()
    return (lambda text: None), (lambda: None)


def _notebook() -> tuple[Show, Clear]:
    """A display below the running cell, updated in place."""
    from IPython.display import display

    handle = display({"text/plain": ""}, raw=True, display_id=True)

    def show(text: str) -> None:
        handle.update({"text/plain": text}, raw=True)

    return show, lambda: show("")


def _terminal() -> tuple[Show, Clear]:
    """The last line of the terminal, overwritten."""

    def show(text: str) -> None:
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()

    return show, lambda: show("")
