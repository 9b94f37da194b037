"""Fingerprint of the code that a stored trial ran: what its function reaches, and nothing else."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from repro import chapters

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def fingerprint(script: Path, function: str) -> str:
    """Fingerprint of what a function of a trial's script does.

    It covers the definitions of the script that the function reaches by name, directly or through
    others, and those of the method cells of every chapter named in them. A name counts wherever it
    stands, so more is covered than is used, never less, unless a name is put together at run time.
    Comments, docstrings, layout, guards, and what is not reached are left out: they may change, and
    another function or a larger grid may come, without making finished runs worthless. A guard is
    a condition that does nothing but raise an error. No run that finished has met it, so a clearer
    error, or one more, changes no result. Its condition must only look, not draw numbers.

    Args:
        script: the file `trials/SLUG.py`.
        function: name of the function that measures.

    Returns:
        64 hexadecimal digits (SHA-256), the same with every version of Python.

    Raises:
        repro.chapters.ChapterError: a chapter that the script names cannot be read.
    """
    written, words = _covered(script.read_text(encoding="utf-8"), frozenset({function}))
    for slug, notebook in chapters.notebooks().items():
        if slug in words:
            written += _covered(_method(notebook), words)[0]
    return hashlib.sha256("\n".join(written).encode()).hexdigest()


@lru_cache(maxsize=64)  # a chapter shows many trials, and asks for each whether it is stale
def _covered(source: str, words: frozenset[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    """The statements of some code that names reach, as text, and all names in them."""
    kept, reached = _reached(_statements(source), set(words))
    return tuple(map(_written, kept)), frozenset(reached)


def _method(notebook: Path) -> str:
    """The method cells of a chapter, read as JSON: to load nbformat takes over a second."""
    try:
        cells = chapters.method_cells(json.loads(notebook.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError) as error:
        raise chapters.ChapterError(
            f"{notebook} is not a notebook in nbformat 4 ({type(error).__name__}: {error}): "
            "restore it from version control"
        ) from error
    return "\n\n".join(source for _, source in cells)


def mentioned(node: ast.AST) -> set[str]:
    """Every name in a piece of code, and every text in it that could be a name.

    Args:
        node: parsed code.
    """
    words = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            words.add(part.id)
        elif isinstance(part, ast.Attribute):
            words.add(part.attr)
        elif isinstance(part, ast.alias):
            words.update(part.name.split("."))
        elif isinstance(part, ast.Constant) and isinstance(part.value, str):
            words.add(part.value)
    return words


class _WithoutGuards(ast.NodeTransformer):
    """Takes guards out of a piece of code; what is left need not be a program."""

    def visit_If(self, node: ast.If) -> ast.If | None:
        """None for a condition that only raises; one that also names its finding (:=) stays."""
        self.generic_visit(node)
        names = any(isinstance(part, ast.NamedExpr) for part in ast.walk(node.test))
        raises = len(node.body) == 1 and isinstance(node.body[0], ast.Raise)
        return None if raises and not node.orelse and not names else node


def _statements(source: str) -> list[ast.stmt]:
    """The statements of a file without guards and without those that start it as a program."""
    return [
        node
        for node in _WithoutGuards().visit(ast.parse(source)).body
        if not (isinstance(node, ast.If) and "__name__" in mentioned(node.test))
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]


def _reached(body: Sequence[ast.stmt], words: set[str]) -> tuple[list[ast.stmt], set[str]]:
    """The statements that names reach, in their order, and all names in them.

    A statement that defines no name, such as a call, acts on whatever it likes: it is kept.
    """
    words = set(words)
    defined = [_defined(node) for node in body]
    words_of = [mentioned(node) for node in body]
    kept: set[int] = set()
    while True:
        new = {i for i, names in enumerate(defined) if not names or names & words} - kept
        if not new:
            return [body[i] for i in sorted(kept)], words
        kept |= new
        words.update(*(words_of[i] for i in new))


def _defined(node: ast.stmt) -> set[str]:
    """The names that a statement defines."""
    if isinstance(node, FUNCTIONS):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    if not isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return set()
    inside = [part for target in targets for part in ast.walk(target)]
    if any(isinstance(part, ast.Attribute | ast.Subscript) for part in inside):
        return set()  # changes an object that other names may hold
    return {part.id for part in inside if isinstance(part, ast.Name)}


def _written(node: object) -> str:
    """A piece of code as text, without docstrings and without fields that are empty.

    `ast.dump` writes the same code differently from one version of Python to another.
    """
    if isinstance(node, list):
        return f"[{', '.join(map(_written, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = dict(ast.iter_fields(node))
    if isinstance(node, FUNCTIONS) and ast.get_docstring(node, clean=False) is not None:
        fields["body"] = node.body[1:]
    filled = {name: value for name, value in fields.items() if value is not None and value != []}
    parts = (f"{name}={_written(value)}" for name, value in filled.items())
    return f"{type(node).__name__}({', '.join(parts)})"
