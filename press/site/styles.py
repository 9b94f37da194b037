"""One style sheet for the site, of the rules that its pages can use.

The theme's sheets are written for any page of any project, with two thousand icons; nine of ten
rules fit nothing here. A rule stays if each class and id that it asks for stands on some page, or
in a script that may add it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import tinycss2
from sphinx.application import Sphinx

from press.site.finish import when_built

SHEET = "_static/site.css"
#: Sheets that the theme's layout names itself, before those that Sphinx lists.
FIRST = ("basic.css", "styles/pydata-sphinx-theme.css")
#: Scripts whose words may be classes.
SCRIPTS = ("book.js", "copybutton.js", "searchtools.js", "sphinx_highlight.js")
#: Rules for the font of icons, which is not loaded: the book draws its own.
ICONS = re.compile(r"\.fa([bsrl]?\b|-)")
NAMES = re.compile(r"""\s(?:class|id)=(?:"([^"]*)"|'([^']*)')""")
#: What asks for an element's absence, or for one of several: it does not count.
LENIENT = re.compile(r":(?:not|is|where|has)\((?:[^()]|\([^()]*\))*\)")
ASKED = re.compile(r"[.#](-?[A-Za-z_][\w-]*)")


def names(text: str) -> set[str]:
    """Classes and ids that stand in a page."""
    return {name for found in NAMES.findall(text) for name in "".join(found).split()}


def words(script: str) -> set[str]:
    """What may be a class in a script."""
    return set(re.findall(r"[\w-]+", script))


def wanted(selector: str, known: set[str]) -> bool:
    """Whether an element with these names can match one selector."""
    if ICONS.match(selector):
        return False
    return all(name in known for name in ASKED.findall(LENIENT.sub("", selector)))


def purge(css: str, known: set[str]) -> str:
    """Leave of a style sheet what pages with these classes and ids can use.

    Args:
        css: a style sheet without `@import`.
        known: classes and ids.

    Returns:
        Its rules in their order, without comments and fonts to load.
    """
    rules = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    return "".join(_kept(rule, known) for rule in rules)


def _kept(rule: Any, known: set[str]) -> str:
    """A rule with the selectors that are wanted, on one line; empty if there are none."""
    if rule.type == "qualified-rule":
        chosen = [text for part in _split(rule.prelude) if wanted(text := _line(part), known)]
        return f"{','.join(chosen)}{{{_line(rule.content)}}}\n" if chosen else ""
    if rule.type != "at-rule" or rule.lower_at_keyword in ("charset", "import", "font-face"):
        return ""
    head = f"@{rule.at_keyword}{_line(rule.prelude, strip=False).rstrip()}"
    if rule.content is None:
        return f"{head};\n"
    if rule.lower_at_keyword in ("media", "supports"):
        inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
        body = "".join(_kept(each, known) for each in inner)
        return f"{head}{{{body}}}\n" if body else ""
    return f"{head}{{{_line(rule.content)}}}\n"


def _split(prelude: list[Any]) -> list[list[Any]]:
    """The selectors of a rule: what stands between its commas."""
    parts: list[list[Any]] = [[]]
    for token in prelude:
        if token.type == "literal" and token.value == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _line(tokens: list[Any], strip: bool = True) -> str:
    """Tokens as text on one line."""
    kept = [token for token in tokens if token.type != "comment"]
    text = re.sub(r"\s*\n\s*", " ", tinycss2.serialize(kept))
    return text.strip() if strip else text


class Styles:
    """The sheets that Sphinx lists, noted as pages are written, and the one made of them."""

    def __init__(self) -> None:
        self.listed: list[str] = []

    def note(
        self, app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
    ) -> None:
        """Remember the sheets of a page: they are the same for all."""
        self.listed = [str(sheet.filename) for sheet in context["css_files"]]

    @when_built
    def write(self, app: Sphinx) -> None:
        """Write the sheet of the finished site."""
        root = Path(app.outdir)
        static = root / "_static"
        known = set()
        for page in root.rglob("*.html"):
            if static not in page.parents:
                known |= names(page.read_text("utf-8"))
        for script in SCRIPTS:
            if (static / script).exists():
                known |= words((static / script).read_text("utf-8"))
        listed = (name.removeprefix("_static/").split("?")[0] for name in self.listed)
        sheets = [static / name for name in dict.fromkeys((*FIRST, *listed))]
        text = "".join(purge(sheet.read_text("utf-8"), known) for sheet in sheets if sheet.exists())
        (root / SHEET).write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Write the sheet when all pages are finished."""
    styles = Styles()
    app.connect("html-page-context", styles.note, priority=900)
    app.connect("build-finished", styles.write, priority=900)
