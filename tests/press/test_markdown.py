"""Markdown as the page sees it."""

import pytest

from press.markdown import Link, read


def test_headings_are_those_of_the_page():
    text = "# One\n\ntext\n## Two *three*\n\n```python\n## no\n```\n\n    ## no\n\nFour\n----\n"
    assert read(text).headings == [(1, "One"), (2, "Two *three*"), (2, "Four")]


def test_links_have_text_address_and_title():
    found = read('See [Li *et al.*](https://a.b/(c) "key") and [x](#y).\n\n`[no](a)`').links
    assert found == [Link("Li et al.", "https://a.b/(c)", "key"), Link("x", "#y", "")]


def test_pictures_of_markdown_and_html():
    text = 'A ![one](a.png) and <img src="b" alt="two"> in it\n\n<p><img src="c"></p>\n\n![](d)'
    assert read(text).pictures == ["one", "two", "", ""]


def test_formulas_and_their_tags():
    text = "$$ a \\tag{first} $$\n\ntext $x$\n\n$$\nb\n\\tag{second-2}\n$$\n\n$$ c $$"
    assert [formula.strip() for formula in read(text).formulas] == [
        "a \\tag{first}",
        "b\n\\tag{second-2}",
        "c",
    ]
    assert read(text).tags == ["first", "second-2"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Straight-through, it's 1,000 times.", 4),
        ("A formula $a + b$ and `some code` [a link](b)", 5),
        ("## Two words\n\n- one\n- two", 4),
        ("$$ a b c $$\n\n```\nd e f\n```\n\n<b>x</b>", 1),
        ("| a | b |\n| - | - |\n| c | d |", 4),
    ],
)
def test_words_are_those_that_are_read(text, words):
    assert read(text).words == words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("See {cite:t}`key`.", ("the role", "{cite:t}`key`")),
        ("(here)=\n## A", ("the target", "here")),
        ("$$ a $$ (eq-a)", ("the label of a formula", "$$ (eq-a)")),
        ("```{note} Title\ntext\n```", ("the directive", "{note} Title")),
        (":::{tip}\ntext\n:::", ("the directive", "{tip}")),
        ("% a comment", ("the comment", "a comment")),
        ("+++", ("the block break", "+++")),
        ("A[^1]\n\n[^1]: note", ("the footnote", "[^1]")),
        ("Term\n: definition", ("the definition list", "Term")),
        ("\\begin{align}\na\n\\end{align}", ("the bare environment", "\\begin{align}")),
        ("A {#place} b", ("the mark", "{#place}")),
        ("A {{ name }} b", ("the mark", "{{ name }}")),
        ("$$ a \\label{b} $$", ("the command", "\\label{b}")),
        ("By $\\eqref{b}$", ("the command", "\\eqref{b}")),
    ],
)
def test_what_other_viewers_would_show_raw(text, found):
    assert found in read(text).raw


PLAIN = """\
# A

> **Note.** text

1. one
   - two

| a |
| - |
| $b$ |

```python
{x: 1}
```

$$ \\{a\\} \\tag{b} $$

[(b)](#eq-x-b), `{note}`, 50 % of {1, 2}, <br> \\*

---
"""


def test_plain_markdown_is_never_raw():
    assert read(PLAIN).raw == []
