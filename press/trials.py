"""Declare and run trials: grids of longer runs whose results a chapter shows.

A script `trials/SLUG.py` ends like this, and `make trials CH=SLUG` runs it:

    TRIALS = [
        Trial("rates", "Which rate suits each arm?", measure, (Quantity("accuracy", "%", ".1f"),),
              settings=grid(arm=list(ARMS), lr=[0.0025, 0.005, 0.01]), choose=("lr",)),
    ]

    if __name__ == "__main__":
        sys.exit(main(__file__, TRIALS))

Every finished run is kept at once in `trials/.runs/`, so an interrupted grid continues where it
stopped, as long as versions and the code that it runs are the same (see `repro.fingerprint`). With
`--missing` the same holds for the stored results: only runs that they lack are made.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import multiprocessing
import platform
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, NamedTuple

from press import BookError
from press.writing import write_atomically
from repro import chapters, trials
from repro.fingerprint import fingerprint
from repro.progress import progress

#: Chapters run seeds below this one; a recipe chosen on them would be tested on what chose it.
FIRST_SEED = 100
Setting = dict[str, Any]


@dataclass(frozen=True)
class Quantity:
    """Something that a run measures.

    Attributes:
        name: key in what the run returns.
        unit: shown behind the name; empty for a pure number.
        format: format specification of means and interval ends.
        better: what a choice by this quantity prefers.
    """

    name: str
    unit: str = ""
    format: str = ".3g"
    better: Literal["higher", "lower"] = "higher"


@dataclass(frozen=True)
class Trial:
    """One question and the grid of runs that answers it.

    Attributes:
        name: short, without spaces, such as `"rates"`.
        question: one sentence, shown above the table.
        measure: `measure(seed=..., **setting)`, one run; returns a finite number for each
            quantity. A function of the script's top level, so that worker processes find it.
        quantities: what `measure` returns; `choose` goes by the first.
        settings: combinations, each with an `arm` (see `grid`), or a function that makes them
            from the finished trials by name, for a grid that depends on an earlier answer.
        seeds: different integers from 100 up, the same for every combination.
        choose: settings among which the best is marked, for each combination of the others.
    """

    name: str
    question: str
    measure: Callable[..., Mapping[str, float]]
    quantities: tuple[Quantity, ...]
    settings: Sequence[Setting] | Callable[[Mapping[str, trials.Stored]], Sequence[Setting]]
    seeds: Sequence[int] = tuple(range(FIRST_SEED, FIRST_SEED + 5))
    choose: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse seeds that a chapter uses, and a trial that measures nothing."""
        seeds = list(self.seeds)
        if not seeds or len(set(seeds)) != len(seeds) or min(seeds) < FIRST_SEED:
            raise BookError(
                f"trial {self.name!r}: expected different seeds from {FIRST_SEED} up, got {seeds}. "
                "Chapters run the seeds below on what a trial chose: shared ones would flatter it"
            )
        if not self.quantities:
            raise BookError(f"trial {self.name!r}: expected one quantity or more, got none")


class Job(NamedTuple):
    """One run: the trial's name, arm and settings, seed."""

    trial: str
    setting: Setting
    seed: int

    @property
    def key(self) -> str:
        """The job as text, the same for equal jobs."""
        return json.dumps([self.trial, self.setting, self.seed], sort_keys=True)


def grid(**axes: Iterable[Any]) -> list[Setting]:
    """Every combination of the values of several settings.

    Args:
        **axes: values by setting, such as `arm=["soft", "hard"], lr=[0.005, 0.01]`; one or more
            each, of types that JSON has. The first setting varies slowest.

    Returns:
        One dictionary a combination; lists of them can be added.
    """
    lists = {name: list(values) for name, values in axes.items()}
    if empty := [name for name, values in lists.items() if not values]:
        raise BookError(f"grid: expected a value or more for {', '.join(empty)}, got none")
    return [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]


