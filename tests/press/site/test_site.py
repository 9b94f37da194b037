"""The Sphinx extension: its parts, and a small site built with it."""

import re
from base64 import b64encode
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

from press.site import (
    assets,
    benchmarks,
    bibliography,
    library,
    mathjax,
    render,
    repository,
    thumbnails,
)
from repro.claims import Ledger, cards, equals

# One transparent pixel.
PNG = b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
        "1f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
    )
).decode()
BIB = r"""
@inproceedings{one2020,
  author = {G{\"o}del, Kurt and van der Waerden, B. L. and King, Jr., Martin},
  title = {On {XNOR} \& co},
  booktitle = {Some Conference},
  year = {2020},
  doi = {10.1/abc},
  eprint = {2001.00001},
  url = {https://example.org/paper},
  code = {https://example.org/code},
}
@misc{two2021,
  author = {Solo, Han},
  title = {Alone},
  year = {2021},
}
"""
ALT = 'A "quoted" figure'
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


def claim_output(record):
    return new_output(
        "display_data",
        data={"text/plain": cards.card_text(record), "text/html": cards.card(record)},
        metadata={"repro": {"claim": record}},
    )


def picture(alt):
    return new_output(
        "display_data",
        data={"image/png": PNG, "text/plain": f"figure: {alt}"},
        metadata={"repro": {"alt": alt}, "image/png": {"width": 700}},
    )


def chapter(name="one", heading="# First chapter", **changes):
    """A notebook with a figure and two claims."""
    ledger = Ledger(name)
    for claim in ("alpha", "beta"):
        reason = "too small" if claim == "beta" else None
        ledger.claim(
            claim,
            f"Statement {claim} with $z^2$ <here>",
            kind="exact",
            paper="table 1",
            measured=0 if reason is None else 2,
            accept=equals(0),
            control=1,
            control_is="the wrong sign",
            not_at_this_scale=reason,
        )
    outputs = [claim_output(record) for record in ledger.records]
    cells = [
        new_markdown_cell(f"{heading}\n\nText.\n\n## Section\n\n$$ a = b $$ (eq-{name}-a)\n"),
        new_code_cell("1", outputs=[picture(ALT)], metadata={"tags": ["thumbnail"]}),
        new_code_cell("2", outputs=outputs),
    ]
    told = METADATA | {"slug": name} | changes
    metadata = {
        "repro": {key: value for key, value in told.items() if value is not None},
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    }
    return new_notebook(cells=cells, metadata=metadata)


@pytest.fixture
def root(tmp_path):
    """A book with two listed chapters and one draft."""
    return write_book(tmp_path)


def write_book(root):
    folder = root / "chapters" / "binarization"
    folder.mkdir(parents=True)
    nbformat.write(chapter(), folder / "one.ipynb")
    nbformat.write(chapter("two", "# Second", paper="two2021", seconds=20), folder / "two.ipynb")
    nbformat.write(chapter("draft"), folder / "draft.ipynb")
    (root / "references.bib").write_text(BIB)
    files = [f"      - file: chapters/binarization/{slug}\n" for slug in ("two", "one")]
    (root / "_toc.yml").write_text("parts:\n  - chapters:\n" + "".join(files))
    return root


LISTED = {"index", "chapters/binarization/one", "chapters/binarization/two"}


