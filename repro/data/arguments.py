"""Arguments of the generators, checked rule by rule."""

from __future__ import annotations

from collections.abc import Mapping


def require(function: str, rules: Mapping[str, bool], asked: str = "") -> None:
    """Complain about the first rule that is not kept.

    Args:
        function: whose arguments they are.
        rules: what is expected and what came, and whether they agree.
        asked: what came, where the rules do not say it.

    Raises:
        ValueError: names function, rule and what came.
    """
    for rule, kept in rules.items():
        if not kept:
            raise ValueError(f"{function}: {rule}{asked and f'; {asked}'}")
