"""The bibliography: cards, and citations in plain Markdown."""

import pytest

from press import BookError, bibliography
from press.bibliography import citation, entries

BIB = r"""
@inproceedings{one2020,
  author = {G{\"o}del, Kurt and van der Waerden, B. L. and King, Jr., Martin},
  title = {On {XNOR} \& co},
  booktitle = {Some Conference},
  year = {2020},
  doi = {10.1/a(b)<c>},
  eprint = {2001.00001},
  url = {https://example.org/paper},
  code = {https://example.org/code},
}
@misc{two2021,
  author = {Solo, Han},
  title = {Alone},
  year = {2021},
}
@article{three1999,
  author = {Fejes T{\'o}th, L. and van Dam, A.},
  title = {Both},
  year = {1999},
  eprint = {math/9901001},
}
@article{four2000,
  author = {First, A. and others},
  title = {Many},
  year = {2000},
  url = {https://example.org/four},
  code = {https://example.org/code},
}
@proceedings{five2001,
  editor = {Editor, E.},
  title = {Collected},
  year = {2001},
  code = {https://example.org/code},
}
@manual{six2002,
  title = {A Manual},
  year = {2002},
}
"""


@pytest.fixture
def papers(tmp_path):
    path = tmp_path / "references.bib"
    path.write_text(BIB)
    return path


def test_latex_becomes_text(papers):
    paper = bibliography.load(papers, "one2020")
    assert paper.title == "On XNOR & co"
    assert paper.authors == ("Kurt Gödel", "B. L. van der Waerden", "Martin King, Jr.")
    assert (paper.venue, paper.year) == ("Some Conference", "2020")
    assert bibliography.load(papers, "four2000").authors == ("A. First", "et al.")


def test_links_in_order_of_permanence(papers):
    assert bibliography.load(papers, "one2020").links == (
        ("DOI", "https://doi.org/10.1/a%28b%29%3Cc%3E"),
        ("arXiv 2001.00001", "https://arxiv.org/abs/2001.00001"),
        ("Paper", "https://example.org/paper"),
        ("Official code", "https://example.org/code"),
    )


def test_links_are_not_repeated():
    assert len(bibliography.links({"doi": "10.1/a", "url": "https://doi.org/10.1/a"})) == 1


def test_what_an_entry_lacks_is_left_out(papers):
    paper = bibliography.load(papers, "two2021")
    assert (paper.venue, paper.links) == ("", ())


def test_unknown_key(papers):
    with pytest.raises(KeyError, match="nobody"):
        bibliography.load(papers, "nobody")


@pytest.mark.parametrize(
    ("key", "textual", "inside"),
    [
        ("one2020", "Gödel et al. (2020)", "Gödel et al., 2020"),
        ("two2021", "Solo (2021)", "Solo, 2021"),
        ("three1999", "Fejes Tóth and van Dam (1999)", "Fejes Tóth and van Dam, 1999"),
        ("four2000", "First et al. (2000)", "First et al., 2000"),
        ("five2001", "Editor (2001)", "Editor, 2001"),
        ("six2002", "A Manual (2002)", "A Manual, 2002"),
    ],
)
def test_authors_and_year(papers, key, textual, inside):
    entry = entries(papers)[key]
    assert bibliography.author_year(entry) == textual
    assert bibliography.author_year(entry, textual=False) == inside


@pytest.mark.parametrize(
    ("key", "address"),
    [
        ("one2020", "https://doi.org/10.1/a%28b%29%3Cc%3E"),
        ("three1999", "https://arxiv.org/abs/math/9901001"),
        ("four2000", "https://example.org/four"),
        ("five2001", "#Further-reading"),
        ("two2021", "#Further-reading"),
    ],
)
def test_a_citation_leads_to_the_first_address(papers, key, address):
    assert citation(entries(papers)[key]).endswith(f'({address} "{key}")')


def test_the_file_is_read_again_when_it_changes(papers):
    assert "two2021" in entries(papers)
    papers.write_text("@misc{new2022, title = {New}}")
    assert list(entries(papers)) == ["new2022"]
    papers.unlink()
    assert entries(papers) == {}


@pytest.mark.parametrize("text", ["@misc{a, title = {A}", "@misc{a, year={1}} @misc{a, year={2}}"])
def test_a_file_that_is_not_in_order(papers, text):
    papers.write_text(text)
    with pytest.raises(BookError, match=r"references\.bib is not valid BibTeX: "):
        entries(papers)
