"""Stored results of trials: finding, showing and doubting them."""

import json
from itertools import product

import numpy as np
import pytest
from small_notebooks import METHOD, cell, write

from repro import chapters, report, trials
from repro.fingerprint import fingerprint

SCRIPT = """import repro

sample = repro.chapter("sample")
RATE = 0.1  # a comment


def run(seed):
    return RATE * sample.a


TRIALS = [1]
"""
MEASURED = {("soft", 0.1): [1.0, 3.0], ("soft", 0.2): [5.0, 5.0], ("hard", 0.1): [4.0, 4.0]}
MEASURED |= {("hard", 0.2): [2.0, 3.0], ("soft", 0.3): [1.0, 1.0], ("hard", 0.3): [9.0, 7.0]}


def stored(**changes):
    """A trial of two arms at three rates, with one quantity and two seeds."""
    runs = [
        {"settings": {"arm": arm, "lr": lr, "epochs": 6}, "seed": seed}
        | {"measured": {"accuracy": MEASURED[arm, lr][seed - 100]}, "seconds": 0.5}
        for arm, lr, seed in product(("soft", "hard"), (0.1, 0.2, 0.3), (101, 100))
    ]
    return {
        "question": "Which rate?",
        "measure": "run",
        "quantities": {"accuracy": {"unit": "%", "format": ".1f", "better": "higher"}},
        "choose": ["lr"],
        "grid": {"arm": ["soft", "hard"], "lr": [0.1, 0.2, 0.3], "epochs": [6]},
        "seeds": [100, 101],
        "runs": runs,
    } | changes


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A book with one chapter, the script of its trials, and their results."""
    monkeypatch.setattr(chapters, "ROOT", tmp_path)
    monkeypatch.setattr(chapters, "CHAPTERS", tmp_path / "chapters")
    write(tmp_path, "vision/sample")
    trials.results("sample").parent.mkdir(parents=True)
    trials.script("sample").write_text(SCRIPT)
    keep(stored())
    return tmp_path


def keep(one):
    """Store one trial, called rates, as the result of the present code."""
    result = {"trials": {"rates": one | {"code": fingerprint(trials.script("sample"), "run")}}}
    trials.results("sample").write_text(json.dumps(result))


@pytest.fixture
def shown(monkeypatch):
    """What is displayed, as plain text and HTML."""
    outputs = []
    monkeypatch.setattr(report, "publish", outputs.append)
    return outputs


def test_values_come_in_the_order_of_the_seeds(root):
    values = trials.values("sample", "rates", arm="soft", lr=0.1)
    assert values.dtype == np.float64
    assert values.tolist() == [1, 3]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"arm": "best", "lr": 0.1},
            r"no combination has arm='best', lr=0.1. There are: arm='soft'",
        ),
        ({"lr": 0.1}, r"2 combinations have lr=0.1. There are: arm='soft', lr=0.1, epochs=6; arm="),
        ({}, r"6 combinations have no setting named"),
        ({"quantity": "loss", "arm": "soft", "lr": 0.1}, r"quantities accuracy, got 'loss'"),
    ],
)
def test_values_say_what_there_is(root, asked, message):
    with pytest.raises(trials.TrialError, match=message):
        trials.values("sample", "rates", **asked)


def test_one_of_several_quantities_must_be_named(root):
    both = {"accuracy": stored()["quantities"]["accuracy"], "loss": {"unit": "", "format": ".2f"}}
    keep(stored(quantities=both))
    with pytest.raises(trials.TrialError, match="accuracy, loss, got None"):
        trials.values("sample", "rates", arm="soft", lr=0.1)
    assert trials.values("sample", "rates", "accuracy", arm="soft", lr=0.1).size == 2


def test_a_trial_that_is_not_there_is_named_with_those_that_are(root):
    with pytest.raises(trials.TrialError, match=r"sample has no trial 'length'. It has: rates"):
        trials.trial("sample", "length")
    with pytest.raises(trials.TrialError, match=r"no trials of 'other' are stored. Stored: sample"):
        trials.load("other")


def test_a_broken_file_is_named(root):
    trials.results("sample").write_text("{")
    with pytest.raises(trials.TrialError, match=r"sample\.json in trials/results is no JSON"):
        trials.load("sample")


@pytest.mark.parametrize(("better", "rates"), [("higher", [0.2, 0.3]), ("lower", [0.3, 0.2])])
def test_the_best_of_each_arm_is_chosen(better, rates):
    one = stored()
    one["quantities"]["accuracy"]["better"] = better
    assert [(s["arm"], s["lr"]) for s in trials.chosen(one)] == [
        ("soft", rates[0]),
        ("hard", rates[1]),
    ]
    assert trials.chosen(one | {"choose": []}) == []


def test_the_first_of_equal_settings_is_chosen():
    one = stored()
    for run in one["runs"]:
        run["measured"]["accuracy"] = 1.0
    assert [s["lr"] for s in trials.chosen(one)] == [0.1, 0.1]


def test_a_trial_is_shown_with_intervals_seeds_and_choice(root, shown):
    trials.show("sample", "rates")
    lines = shown[0]["text/plain"].splitlines()
    assert lines == [
        "Which rate? Mean and 95 % interval over 2 seeds (100, 101). epochs 6",
        "arm | lr | accuracy (%) | low | high | chosen",
        "soft | 0.1 | 2.0 | -10.7 | 14.7 | ",  # 2 ± 12.706 · 1: Student, one degree of freedom
        "soft | 0.2 | 5.0 | 5.0 | 5.0 | yes",
        "soft | 0.3 | 1.0 | 1.0 | 1.0 | ",
        "hard | 0.1 | 4.0 | 4.0 | 4.0 | ",
        "hard | 0.2 | 2.5 | -3.9 | 8.9 | ",
        "hard | 0.3 | 8.0 | -4.7 | 20.7 | yes, at the end of the grid",
    ]
    assert "measured" not in shown[0]["text/html"]  # exact numbers: compared, not masked


def test_a_setting_of_some_runs_only_has_a_column(root, shown):
    one = stored()
    for run in one["runs"]:
        if run["settings"]["arm"] == "hard":
            del run["settings"]["epochs"]
    keep(one)
    trials.show("sample", "rates")
    lines = shown[0]["text/plain"].splitlines()
    assert "epochs" not in lines[0]
    assert lines[1].startswith("arm | lr | epochs | accuracy")
    assert lines[2].startswith("soft | 0.1 | 6 |") and lines[-1].startswith("hard | 0.3 | - |")


def test_a_single_run_has_no_interval_and_nothing_to_choose(root, shown):
    one = stored(choose=[], seeds=[100])
    one["runs"] = [run for run in one["runs"] if run["seed"] == 100]
    keep(one)
    trials.show("sample", "rates")
    assert shown[0]["text/plain"].splitlines()[1:3] == [
        "arm | lr | accuracy (%) | low | high",
        "soft | 0.1 | 1.0 | - | -",
    ]


def test_consecutive_seeds_are_a_range(root, shown):
    one = stored(seeds=[100, 101, 102])
    one["runs"] += [run | {"seed": 102} for run in one["runs"] if run["seed"] == 100]
    keep(one)
    trials.show("sample", "rates")
    assert "3 seeds (100 to 102)" in shown[0]["text/plain"]


def test_up_to_date_results_are_not_stale(root):
    assert trials.stale("sample") is None
    assert trials.stale("chapter_without_trials") is None


def test_text_layout_and_grid_do_not_make_a_result_stale(root):
    path = trials.script("sample")
    path.write_text(path.read_text().replace("  # a comment", "").replace("[1]", "[1, 2]"))
    write(root, "vision/sample", [*METHOD, cell("a = 1")])
    assert trials.stale("sample") is None


def test_another_method_makes_a_result_stale_and_the_table_says_so(root, shown):
    write(root, "vision/sample", [*METHOD, cell("a = 1", "method")])
    why = trials.stale("sample")
    assert "the code behind the trials rates of sample has changed" in why
    assert "make trials CH=sample" in why
    trials.show("sample", "rates")
    assert shown[0]["text/plain"].startswith("STALE: the code behind the trials rates of sample")


def test_another_script_makes_a_result_stale(root):
    path = trials.script("sample")
    path.write_text(path.read_text().replace("0.1", "0.2"))
    assert trials.stale("sample").startswith(
        "the code behind the trials rates of sample has changed"
    )
    path.unlink()
    assert "is gone" in trials.stale("sample")


def test_trials_stand_beside_each_other(root, shown):
    code = fingerprint(trials.script("sample"), "run")
    one = stored(choose=[]) | {"code": code}
    soft, hard = (
        one | {"runs": [r for r in one["runs"] if (r["settings"]["arm"], r["settings"]["lr"]) == s]}
        for s in (("soft", 0.1), ("hard", 0.3))
    )
    late = hard | {"seeds": [7, 8], "runs": [r | {"seed": r["seed"] - 93} for r in hard["runs"]]}
    result = {"a": soft, "b": hard, "a-late": late, "b-late": late, "all": one}
    trials.results("sample").write_text(json.dumps({"trials": result}))
    rows, columns = {"first": "a", "second": "b"}, {"now": ("accuracy", "")}
    trials.beside("sample", rows, columns, "Side by side.")
    assert shown[0]["text/plain"].splitlines() == [
        "Side by side. Mean ± half the 95 % interval over seeds 100, 101",
        " | now",
        "first | 2.0 ± 12.7",
        "second | 8.0 ± 12.7",
    ]
    trials.beside("sample", rows, columns | {"late": ("accuracy", "-late")}, "Side by side")
    assert "over seeds 100, 101 (now); 7, 8 (late)" in shown[1]["text/plain"]
    with pytest.raises(trials.TrialError, match="'a-late' has other seeds than 'a': not compar"):
        trials.beside("sample", {"first": "a", "second": "a-late"}, columns, "Side by side.")
    with pytest.raises(trials.TrialError, match="6 combinations have no setting named"):
        trials.beside("sample", {"first": "all"}, columns, "Side by side.")
    write(root, "vision/sample", [*METHOD, cell("a = 1", "method")])
    trials.beside("sample", {"first": "a"}, columns, "Side by side.")
    assert shown[-1]["text/plain"].startswith("STALE: the code behind the trials a, b, a-late,")


def test_differences_are_told_with_their_interval():
    """Student's interval of 1, 2, 3: 2 with half a width of 4.302653 / sqrt(3)."""
    assert trials.ranged([1.0, 2.0, 3.0]) == "+2.0 (-0.5 to +4.5)"
    assert trials.ranged(np.array([1.0, 2.0, 3.0]), ".3f") == "2.000 (-0.484 to 4.484)"
