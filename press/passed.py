"""Which chapters passed here with what they are made of now, so that `CH=changed` can skip them.

A chapter's outputs depend on its notebook, on the modules of `repro` that it imports (and those
that they import), on the method cells of other chapters that it uses, on its stored trials and
others that it names, on the pinned packages, and on what verifies it. One hash over all that is
kept for each chapter that passed, in a file that is not part of the book.
"""

from __future__ import annotations

import ast
import hashlib
import json
import platform
from collections.abc import Iterator, Mapping
from importlib.util import resolve_name
from pathlib import Path

from press.writing import write_atomically
from repro import chapters, trials

#: The folder of the packages `repro` and `press`.
SOURCES = Path(__file__).resolve().parents[1]
#: What pins the packages, and what executes and compares.
ALWAYS = (
    *("requirements.txt", "requirements-alone.txt", "constraints.txt", ".nbval-sanitize.cfg"),
    *("press/nbval_plugin.py", "press/comparison.py", "press/execution.py", "press/isolation.py"),
)
#: The package whose modules are the methods of chapters.
METHODS = "repro.methods."


def unchanged(digests: Mapping[str, str]) -> set[str]:
    """Slugs of the chapters that passed here as they are now.

    Args:
        digests: the present digest of each chapter, by slug.
    """
    known = _read()
    return {slug for slug, digest in digests.items() if known.get(slug) == digest}


def remember(digests: Mapping[str, str]) -> None:
    """Write down that chapters passed.

    Args:
        digests: the digest of each, by slug, taken before it was executed.
    """
    known = _read() | dict(digests)
    write_atomically(_file(), json.dumps(known, indent=1, sort_keys=True) + "\n")


def digest(path: Path) -> str:
    """SHA-256 over everything that the outputs of a chapter depend on, in hexadecimal digits.

    Args:
        path: its notebook; one that cannot be read has a hash too.
    """
    total = hashlib.sha256(f"{platform.python_version()} {platform.machine()}".encode())
    for name, content in sorted(_parts(path).items()):
        total.update(f"{name} {hashlib.sha256(content).hexdigest()}".encode())
    return total.hexdigest()


def _parts(path: Path) -> dict[str, bytes]:
    """What a chapter depends on: names to contents."""
    files, slugs = _reached(path)
    package = [
        file for file in (SOURCES / "repro").rglob("*") if file.suffix not in (".py", ".pyc")
    ]
    stored = map(trials.results, trials.named(path.stem, _code(path)))
    paths = {path, *stored, *files, *package, *(SOURCES / name for name in ALWAYS)}
    parts = {str(file): file.read_bytes() for file in paths if file.is_file()}
    known = chapters.notebooks()
    methods = {slug: chapters.method_hash(known[slug]) for slug in slugs if slug in known}
    return parts | {METHODS + slug: method.encode() for slug, method in methods.items()}


def _reached(path: Path) -> tuple[set[Path], set[str]]:
    """Files of `repro` that a notebook imports, and chapters whose methods it uses; all the way."""
    files: set[Path] = set()
    slugs: set[str] = set()
    waiting = [("", source) for source in _code(path)]
    while waiting:
        for name in _imported(*waiting.pop()):
            if name.startswith(METHODS):
                slug = name.removeprefix(METHODS).split(".")[0]
                if slug not in slugs and slug in chapters.notebooks():
                    notebook = chapters.read(chapters.find(slug))
                    waiting += [("", source) for _, source in chapters.method_cells(notebook)]
                slugs.add(slug)
            for package, file in _files(name):
                if file not in files:
                    files.add(file)
                    waiting.append((package, file.read_text(encoding="utf-8")))
    return files, slugs


def _code(path: Path) -> list[str]:
    """Sources of a notebook's code cells; none of one that cannot be read."""
    try:
        notebook = chapters.read(path)
    except chapters.ChapterError:
        return []
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def _imported(package: str, source: str) -> Iterator[str]:
    """Full names of what some code imports, `repro.methods.SLUG` for `repro.chapter("SLUG")`.

    Args:
        package: the package that the code belongs to; empty for a notebook.
        source: the code; what does not parse imports nothing.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package)
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func
            if "chapter" in (getattr(called, "id", None), getattr(called, "attr", None)):
                yield f"{METHODS}{node.args[0].value}"


def _files(name: str) -> Iterator[tuple[str, Path]]:
    """Package and file of a module of `repro`, and of every package that it lies in."""
    parts = name.split(".")
    if parts[0] != "repro":
        return
    for length in range(1, len(parts) + 1):
        place = SOURCES.joinpath(*parts[:length])
        module = ".".join(parts[:length])
        if (place / "__init__.py").is_file():
            yield module, place / "__init__.py"
        elif place.with_suffix(".py").is_file():
            yield module.rpartition(".")[0], place.with_suffix(".py")


def _file() -> Path:
    """Where the digests are kept."""
    return chapters.ROOT / "_build" / "passed.json"


def _read() -> dict[str, str]:
    """The digests that are kept; none where the file is missing or damaged."""
    try:
        known = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
