"""Verify chapters: their structure, then every stored output against a new execution."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from press import checks
from press.chapter import Chapter, Problem, count_cells, load
from repro import chapters
from repro.progress import progress

WORKERS = 2
DETAIL_LINES = 30
#: How a chapter is executed and compared; `make test` runs nbval with the same rules.
NBVAL = (
    *("-m", "pytest", "-v", "-o", "addopts=", "-p", "no:cacheprovider", "--color=no"),
    *("-p", "nbval.plugin", "-p", "press.nbval_plugin", "--nbval", "--nbval-current-env"),
    "--nbval-cell-timeout=300",
)
#: With these problems there is nothing to execute, or nothing to compare with.
HOPELESS = {"notebook", "refreshed"}
CELL_DONE = re.compile(r"::Cell \d+ (PASSED|FAILED|SKIPPED|ERROR)")
ESCAPES = re.compile(r"(?:\x1b|#x1B)\[[0-9;]*m")
RAISED = re.compile(r"^(\w[\w.]*(?:Error|Exception|Interrupt|Warning|Exit)\b.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Verdict:
    """The result of checking one chapter: its problems, executed cells and wall seconds."""

    problems: list[Problem]
    cells: int
    seconds: float


def verify(path: Path, on_cell: Callable[[], None] = lambda: None) -> Verdict:
    """Check one chapter's structure, and execute it unless it was never executed before.

    Args:
        path: the notebook; it is not modified.
        on_cell: called after every cell that was executed.
    """
    start = time.perf_counter()
    found = checks.problems(path)
    cells = 0
    if not HOPELESS.intersection(problem.check for problem in found):
        cells, more = compare_outputs(path, on_cell)
        found += more
    return Verdict(found, cells, time.perf_counter() - start)


def compare_outputs(
    path: Path, on_cell: Callable[[], None] = lambda: None
) -> tuple[int, list[Problem]]:
    """Execute a notebook with nbval and compare every output with the stored one.

    Args:
        path: the notebook.
        on_cell: called after every cell.

    Returns:
        The number of cells that ran and agreed, and the problems found.
    """
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.xml"
        status, said = _run_nbval(path, report, on_cell)
        if status not in (0, 1) or not report.exists():
            return 0, [Problem(path, "execution", f"nbval could not run it:\n{said}")]
        cases = list(ElementTree.parse(report).iter("testcase"))
    chapter = load(path)
    problems = [
        _problem(chapter, int(case.get("name", "").split()[-1]), "".join(case[0].itertext()))
        for case in cases
        if len(case) and case[0].tag in ("failure", "error")
    ]
    return sum(not len(case) for case in cases), problems


def _run_nbval(path: Path, report: Path, on_cell: Callable[[], None]) -> tuple[int, str]:
    """Run nbval on a notebook; returns its exit status and the last lines that it printed."""
    masks = chapters.ROOT / ".nbval-sanitize.cfg"
    options = [f"--nbval-sanitize-with={masks}", f"--junitxml={report}", str(path.resolve())]
    with subprocess.Popen(
        [sys.executable, *NBVAL, *options],
        cwd=chapters.ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as run:
        last = deque(maxlen=DETAIL_LINES)
        for line in run.stdout:
            last.append(line)
            if CELL_DONE.search(line):
                on_cell()
    return run.returncode, "".join(last).strip()


def _problem(chapter: Chapter, number: int, report: str) -> Problem:
    """Turn nbval's report on one code cell into a message with chapter, cell and cause."""
    cell = chapter.code[number].where
    text = ESCAPES.sub("", report).strip()
    detail = "\n".join(text.split("Traceback:", 1)[-1].strip().splitlines()[-DETAIL_LINES:])
    if "Cell outputs differ" in text:
        hint = f"If the change is meant, run `make refresh CH={chapter.slug}`."
        message = f"{cell}: its outputs differ from the stored ones. {hint}\n{detail}"
        return Problem(chapter.path, "outputs", message)
    raised = RAISED.findall(text)
    cause = f"raised {raised[-1]}" if raised else "could not be run to its end"
    return Problem(chapter.path, "execution", f"{cell} {cause}\n{detail}")


def check_all(paths: dict[str, Path]) -> int:
    """Check chapters, two at a time, with one summary line or its problems for each.

    Returns:
        The number of chapters that failed.
    """
    failures = 0
    total = sum(map(count_cells, paths.values()))
    with progress(total, "cells") as advance, ThreadPoolExecutor(WORKERS) as pool:
        jobs = {pool.submit(verify, path, advance): slug for slug, path in paths.items()}
        results = {jobs[job]: job.result() for job in as_completed(jobs)}
    for slug in paths:
        failures += bool(results[slug].problems)
        _tell(slug, results[slug])
    return failures


def _tell(slug: str, verdict: Verdict) -> None:
    """Print the problems of a chapter, then its summary."""
    for problem in verdict.problems:
        print(problem)
    if verdict.problems:
        state = f"FAILED, {len(verdict.problems)} problem(s)"
    else:
        state = f"in order, {verdict.cells} cells ran and gave the stored outputs"
    print(f"{slug:<28} {state} ({verdict.seconds:.1f} s)")
