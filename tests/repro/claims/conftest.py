"""Fixtures of the tests of the ledger."""

import pytest
from small_entries import DEFAULTS, ledger_of

from repro.claims import ClaimError


@pytest.fixture
def made():
    """Make one entry; returns its record."""

    def make(kind="claim", **changes):
        ledger, name = ledger_of(kind)
        getattr(ledger, kind)(name, **(DEFAULTS[kind] | changes))
        return ledger.records[0]

    return make


@pytest.fixture
def refused():
    """Assert that an entry is refused for a reason and not recorded; returns the message."""

    def refuse(why, kind="claim", **changes):
        ledger, name = ledger_of(kind)
        with pytest.raises(ClaimError, match=why) as caught:
            getattr(ledger, kind)(name, **(DEFAULTS[kind] | changes))
        assert ledger.records == []
        for part in (f"{kind} '{name}' of chapter 'demo'", "rule:", "measured:", "control:"):
            assert part in str(caught.value)
        return str(caught.value)

    return refuse
