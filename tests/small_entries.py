"""Entries of a ledger that hold, one of each kind and verdict, for tests that change them."""

from repro.claims import Ledger, Stated, Varied, at_most, improves

PAIRS = [0.9, 1.1, 1.0, 1.2, 0.8]
CLAIM = {
    "statement": "With five seeds A beats B",
    "measured": PAIRS,
    "accept": improves(),
    "control": [-0.2, 0.3, 0.1, -0.1, 0.05],
    "control_is": "A without its key step",
    "unit": "points",
}
CHECK = {
    "statement": "The formula equals the definition",
    "measured": 2e-15,
    "accept": at_most(1e-12),
    "control": 5e-12,
    "control_is": "the formula off by 1e-11",
}
#: A claim whose effect does not show, with the evidence that it needs.
SCALE = CLAIM | {
    "measured": [-0.5, 0.4, -0.3, 0.2, -0.1],
    "control": [-2.2, -1.3, -1.1, -2.1, -1.05],
    "not_at_this_scale": "too few epochs",
    "positive": [3.1, 4.2, 3.6, 5.1, 4.4],
    "positive_is": "a baseline without augmentation",
    "cause": Varied(
        "epochs", {6: [-0.4, 0.3, -0.3, 0.1, -0.2], 18: [1.1, 2.0, 1.4, 1.9, 1.2]}, "trial"
    ),
}
#: A claim whose opposite holds, with a control for which the opposite does not.
OPPOSITE = CLAIM | {
    "measured": [-0.9, -1.1, -1.0, -1.2, -0.8],
    "contradicted": "A does worse with every seed",
}
DEFAULTS = {"claim": CLAIM, "check": CHECK, "finding": CLAIM}


def ledger_of(kind):
    """A ledger whose paper makes the claim `a`, and the id of an entry of a kind."""
    ledger = Ledger("demo")
    ledger.paper(Stated("a", "A beats B", "2 points (table 1)"))
    return ledger, "a" if kind == "claim" else "b"
