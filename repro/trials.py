"""Stored results of the longer runs behind a chapter's recipe and verdicts.

`trials/SLUG.py` declares the runs, `make trials CH=SLUG` repeats them (see `press.trials`), and
`trials/results/SLUG.json` keeps them. A chapter shows them with `show` and uses them with `values`;
it never trains them. Numbers come from a file under version control, so they are the same on every
machine and are compared like text when the chapter is verified.
"""

from __future__ import annotations

import ast
import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from repro import chapters
from repro.fingerprint import fingerprint, mentioned
from repro.report import table
from repro.stats import paired_interval, t_interval

Setting = dict[str, Any]
Stored = dict[str, Any]


class TrialError(Exception):
    """A trial that is not stored, or was asked for something it does not hold."""


def script(slug: str) -> Path:
    """The file that declares a chapter's trials, whether it exists or not."""
    return chapters.ROOT / "trials" / f"{slug}.py"


def results(slug: str) -> Path:
    """The file of a chapter's stored results, whether it exists or not."""
    return chapters.ROOT / "trials" / "results" / f"{slug}.json"


def named(slug: str, sources: Iterable[str]) -> list[str]:
    """The stored results that a chapter depends on.

    Args:
        slug: the chapter's name.
        sources: its code; what does not parse names nothing.

    Returns:
        Names of results in alphabetical order: the chapter's own, where it has any, and others
        whose name stands in its code.
    """
    words = {slug}
    for source in sources:
        with contextlib.suppress(SyntaxError):
            words |= mentioned(ast.parse(source))
    return sorted(file.stem for file in results(slug).parent.glob("*.json") if file.stem in words)


def load(slug: str) -> dict[str, Any]:
    """Everything that is stored about a chapter's trials.

    Args:
        slug: the chapter's name, such as `"sttn"`.

    Returns:
        `versions` at the time of the runs, and `trials` by name, each with `question`, `measure`
        (the function that ran), `code` (its fingerprint then), `quantities`, `choose`, `grid`,
        `seeds` and `runs`.

    Raises:
        TrialError: there is no result, or the file is no result.
    """
    path = results(slug)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.json"))) or "none yet"
        raise TrialError(
            f"no trials of {slug!r} are stored. Stored: {known}. Run `make trials CH={slug}`"
        ) from error
    except json.JSONDecodeError as error:
        raise TrialError(
            f"{path.name} in trials/results is no JSON ({error}): restore it from version control, "
            f"or run `make trials CH={slug}`"
        ) from error


def trial(slug: str, name: str) -> Stored:
    """One stored trial.

    Raises:
        TrialError: no trial of the chapter has that name; the message lists those it has.
    """
    stored = load(slug)["trials"]
    if name not in stored:
        raise TrialError(f"{slug} has no trial {name!r}. It has: {', '.join(stored)}")
    return stored[name]


def stale(slug: str) -> str | None:
    """Why a chapter's stored trials no longer speak for it.

    Args:
        slug: the chapter's name.

    Returns:
        A sentence that says what changed and what to do; None for results that are up to date,
        and for a chapter without results.
    """
    if not results(slug).is_file():
        return None
    if not script(slug).is_file():
        return f"trials/{slug}.py, which made trials/results/{slug}.json, is gone: restore it"
    stored = load(slug)["trials"]
    measures = {one.get("measure", "") for one in stored.values()}
    now = {measure: fingerprint(script(slug), measure) for measure in measures}
    changed = [
        name for name, one in stored.items() if one.get("code") != now[one.get("measure", "")]
    ]
    if changed:
        return (
            f"the code behind the trials {', '.join(changed)} of {slug} has changed since they "
            f"ran: run `make trials CH={slug}`"
        )
    return None


