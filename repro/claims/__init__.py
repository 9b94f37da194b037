"""The ledger of a chapter: what it claims, by which rule, and what the rule must reject."""

from repro.claims.ledger import Ledger, collect
from repro.claims.measurement import ClaimError
from repro.claims.rules import at_least, at_most, equals, improves, slope, within

__all__ = [
    "ClaimError",
    "Ledger",
    "at_least",
    "at_most",
    "collect",
    "equals",
    "improves",
    "slope",
    "within",
]
