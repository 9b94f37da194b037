"""One style sheet, of the rules that the pages can use."""

import pytest

from press.site import styles

KNOWN = {"card", "card--wide", "main", "open"}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("p", True),
        (".card", True),
        (".card.card--wide #main > a:hover", True),
        (".card .other", False),
        ("#other", False),
        (".card:not(.other)", True),
        (":is(.other, .card:not(.more)) p", True),
        ('[class*="other"]', True),
        (".fa-solid", False),
        (".fas", False),
        (".card .fa-solid", False),
        (".fancy", False),
    ],
)
def test_rules_stay_where_they_can_fit(selector, expected):
    assert styles.wanted(selector, KNOWN) is expected


def test_an_icon_of_the_book_stays():
    assert styles.wanted('i[class~="fa-bars"]', KNOWN)


def test_a_sheet_is_cut_down():
    css = """@charset "utf-8"; @import "other.css"; @font-face { font-family: Icons }
    /* a comment */
    .card, .other { color: red; /* why */ content: "a, b" }
    .other { color: red }
    @media print { .other { color: red } .card > p,
      a { color: blue } }
    @media (min-width: 1px) { .other { color: red } }
    @supports (display: grid) { #main { display: grid } }
    @keyframes turn { to { rotate: 1turn } }
    @layer one;
    """
    assert styles.purge(css, KNOWN).splitlines() == [
        '.card{color: red;  content: "a, b"}',
        "@media print{.card > p,a{color: blue}",
        "}",
        "@supports (display: grid){#main{display: grid}",
        "}",
        "@keyframes turn{to { rotate: 1turn }}",
        "@layer one;",
    ]


def test_names_of_a_page():
    page = """<p class="card card--wide" data-class="no" id='main'>class="x"</p>"""
    assert styles.names(page) >= {"card", "card--wide", "main"}
    assert "no" not in styles.names(page)
