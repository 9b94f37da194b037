"""Names and sentences of a ledger, checked."""

import re
import unicodedata
from typing import Any

from repro.claims.measurement import ClaimError, glimpse


def require_id(name: str, value: Any) -> str:
    """An identifier of letters, digits, "-" and "_", all ASCII.

    Raises:
        ClaimError: anything else.
    """
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", value):
        raise ClaimError(f"{name} must be letters, digits, '-' and '_', got {glimpse(value)}")
    return value


def require_text(name: str, value: Any) -> str:
    """Text with single spaces.

    Raises:
        ClaimError: no text, or none with a letter or a digit in it.
    """
    if not isinstance(value, str) or not any(map(str.isalnum, value)):
        raise ClaimError(f"{name} must be text that says something, got {glimpse(value)}")
    return " ".join(value.split())


def gist(text: str) -> str:
    """A sentence without what makes no difference to a reader, to find it told twice.

    Capitals, spaces, invisible characters, the form of a letter and the full stop go.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = (c for c in folded if unicodedata.category(c)[0] not in "CZ")
    return "".join(kept).rstrip(".")
