"""Benchmarks: times, how they grow, and tables that the appendix shows.

A script in `benchmarks/` measures the alternatives in one run and reports ratios, because seconds
mean nothing on another machine. Nothing here is timed in a test.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from repro.chapters import ROOT
from repro.markup import aligned
from repro.stats import loglog_slope

RESULTS = ROOT / "benchmarks" / "results"
Cell = str | int | float | None


@dataclass(frozen=True)
class Table:
    """One table of a benchmark.

    Attributes:
        caption: what is compared with what.
        columns: headings, with units.
        rows: a cell for each column; floats are shown with three digits, None as a dash.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def __post_init__(self) -> None:
        """Refuse rows that do not fit the headings."""
        for number, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ValueError(
                    f"table {self.caption!r}, row {number}: expected {len(self.columns)} cells "
                    f"({', '.join(self.columns)}), got {len(row)}"
                )


def seconds(call: Callable[[], Any], repeats: int = 3) -> float:
    """Shortest time of several calls, in seconds: the one that was disturbed least.

    Args:
        call: what to time, without arguments.
        repeats: number of calls, 1 or more.
    """
    if repeats < 1:
        raise ValueError(f"repeats: expected 1 or more, got {repeats}")
    times = []
    for _ in range(repeats):
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return min(times)


def growth(sizes: Iterable[float], times: Iterable[float]) -> float:
    """Exponent of a cost that grows as a power of the size: slope of the log-log line.

    Args:
        sizes: two or more different sizes above 0.
        times: the cost at each, above 0.

    Raises:
        ValueError: other numbers, or not as many sizes as costs.
    """
    return loglog_slope(list(sizes), list(times)).slope


def text(cell: Cell) -> str:
    """A cell as the reader sees it."""
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return format(cell, ".3g")
    return format(cell, ",") if isinstance(cell, int) else cell


def report(slug: str, about: str, tables: Sequence[Table], folder: Path = RESULTS) -> Path:
    """Print the tables and store them for the appendix, at once or not at all.

    Args:
        slug: the chapter's.
        about: one sentence: against what, and why that.
        tables: one or more tables, with at least one ratio.
        folder: where the file `SLUG.json` goes.

    Returns:
        The file's path.
    """
    from press.writing import write_atomically

    for table in tables:
        rows = [[text(cell) for cell in row] for row in table.rows]
        print(f"\n{table.caption}\n{aligned(rows, table.columns)}")
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    stored = {"about": about, "machine": machine, "tables": [asdict(table) for table in tables]}
    path = folder / f"{slug}.json"
    write_atomically(path, json.dumps(stored, indent=1, ensure_ascii=False) + "\n")
    return path
