"""The benchmarks: the tables that `make bench` stored, chapter by chapter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from press.site import templating
from press.site.directive import BookDirective
from repro import chapters

FOLDER = Path("benchmarks/results")


class Benchmarks(BookDirective):
    """`book-benchmarks`: every table of the chapters that have a benchmark."""

    def run(self) -> list[nodes.Node]:
        """Draw the tables from the stored results."""
        shown = [
            (chapter, stored)
            for chapter in self.chapters()
            if (stored := results(chapters.ROOT / FOLDER / f"{chapter.slug}.json")) is not None
        ]
        return [templating.node("benchmarks", chapters=shown, up=self.up())]


def results(path: Path) -> dict[str, Any] | None:
    """What a benchmark stored (see `press.bench.report`); None where it has not run.

    Raises:
        ValueError: the file is not what a benchmark stores; names it and what to do.
    """
    if not path.exists():
        return None
    try:
        stored = json.loads(path.read_text("utf-8"))
        return {name: stored[name] for name in ("about", "machine", "tables")}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path.name} is not a benchmark's result ({error}). Run `make bench` again."
        ) from error


def setup(app: Sphinx) -> None:
    """Register the directive."""
    app.add_directive("book-benchmarks", Benchmarks)
