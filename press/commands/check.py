"""Verify chapters: their structure, then every stored output against a new execution."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from press import BookError, checks, execution, passed
from press.chapter import Chapter, Problem, count_cells, load
from press.execution import CellResult
from repro.progress import progress

WORKERS = 2
#: With these problems there is nothing to execute, or nothing to compare with.
HOPELESS = {"notebook", "refreshed"}


@dataclass(frozen=True)
class Verdict:
    """The result of checking one chapter.

    Attributes:
        problems: what is wrong.
        cells: the number of cells that ran and agreed; None when none was executed.
        seconds: wall time.
    """

    problems: list[Problem]
    cells: int | None
    seconds: float


def check_all(paths: dict[str, Path], *, changed: bool = False) -> int:
    """Check chapters, two at a time, with one summary line or its problems for each.

    Args:
        paths: the chapters by slug.
        changed: execute only those that changed since they last passed here; the structure of
            the others is looked at all the same.

    Returns:
        The number of chapters that failed.
    """
    digests = {slug: passed.digest(path) for slug, path in paths.items()}
    skip = passed.unchanged(digests) if changed else set()
    total = sum(count_cells(paths[slug]) for slug in paths if slug not in skip)
    with progress(max(1, total), "cells") as advance, ThreadPoolExecutor(WORKERS) as pool:
        jobs = {
            pool.submit(verify, paths[slug], advance, execute=slug not in skip): slug
            # The longest first, so that both workers finish at about the same time.
            for slug in sorted(paths, key=lambda slug: _seconds(paths[slug]), reverse=True)
        }
        verdicts = {jobs[job]: job.result() for job in as_completed(jobs)}
    for slug in paths:
        _tell(slug, verdicts[slug])
    good = {slug for slug in paths if not verdicts[slug].problems}
    passed.remember({slug: digests[slug] for slug in good})
    if skip:
        print(
            f"not executed, for nothing changed since they passed here: {', '.join(sorted(skip))}"
        )
    return len(paths) - len(good)


def verify(
    path: Path, on_cell: Callable[[], object] = lambda: None, *, execute: bool = True
) -> Verdict:
    """Check one chapter's structure, and execute it unless it was never executed before.

    Args:
        path: the notebook; it is not modified.
        on_cell: called after every cell that was executed.
        execute: False to look at the structure alone.
    """
    start = time.perf_counter()
    found = checks.problems(path)
    cells = None
    if execute and not HOPELESS.intersection(problem.check for problem in found):
        cells, more = compare_outputs(path, on_cell)
        found += more
    return Verdict(found, cells, time.perf_counter() - start)


def compare_outputs(
    path: Path, on_cell: Callable[[], object] = lambda: None
) -> tuple[int, list[Problem]]:
    """Execute a notebook and compare every output with the stored one.

    Args:
        path: the notebook.
        on_cell: called after every cell.

    Returns:
        The number of cells that ran and agreed, and the problems found.
    """
    try:
        results = execution.compare(path, lambda result: on_cell())
    except BookError as error:
        return 0, [Problem(path, "execution", str(error))]
    chapter = load(path)
    failed = [result for result in results if result.outcome == "failed"]
    agreed = sum(result.outcome == "passed" for result in results)
    return agreed, [_problem(chapter, result) for result in failed]


def _problem(chapter: Chapter, result: CellResult) -> Problem:
    """A failed cell as a message with chapter, cell and cause."""
    cell = chapter.code[result.cell].where
    if result.kind == "outputs":
        hint = f"If the change is meant, run `make refresh CH={chapter.slug}`."
        message = f"{cell}: its outputs differ from the stored ones. {hint}\n{result.detail}"
        return Problem(chapter.path, "outputs", message)
    cause = {
        "raised": f"raised {result.message}",
        "timed out": f"took more than {execution.CELL_TIMEOUT} s",
        "died": "could not be run to its end: the kernel died, most often for want of memory",
    }.get(result.kind, "could not be compared")
    return Problem(chapter.path, "execution", f"{cell} {cause}\n{result.detail}")


def _seconds(path: Path) -> float:
    """How long a chapter takes, as it was stored; infinite if that is unknown."""
    try:
        return float(load(path).repro["seconds"])
    except (BookError, KeyError, TypeError, ValueError):
        return float("inf")


def _tell(slug: str, verdict: Verdict) -> None:
    """Print the problems of a chapter, then its summary."""
    for problem in verdict.problems:
        print(problem)
    if verdict.problems:
        state = f"FAILED, {len(verdict.problems)} problem(s)"
    elif verdict.cells is None:
        state = "in order, not executed"
    else:
        state = f"in order, {verdict.cells} cells ran and gave the stored outputs"
    print(f"{slug:<28} {state} ({verdict.seconds:.1f} s)")
