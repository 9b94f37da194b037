r"""Formulas, typeset when the site is built: no page loads a mathematics script, or needs one.

Sphinx writes formulas as TeX between `\(` and `\)` or `\[` and `\]`, and so do the outputs of the
notebooks. In the finished pages each becomes a drawing, MathJax's SVG, and beside it the same
formula as MathML, which is not seen: screen readers speak that. The drawings need no font, which
browsers refuse to pages opened from disk; the shapes of letters stand once on a page.

MathJax comes from a Python package, and the Node that runs it is the one that Playwright brings.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError
from sphinx.ext.mathjax import html_visit_displaymath, html_visit_math
from sphinx.util import logging

from press.site.finish import when_built

RENDERER = "formulas"
MATHJAX = "sphinx-mathjax-offline"
NODE = "playwright"
PROGRAM = Path(__file__).with_name("typeset.js")
#: A formula that is not typeset yet, with the number that may stand before it.
FORMULA = re.compile(
    r'(?P<start><(?P<tag>span|div) class="math [^>]*>'
    r'(?:\s*<span class="eqno">(?:(?!</span>).)*</span>)?)'
    r"\s*(?P<tex>[^<\s][^<]*)(?P<end></(?P=tag)>)",
    re.DOTALL,
)
DELIMITERS = ((r"\(", r"\)"), (r"\[", r"\]"))
#: Width from which an inline formula may scroll, in the unit `ex`: half a phone's column.
WIDE = 20.0

logger = logging.getLogger(__name__)


def installed(package: str) -> Path:
    """The folder of an installed package.

    Raises:
        ExtensionError: it is not installed.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ExtensionError(f"formulas need the package {package}: run `make book` to set up")
    return Path(spec.origin).parent


def node() -> str:
    """The path of a Node: Playwright's, or where a system's Playwright has none, the system's.

    Raises:
        ExtensionError: there is neither.
    """
    bundled = installed(NODE) / "driver" / "node"
    found = str(bundled) if bundled.is_file() else shutil.which("node")
    if found is None:
        raise ExtensionError(f"formulas need Node, which the package {NODE} brings, or install it")
    return found


def typeset(pages: list[list[tuple[str, bool]]]) -> list[dict[str, Any]]:
    """Typeset the formulas of several pages.

    Args:
        pages: for each page, its formulas: TeX, and whether it is displayed.

    Returns:
        For each page `glyphs`, the shapes its drawings use, and `formulas`: for each of them `svg`
        and `mathml`, or `error`, which says what is wrong with its TeX.

    Raises:
        ExtensionError: MathJax or Node failed as a whole.
    """
    command = [node(), str(PROGRAM), str(installed(MATHJAX) / "static" / "mathjax")]
    done = subprocess.run(command, input=json.dumps(pages), capture_output=True, encoding="utf-8")
    if done.returncode:
        raise ExtensionError(f"typesetting failed: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout)


def source(formula: re.Match[str]) -> tuple[str, bool]:
    """The TeX of a formula of a page, without its delimiters, and whether it is displayed."""
    tex = unescape(formula["tex"]).strip()
    for start, end in DELIMITERS:
        if tex.startswith(start) and tex.endswith(end):
            tex = tex.removeprefix(start).removesuffix(end)
    return tex.strip(), formula["tag"] == "div"


def element(formula: dict[str, str], display: bool) -> str:
    """A typeset formula as HTML: the drawing, and MathML for those who do not see it."""
    svg, mathml, style = formula["svg"], formula["mathml"], ""
    kind = "formula formula--display" if display else "formula"
    width = re.search(r' width="([\d.]+)ex"', svg)
    if not display and width and float(width[1]) > WIDE:
        kind += " formula--wide"  # the box that scrolls stands on the line, as the drawing would
        style = svg[svg.index(' style="') : svg.index('"', svg.index(' style="') + 8) + 1]
        svg = svg.replace(style, "", 1)
    return f'<span class="{kind}"{style}><span class="formula__words">{mathml}</span>{svg}</span>'


def replace(page: str, text: str, done: dict[str, Any]) -> str:
    """Put typeset formulas in their places; one that has an error stays and is a warning.

    Args:
        page: name of the page, for the warning.
        text: its HTML.
        done: its formulas as `typeset` returns them.
    """
    formulas = iter(done["formulas"])

    def put(found: re.Match[str]) -> str:
        formula = next(formulas)
        tex, display = source(found)
        if "error" in formula:
            logger.warning("formula %s: %s", tex, formula["error"], location=page)
            return found[0]
        return found["start"] + element(formula, display) + found["end"]

    text = FORMULA.sub(put, text)
    glyphs = f'<svg class="glyphs" aria-hidden="true" width="0" height="0">{done["glyphs"]}</svg>'
    return re.sub(r"<body[^>]*>", lambda body: f"{body[0]}\n{glyphs}", text, count=1)


@when_built
def write(app: Sphinx) -> None:
    """Typeset what the build has written; pages of an earlier build are done already."""
    root = Path(app.outdir)
    texts = {
        path: text
        for path in sorted(root.rglob("*.html"))
        if not path.relative_to(root).parts[0].startswith("_")
        and FORMULA.search(text := path.read_text("utf-8"))
    }
    if not texts:
        return
    wanted = [[source(found) for found in FORMULA.finditer(text)] for text in texts.values()]
    for (path, text), done in zip(texts.items(), typeset(wanted), strict=True):
        page = path.relative_to(root).with_suffix("").as_posix()
        path.write_text(replace(page, text, done), encoding="utf-8")


def use(app: Sphinx, config: Config) -> None:
    """Let Sphinx write TeX and load nothing for it."""
    config.html_math_renderer = RENDERER


def setup(app: Sphinx) -> None:
    """Write TeX as Sphinx does for MathJax, and typeset the finished pages."""
    app.add_html_math_renderer(RENDERER, (html_visit_math, None), (html_visit_displaymath, None))
    app.connect("config-inited", use)
    app.connect("build-finished", write)
