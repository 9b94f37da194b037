"""A small book with entries of every kind and verdict, and the site built from it."""

from base64 import b64encode
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup, Tag
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from repro import chapters
from repro.claims import Ledger, Stated, Varied, at_least, at_most, equals

# One transparent pixel.
PNG = b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000b49444154789c"
        "6360000200000500017a5eab3f0000000049454e44ae426082"
    )
).decode()
#: A white one.
WHITE = b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000b49444154789c63"
        "f80f040009fb03fdfb5e6b2b0000000049454e44ae426082"
    )
).decode()
ALT = 'A "quoted" figure'
BIB = r"""
@inproceedings{one2020,
  author = {G{\"o}del, Kurt and van der Waerden, B. L. and King, Jr., Martin},
  title = {On {XNOR} \& co},
  booktitle = {Some Conference},
  year = {2020},
  doi = {10.1/abc},
}
@misc{two2021,
  author = {Solo, Han},
  title = {Alone},
  year = {2021},
}
"""
METADATA = {
    "slug": "one",
    "part": "binarization",
    "title": "First <chapter>",
    "paper": "one2020",
    "summary": "Why $x<y$ & more",
    "scale": "all of it",
    "data": "real",
    "seconds": 65,
    "peak_mb": 1234.0,
}
STATED = (
    Stated("alpha", "The paper says $z^2$ <grows>", "5 points (table 1)"),
    Stated("beta", "Deeper is better", "table 2"),
    Stated("gamma", "Never below four", "section 3"),
    Stated("imagenet", "It works on a million images", "table 4", out_of_reach="no data & no time"),
)
TABLE = """<table class="repro-table"><thead><tr><th scope="col">n</th><th></th></tr></thead><tbody>
<tr><td class="num">1</td><td>a</td></tr>
<tr><td></td><td>b</td></tr></tbody></table>"""
PLAY = '<div class="repro-explore"><img alt="moves" src="data:," width="9" height="9"></div>'
FOLDED = {"tags": ["plot", "hide-input"], "mystnb": {"code_prompt_show": "Show the plot code"}}
STALE = "<p>drawn before the record changed</p>"
LISTED = ("index", "chapters/binarization/one", "chapters/binarization/two")
PAGES = {
    "index.md": """\
# Book

```{book-opening} one
:say: Move it.

Papers & what became of them.
```

```{book-gallery}
```

```{toctree}
chapters/binarization/two
chapters/binarization/one
chapters/deep/scoreboard
chapters/deep/text
```
""",
    "chapters/deep/scoreboard.md": """\
# Scoreboard

```{book-gallery}
:part: binarization
```

```{book-gallery}
:part: vision
```

```{book-scoreboard}
```

```{book-benchmarks}
```
""",
    "chapters/deep/text.md": "# Text\n\n"
    + "Long words, " * 20
    + """

```python
x = [1]
```

| n | is |
| --- | --- |
| 1 | one |
| | two |
| $a$ | three |
""",
    "benchmarks/results/one.json": """{"about": "Against a <loop>.", "machine": "Linux",
"tables": [{"caption": "$n$ steps", "columns": ["n", "note", "ratio"],
"rows": [[1000, "ours", 2.3456], [2000, null, 3.0]]}]}""",
}
SETTINGS = {
    "extensions": ["myst_nb", "sphinx_copybutton", "press.site"],
    "html_theme": "sphinx_book_theme",
    "html_title": "Book",
    "nb_execution_mode": "off",
    "nb_mime_priority_overrides": [["html", "text/html", 0]],
    "myst_enable_extensions": ["dollarmath"],
    "html_sourcelink_suffix": "",
    "exclude_patterns": ["**/draft.ipynb"],
}


def ledger(slug: str) -> Ledger:
    """Four claims of a paper, three of them tested; a check and a finding."""
    made = Ledger(slug)
    made.paper(*STATED)
    made.claim(
        "alpha", "Here $z^2$ grows by <five>", measured=5, accept=equals(5), control=4,
        control_is="the wrong sign", unit="points",
    )  # fmt: skip
    made.claim(
        "beta", "Depth helps", measured=1.0, accept=at_least(3.0), control=0.5,
        control_is="no depth", not_at_this_scale="too small", positive=6.0,
        positive_is="twice the depth", cause=Varied("layers", {1: 0.7, 2: 2.5}, "trial depth"),
    )  # fmt: skip
    made.claim(
        "gamma", "It falls below four", measured=1.0, accept=at_least(4.0), control=4.5,
        control_is="the usual method", contradicted="it does fall",
    )  # fmt: skip
    made.check(
        "sum", "The sum is right", measured=0.0, accept=at_most(1e-9), control=2e-9,
        control_is="one term off",
    )  # fmt: skip
    made.finding(
        "aside", "Ours is faster", measured=3.0, accept=at_least(2.0), control=1.5,
        control_is="the usual method",
    )  # fmt: skip
    return made


