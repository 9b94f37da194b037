"""Stored results of benchmarks."""

import pytest

from press.site import benchmarks


@pytest.mark.parametrize("content", ["{", "[]", '{"about": "x"}'])
def test_a_result_that_no_benchmark_wrote_is_named(tmp_path, content):
    path = tmp_path / "one.json"
    assert benchmarks.results(path) is None
    path.write_text(content)
    with pytest.raises(ValueError, match=r"one\.json is not a benchmark's result"):
        benchmarks.results(path)
