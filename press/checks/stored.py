"""Checks of the stored outputs: present, canonical, clean, the same on every machine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from nbformat import NotebookNode

from press import BookError
from press.canonical import canonical
from press.chapter import Chapter

IMAGE = re.compile(r"data:image/[\w.+-]+;base64,[A-Za-z0-9+/=]+")
MACHINE = re.compile(
    r"/home/[\w.-]+|/root/|/tmp/|/work/|/Users/[\w.-]+|/private/var/|[A-Za-z]:\\+Users|"
    r"site-packages|ipykernel_\d+|<ipython-input"
)
ADDRESS = re.compile(r"\b0x[0-9a-f]{8,}\b")
LONG_FLOAT = re.compile(r"\b\d+\.\d{6,}")


def refreshed(chapter: Chapter) -> Iterator[str]:
    """The chapter was executed by the refresh command."""
    run = f"Run `make refresh CH={chapter.slug}`."
    if not chapter.executed:
        yield f"has no stored outputs. {run}"
    elif missing := [name for name in ("seconds", "peak_mb") if name not in chapter.repro]:
        yield f"its metadata lacks {' and '.join(f'repro.{name}' for name in missing)}. {run}"


def canonical_form(chapter: Chapter) -> Iterator[str]:
    """The file is byte for byte what the refresh command writes."""
    try:
        if chapter.text == canonical(chapter.notebook):
            return
    except BookError as error:
        yield f"{error} Then run `make refresh CH={chapter.slug}`."
        return
    causes = []
    if any(cell.node.get("execution_count") is not None for cell in chapter.code):
        causes.append("execution counts")
    if set(chapter.notebook.metadata) - {"kernelspec", "language_info", "repro"}:
        causes.append("editor or widget metadata")
    found = " and ".join(causes) or "layout, folds, numbers or key order"
    yield f"is not in canonical form ({found}). Run `make refresh CH={chapter.slug}`."


def clean(chapter: Chapter) -> Iterator[str]:
    """No machine paths, warnings or errors in what is stored."""
    for cell in chapter.cells:
        stored = IMAGE.sub("", json.dumps([_texts(output) for output in cell.outputs]))
        for name, found in (
            ("its text", MACHINE.search(cell.source)),
            ("its output", MACHINE.search(stored)),
        ):
            if found:
                yield (
                    f"{cell.where} leaks a machine path in {name}: `{found.group()}`. "
                    "Use relative names and run the refresh command."
                )
        for output in cell.outputs:
            if output.get("name") == "stderr":
                said = output.text.strip().splitlines()[-1][:80]
                yield f"{cell.where} stores a warning: `{said}`. Remove its cause and refresh."
            if output.output_type == "error" and "raises-exception" not in cell.tags:
                yield f"{cell.where} stores an error: {output.ename}. Correct it and refresh."
    if found := MACHINE.search(json.dumps(chapter.repro)):
        yield f"the notebook's metadata leaks a machine path: `{found.group()}`. Remove it."


def portable(chapter: Chapter) -> Iterator[str]:
    """Plain text, which is compared word for word, is the same on every machine."""
    for cell in chapter.code:
        plain = "\n".join(
            str(_data(output).get("text/plain", "")) + str(output.get("text", ""))
            for output in cell.outputs
        )
        if found := ADDRESS.search(plain):
            yield f"{cell.where} prints a memory address, `{found.group()}`. Print what it holds."
        if found := LONG_FLOAT.search(plain):
            yield (
                f"{cell.where} prints `{found.group()}`, digits that differ between machines. "
                "Use repro.report for measured numbers, or round what is exact."
            )


def _texts(output: NotebookNode) -> list[object]:
    """Everything textual in an output, bitmaps left out."""
    kept = [value for mime, value in _data(output).items() if not mime.startswith("image/p")]
    return [*kept, output.get("text", ""), output.get("traceback", []), output.get("metadata", {})]


def _data(output: NotebookNode) -> dict:
    """The data of an output by mime type; empty for streams."""
    return output.get("data", {})
