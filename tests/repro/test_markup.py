"""Text for readers: escaping, templates that refuse unknown names, columns that line up."""

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from repro import markup


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("1e-12", "10⁻¹²"),
        ("2.5e+03 s", "2.5×10³ s"),
        ("x1e5, 1e5x", "x1e5, 1e5x"),
        ("-1e-3", "-10⁻³"),
    ],
)
def test_powers_of_ten(text, written):
    assert markup.powers_of_ten(text) == written


def test_inline_escapes_text_and_formulas():
    assert markup.inline(r"a<b costs \$5, $x<y$") == (
        r'a&lt;b costs $5, <span class="math notranslate nohighlight">\(x&lt;y\)</span>'
    )


@pytest.fixture
def templates(tmp_path, monkeypatch):
    """Templates in a folder of their own."""
    monkeypatch.setattr(markup.environment(), "loader", jinja2.FileSystemLoader(tmp_path))
    return tmp_path


def test_a_template_escapes_values_and_knows_the_filters(templates):
    (templates / "a.html").write_text("{{ x }} {{ y|inline }} {{ x|mask }} {{ z|powers }} {{ m }}")
    filled = markup.render("a", x="<i>", y="$a$", z="1e+03", m=Markup("<b>"))
    assert filled == (
        r'&lt;i&gt; <span class="math notranslate nohighlight">\(a\)</span> '
        '<span class="measured">&lt;i&gt;</span> 10³ <b>'
    )


def test_a_template_refuses_a_name_without_a_value(templates):
    (templates / "b.html").write_text("{{ absent }}")
    with pytest.raises(jinja2.UndefinedError, match="absent"):
        markup.render("b")


def test_blocks_leave_no_blank_lines(templates):
    (templates / "c.html").write_text("{% for k in ks %}\n{{ k }}\n{% endfor %}\n")
    assert markup.render("c", ks=[1, 2]) == "1\n2\n"


def test_columns_of_numbers_stand_on_the_right():
    rows = [["loop", "1,000", "2.35", "-"], ["matrix product", "20", "10.0", "about"]]
    assert markup.aligned(rows, ["way", "n", "seconds", "note"]).splitlines() == [
        "way                 n  seconds  note",
        "loop            1,000     2.35  -",
        "matrix product     20     10.0  about",
    ]


def test_a_table_without_rows_is_its_headings():
    assert markup.aligned([], ["way", "n"]) == "way  n"


def test_rows_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"row 1: expected 2 cells \(a, b\), got 1: \['3'\]"):
        markup.aligned([["1", "2"], ["3"]], ["a", "b"])


@given(st.lists(st.tuples(*[st.text("ab1-. ", min_size=1, max_size=6)] * 3), max_size=5))
def test_columns_begin_and_end_together(rows):
    lines = markup.aligned(rows, ["first", "second", "third"]).splitlines()
    widths = [
        max(map(len, column)) for column in zip(("first", "second", "third"), *rows, strict=True)
    ]
    for line, cells in zip(lines[1:], rows, strict=True):
        padded = line.ljust(sum(widths) + 4)
        at = 0
        for cell, width in zip(cells, widths, strict=True):
            assert padded[at : at + width].strip() == cell.strip()
            at += width + 2