def shown(**stored: object) -> NotebookNode:
    """An output that carries a record and shows something else, drawn earlier."""
    data = {"text/plain": "stale", "text/html": STALE}
    return new_output("display_data", data=data, metadata={"repro": stored})


def picture(alt: str, png: str = PNG, **told: object) -> NotebookNode:
    """An output that shows a figure, with more metadata."""
    return new_output(
        "display_data",
        data={"image/png": png, "text/plain": f"figure: {alt}"},
        metadata={"repro": {"alt": alt} | told, "image/png": {"width": 700}},
    )


def chapter(name: str = "one", heading: str = "# First chapter", **changes: object) -> NotebookNode:
    """A notebook with a figure, a table of claims and entries; metadata changed, None removed."""
    entries = ledger(name)
    paper = [row.record() for row in entries.rows]
    cells = [
        new_markdown_cell(
            f"{heading}\n\nText.\n\n## The paper in one minute\n\nSay it in five words."
        ),
        new_code_cell("1", outputs=[picture(ALT, thumbnail=True)], metadata={"tags": ["plot"]}),
        new_code_cell("2", outputs=[shown(paper=paper)]),
        new_markdown_cell("## The method\n\nCompute $a$.\n\n$$ a = b $$"),
        new_code_cell("3\n\n4", outputs=[shown(entry=entry) for entry in entries.records]),
        new_code_cell("5", outputs=[shown(ledger=True)]),
        new_code_cell(
            "6",
            metadata={"tags": ["plot"]},
            outputs=[
                new_output(
                    "display_data", data={"text/html": PLAY}, metadata={"repro": {"explore": ["p"]}}
                )
            ],
        ),
        new_code_cell(
            "9",
            outputs=[new_output("display_data", data={"text/html": TABLE})],
            metadata={"tags": ["table"]},
        ),
        new_code_cell("7\n\n8", outputs=[picture(ALT, WHITE)], metadata=FOLDED),
        new_markdown_cell("## Does it work?\n\nIt does."),
        new_markdown_cell("## Why it works\n\nThis is not counted."),
        new_markdown_cell("## What reproduces\n\nAll."),
    ]
    told = METADATA | {"slug": name} | changes
    metadata = {
        "repro": {key: value for key, value in told.items() if value is not None},
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    }
    return new_notebook(cells=cells, metadata=metadata)


def write_book(root: Path, patch: pytest.MonkeyPatch) -> Path:
    """Write a book with two listed chapters and one draft, and put it in use."""
    patch.setattr(chapters, "ROOT", root)
    patch.setattr(chapters, "CHAPTERS", root / "chapters")
    folder = root / "chapters" / "binarization"
    folder.mkdir(parents=True)
    second = chapter("two", "# Second", paper="two2021", seconds=20)
    nbformat.write(chapter(), folder / "one.ipynb")
    nbformat.write(second, folder / "two.ipynb")
    nbformat.write(chapter("draft"), folder / "draft.ipynb")
    (root / "references.bib").write_text(BIB)
    files = [f"      - file: {page}\n" for page in reversed(LISTED[1:])]
    (root / "_toc.yml").write_text("parts:\n  - chapters:\n" + "".join(files))
    for name, text in PAGES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def build(root: Path) -> tuple[Path, str]:
    """Build the site in a folder beside the book; that folder, and the warnings."""
    out, log = root.parent / "out", root.parent / "warnings.txt"
    with log.open("w") as warnings, docutils_namespace():
        trees = root.parent / "trees"
        Sphinx(root, None, out, trees, "html", SETTINGS, None, warnings).build()
    return out, log.read_text()


def parsed(built: Path, page: str) -> BeautifulSoup:
    """A page of the site."""
    return BeautifulSoup((built / page).read_text(), "html.parser")


def words(tag: Tag) -> str:
    """The text of an element with single spaces."""
    return " ".join(tag.get_text().split())
