"""The page of benchmarks."""

import pytest
from rendered import BENCHMARKS, ROOT

pytestmark = pytest.mark.browser


def test_every_stored_benchmark_is_shown(visitor):
    page = visitor.open(BENCHMARKS)
    stored = list((ROOT / "benchmarks" / "results").glob("*.json"))
    assert page.locator(".benchmarks section").count() == len(stored)
    for section in page.locator(".benchmarks section").all():
        assert section.locator("tbody tr").count() > 0
