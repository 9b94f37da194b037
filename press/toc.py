"""Enter a chapter into _toc.yml as text, so that comments and layout stay as they are."""

from __future__ import annotations

import re

import yaml

from press import BookError
from repro.chapters import PARTS

CAPTION = re.compile(r"^(\s*)-\s+caption:\s*(.+)$")


def with_chapter(text: str, part: str, slug: str) -> str:
    """The table of contents with one more chapter at the end of its part.

    Args:
        text: content of ``_toc.yml``.
        part: folder of the part; where it has no pages yet, it is added in its place.
        slug: short name of the chapter.

    Returns:
        The new content; every line of the old one stands in it unchanged.

    Raises:
        BookError: when `text` is not a table of contents with parts.
    """
    page = f"chapters/{part}/{slug}"
    before = pages(text)
    lines = text.splitlines()
    entries = [i for i, line in enumerate(lines) if _file(line).startswith(f"chapters/{part}/")]
    if entries:
        indent = _indent(lines[entries[-1]])
        place = entries[-1] + 1
        while place < len(lines) and _indent(lines[place]) > indent:  # its title and the like
            place += 1
        lines.insert(place, f"{' ' * indent}- file: {page}")
    else:
        place, indent = _place(lines, part)
        block = [
            f"- caption: {PARTS[part]}",
            "  chapters:",
            f"    - file: chapters/{part}/index",
            "      title: About this part",
            f"    - file: {page}",
        ]
        lines[place:place] = [indent + line for line in block]
    after = "\n".join(lines) + "\n"
    if pages(after) - before - {f"chapters/{part}/index"} != {page}:
        raise BookError(f"_toc.yml has a layout that cannot be extended. Add `file: {page}` there.")
    return after


def _file(line: str) -> str:
    """The page that a line lists, or nothing."""
    found = re.match(r"""\s*-\s+file:\s*["']?([^"'\s#]+)""", line)
    return found.group(1) if found else ""


def _indent(line: str) -> int:
    """Number of spaces a line begins with."""
    return len(line) - len(line.lstrip(" "))


def _place(lines: list[str], part: str) -> tuple[int, str]:
    """Where a missing part belongs: (line, indent) before the next part that is there."""
    captions = [(i, CAPTION.match(line)) for i, line in enumerate(lines)]
    found = [(i, match[1], yaml.safe_load(match[2])) for i, match in captions if match]
    if not found:
        raise BookError("_toc.yml has no parts. Expected `parts:` with `- caption: ...` entries.")
    later = list(PARTS.values())[list(PARTS).index(part) + 1 :]
    for i, indent, caption in found:
        if caption in later or caption not in PARTS.values():
            return i, indent
    return len(lines), found[-1][1]


def pages(text: str) -> set[str]:
    """All pages of a table of contents."""
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        cause = str(error).splitlines()[0]
        raise BookError(f"_toc.yml is not valid YAML ({cause}). Correct it first.") from error
    found: set[str] = set()
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            found |= {value for key, value in node.items() if key == "file"}
            stack += node.values()
        elif isinstance(node, list):
            stack += node
    return found