def values(slug: str, name: str, quantity: str | None = None, **setting: Any) -> np.ndarray:
    """What one combination of settings measured, seed by seed.

    Args:
        slug: the chapter's name.
        name: the trial's.
        quantity: which measured quantity; may be left out if there is one only.
        **setting: arm and settings, as many as it takes to name one combination.

    Returns:
        (S,) float64, in the order of the seeds, so that two arms of a trial are paired.

    Raises:
        TrialError: no such trial, quantity or combination, or several; lists those there are.
    """
    one = trial(slug, name)
    quantity = _quantity(one, quantity)
    found = [s for s in settings(one) if setting.items() <= s.items()]
    if len(found) != 1:
        problem = "no combination has" if not found else f"{len(found)} combinations have"
        raise TrialError(
            f"trial {name!r} of {slug}: {problem} {_written(setting)}. "
            f"There are: {'; '.join(map(_written, found or settings(one)))}"
        )
    return _measured(one, quantity, found[0])


def settings(one: Stored) -> list[Setting]:
    """The combinations of arm and settings of a trial, in the order of its grid."""
    unique: list[Setting] = []
    for run in one["runs"]:
        if run["settings"] not in unique:
            unique.append(run["settings"])
    return unique


def chosen(one: Stored) -> list[Setting]:
    """The combinations with the best mean, one for each setting of what was not chosen among.

    Args:
        one: a trial as `trial` returns it.

    Returns:
        The best combinations of `choose`, by the first quantity; the first of equal ones. Empty
        for a trial that chooses nothing.
    """
    if not one["choose"]:
        return []
    name, quantity = next(iter(one["quantities"].items()))
    sign = 1 if quantity["better"] == "higher" else -1
    best: dict[tuple, tuple[float, Setting]] = {}
    for setting in settings(one):
        group = tuple((k, v) for k, v in setting.items() if k not in one["choose"])
        score = sign * float(_measured(one, name, setting).mean())
        if group not in best or score > best[group][0]:
            best[group] = (score, setting)
    return [setting for _, setting in best.values()]


def show(slug: str, name: str, quantity: str | None = None) -> None:
    """Display a stored trial as a table: mean and 95 % interval of each combination.

    Settings that a trial chooses among are marked where they were best, with a word of warning at
    the end of a grid, beyond which a better one may lie. A result that no longer speaks for the
    chapter says so above its numbers.

    Args:
        slug: the chapter's name.
        name: the trial's.
        quantity: which measured quantity; may be left out if there is one only.

    Raises:
        TrialError: no such trial or quantity; lists those there are.
    """
    one = trial(slug, name)
    quantity = _quantity(one, quantity)
    unit, best = one["quantities"][quantity]["unit"], chosen(one)
    partial = {axis for setting in settings(one) for axis in one["grid"].keys() - setting.keys()}
    axes = [axis for axis, varied in one["grid"].items() if len(varied) > 1 or axis in partial]
    fixed = [f"{axis} {varied[0]}" for axis, varied in one["grid"].items() if axis not in axes]
    heading = f"{quantity} ({unit})" if unit else quantity
    columns = [*axes, heading, "low", "high", *(["chosen"] if best else [])]
    rows = [
        [
            *(_cell(setting.get(axis, "-")) for axis in axes),
            *_interval(_measured(one, quantity, setting), one["quantities"][quantity]["format"]),
            *([_mark(one, setting) if setting in best else ""] if best else []),
        ]
        for setting in settings(one)
    ]
    seeds = one["seeds"]
    notes = [one["question"], f"Mean and 95 % interval over {len(seeds)} seeds ({_span(seeds)})"]
    notes += [", ".join(fixed)] if fixed else []
    if why := stale(slug):
        notes.insert(0, f"STALE: {why}")
    table(rows, columns, caption=". ".join(note.rstrip(".") for note in notes).replace("?.", "?"))


