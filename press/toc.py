"""The table of contents: the parts, the order of the book, and how a chapter enters it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from press import BookError
from repro import chapters

FILE = "_toc.yml"
#: Papers that the finished book reproduces.
PAPERS = 33
#: Folder and caption of every part, in the order of the book.
PARTS: dict[str, str] = {
    "binarization": "Binary and ternary networks",
    "quantization": "Quantization",
    "hardware": "Hardware",
    "vision": "Vision",
    "medical": "Medical imaging",
    "science": "Science",
}


def paths() -> dict[str, Path]:
    """Every chapter's notebook by slug, in the order of the book.

    Returns:
        Paths ordered by part, then as the table of contents lists them; chapters that it does not
        list follow the others of their part, by name.

    Raises:
        BookError: the table of contents is not YAML.
        ChapterError: two notebooks have the same slug.
    """
    contents = chapters.ROOT / FILE
    listed = pages(contents.read_text(encoding="utf-8")) if contents.is_file() else []
    page = {name: place for place, name in enumerate(listed)}
    part = {name: place for place, name in enumerate(PARTS)}

    def place(found: tuple[str, Path]) -> tuple[int, int]:
        slug, path = found
        folder = path.parent.name
        return part.get(folder, len(part)), page.get(f"chapters/{folder}/{slug}", len(page))

    return dict(sorted(chapters.notebooks().items(), key=place))


def pages(text: str) -> list[str]:
    """All pages of a table of contents, in order.

    Args:
        text: content of `_toc.yml`.

    Returns:
        Names from the book's root, such as `chapters/vision/yolof`, without a suffix.

    Raises:
        BookError: when `text` is not YAML.
    """
    files = (node["file"] for node in _nodes(_read(text)) if "file" in node)
    return [str(file).removesuffix(".ipynb").removesuffix(".md") for file in files]


def with_chapter(text: str, part: str, slug: str) -> str:
    """The table of contents with one more chapter at the end of its part.

    Args:
        text: content of `_toc.yml`.
        part: folder of the part; where it has no pages yet, it is added in its place.
        slug: short name of the chapter.

    Returns:
        The new content; every line of the old one stands in it unchanged.

    Raises:
        BookError: when `text` is not a table of contents with parts.
    """
    page = f"chapters/{part}/{slug}"
    tree, lines = _read(text), text.splitlines()
    parts = tree.get("parts") if isinstance(tree, dict) else None
    if not parts:
        raise BookError(f"{FILE} has no parts. Expected `parts:` with `- caption: ...` entries.")
    for entry in parts:
        listed = entry.get("chapters") or []
        if any(str(item.get("file", "")).startswith(f"chapters/{part}/") for item in listed):
            place = _last_line(listed) + 1
            lines.insert(place, _before_dash(lines, listed) + f"- file: {page}")
            listed.append({"file": page})
            break
    else:
        index = _index_of_part(parts, part)
        place = parts.lc.item(index)[0] if index < len(parts) else len(lines)
        block = (
            f"- caption: {PARTS[part]}",
            "  chapters:",
            f"    - file: chapters/{part}/index",
            "      title: About this part",
            f"    - file: {page}",
        )
        lines[place:place] = [_before_dash(lines, parts) + line for line in block]
        parts.insert(index, _read("\n".join(block))[0])
    after = "\n".join(lines) + "\n"
    if not _same(after, tree):  # such as lists in brackets
        raise BookError(f"{FILE} has a layout that cannot be extended. Add `file: {page}` there.")
    return after


def _same(text: str, tree: Any) -> bool:
    """Whether a text has the content of a tree."""
    try:
        return _read(text) == tree
    except BookError:
        return False


def _read(text: str) -> Any:
    """The content of a YAML file, whose nodes know the lines on which they stand."""
    try:
        return YAML().load(text)
    except YAMLError as error:
        cause = " ".join(str(error).split())
        raise BookError(f"{FILE} is not valid YAML ({cause}). Correct it first.") from error


def _nodes(tree: Any) -> Iterator[dict]:
    """All mappings of a tree, in order."""
    if isinstance(tree, dict):
        yield tree
    children = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    for child in children:
        yield from _nodes(child)


def _last_line(node: Any) -> int:
    """Number of the last line, from 0, on which a node or something in it begins."""
    if isinstance(node, dict):
        return max(max(node.lc.key(key)[0], _last_line(node[key])) for key in node)
    if isinstance(node, list):
        return max(max(node.lc.item(i)[0], _last_line(item)) for i, item in enumerate(node))
    return 0


def _before_dash(lines: list[str], sequence: Any) -> str:
    """The spaces that stand before the entries of a list."""
    first = lines[sequence.lc.item(0)[0]]
    return re.match(r"\s*", first)[0]


def _index_of_part(parts: Any, part: str) -> int:
    """Where a missing part belongs: before the next part that is there, or at the end."""
    later = list(PARTS.values())[list(PARTS).index(part) + 1 :]
    captions = [entry.get("caption") for entry in parts]
    places = (i for i, name in enumerate(captions) if name in later or name not in PARTS.values())
    return next(places, len(parts))
