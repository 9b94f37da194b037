"""Running trials: refusals, interruption, what is stored."""

import json

import pytest
from small_notebooks import METHOD, cell, write

from press import BookError, trials
from repro import chapters
from repro import trials as stored

ACCURACY = trials.Quantity("accuracy", "%")
SCRIPT = """import repro

sample = repro.chapter("sample")


def measure(seed, arm, lr=0.1):
    return sample.a
"""
calls = []


def measure(seed, arm, lr=0.1):
    """A run that takes no time; remembers that it ran."""
    calls.append((arm, lr, seed))
    return {"accuracy": {"soft": 1, "hard": 2}[arm] + lr}


def trial(**changes):
    """Two arms, two seeds."""
    facts = {
        "name": "rates",
        "question": "Which rate?",
        "measure": measure,
        "quantities": (ACCURACY,),
        "settings": trials.grid(arm=["soft", "hard"], lr=[0.1, 0.2]),
        "seeds": (100, 101),
    }
    return trials.Trial(**facts | changes)


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    """A book with one chapter and a script of trials."""
    monkeypatch.setattr(chapters, "ROOT", tmp_path)
    monkeypatch.setattr(chapters, "CHAPTERS", tmp_path / "chapters")
    write(tmp_path, "vision/sample")
    (tmp_path / "trials").mkdir()
    stored.script("sample").write_text(SCRIPT)
    calls.clear()
    return tmp_path


def test_a_grid_is_every_combination_the_first_setting_slowest():
    assert trials.grid(arm=["a", "b"], lr=[1, 2]) == [
        {"arm": "a", "lr": 1},
        {"arm": "a", "lr": 2},
        {"arm": "b", "lr": 1},
        {"arm": "b", "lr": 2},
    ]
    with pytest.raises(BookError, match="a value or more for lr"):
        trials.grid(arm=["a"], lr=[])


@pytest.mark.parametrize("seeds", [(), (100, 100), (99, 100), (0,)])
def test_seeds_of_the_chapter_are_refused(seeds):
    with pytest.raises(BookError, match=r"different seeds from 100 up, got .*would flatter it"):
        trial(seeds=seeds)


def test_a_trial_measures_something():
    with pytest.raises(BookError, match="one quantity or more"):
        trial(quantities=())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settings": []}, "no combination"),
        ({"settings": [{"lr": 0.1}]}, "settings with an arm"),
        ({"settings": [{"arm": "soft", "seed": 100}]}, "settings with an arm, no seed"),
        ({"settings": [{"arm": "soft"}, {"arm": "soft"}]}, "declared twice"),
        ({"choose": ("width",)}, "width"),
        ({"measure": lambda **setting: {"loss": 1.0}}, "finite number for each of accuracy"),
        ({"measure": lambda **setting: {"accuracy": float("nan")}}, "what a constant answer would"),
    ],
)
def test_what_cannot_be_run_is_refused(changes, message):
    with pytest.raises(BookError, match=message):
        trials.run("sample", [trial(**changes)])


def test_names_and_workers_are_checked():
    for declared, workers in (([], 1), ([trial(), trial()], 1), ([trial()], 0)):
        with pytest.raises(BookError, match="different names and 1 worker"):
            trials.run("sample", declared, workers)


def test_results_hold_all_that_a_reader_may_ask(root):
    path, runs, seconds = trials.run("sample", [trial(choose=("lr",))])
    result = json.loads(path.read_text())
    assert path == root / "trials" / "results" / "sample.json"
    assert runs == 8
    assert seconds >= 0
    assert result["trials"]["rates"]["measure"] == "measure"
    assert len(result["trials"]["rates"]["code"]) == 64
    assert set(result["versions"]) == {"python", "torch", "numpy", "repro"}
    assert result["trials"]["rates"]["grid"] == {"arm": ["soft", "hard"], "lr": [0.1, 0.2]}
    assert result["trials"]["rates"]["runs"][-1]["settings"] == {"arm": "hard", "lr": 0.2}
    assert sum('"seed":' in line for line in path.read_text().splitlines()) == 8  # a line a run
    assert stored.values("sample", "rates", arm="hard", lr=0.2).tolist() == [2.2, 2.2]
    assert stored.stale("sample") is None