class TestLibrary:
    def test_chapters_come_in_the_order_of_the_book(self, root):
        found = library.read_all(root, LISTED)
        assert [chapter.slug for chapter in found] == ["two", "one"]
        assert found[1].docname == "chapters/binarization/one"
        assert found[1].verdicts == {"reproduced": 1, "not at this scale": 1}
        assert found[1].paper.year == "2020"
        assert found[1].thumbnail[1] == ALT

    @pytest.mark.parametrize("field", library.REQUIRED)
    def test_missing_metadata_is_named(self, root, field):
        path = root / "chapters" / "binarization" / "one.ipynb"
        nbformat.write(chapter(**{field: None}), path)
        with pytest.raises(library.UnfinishedError, match=f"chapter one.*lack {field}"):
            library.read(path, root)
        assert [chapter.slug for chapter in library.read_all(root, LISTED)] == ["two"]

    def test_unknown_paper_is_named(self, root):
        path = root / "chapters" / "binarization" / "one.ipynb"
        nbformat.write(chapter(paper="nobody1999"), path)
        with pytest.raises(library.UnfinishedError, match=r"chapter one.*no entry 'nobody1999'"):
            library.read(path, root)

    def test_an_edited_claim_is_found(self, root):
        path = root / "chapters" / "binarization" / "one.ipynb"
        text = path.read_text()
        path.write_text(text.replace('"verdict": "not at this scale"', '"verdict": "reproduced"'))
        with pytest.raises(library.UnfinishedError, match=r"chapter one.*beta"):
            library.read(path, root)

    def test_a_changed_notebook_is_read_again(self, root):
        path = root / "chapters" / "binarization" / "one.ipynb"
        assert library.read(path, root).metadata["scale"] == "all of it"
        nbformat.write(chapter(scale="a tenth"), path)
        assert library.read(path, root).metadata["scale"] == "a tenth"

    def test_no_thumbnail(self):
        notebook = chapter()
        notebook.cells[1].metadata.tags = []
        assert library.thumbnail(notebook) is None
        notebook.cells[2].metadata["tags"] = ["thumbnail"]
        assert library.thumbnail(notebook) is None


class TestBibliography:
    @pytest.fixture
    def papers(self, tmp_path):
        path = tmp_path / "references.bib"
        path.write_text(BIB)
        return path

    def test_latex_becomes_text(self, papers):
        paper = bibliography.load(papers, "one2020")
        assert paper.title == "On XNOR & co"
        assert paper.authors == ("Kurt Gödel", "B. L. van der Waerden", "Martin King, Jr.")
        assert (paper.venue, paper.year) == ("Some Conference", "2020")

    def test_links_in_order_of_permanence(self, papers):
        assert bibliography.load(papers, "one2020").links == (
            ("DOI", "https://doi.org/10.1/abc"),
            ("arXiv 2001.00001", "https://arxiv.org/abs/2001.00001"),
            ("Paper", "https://example.org/paper"),
            ("Official code", "https://example.org/code"),
        )

    def test_links_are_not_repeated(self):
        assert len(bibliography.links({"doi": "10.1/a", "url": "https://doi.org/10.1/a"})) == 1

    def test_what_an_entry_lacks_is_left_out(self, papers):
        paper = bibliography.load(papers, "two2021")
        assert (paper.venue, paper.links) == ("", ())

    def test_unknown_key(self, papers):
        with pytest.raises(KeyError, match="nobody"):
            bibliography.load(papers, "nobody")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "1 s"),
        (28.4, "28 s"),
        (59.6, "1 min"),
        (130, "2 min 10 s"),
        (3600, "1 h"),
        (3899, "1 h 5 min"),
    ],
)
def test_duration(seconds, text):
    assert render.duration(seconds) == text


@pytest.mark.parametrize(
    ("megabytes", "text"), [(640, "640 MB"), (999.4, "999 MB"), (1000, "1.0 GB"), (1340, "1.3 GB")]
)
def test_memory(megabytes, text):
    assert render.memory(megabytes) == text


class TestRepository:
    def settle(self, monkeypatch, env, **options):
        monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        config = Config({}, {"html_theme_options": options})
        config.add("html_theme_options", {}, "html", ())
        config.html_theme_options = options
        repository.set_address(None, config)
        return config

    def test_unknown_in_a_private_copy(self, monkeypatch):
        config = self.settle(monkeypatch, {}, repository_url="")
        assert repository.colab_address(config, "a/b") is None
        assert "launch_buttons" not in config.html_theme_options

    def test_named_by_the_workflow(self, monkeypatch):
        env = {"GITHUB_REPOSITORY": "them/book", "GITHUB_REF_NAME": "dev"}
        config = self.settle(monkeypatch, env, repository_url="")
        expected = "https://colab.research.google.com/github/them/book/blob/dev/a/b.ipynb"
        assert repository.colab_address(config, "a/b") == expected
        assert config.html_theme_options["launch_buttons"]["colab_url"]

    def test_named_by_the_settings(self, monkeypatch):
        env = {"GITHUB_REPOSITORY": "them/book"}
        config = self.settle(monkeypatch, env, repository_url="https://github.com/us/book/")
        assert "/github/us/book/blob/main/a.ipynb" in repository.colab_address(config, "a")

    def test_colab_opens_only_github(self, monkeypatch):
        config = self.settle(monkeypatch, {}, repository_url="https://example.org/us/book")
        assert repository.colab_address(config, "a") is None