def beside(
    slug: str, rows: Mapping[str, str], columns: Mapping[str, tuple[str, str]], caption: str
) -> None:
    """Display trials of one combination each as one table: a row a trial, means and intervals.

    Args:
        slug: the name of the script that ran them.
        rows: what a row is called, and its trial.
        columns: what a column is called, its quantity, and what is added to the name of the row's
            trial, such as "" or "-longer".
        caption: what the reader sees; the seeds are added to it.

    Raises:
        TrialError: no such trial or quantity, several combinations, or other seeds within a column.
    """
    spans = {
        heading: _common_seeds(slug, [name + suffix for name in rows.values()])
        for heading, (_, suffix) in columns.items()
    }
    groups = {span: [h for h in spans if spans[h] == span] for span in spans.values()}
    named = [span + (f" ({', '.join(h)})" if len(groups) > 1 else "") for span, h in groups.items()]
    notes = [caption.rstrip("."), f"Mean ± half the 95 % interval over seeds {'; '.join(named)}"]
    if why := stale(slug):
        notes.insert(0, f"STALE: {why}")
    body = [
        [label, *(_spread(slug, name + suffix, quantity) for quantity, suffix in columns.values())]
        for label, name in rows.items()
    ]
    table(body, ["", *columns], caption=". ".join(notes))


def ranged(differences: Sequence[float] | np.ndarray, form: str = "+.1f") -> str:
    """Mean and 95 % interval of stored differences as text, the same on every machine.

    Args:
        differences: (S,), one a seed, 2 or more.
        form: how its numbers are written.

    Returns:
        Such as `+1.2 (+0.3 to +2.1)`.

    Raises:
        ValueError: as for `repro.stats.paired_interval`.
    """
    mean, low, high = paired_interval(differences)[:3]
    return f"{mean:{form}} ({low:{form}} to {high:{form}})"


def _common_seeds(slug: str, names: Sequence[str]) -> str:
    """The seeds that all of some trials have, for a caption."""
    seeds = {name: trial(slug, name)["seeds"] for name in names}
    if other := [name for name in names if seeds[name] != seeds[names[0]]]:
        raise TrialError(f"{other[0]!r} has other seeds than {names[0]!r}: not comparable")
    return _span(seeds[names[0]])


def _spread(slug: str, name: str, quantity: str) -> str:
    """Mean of the only combination of a trial, and half the width of its interval."""
    form = trial(slug, name)["quantities"][_quantity(trial(slug, name), quantity)]["format"]
    mean, low, high = paired_interval(values(slug, name, quantity))[:3]
    return f"{mean:{form}} ± {(high - low) / 2:{form}}"


def _quantity(one: Stored, quantity: str | None) -> str:
    """The quantity asked for, or the only one."""
    known = list(one["quantities"])
    if quantity in known or (quantity is None and len(known) == 1):
        return quantity or known[0]
    raise TrialError(f"expected one of the quantities {', '.join(known)}, got {quantity!r}")


def _measured(one: Stored, quantity: str, setting: Setting) -> np.ndarray:
    """Measured values (S,) of one combination, in the order of the seeds."""
    runs = {r["seed"]: r["measured"][quantity] for r in one["runs"] if r["settings"] == setting}
    return np.array([runs[seed] for seed in sorted(runs)])


def _interval(sample: np.ndarray, form: str) -> list[str]:
    """Mean, low and high as text; without an interval for a single run."""
    mean = float(sample.mean())
    if len(sample) < 2:
        return [format(mean, form), "-", "-"]
    interval = t_interval(mean, float(sample.std(ddof=1)), len(sample))
    return [format(value, form) for value in (mean, interval.low, interval.high)]


def _cell(value: Any) -> str | int:
    """A setting as a cell of the table; a fraction as text, because it is no measured number."""
    return value if isinstance(value, int) else str(value)


def _mark(one: Stored, setting: Setting) -> str:
    """How a chosen combination is marked: a number at the end of its grid may not be the best."""
    for axis in one["choose"]:
        varied = one["grid"][axis]
        numbers = len(varied) > 1 and all(isinstance(v, int | float) for v in varied)
        if numbers and setting[axis] in (min(varied), max(varied)):
            return "yes, at the end of the grid"
    return "yes"


def _span(seeds: Sequence[int]) -> str:
    """Seeds for a caption: consecutive ones as first to last."""
    first, last = min(seeds), max(seeds)
    if len(seeds) > 2 and len(seeds) == last - first + 1:
        return f"{first} to {last}"
    return ", ".join(map(str, sorted(seeds)))


def _written(setting: Mapping[str, Any]) -> str:
    """Settings as one would write them in a call."""
    return ", ".join(f"{key}={value!r}" for key, value in setting.items()) or "no setting named"