def main(script: str, declared: Sequence[Trial], arguments: list[str] | None = None) -> int:
    """Run a script's trials and store their results; the end of every `trials/SLUG.py`.

    Args:
        script: the script's `__file__`; its name is the chapter's.
        declared: the trials, in an order in which each needs only earlier ones.
        arguments: command line (default: that of the process): `--workers N`, `--missing`.

    Returns:
        Exit status: 0 done, 2 a declaration that cannot be run, 130 interrupted.
    """
    parser = argparse.ArgumentParser(description="Run this chapter's trials.")
    parser.add_argument("--workers", type=int, default=1, help="processes (default 1)")
    parser.add_argument(
        "--missing", action="store_true", help="keep the stored runs that are valid"
    )
    slug, options = Path(script).stem, parser.parse_args(arguments)
    try:
        path, runs, seconds = run(slug, declared, options.workers, options.missing)
    except (BookError, chapters.ChapterError, trials.TrialError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; finished runs are kept, and the same command goes on", file=sys.stderr)
        return 130
    print(f"wrote {path.relative_to(chapters.ROOT)}: {runs} runs, {seconds:.0f} s of computing")
    return 0


def run(
    slug: str, declared: Sequence[Trial], workers: int = 1, missing: bool = False
) -> tuple[Path, int, float]:
    """Run what is missing of a chapter's trials, then store all results.

    Args:
        slug: the chapter's name; its script is `trials/SLUG.py`.
        declared: the trials.
        workers: processes, 1 or more.
        missing: keep the stored runs that the same code and versions made, instead of repeating
            them.

    Returns:
        The path of the results, the number of runs in them, and their seconds together.

    Raises:
        BookError: a declaration that cannot be run, or a run that measured no finite number.
    """
    names = [trial.name for trial in declared]
    if not names or len(set(names)) != len(names) or workers < 1:
        raise BookError(
            f"expected trials with different names and 1 worker or more, got {names} and {workers}"
        )
    codes = {trial.name: fingerprint(trials.script(slug), _name(trial)) for trial in declared}
    kept = Kept(chapters.ROOT / "trials" / ".runs" / f"{slug}.jsonl", codes)
    if missing and trials.results(slug).is_file():
        kept.take(trials.load(slug))
    finished: dict[str, trials.Stored] = {}
    for trial in declared:
        wanted = trial.settings(finished) if callable(trial.settings) else trial.settings
        jobs = [Job(trial.name, setting, seed) for setting in wanted for seed in trial.seeds]
        _check(trial, jobs)
        _complete(trial, [job for job in jobs if job.key not in kept.runs], kept, workers)
        runs = [kept.runs[job.key] for job in jobs]
        finished[trial.name] = _result(trial, codes[trial.name], wanted, runs)
    path, state = trials.results(slug), {"chapter": slug, "versions": versions()}
    write_atomically(path, _written({**state, "trials": finished}))
    kept.path.unlink()
    runs = [one for trial in finished.values() for one in trial["runs"]]
    return path, len(runs), sum(one["seconds"] for one in runs)


def versions() -> dict[str, str]:
    """The versions that a run depends on."""
    packages = {"torch": "torch", "numpy": "numpy", "repro": "thirty-three-papers"}
    packed = {name: version(package) for name, package in packages.items()}
    return {"python": platform.python_version(), **packed}


class Kept:
    """Finished runs of an unfinished grid, a JSON line each, after a line with the versions.

    Runs that other versions or other code made are dropped.

    Attributes:
        path: the file.
        codes: fingerprint of the code of each trial, by its name.
        runs: finished runs by the key of their job.
    """

    def __init__(self, path: Path, codes: Mapping[str, str]) -> None:
        self.path, self.codes = path, codes
        self.runs: dict[str, dict] = {}
        lines = list(_whole_lines(path)) if path.exists() else []
        if lines and lines[0] == versions():
            for line in lines[1:]:
                self._take(line["trial"], line["code"], line["run"])
        self._write()

    def _take(self, trial: str, code: str, one: dict) -> None:
        """Keep a run if the present code made it."""
        if self.codes.get(trial) == code:
            self.runs.setdefault(Job(trial, one["settings"], one["seed"]).key, one)

    def _write(self) -> None:
        """Write the file anew, so that half a line of a killed process is not continued."""
        lines = [json.dumps(versions())]
        lines += [self._line(json.loads(key)[0], one) for key, one in self.runs.items()]
        write_atomically(self.path, "".join(line + "\n" for line in lines))

    def _line(self, trial: str, one: dict) -> str:
        """One run as a line."""
        return json.dumps({"trial": trial, "code": self.codes[trial], "run": one})

    def take(self, result: Mapping[str, Any]) -> None:
        """Keep the runs of a stored result that the same code and versions made."""
        if result["versions"] == versions():
            for name, trial in result["trials"].items():
                for one in trial["runs"]:
                    self._take(name, trial["code"], one)
            self._write()

    def add(self, job: Job, one: dict) -> None:
        """Keep one finished run, on disk when this returns."""
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(self._line(job.trial, one) + "\n")
        self.runs[job.key] = one


def _whole_lines(path: Path) -> Iterator[Any]:
    """The lines of a file up to the first that was cut short."""
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            return


def _check(trial: Trial, jobs: list[Job]) -> None:
    """Refuse a grid without runs, a run declared twice, and settings without an arm."""
    where = f"trial {trial.name!r}"
    if not jobs:
        raise BookError(f"{where}: its grid has no combination")
    keys = [job.key for job in jobs]
    for job in jobs:
        if "arm" not in job.setting or "seed" in job.setting:
            raise BookError(f"{where}: expected settings with an arm, no seed, got {job.setting}")
        if unknown := [axis for axis in trial.choose if axis not in job.setting]:
            raise BookError(f"{where}: choose: {unknown} is no setting of {job.setting}")
        if keys.count(job.key) > 1:
            raise BookError(f"{where}: {job.setting} is declared twice")


def _complete(trial: Trial, jobs: list[Job], kept: Kept, workers: int) -> None:
    """Do the runs that are missing, and keep each as soon as it is done."""
    with progress(max(1, len(jobs)), f"runs of {trial.name}") as advance:
        for job, one in _done(trial, jobs, workers):
            kept.add(job, one)
            advance()


def _done(trial: Trial, jobs: list[Job], workers: int) -> Iterator[tuple[Job, dict]]:
    """Jobs and their runs, as they finish."""
    wanted = [quantity.name for quantity in trial.quantities]
    if workers == 1 or len(jobs) < 2:
        yield from ((job, _run(trial.measure, wanted, job)) for job in jobs)
        return
    # Spawned, not forked: a copy of a process that has used torch can hang.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        futures = {pool.submit(_run, trial.measure, wanted, job): job for job in jobs}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _run(measure: Callable[..., Mapping[str, float]], wanted: list[str], job: Job) -> dict:
    """One run: settings, seed, measured values, seconds."""
    start = time.perf_counter()
    measured = {k: float(v) for k, v in measure(seed=job.seed, **job.setting).items()}
    seconds = time.perf_counter() - start
    if sorted(measured) != sorted(wanted) or not all(map(math.isfinite, measured.values())):
        raise BookError(
            f"trial {job.trial!r}, {job.setting}, seed {job.seed}: expected a finite number for "
            f"each of {', '.join(wanted)}, got {measured}. A run that diverged scores what a "
            "constant answer would"
        )
    run = {"settings": job.setting, "seed": job.seed, "measured": measured}
    return {**run, "seconds": round(seconds, 2)}


def _name(trial: Trial) -> str:
    """Name of the function that measures."""
    return getattr(trial.measure, "__name__", "")


def _result(
    trial: Trial, code: str, settings: Sequence[Setting], runs: list[dict]
) -> trials.Stored:
    """What is stored of a finished trial."""
    axes = dict.fromkeys(axis for setting in settings for axis in setting)
    varied = {a: list(dict.fromkeys(s[a] for s in settings if a in s)) for a in axes}
    quantities = {q.name: asdict(q) for q in trial.quantities}
    for quantity in quantities.values():
        del quantity["name"]
    return {
        "question": trial.question,
        "measure": _name(trial),
        "code": code,
        "quantities": quantities,
        "choose": list(trial.choose),
        "grid": varied,
        "seeds": list(trial.seeds),
        "runs": runs,
    }


def _written(result: dict[str, Any]) -> str:
    """A result as JSON with one line a run, so that a comparison of two versions is readable."""
    lines: list[str] = []

    def held(run: dict) -> str:
        lines.append(json.dumps(run, ensure_ascii=False))
        return f"run {len(lines) - 1}"

    trials = {
        name: {**trial, "runs": [held(run) for run in trial["runs"]]}
        for name, trial in result["trials"].items()
    }
    text = json.dumps({**result, "trials": trials}, indent=1, ensure_ascii=False)
    for number, line in enumerate(lines):
        text = text.replace(f'"run {number}"', line, 1)
    return text + "\n"