def test_mathjax_missing(monkeypatch):
    monkeypatch.setattr(mathjax, "PACKAGE", "no_such_package_here")
    with pytest.raises(ExtensionError, match="no_such_package_here"):
        mathjax.source()


def test_a_failed_build_is_left_alone(tmp_path):
    app = SimpleNamespace(builder=SimpleNamespace(format="html"), outdir=tmp_path)
    for part in (mathjax.copy_files, thumbnails.write_thumbnails):
        part(app, RuntimeError("failed"))
    assert list(tmp_path.iterdir()) == []


def test_mathjax_package_has_the_parts():
    assert [part for part in mathjax.PARTS if not (mathjax.source() / part).exists()] == []


@pytest.mark.parametrize(
    ("asset", "expected"),
    [
        (type("Script", (), {"filename": "sphinx-thebe.js", "attributes": {}})(), True),
        (type("Script", (), {"filename": "", "attributes": {"body": "const THEBE = 1"}})(), True),
        ("sphinx-thebe.css", True),
        ("book.css", False),
    ],
)
def test_thebe_is_recognised(asset, expected):
    assert assets.is_thebe(asset) is expected


INDEX = """\
# Book

```{book-figures}
```

```{book-gallery}
```

```{toctree}
chapters/binarization/two
chapters/binarization/one
chapters/deep/scoreboard
```
"""
BOARD = """\
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
"""
BENCHMARK = """{"about": "Against a <loop>.", "machine": "Linux",
"tables": [{"caption": "$n$ steps", "columns": ["n", "note", "ratio"],
"rows": [[1000, "ours", 2.3456], [2000, null, 3.0]]}]}"""
SETTINGS = {
    "extensions": ["myst_nb", "press.site"],
    "html_theme": "sphinx_book_theme",
    "nb_execution_mode": "off",
    "nb_mime_priority_overrides": [["html", "text/html", 0]],
    "myst_enable_extensions": ["dollarmath"],
    "html_sourcelink_suffix": "",
    "exclude_patterns": ["**/draft.ipynb"],
}


