"""Markdown as the page sees it: headings, links, pictures, formulas, and what would stand raw."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from bs4 import BeautifulSoup
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.myst_blocks import myst_block_plugin
from mdit_py_plugins.myst_role import myst_role_plugin

#: The named tag of a formula, `\tag{sum}`.
EQUATION_TAG = re.compile(r"\\tag\{([^{}]+)\}")
WORD = re.compile(r"\w+(?:[-'’.,/]\w+)*")
#: What MyST understands and other viewers show as it is written, by the token it becomes.
RAW = {
    "myst_role": "the role",
    "myst_target": "the target",
    "myst_line_comment": "the comment",
    "myst_block_break": "the block break",
    "math_block_label": "the label of a formula",
    "colon_fence": "the directive",
    "footnote_ref": "the footnote",
    "footnote_reference_open": "the footnote",
    "amsmath": "the bare environment",
}
ATTRIBUTES = re.compile(r"\{[#.%][\w-][^}\n]*\}|\{\{.*?\}\}")
REFERENCE = re.compile(r"\\(?:label|ref|eqref)\{[^}]*\}")


@dataclass(frozen=True)
class Link:
    """A link: the text that is read, where it leads, and its title (empty where it has none)."""

    text: str
    address: str
    title: str


@dataclass
class Markdown:
    """What a reader, and the site, find in the source of one text cell.

    Attributes:
        headings: (level, text) of each, in order.
        links: every link.
        pictures: alternative text, maybe empty, of every image, HTML included.
        formulas: TeX of every displayed formula.
        words: number of words that are read, formulas and code left out.
        raw: (what it is, its text) of everything that a viewer other than the site shows raw.
    """

    headings: list[tuple[int, str]] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    formulas: list[str] = field(default_factory=list)
    words: int = 0
    raw: list[tuple[str, str]] = field(default_factory=list)

    @property
    def tags(self) -> list[str]:
        """Names of the tagged formulas, in order."""
        return [tag for formula in self.formulas for tag in EQUATION_TAG.findall(formula)]


@lru_cache(maxsize=4096)
def read(source: str) -> Markdown:
    """Read the source of a text cell.

    Args:
        source: Markdown with formulas between dollar signs.
    """
    found = Markdown()
    tokens = _parser().parse(source)
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            found.headings.append((int(token.tag[1:]), tokens[place + 1].content))
        if token.type == "dt_open":
            found.raw.append(("the definition list", tokens[place + 1].content))
        _note(token, found)
        for child in token.children or []:
            _note(child, found)
        found.links += _links(token.children or [])
    return found


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    """The parser of the site, with the extensions that _config.yml names."""
    parser = MarkdownIt("commonmark").enable("table")
    for plugin in (
        amsmath_plugin,
        colon_fence_plugin,
        deflist_plugin,
        dollarmath_plugin,
        footnote_plugin,
        myst_block_plugin,
        myst_role_plugin,
    ):
        parser.use(plugin)
    return parser


def _note(token: Token, found: Markdown) -> None:
    """Enter what one token shows."""
    if token.type in RAW:
        found.raw.append((RAW[token.type], _said(token)))
    elif token.type == "fence" and token.info.startswith("{"):
        found.raw.append(("the directive", token.info.split("\n")[0]))
    if token.type == "text":
        found.words += len(WORD.findall(token.content))
        found.raw += [("the mark", mark) for mark in ATTRIBUTES.findall(token.content)]
    elif token.type == "image":
        found.pictures.append(token.content)
    elif token.type in ("html_block", "html_inline"):
        images = BeautifulSoup(token.content, "html.parser").find_all("img")
        found.pictures += [image.get("alt", "") for image in images]
    elif token.type.startswith(("math_", "amsmath")):
        found.raw += [("the command", command) for command in REFERENCE.findall(token.content)]
        if token.type in ("math_block", "math_block_label", "math_inline_double", "amsmath"):
            found.formulas.append(token.content)


def _said(token: Token) -> str:
    """How an author would recognize a token in the text."""
    if token.type == "myst_role":
        return f"{{{token.meta['name']}}}`{token.content}`"
    if token.type == "math_block_label":
        return f"$$ ({token.info})"
    if token.type.startswith("footnote"):
        return f"[^{token.meta['label']}]"
    return (token.info or token.content or token.markup).strip().split("\n")[0]


def _links(tokens: list[Token]) -> Iterator[Link]:
    """The links of one paragraph."""
    opened: Token | None = None
    text = ""
    for token in tokens:
        if token.type == "link_open":
            opened, text = token, ""
        elif token.type == "link_close" and opened:
            yield Link(text, str(opened.attrGet("href")), str(opened.attrGet("title") or ""))
            opened = None
        elif opened:
            text += token.content
