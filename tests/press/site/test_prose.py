"""Citations and equations of the notebooks, resolved on a small site."""

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_markdown_cell, new_notebook
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

CELLS = (
    """\
# Demo

By [Li et al. (2016)](https://arxiv.org/abs/1605.04711 "li2016twn"), as others do
([Li et al., 2016](https://arxiv.org/abs/1605.04711 "li2016twn");
[Keldysh, 1965](#Further-reading "keldysh")). See [here](https://a.b "a title").
""",
    """\
## Sums

$$ a \\\\ b
\\tag{sum}
$$

By [(sum)](#eq-demo-sum) and [Sums](#sums).

$$ c $$
""",
    "## Further reading\n\nNothing.",
)
BIB = """
@article{li2016twn, author = {Li, F. and Zhang, B. and Liu, B.}, title = {{T}ernary},
 journal = {arXiv}, year = {2016}, eprint = {1605.04711}}
@article{keldysh, author = {Keldysh, L.}, title = {Ionization}, journal = {JETP}, year = {1965}}
@article{unused, author = {No One}, title = {Unused}, journal = {None}, year = {1900}}
"""
INDEX = """\
# Book

```{toctree}
chapters/vision/demo
references
```

$$ d \\tag{no} $$
"""
PAGES = {
    "index.md": INDEX,
    "references.md": "# References\n\n```{bibliography}\n:style: alpha\n```\n",
    "references.bib": BIB,
}
BIBTEX = {"bibtex_bibfiles": ["references.bib"]}


def built(root, *extensions, **settings):
    """The demo page and the references, parsed, of a site built without a warning."""
    (root / "chapters" / "vision").mkdir(parents=True)
    for name, text in PAGES.items():
        (root / name).write_text(text)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = new_notebook(cells=[new_markdown_cell(c) for c in CELLS], metadata=kernel)
    nbformat.write(notebook, root / "chapters" / "vision" / "demo.ipynb")
    out, log = root.parent / "out", root.parent / "log"
    configuration = {
        "extensions": ["myst_nb", *extensions, "press.site.prose"],
        "nb_execution_mode": "off",
        "myst_enable_extensions": ["dollarmath"],
        "myst_heading_anchors": 3,
        **settings,
    }
    with log.open("w") as warnings, docutils_namespace():
        site = Sphinx(
            root, None, out, root.parent / "trees", "html", configuration, None, warnings
        )  # fmt: skip
        site.build()
    page = out / "chapters" / "vision" / "demo.html"
    return log.read_text(), *(
        BeautifulSoup(path.read_text(), "html.parser")
        for path in (page, out / "references.html", out / "index.html")
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    root = tmp_path_factory.mktemp("prose") / "book"
    return built(root, "sphinxcontrib.bibtex", **BIBTEX)


def test_nothing_is_warned_about(site):
    assert site[0] == ""


def test_citations_lead_to_the_bibliography_and_name_the_paper(site):
    _, page, references, _ = site
    cited = [a for a in page.select("a.reference") if "references.html#" in a.get("href", "")]
    assert [(a.text, a["title"]) for a in cited] == [
        ("Li et al. (2016)", "Ternary"),
        ("Li et al., 2016", "Ternary"),
        ("Keldysh, 1965", "Ionization"),
    ]
    for link in cited:
        address, anchor = link["href"].split("#")
        assert address == "../../references.html"
        assert link.text.split()[0].strip(",") in references.find(id=anchor).text
    assert "Unused" not in references.text


def test_other_links_are_left_alone(site):
    link = site[1].find("a", string="here")
    assert (link["href"], link["title"]) == ("https://a.b", "a title")


def test_a_tagged_formula_shows_its_name_and_can_be_referred_to(site):
    _, page, _, index = site
    formula = page.find(id="eq-demo-sum")
    assert "\\tag" not in page.text
    assert formula.select_one(".eqno").text.startswith("(sum)")
    link = page.find("a", string="(sum)")
    assert link["href"] == "#eq-demo-sum"
    assert page.find("a", string="Sums")["href"] == "#sums"
    assert len(page.select(".eqno")) == 1
    assert "\\tag{no}" in index.text  # not a chapter: nothing refers to it


def test_without_a_bibliography_citations_keep_their_address(tmp_path, monkeypatch):
    monkeypatch.setitem(PAGES, "references.md", "# References\n")
    warned, page, _, _ = built(tmp_path / "book")
    assert page.find("a", string="Li et al. (2016)")["href"] == "https://arxiv.org/abs/1605.04711"
    assert "Further-reading" in warned
