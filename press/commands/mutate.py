"""Mutation testing of a chapter: does anything notice a small slip in its method?

Every mutant gets a book of its own in a temporary folder, whose notebook holds the slip. The
chapter's tests run first, in a copy of this process that has loaded torch already; only what they
let pass is executed as a notebook, where claims, checks and compared outputs may notice it.
"""

from __future__ import annotations

import contextlib
import copy
import gc
import importlib
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from press import BookError
from press.execution import compare
from press.mutation import Mutant, mutants, sample
from repro import chapters
from repro.progress import progress

#: Share of mutants that is to be killed.
GOAL = 0.95
#: Seconds that the tests of the method itself may take.
FIRST_TIME = 600
#: A mutant may take this many times as long as the method itself, and so many seconds besides.
PATIENCE, ALLOWANCE = 10, 10
#: How a mutant ends: a test noticed it, the notebook did, it crashed or hung, or nothing noticed.
OUTCOMES = ("test", "notebook", "error", "survived")
#: A copy of this process starts with everything loaded; elsewhere than on Unix, a new one must do.
FORKED = "fork" in multiprocessing.get_all_start_methods()


@dataclass(frozen=True)
class Fate:
    """How a mutant ended: one of `OUTCOMES`, and what noticed it."""

    outcome: str
    by: str = ""


def run(slug: str, limit: int | None = None, notebook: bool = True) -> int:
    """Mutate a chapter's method, and print the score and what survived.

    Args:
        slug: the chapter's name.
        limit: how many mutants, spread over all method cells; None for all.
        notebook: whether what the tests let pass is executed as a notebook too.

    Returns:
        Exit status: 0 where the goal is met, otherwise 1.

    Raises:
        BookError: a limit below 1, or a chapter without tests that pass without any slip.
        ChapterError: there is no such chapter.
    """
    if limit is not None and limit < 1:
        raise BookError(f"limit: expected 1 mutant or more, got {limit}")
    cells = chapters.method_cells(chapters.read(chapters.find(slug)))
    population = [mutant for number, source in cells for mutant in mutants(number, source)]
    wanted = sample(population, limit)
    with tempfile.TemporaryDirectory(prefix="mutants-") as scratch:
        book = Book(slug, Path(scratch))
        examiner = Examiner(book, notebook)
        fates = []
        with progress(max(1, len(wanted)), f"mutants of {slug}") as advance:
            for mutant in wanted:
                fates.append(examiner.fate(mutant))
                advance()
    return _report(slug, wanted, fates, len(population))


class Book:
    """A copy of all notebooks in a temporary folder, where one method can hold a slip.

    Attributes:
        slug: the chapter that is mutated.
        chapters: the folder of the parts.
        path: the chapter's notebook there.
    """

    def __init__(self, slug: str, folder: Path) -> None:
        self.slug, self.chapters = slug, folder / "chapters"
        for path in chapters.notebooks().values():
            target = self.chapters / path.parent.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        original = chapters.find(slug)
        self.path = self.chapters / original.parent.name / original.name
        self._original: NotebookNode = chapters.read(original)

    def write(self, mutant: Mutant) -> None:
        """Put a slip into the chapter, and take the one before it out."""
        notebook = copy.copy(self._original)
        notebook.cells = list(notebook.cells)
        notebook.cells[mutant.cell - 1] = copy.copy(notebook.cells[mutant.cell - 1])
        notebook.cells[mutant.cell - 1].source = mutant.source
        nbformat.write(notebook, self.path)


