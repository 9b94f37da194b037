"""Ways to break the sample chapter, and what the checks then say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from press.canonical import canonical
from press.checks import CHECKS, problems

#: What damages a notebook, and a part of the message that must name the fault.
Break = tuple[Callable[[NotebookNode], object], str]


def cases(breaks: dict[str, list[Break]]) -> pytest.MarkDecorator:
    """Parametrize a test with (check, damage, cause)."""
    flat = [(name, *case) for name, found in breaks.items() for case in found]
    ids = [f"{name}: {cause}" for name, _, cause in flat]
    return pytest.mark.parametrize(("check", "damage", "cause"), flat, ids=ids)


def of_module(module: ModuleType) -> set[str]:
    """Names of the checks that a module defines."""
    return {name for name, check in CHECKS.items() if check.__module__ == module.__name__}


def assert_named(path: Path, check: str, damage: Callable, cause: str) -> None:
    """Break a chapter: the check must name the cause."""
    edit(path, damage)
    found = messages(path, check)
    assert any(cause in line for line in found), found or problems(path)


def edit(path: Path, damage: Callable[[NotebookNode], object]) -> None:
    """Change a chapter's notebook and store it in canonical form."""
    notebook = nbformat.read(path, as_version=4)
    damage(notebook)
    path.write_text(canonical(notebook), encoding="utf-8")


def messages(path: Path, check: str) -> list[str]:
    """What a check says; every message names chapter, check and what to do."""
    found = [str(problem) for problem in problems(path)]
    for line in found:
        assert line.startswith(f"chapters/{path.parent.name}/{path.name}: [")
        assert line.endswith((".", ".)", "kB.", "`.", "restyle`.")) or "\n" in line, line
    return [line for line in found if f": [{check}] " in line]


def cell(
    nb: NotebookNode, *, tag: str = "", starts: str = "", holds: str = "", kind: str = ""
) -> NotebookNode:
    """The first cell that has a tag, starts so, holds a text, and is of a type."""
    return next(
        c
        for c in nb.cells
        if (not tag or tag in c.metadata.get("tags", []))
        and c.source.startswith(starts)
        and holds in c.source
        and (not kind or c.cell_type == kind)
    )


def swap(nb: NotebookNode, old: str, new: str) -> None:
    """Replace a text wherever it stands."""
    assert any(old in c.source for c in nb.cells), old
    for c in nb.cells:
        c.source = c.source.replace(old, new)


def without(nb: NotebookNode, text: str) -> None:
    """Remove every cell that holds a text."""
    nb.cells = [c for c in nb.cells if text not in c.source]


def add(nb: NotebookNode, new: NotebookNode, place: int | None = None) -> None:
    """Add a cell, by default at the end, in the last section."""
    nb.cells.insert(len(nb.cells) if place is None else place, new)


def text(nb: NotebookNode, source: str) -> None:
    """Add a text cell in the last section."""
    add(nb, new_markdown_cell(source))


def code(nb: NotebookNode, source: str, *tags: str) -> None:
    """Add a code cell in the last section."""
    add(nb, new_code_cell(source, metadata={"tags": list(tags)}))


def show(nb: NotebookNode, *outputs: NotebookNode) -> None:
    """Add a code cell that stores outputs."""
    add(nb, new_code_cell("pass", outputs=list(outputs)))


def picture(data: dict[str, str], **repro: object) -> NotebookNode:
    """A displayed output."""
    return new_output("display_data", data, metadata={"repro": repro} if repro else {})


def tag(nb: NotebookNode, found: NotebookNode, *tags: str) -> None:
    """Give a cell other tags."""
    found.metadata["tags"] = list(tags)


def untag(nb: NotebookNode, name: str) -> None:
    """Take a tag from every cell."""
    for c in nb.cells:
        c.metadata["tags"] = [t for t in c.metadata.get("tags", []) if t != name]


def forget_outputs(nb: NotebookNode) -> None:
    """A chapter that was never executed."""
    for c in nb.cells:
        if c.cell_type == "code":
            c.outputs = []


def entries(nb: NotebookNode) -> list[NotebookNode]:
    """The stored records of all entries."""
    outputs = [o for c in nb.cells for o in c.get("outputs", [])]
    return [o.metadata.repro.entry for o in outputs if "entry" in o.metadata.get("repro", {})]
