"""Rules of arguments: the first that is not kept is told, with what came."""

import pytest

from repro.data.arguments import require


def test_rules_that_are_kept_say_nothing():
    require("draw", {"size must be 1 or more, got 3": True})
    require("draw", {})


def test_the_first_broken_rule_is_told():
    rules = {"a must be 1": True, "b must be 2": False, "c must be 3": False}
    with pytest.raises(ValueError, match=r"^draw: b must be 2$"):
        require("draw", rules)
    with pytest.raises(ValueError, match=r"^draw: b must be 2; got b=5$"):
        require("draw", rules, "got b=5")
