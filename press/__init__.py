"""The tool behind the Makefile, which checks, refreshes and publishes chapters.

Run `python -m press --help`. Nothing here imports torch, so every command but those that execute
a chapter's code starts at once.
"""


class BookError(Exception):
    """A request that cannot be met; the message says what was expected and what to do."""
