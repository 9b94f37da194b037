"""Checks of the code: tags, method cells, size of cells, order of imports."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from press.canonical import DERIVED_TAGS, PROMPTS
from press.chapter import Cell, Chapter
from press.checks import anatomy

OTHER_TAGS = ("method", "raises-exception")
UNVERIFIED = re.compile(r"^\s*#+\s*(?:NBVAL_|PYTEST_VALIDATE_)\w+\s*$", re.MULTILINE)
LINE = 100
CELL_LINES = 30
DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
NOT_IN_A_METHOD = (
    "matplotlib",
    "repro.data",
    "repro.figures",
    "repro.training",
)
AFTER_REPRO = ("matplotlib", "numpy", "scipy", "sklearn", "skimage", "torch", "torchvision")


def tags(chapter: Chapter) -> Iterator[str]:
    """Tags are the book's own: one kind folds a cell, none lets it escape verification."""
    for cell in chapter.prose:
        if cell.tags:
            yield f"{cell.where} is text but tagged {', '.join(cell.tags)}. Tag code cells only."
    for cell in chapter.code:
        if marker := UNVERIFIED.search(cell.source):
            name = marker.group().strip()
            yield f"{cell.where} has `{name}`, which hides it from verification. Remove it."
        kinds = [tag for tag in cell.tags if tag in PROMPTS]
        for tag in cell.tags:
            if tag in DERIVED_TAGS and not kinds:
                yield (
                    f"{cell.where} has the tag `{tag}`. Say what is inside instead, with the tag "
                    f"{', '.join(PROMPTS)}: what folds the cell follows from that."
                )
            elif tag not in (*PROMPTS, *OTHER_TAGS, *DERIVED_TAGS) and not _checks(tag):
                yield f"{cell.where} has the tag `{tag}`, which is not of the book. Remove it."
        if len(kinds) > 1:
            yield f"{cell.where} has several kinds: {', '.join(kinds)}. Keep one."
        if any(map(_checks, cell.tags)) and cell.kind not in ("check", "claim"):
            yield f"{cell.where} checks an equation, but is open. Tag it `check` or `claim`, too."
        if "method" in cell.tags and cell.kind not in (None, "setup"):
            yield f"{cell.where} is tagged `method` and `{cell.kind}`. Readers see the method."


def _checks(tag: str) -> bool:
    """Whether a tag names an equation that the cell checks."""
    return tag.startswith("checks:")


def method(chapter: Chapter) -> Iterator[str]:
    """Cells tagged `method` only define: they read no data, train nothing, draw nothing."""
    cells = [cell for cell in chapter.code if "method" in cell.tags]
    if not cells:
        yield "has no code cell tagged `method`. Tag the cells that define the paper's method."
    elif not any(cell.section == anatomy.METHOD for cell in cells):
        yield f"has no `method` cell in `## {anatomy.METHOD}`. Define the method there."
    for cell in cells:
        if cell.outputs:
            yield f"{cell.where} is tagged `method` but shows something. Move that to another cell."
        for node in cell.tree.body:
            if not _defines(node):
                line = f"line {node.lineno} of {cell.where}"
                yield f"{line} does more than define, in a `method` cell. Move it to another cell."
        for name in _imports(cell):
            if _within(name, NOT_IN_A_METHOD):
                yield f"{cell.where} imports {name}: a `method` cell reads no data, draws nothing."


def _defines(node: ast.stmt) -> bool:
    """Whether a statement is an import, a definition, a constant or a docstring."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, DEFINITIONS)


def style(chapter: Chapter) -> Iterator[str]:
    """Code parses, fits the page, and comes in cells that can be read at once."""
    for cell in chapter.code:
        lines = cell.source.splitlines()
        if len(lines) > CELL_LINES:
            yield f"{cell.where} has {len(lines)} lines, the limit is {CELL_LINES}. Split it."
        if any(len(line) > LINE for line in lines):
            yield f"{cell.where} has a line of more than {LINE} characters. Break it."
        try:
            ast.parse(cell.source)
        except SyntaxError as error:
            yield f"{cell.where} is not Python: {error.msg}, line {error.lineno}. Correct it."


def determinism(chapter: Chapter) -> Iterator[str]:
    """`repro` is imported before anything whose arithmetic it makes repeatable."""
    for cell in chapter.code:
        for name in _imports(cell):
            if _within(name, ("repro",)):
                return
            if _within(name, AFTER_REPRO):
                yield (
                    f"{cell.where} imports {name} before repro, which must come first to cap "
                    "threads and instruction set. Put `import repro` above it."
                )
                return
    yield "never imports repro. Put `import repro` first in its first code cell."


def _imports(cell: Cell) -> list[str]:
    """Modules that a cell imports, as dotted names, in order of appearance."""
    names: list[tuple[int, str]] = []
    for node in ast.walk(cell.tree):
        if isinstance(node, ast.Import):
            names += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return [name for _, name in sorted(names, key=lambda found: found[0])]


def _within(name: str, packages: tuple[str, ...]) -> bool:
    """Whether a dotted name is one of the packages or lies in one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)
