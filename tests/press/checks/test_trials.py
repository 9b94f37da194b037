"""The check of stored trials."""

from small_notebooks import METHOD, cell, write

from press.chapter import load
from press.checks.trials import trials
from press.trials import Quantity, Trial, run
from repro import chapters
from repro.trials import script


def measure(seed, arm):
    return {"accuracy": 1.0}


def test_a_stale_result_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(chapters, "ROOT", tmp_path)
    monkeypatch.setattr(chapters, "CHAPTERS", tmp_path / "chapters")
    path = write(tmp_path, "vision/sample")
    assert list(trials(load(path))) == []  # there are none
    script("sample").parent.mkdir()
    text = 'import repro\nsample = repro.chapter("sample")\ndef measure(seed): return sample.a\n'
    script("sample").write_text(text)
    run("sample", [Trial("rates", "Which?", measure, (Quantity("accuracy"),), [{"arm": "soft"}])])
    assert list(trials(load(path))) == []
    write(tmp_path, "vision/sample", [*METHOD, cell("a = 1", "method")])
    (problem,) = trials(load(path))
    assert "make trials CH=sample" in problem
    other = write(tmp_path, "vision/other", [*METHOD, cell('show("sample", "rates")', "table")])
    assert list(trials(load(other))) == [problem]
