import json

import pytest

from press import bench


def test_growth_is_the_exponent_of_a_power():
    assert bench.growth([1, 2, 4, 8], [3, 12, 48, 192]) == pytest.approx(2)


@pytest.mark.parametrize(
    ("sizes", "times"), [([1, 2], [1]), ([1, 1], [1, 2]), ([0, 1], [1, 2]), ([1, 2], [1, -1])]
)
def test_growth_refuses_what_has_no_exponent(sizes, times):
    with pytest.raises(ValueError, match="log-log slope"):
        bench.growth(sizes, times)


def test_seconds_calls_as_often_as_asked():
    calls = []
    assert bench.seconds(lambda: calls.append(1), repeats=4) >= 0
    assert len(calls) == 4
    with pytest.raises(ValueError, match="repeats"):
        bench.seconds(print, repeats=0)


def test_a_table_refuses_rows_that_do_not_fit():
    with pytest.raises(ValueError, match=r"'speed', row 1: expected 2 cells \(n, ratio\), got 1"):
        bench.Table("speed", ["n", "ratio"], [[1, 2.0], [3]])


def test_a_report_is_printed_and_stored(tmp_path, capsys):
    table = bench.Table("ours against theirs", ["n", "ratio", "note"], [[1000, 2.3456, None]])
    path = bench.report("sttn", "Against a loop.", [table], tmp_path)
    assert capsys.readouterr().out.splitlines()[1:] == [
        "ours against theirs",
        "    n  ratio  note",
        "1,000   2.35     -",
    ]
    stored = json.loads(path.read_text())
    assert path.name == "sttn.json"
    assert stored["about"] == "Against a loop."
    assert stored["tables"] == [
        {"caption": "ours against theirs", "columns": ["n", "ratio", "note"],
         "rows": [[1000, 2.3456, None]]}
    ]  # fmt: skip