class Examiner:
    """Whether tests and notebook notice a mutant.

    Args:
        book: where the mutants are written.
        notebook: whether notebooks are executed.

    Raises:
        BookError: the chapter has no tests, or they fail without any slip.
    """

    def __init__(self, book: Book, notebook: bool) -> None:
        self.book, self.notebook = book, notebook
        self.tests = chapters.ROOT / "tests" / "chapters" / f"test_{book.slug}.py"
        if not self.tests.is_file():
            raise BookError(f"there is no {self.tests.relative_to(chapters.ROOT)} to notice a slip")
        said = self._test(FIRST_TIME)
        if said is None or said["outcome"] != "survived":
            reason = said["by"] if said else f"they take more than {FIRST_TIME} s, or crash"
            raise BookError(f"the tests of {book.slug} fail without any slip: {reason}")
        _load(said["modules"])
        start = time.monotonic()
        self._test(FIRST_TIME)  # once more, for its time when everything is loaded
        self.patience = PATIENCE * (time.monotonic() - start) + ALLOWANCE

    def fate(self, mutant: Mutant) -> Fate:
        """How one mutant ends."""
        self.book.write(mutant)
        said = self._test(self.patience)
        if said is None:
            return Fate("error", "took too long, or crashed")
        if said["outcome"] != "survived" or not self.notebook:
            return Fate(said["outcome"], said["by"])
        return self._execute()

    def _test(self, patience: float) -> dict | None:
        """What the tests say about the book; None if they do not end in time, or crash."""
        context = multiprocessing.get_context("fork" if FORKED else "spawn")
        receive, send = context.Pipe(duplex=False)
        child = context.Process(target=_tests, args=(send, self.tests, self.book.chapters))
        child.start()
        send.close()
        try:
            return json.loads(receive.recv_bytes()) if receive.poll(patience) else None
        except EOFError:
            return None
        finally:
            _end(child)

    def _execute(self) -> Fate:
        """What the notebook's claims, checks and outputs say."""
        code = [cell for cell in chapters.read(self.book.path).cells if cell.cell_type == "code"]
        for result in compare(self.book.path):
            if result.outcome != "failed":
                continue
            first = code[result.cell].source.strip().splitlines()[0]
            broken = result.kind in ("timed out", "died", "broke")
            return Fate("error" if broken else "notebook", f"`{first}`: {result.kind}")
        return Fate("survived")


def _end(child: multiprocessing.Process) -> None:
    """End a process with all that it started."""
    if FORKED:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, 9)
    child.kill()
    child.join()


def _tests(send: Connection, tests: Path, notebooks: Path) -> None:
    """Run a chapter's tests on another book, until the first fails; in a process of its own."""
    import pytest

    if FORKED:
        os.setsid()
        gc.freeze()  # what was loaded before is not searched for garbage again and again
    # Other plugins would be loaded for every mutant, and watch nothing.
    os.environ |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "REPRO_QUIET": "1"}
    sys.dont_write_bytecode = True
    chapters.CHAPTERS = notebooks
    witness = _Witness()
    with tempfile.TemporaryDirectory() as scratch, open(os.devnull, "w") as nowhere:
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = scratch
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            pytest.main(
                [str(tests), "-x", "-q", f"--rootdir={chapters.ROOT}", "-p", "no:cacheprovider"],
                plugins=[witness],
            )
    said = {"outcome": witness.outcome, "by": witness.by, "modules": list(_loaded())}
    send.send_bytes(json.dumps(said).encode())


class _Witness:
    """A pytest plugin that remembers the first failure: in a test, or in what comes before."""

    outcome, by = "error", "no test was run"

    def pytest_collectreport(self, report: object) -> None:
        """Remember a file of tests that cannot be loaded."""
        if report.failed:
            self.outcome, self.by = "error", "the tests could not be loaded"

    def pytest_collection_finish(self, session: object) -> None:
        """Once there are tests, nothing has noticed anything so far."""
        if session.items:
            self.outcome, self.by = "survived", ""

    def pytest_runtest_logreport(self, report: object) -> None:
        """Remember a test that fails, or cannot start."""
        if report.failed:
            self.outcome = "test" if report.when == "call" else "error"
            self.by = report.nodeid.split("::", 1)[-1]


def _loaded() -> Iterator[str]:
    """Names of the installed modules that this process has loaded, in order."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        own = file is not None and Path(file).is_relative_to(chapters.ROOT / "tests")
        if not own and not name.startswith(("repro.methods.", "__")) and "conftest" not in name:
            yield name


def _load(modules: list[str]) -> None:
    """Load in this process what the tests will need, so that its copies start with it."""
    if not FORKED:
        return
    for name in modules:
        # Some exist only inside their owner, and some want to be loaded by it.
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def _report(slug: str, wanted: list[Mutant], fates: list[Fate], population: int) -> int:
    """Print score and survivors; the exit status."""
    counts = Counter(fate.outcome for fate in fates)
    killed = len(fates) - counts["survived"]
    for mutant, fate in zip(wanted, fates, strict=True):
        if fate.outcome == "survived":
            print(f"survived: cell {mutant.cell}, line {mutant.line}")
            print(f"    {mutant.before}\n    {mutant.after}")
    score = killed / len(fates) if fates else 0.0
    print(
        f"{slug}: {killed} of {len(fates)} mutants killed ({100 * score:.0f} %; the goal is "
        f"{100 * GOAL:.0f} %): {counts['test']} by tests, {counts['notebook']} by the notebook, "
        f"{counts['error']} by an error. The method has {population} mutants"
    )
    return int(score < GOAL)
