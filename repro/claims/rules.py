"""Acceptance rules: objects that judge a measurement and print themselves.

A rule accepts a measurement if every element satisfies it (`improves` and `slope` judge the whole).
`refutes` is the opposite rule: it accepts only what contradicts the claim, and is stricter than a
mere failure (all elements on the wrong side; an interval wholly on the wrong side).
"""

from typing import Any

from repro.claims.bounds import AtLeast, AtMost, Equals, Within
from repro.claims.measurement import ClaimError, read_number
from repro.claims.rule import Rule
from repro.claims.samples import Improves, Slope

equals, at_most, at_least, within = Equals, AtMost, AtLeast, Within
improves, slope = Improves, Slope

#: Every rule by the name that stored records use.
RULES: dict[str, type[Rule]] = {
    rule.name: rule for rule in (Equals, AtMost, AtLeast, Within, Improves, Slope)
}


def rebuild(name: str, args: dict[str, Any]) -> Rule:
    """Make a rule from its stored name and arguments, with the same checks as at first.

    Raises:
        ClaimError: an unknown rule, or arguments that the rule refuses.
    """
    if name not in RULES:
        raise ClaimError(f"unknown rule {name!r}; the rules are {', '.join(RULES)}")
    try:
        return RULES[name](**{key: read_number(value) for key, value in args.items()})
    except TypeError as error:
        raise ClaimError(f"rule {name}: {error}") from error
