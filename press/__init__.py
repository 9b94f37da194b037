"""The tool behind the Makefile: new, refresh, structure, check, scoreboard.

Run ``python -m press --help``. Nothing here imports torch, so every command but the
execution of a chapter itself starts at once.
"""


class BookError(Exception):
    """A request that cannot be met; the message says what was expected and what to do."""