def test_a_grid_may_depend_on_an_earlier_answer():
    def best(finished):
        return [{"arm": s["arm"], "lr": 10 * s["lr"]} for s in stored.chosen(finished["rates"])]

    trials.run("sample", [trial(choose=("lr",)), trial(name="length", settings=best)])
    length = stored.trial("sample", "length")
    assert stored.settings(length) == [{"arm": "soft", "lr": 2.0}, {"arm": "hard", "lr": 2.0}]


class Stop(Exception):
    """Raised in the middle of a grid."""


def interrupted(after):
    """A measure that stops at its run number `after`."""

    def run(**setting):
        if len(calls) == after:
            raise Stop
        return measure(**setting)

    run.__name__ = "measure"
    return run


def test_an_interrupted_grid_goes_on_where_it_stopped(root):
    with pytest.raises(Stop):
        trials.run("sample", [trial(measure=interrupted(3))])
    kept = root / "trials" / ".runs" / "sample.jsonl"
    assert len(kept.read_text().splitlines()) == 1 + 3
    with kept.open("a") as stream:
        stream.write('{"key": "half a li')  # killed while writing
    assert not stored.results("sample").exists()
    trials.run("sample", [trial()])
    assert len(calls) == len(set(calls)) == 8
    assert not kept.exists()
    trials.run("sample", [trial()])  # a finished grid is run anew
    assert len(calls) == 16


@pytest.mark.parametrize("change", ["method", "script"])
def test_runs_of_other_code_are_not_mixed_in(root, change):
    with pytest.raises(Stop):
        trials.run("sample", [trial(measure=interrupted(3))])
    if change == "method":
        write(root, "vision/sample", [*METHOD, cell("a = 1", "method")])
    else:
        stored.script("sample").write_text(SCRIPT.replace("sample.a", "2 * sample.a"))
    trials.run("sample", [trial()])
    assert len(calls) == 3 + 8


def test_only_missing_runs_are_made_when_asked_for(root):
    trials.run("sample", [trial()])
    longer = trial(settings=trials.grid(arm=["soft", "hard"], lr=[0.1, 0.2, 0.3]))
    path, runs, _ = trials.run("sample", [longer], missing=True)
    assert (runs, len(calls)) == (12, 8 + 4)
    stored.script("sample").write_text(SCRIPT.replace("sample.a", "2 * sample.a"))
    trials.run("sample", [longer], missing=True)
    assert len(calls) == 12 + 12
    path.write_text(path.read_text().replace('"torch": "', '"torch": "0.'))
    trials.run("sample", [longer], missing=True)
    assert len(calls) == 24 + 12


def test_the_command_line_reports_and_explains(root, capsys, monkeypatch):
    script = str(stored.script("sample"))
    assert trials.main(script, [trial()], []) == 0
    assert "wrote trials/results/sample.json: 8 runs" in capsys.readouterr().out
    assert trials.main(script, [trial()], ["--missing"]) == 0
    assert len(calls) == 8
    assert trials.main(script, [], []) == 2
    assert "error: expected trials" in capsys.readouterr().err

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(trials, "run", interrupt)
    assert trials.main(script, [trial()], []) == 130
    assert "the same command goes on" in capsys.readouterr().err


def test_workers_run_elsewhere(monkeypatch):
    used = []

    class Here:
        """An executor that stands for worker processes."""

        def __init__(self, workers, context):
            used.append((workers, context.get_start_method()))

        def __enter__(self):
            return self

        def __exit__(self, *error):
            return None

        def submit(self, function, *arguments):
            from concurrent.futures import Future

            done = Future()
            done.set_result(function(*arguments))
            return done

        def shutdown(self, **options):
            used.append(options)

    monkeypatch.setattr(trials, "ProcessPoolExecutor", Here)
    trials.run("sample", [trial()], workers=2)
    assert used == [(2, "spawn"), {"wait": False, "cancel_futures": True}]
    assert stored.values("sample", "rates", arm="soft", lr=0.1).tolist() == [1.1, 1.1]
