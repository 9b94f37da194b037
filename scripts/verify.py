"""Verify the book: all phases in order, stopping at the first that fails.

python scripts/verify.py                  everything
python scripts/verify.py unit notebooks   these phases only
python scripts/verify.py --has-browser    exit status 0 if the browser tests can run
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from render import ROOT, published, render

from press.isolation import isolated
from press.toc import PAPERS

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
FIREFOXES = ("firefox-esr", "firefox", "/Applications/Firefox.app/Contents/MacOS/firefox")
NO_BROWSER = (
    "no Chromium found. Install it (Debian: sudo apt install chromium; macOS: brew install "
    "--cask chromium) or set CHROMIUM=/path/to/it"
)
NO_FIREFOX = (
    "no Firefox found. Install it (Debian: sudo apt install firefox-esr) or set FIREFOX=/path/to/it"
)


@dataclass(frozen=True)
class Budget:
    """Seconds that a phase may take on two cores: some in any case, and some for each chapter."""

    always: float
    each: float

    def of(self, count: int) -> float:
        """The budget for a book of `count` chapters."""
        return self.always + self.each * count


#: For the complete book these come to 16 minutes.
BUDGETS = {
    "lint": Budget(5, 0.3),
    "unit": Budget(108, 4),
    "structure": Budget(2, 0.4),
    "notebooks": Budget(18, 14),
    "site": Budget(27, 1),
    "browser": Budget(84, 2),
}


def find_browser() -> str | None:
    """Return the path of an installed Chromium or Chrome; the variable CHROMIUM goes first."""
    named = os.environ.get("CHROMIUM")
    return next(filter(None, map(shutil.which, (named,) if named else BROWSERS)), None)


def find_firefox() -> str | None:
    """Return the path of an installed Firefox; the variable FIREFOX goes first."""
    named = os.environ.get("FIREFOX")
    return next(filter(None, map(shutil.which, (named,) if named else FIREFOXES)), None)


def python(*arguments: str) -> int:
    """Run `python ...` of this environment in the project's folder and return its status."""
    return subprocess.call([sys.executable, *arguments], cwd=ROOT)


def lint() -> int:
    """Style and format of code and notebooks, and who may import whom."""
    return (
        python("-m", "ruff", "check", ".")
        or python("-m", "ruff", "format", "--check", ".")
        or python(str(Path(sys.executable).with_name("lint-imports")), "--no-cache")
    )


def unit() -> int:
    """Unit and property tests, and what they cover."""
    options = ["-n", "2", "-m", "not browser", "--ignore=tests/site"]
    return python("-m", "pytest", "-q", "tests", *options, "--cov", "--cov-report=term")


def structure() -> int:
    """Sections, records, equations, citations and sizes of every chapter."""
    return python("-m", "press", "structure")


def notebooks() -> int:
    """Every chapter executed by nbval, two at a time, its outputs equal to the stored ones."""
    return python("-m", "press", "check", "all")


def site() -> int:
    """The site rendered from nothing, warnings as errors."""
    return render(fresh=True)


def browser() -> int:
    """JupyterLab and figures in a headless Chromium, then the site, in Firefox as well."""
    alone = ["-m", "pytest", "-q", "tests/press", "tests/repro", "-m", "browser"]
    pages = ["-m", "pytest", "-q", "tests/site"]
    path = find_browser()
    if path:
        os.environ["CHROMIUM"] = path
        firefox = find_firefox()
        os.environ["FIREFOX"] = firefox or "none"
        status = python(*alone) or python(*pages)
        if firefox is None:
            print(f"SKIPPED the tests in Firefox: {NO_FIREFOX}, then: make browser")
        return status
    if os.environ.get("CI", "").lower() in ("1", "true"):
        print(f"browser tests must run where CI is set, but there is {NO_BROWSER}")
        return 1
    status = python(*pages, "-m", "not browser")
    print(f"SKIPPED the browser tests: {NO_BROWSER}, then: make browser")
    return status


PHASES = {phase.__name__: phase for phase in (lint, unit, structure, notebooks, site, browser)}


def verify(phases: Mapping[str, Callable[[], int]]) -> int:
    """Run phases in order, with their names, seconds and budgets, and stop at the first failure.

    Args:
        phases: name to a function that returns 0 for success; its docstring says what it checks.

    Returns:
        0, or the exit status of the phase that failed. A phase over its budget has not failed.
    """
    took = {}
    for number, (name, phase) in enumerate(phases.items(), 1):
        print(f"\n=== {number}/{len(phases)} {name}: {phase.__doc__}", flush=True)
        start = time.monotonic()
        status = phase()
        took[name] = time.monotonic() - start
        if status:
            print(f"\n=== {name} FAILED after {took[name]:.1f} s. Alone: make {name}", flush=True)
            return status
        print(f"=== {name} passed in {took[name]:.1f} s", flush=True)
    print(f"\n=== verified in {sum(took.values()):.1f} s")
    print(budgets(took, count_chapters()))
    return 0


def count_chapters() -> int:
    """Number of chapters there are."""
    return len(list((ROOT / "chapters").glob("*/*.ipynb")))


def budgets(took: Mapping[str, float], count: int) -> str:
    """What phases took beside what they may take, now and when the book is complete.

    Args:
        took: seconds by phase; those without a budget are left out.
        count: number of chapters.

    Returns:
        One line for each phase, and one for their sum.
    """
    lines = [f"{'seconds':<10} {'used':>7} {f'{count} chapters':>12} {f'{PAPERS} chapters':>12}"]
    rows = [(name, used, BUDGETS[name]) for name, used in took.items() if name in BUDGETS]
    total = Budget(sum(row[2].always for row in rows), sum(row[2].each for row in rows))
    for name, used, budget in [*rows, ("all", sum(row[1] for row in rows), total)]:
        over = "  OVER BUDGET" if used > budget.of(count) else ""
        lines.append(
            f"{name:<10} {used:7.1f} {budget.of(count):12.0f} {budget.of(PAPERS):12.0f}{over}"
        )
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Run the named phases, or all, in isolation."""
    if arguments == ["--has-browser"]:
        return 0 if find_browser() else 1
    if unknown := [name for name in arguments if name not in PHASES]:
        print(f"verify: no phase {', '.join(unknown)}; there are {', '.join(PHASES)}")
        return 2
    with isolated(published()) as room:
        os.environ.clear()
        os.environ.update(room.environment)
        try:
            return verify({name: PHASES[name] for name in arguments or PHASES})
        except KeyboardInterrupt:
            print("\n=== interrupted")
            return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
