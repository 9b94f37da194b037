"""The ledger of a chapter: what is claimed, by which rule, and what the rule must reject."""

from repro.claims.drift import absolute, relative, seeds
from repro.claims.evidence import Varied
from repro.claims.ledger import Ledger
from repro.claims.measurement import ClaimError
from repro.claims.paper import Stated
from repro.claims.rules import at_least, at_most, equals, improves, slope, within
from repro.claims.stored import compare

__all__ = [
    "ClaimError",
    "Ledger",
    "Stated",
    "Varied",
    "absolute",
    "at_least",
    "at_most",
    "compare",
    "equals",
    "improves",
    "relative",
    "seeds",
    "slope",
    "within",
]
