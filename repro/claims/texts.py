"""Names and sentences of a ledger, checked."""

import re
from typing import Any

from repro.claims.measurement import ClaimError


def require_id(name: str, value: Any) -> str:
    """An identifier of letters, digits, "-" and "_".

    Raises:
        ClaimError: anything else.
    """
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", value):
        raise ClaimError(f"{name} must be letters, digits, '-' and '_', got {value!r}")
    return value


def require_text(name: str, value: Any) -> str:
    """Text with single spaces.

    Raises:
        ClaimError: blank, or no text.
    """
    if not isinstance(value, str) or not value.strip():
        raise ClaimError(f"{name} must be text that says something, got {value!r}")
    return " ".join(value.split())
