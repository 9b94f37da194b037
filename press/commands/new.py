"""Start a chapter: its notebook from the template, its place in the book, its test."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path

import nbformat

from press import BookError, toc
from press.canonical import canonical
from press.checks.anatomy import BIT_FOR_BIT_PARTS
from press.writing import write_atomically
from repro import chapters

SLUG = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def new(part: str, slug: str) -> list[Path]:
    """Write a new chapter from the template and enter it into the table of contents.

    Args:
        part: folder of its part, one of `press.toc.PARTS`.
        slug: its short name: lower-case letters, digits and single underscores.

    Returns:
        The files written or changed, the notebook first.

    Raises:
        BookError: for an unknown part, a slug of another form, or one that is taken. Nothing is
            written then; and where a later file cannot be written, the earlier ones go again.
    """
    _refuse(part, slug)
    notebook = chapters.CHAPTERS / part / f"{slug}.ipynb"
    index = chapters.CHAPTERS / part / "index.md"
    contents = chapters.ROOT / toc.FILE
    texts = {
        notebook: _notebook(part, slug),
        chapters.ROOT / "tests" / "chapters" / f"test_{slug}.py": _filled("test.txt", part, slug),
        index: _filled("part.md", part, slug),
        contents: toc.with_chapter(contents.read_text(encoding="utf-8"), part, slug),
    }
    if index.exists():
        del texts[index]
    _write_all(texts)
    return list(texts)


def _refuse(part: str, slug: str) -> None:
    """Raise for what cannot become a chapter."""
    if part not in toc.PARTS:
        raise BookError(f"there is no part {part!r}. Parts: {', '.join(toc.PARTS)}.")
    if not SLUG.fullmatch(slug):
        raise BookError(
            f"{slug!r} is not a slug. Expected lower-case letters, digits and single underscores, "
            "beginning with a letter, such as 'unet_memory'."
        )
    taken = [path for path in chapters.CHAPTERS.glob("*/*") if path.stem == slug]
    taken += [chapters.ROOT / "tests" / "chapters" / f"test_{slug}.py"]
    for path in taken:
        if path.exists():
            where = path.relative_to(chapters.ROOT)
            raise BookError(f"{where} exists. Choose another slug, or remove it first.")


def _write_all(texts: dict[Path, str]) -> None:
    """Write several files or none."""
    before = {path: path.read_text("utf-8") if path.exists() else None for path in texts}
    try:
        for path, text in texts.items():
            write_atomically(path, text)
    except OSError as error:
        for path, text in before.items():
            if text is not None:
                write_atomically(path, text)
            else:
                path.unlink(missing_ok=True)
        raise BookError(f"could not write {error.filename}: {error.strerror}.") from error


def _notebook(part: str, slug: str) -> str:
    """The template's cells and metadata for a chapter, in canonical form."""
    template = json.loads(files("press").joinpath("template/chapter.ipynb").read_text("utf-8"))
    if part not in BIT_FOR_BIT_PARTS:
        first = "## Bit for bit\n"
        template["cells"] = [cell for cell in template["cells"] if cell["source"][0] != first]
    for index, cell in enumerate(template["cells"]):
        cell["source"] = _fill("".join(cell["source"]), part, slug)
        cell["id"] = f"{slug[:40]}-{index:02d}".replace("_", "-")
        tags = cell["metadata"].get("tags", [])
        cell["metadata"]["tags"] = [_fill(tag, part, slug) for tag in tags]
    told = template["metadata"]["repro"]
    template["metadata"]["repro"] = {name: _fill(text, part, slug) for name, text in told.items()}
    return canonical(nbformat.from_dict(template))


def _filled(name: str, part: str, slug: str) -> str:
    """A template file for a chapter."""
    return _fill(files("press").joinpath("template", name).read_text("utf-8"), part, slug)


def _fill(text: str, part: str, slug: str) -> str:
    """Replace the template's words for the chapter's own."""
    title = slug.replace("_", " ").capitalize()
    words = {"@slug": slug, "@part": part, "@caption": toc.PARTS[part], "@title": title}
    for word, value in words.items():
        text = text.replace(word, value)
    return text
