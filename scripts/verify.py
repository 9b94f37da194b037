"""Verify the book: all phases in order, stopping at the first that fails.

python scripts/verify.py                  everything
python scripts/verify.py unit notebooks   these phases only
python scripts/verify.py --has-browser    exit status 0 if the browser tests can run
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from render import ROOT, render

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
NO_BROWSER = (
    "no Chromium found. Install it (Debian: sudo apt install chromium; macOS: brew install "
    "--cask chromium) or set CHROMIUM=/path/to/it"
)


def find_browser() -> str | None:
    """Return the path of an installed Chromium or Chrome; the variable CHROMIUM goes first."""
    named = os.environ.get("CHROMIUM")
    return next(filter(None, map(shutil.which, (named,) if named else BROWSERS)), None)


def python(*arguments: str) -> int:
    """Run `python ...` of this environment in the project's folder and return its status."""
    return subprocess.call([sys.executable, *arguments], cwd=ROOT)


def lint() -> int:
    """Style and format of code and notebooks."""
    return python("-m", "ruff", "check", ".") or python("-m", "ruff", "format", "--check", ".")


def unit() -> int:
    """Unit and property tests, and what they cover."""
    options = ["-n", "2", "--ignore=tests/site", "--cov", "--cov-report=term"]
    return python("-m", "pytest", "-q", "tests", *options)


def structure() -> int:
    """Sections, claims with controls, equations, citations and sizes of every chapter."""
    return python("-m", "press", "structure")


def notebooks() -> int:
    """Every chapter executed by nbval, two at a time, its outputs equal to the stored ones."""
    return python("-m", "press", "check", "all")


def site() -> int:
    """The site rendered from nothing, warnings as errors."""
    return render(fresh=True)


def browser() -> int:
    """Internal links, then the site in a headless Chromium."""
    path = find_browser()
    if path:
        os.environ["CHROMIUM"] = path
        return python("-m", "pytest", "-q", "tests/site")
    if os.environ.get("CI", "").lower() in ("1", "true"):
        print(f"browser tests must run where CI is set, but there is {NO_BROWSER}")
        return 1
    status = python("-m", "pytest", "-q", "tests/site", "-m", "not browser")
    print(f"SKIPPED the browser tests: {NO_BROWSER}, then: make browser")
    return status


PHASES = {phase.__name__: phase for phase in (lint, unit, structure, notebooks, site, browser)}


def verify(phases: Mapping[str, Callable[[], int]]) -> int:
    """Run phases in order, with their names and seconds, and stop at the first failure.

    Args:
        phases: name to a function that returns 0 for success; its docstring says what it checks.

    Returns:
        0, or the exit status of the phase that failed.
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
    summary = ", ".join(f"{name} {seconds:.1f}" for name, seconds in took.items())
    print(f"\n=== verified in {sum(took.values()):.1f} s ({summary})")
    return 0


def isolate(scratch: str) -> None:
    """Set the environment of all phases: this interpreter, no personal settings, no network."""
    os.environ["PATH"] = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]
    os.environ["IPYTHONDIR"] = scratch
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    os.environ["REPRO_QUIET"] = "1"
    for scheme in ("http", "https", "all"):  # a proxy that is not there: downloads fail at once
        os.environ[f"{scheme}_proxy"] = os.environ[f"{scheme.upper()}_PROXY"] = "http://127.0.0.1:9"
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = "localhost,127.0.0.1"


def main(arguments: list[str]) -> int:
    """Run the named phases, or all."""
    if arguments == ["--has-browser"]:
        return 0 if find_browser() else 1
    if unknown := [name for name in arguments if name not in PHASES]:
        print(f"verify: no phase {', '.join(unknown)}; there are {', '.join(PHASES)}")
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        isolate(scratch)
        try:
            return verify({name: PHASES[name] for name in arguments or PHASES})
        except KeyboardInterrupt:
            print("\n=== interrupted")
            return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