def build(root):
    """Build the site in a folder beside it; returns the folder and the warnings."""
    out = root.parent / "out"
    log = root.parent / "warnings.txt"
    with log.open("w") as warnings:
        Sphinx(
            root, None, out, root.parent / "trees", "html", SETTINGS, None, warnings
        ).build()  # fmt: skip
    return out, log.read_text()


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A site built from a small book: its folder, and its pages parsed."""
    root = write_book(tmp_path_factory.mktemp("built") / "book")
    (root / "index.md").write_text(INDEX)
    (root / "benchmarks" / "results").mkdir(parents=True)
    (root / "benchmarks" / "results" / "one.json").write_text(BENCHMARK)
    (root / "chapters" / "deep").mkdir()
    (root / "chapters" / "deep" / "scoreboard.md").write_text(BOARD)
    out, warnings = build(root)
    assert warnings == ""
    return out


def parsed(built: Path, page: str) -> BeautifulSoup:
    return BeautifulSoup((built / page).read_text(), "html.parser")


def words(tag):
    return " ".join(tag.get_text().split())


class TestSite:
    def test_card(self, built):
        page = parsed(built, "chapters/binarization/one.html")
        card = page.select_one("h1 + .chapter-card")
        assert card.cite.text == "On XNOR & co"
        assert "Kurt Gödel, B. L. van der Waerden" in words(card)
        assert "Why \\(x<y\\) & more" in words(card)
        assert "1 min 5 s on a CPU, 1.2 GB" in words(card)
        assert words(card.select_one(".verdict--not-at-this-scale")) == "1 not at this scale"
        download = card.select_one("a[download]")["href"]
        assert (built / "chapters" / "binarization" / download).resolve().is_file()
        description = page.find("meta", attrs={"name": "description"})["content"]
        assert description == METADATA["summary"]

    def test_paper_can_be_found_by_its_authors(self, built):
        assert '"kurt"' in (built / "searchindex.js").read_text()

    def test_alternative_text_and_width(self, built):
        image = parsed(built, "chapters/binarization/one.html").select_one(".cell_output img")
        assert image["alt"] == ALT
        assert "700" in image.get("style", "") + image.get("width", "")

    def test_figures(self, built):
        chapters, claims, time = parsed(built, "index.html").select(".book-figures dd")
        assert (words(chapters), words(claims), words(time)) == ("2", "2 / 4", "1 min 25 s")

    def test_gallery(self, built):
        page = parsed(built, "index.html")
        assert [words(part) for part in page.select(".gallery__part")] == [
            "Binary and ternary networks"
        ]
        cards = page.select(".gallery__card")
        assert [card["href"] for card in cards] == [
            "chapters/binarization/two.html",
            "chapters/binarization/one.html",
        ]
        for card in cards:
            assert (built / card.img["src"]).read_bytes().startswith(b"\x89PNG")
            assert card.img["alt"] == ALT
        assert "Kurt Gödel et al. 2020" in words(cards[1])
        assert "Han Solo 2021" in words(cards[0])
        assert not (built / "_static" / "thumbnails" / "draft.png").exists()

    def test_benchmarks(self, built):
        board = parsed(built, "chapters/deep/scoreboard.html").select_one(".benchmarks")
        assert "Against a <loop>. Linux." in words(board)
        assert board.h2.a["href"] == "../../chapters/binarization/one.html"
        cells = [words(cell) for cell in board.select("td")]
        assert cells == ["1,000", "ours", "2.35", "2,000", "-", "3"]
        assert words(board.caption) == "\\(n\\) steps"

    def test_gallery_of_a_part(self, built):
        page = parsed(built, "chapters/deep/scoreboard.html")
        assert len(page.select(".gallery")) == 1
        assert page.select(".gallery__part") == []
        card = page.select_one(".gallery__card")
        assert card["href"] == "../../chapters/binarization/two.html"
        assert card.img["src"] == "../../_static/thumbnails/two.png"

    def test_scoreboard(self, built):
        page = parsed(built, "chapters/deep/scoreboard.html")
        rows = page.select(".scoreboard__claim")
        assert len(rows) == 4
        assert "Statement alpha with \\(z^2\\) <here>" in words(rows[0])
        assert [words(cell) for cell in rows[1].select("td")] == [
            "table 1",
            "2",
            "equals 0",
            "1, the wrong sign: rejected",
            "not at this scale too small",
        ]
        address, anchor = rows[0].a["href"].split("#")
        target = parsed(built, str((Path("chapters/deep") / address).as_posix()))
        assert target.find(id=anchor) is not None
        assert page.select_one(".scoreboard form").has_attr("hidden")

    def test_mathematics_in_html_loads_mathjax(self, built):
        page = (built / "chapters" / "deep" / "scoreboard.html").read_text()
        assert re.search(r'src="[./]*_static/mathjax/tex-svg\.js', page)
        assert (built / "_static" / "mathjax" / "tex-svg.js").is_file()

    def test_no_page_prepares_remote_kernels(self, built):
        assert "thebe" not in (built / "index.html").read_text().lower()


def test_an_unfinished_chapter_is_a_warning_and_shown_nowhere(tmp_path):
    root = write_book(tmp_path / "book")
    (root / "index.md").write_text(INDEX.replace("chapters/deep/scoreboard\n", ""))
    folder = root / "chapters" / "binarization"
    nbformat.write(chapter(seconds=None), folder / "one.ipynb")
    bare = chapter("two", "# Second")
    bare.cells[1].metadata.tags = []
    nbformat.write(bare, folder / "two.ipynb")
    out, warnings = build(root)
    assert "chapter one: the notebook's metadata 'repro' lack seconds" in warnings
    assert "chapter two: no cell tagged `thumbnail`" in warnings
    cards = parsed(out, "index.html").select(".gallery__card")
    assert [card["href"] for card in cards] == ["chapters/binarization/two.html"]
    assert cards[0].img is None
    assert parsed(out, "chapters/binarization/one.html").select(".chapter-card") == []


@pytest.mark.parametrize("content", ["{", "[]", '{"about": "x"}'])
def test_a_result_that_no_benchmark_wrote_is_named(tmp_path, content):
    path = tmp_path / "one.json"
    assert benchmarks.results(path) is None
    path.write_text(content)
    with pytest.raises(ValueError, match=r"one\.json is not a benchmark's result"):
        benchmarks.results(path)
