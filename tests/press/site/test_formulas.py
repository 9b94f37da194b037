r"""Formulas, typeset for the site."""

import re
from itertools import pairwise

import pytest
from bs4 import BeautifulSoup
from small_site import build, parsed, write_book
from sphinx.errors import ExtensionError

from press.site import formulas

#: What MathJax has most to place in; the dots were once drawn one upon the other.
HARD = (
    (r"\begin{aligned} a &= b \\ &= \underbrace{c+d}_{\text{two}} \end{aligned}", True),
    (r"\begin{cases} 1 & x > 0 \\ 0 & \text{else} \end{cases}", True),
    (r"x_{\frac{a}{b}} \boldsymbol{w}^\top \xrightarrow{f} \sqrt[3]{y}", False),
    (r"\dot a + \dot b + \dot c", True),
)


@pytest.fixture(scope="module")
def done():
    """The page that has these formulas."""
    return formulas.typeset([list(HARD)])[0]


def places(svg):
    """Where each glyph of a drawing stands: its name, and the translations above it, summed."""
    for use in BeautifulSoup(svg, "html.parser").find_all("use"):
        x = 0.0
        for element in (use, *use.parents):
            if moved := re.match(r"translate\(([-\d.]+)", element.attrs.get("transform", "")):
                x += float(moved[1])
        yield use["href"], x


def test_every_glyph_is_there_once(done):
    shapes = re.findall(r'id="([^"]+)"', done["glyphs"])
    assert len(shapes) == len(set(shapes))
    drawn = {name for formula in done["formulas"] for name, _ in places(formula["svg"])}
    assert drawn == {f"#{shape}" for shape in shapes}


def test_what_is_left_out_moves_nothing(done):
    dots = [x for name, x in places(done["formulas"][3]["svg"]) if name.endswith("-2D9")]
    assert len(dots) == 3
    assert all(right - left > 500 for left, right in pairwise(dots))


def test_drawings_are_silent_and_words_are_spoken(done):
    for formula in done["formulas"]:
        assert formula["svg"].startswith('<svg aria-hidden="true"')
        assert "data-" not in formula["svg"] + formula["mathml"]
    assert "<munder>" in done["formulas"][0]["mathml"]
    assert done["formulas"][2]["mathml"].startswith("<math><msub><mi>x</mi><mrow><mfrac>")


def test_pages_have_the_glyphs_they_use():
    one, two = formulas.typeset([[("x", False)], [("y", False), ("y", False)]])
    assert one["glyphs"] != two["glyphs"] and two["glyphs"].count("<path") == 1
    assert two["formulas"][0] == two["formulas"][1]


@pytest.mark.parametrize(
    ("tex", "problem"), [(r"\nope", r"Undefined control sequence \nope"), ("{a", "close brace")]
)
def test_wrong_tex_is_said(tex, problem):
    assert problem in formulas.typeset([[(tex, True)]])[0]["formulas"][0]["error"]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        (r'<span class="math notranslate">\(a &lt; b\)</span>', ("a < b", False)),
        (r'<div class="math x" id="eq">' + "\n\\[ a\nb \\]</div>", ("a\nb", True)),
        (
            '<div class="math x"><span class="eqno">(s)<a href="#s">#</a></span>\\[a\\]</div>',
            ("a", True),
        ),
        (
            r'<div class="math x">\begin{align} a \end{align}</div>',
            (r"\begin{align} a \end{align}", True),
        ),
    ],
)
def test_formulas_are_found(html, expected):
    (found,) = formulas.FORMULA.finditer(html)
    assert formulas.source(found) == expected


def test_what_is_typeset_is_not_found_again(done):
    page = '<body><span class="math x">\\(a\\)</span>'
    text = formulas.replace("page", page, {**done, "formulas": done["formulas"][:1]})
    assert formulas.FORMULA.search(text) is None
    assert text.count('<svg class="glyphs"') == 1


def test_what_is_typeset_already_stays():
    page = (
        '<div class="math notranslate" id="eq"><span class="eqno">(1)<a href="#eq">#</a></span>%s'
        '</div><div class="claim__row"><span class="claim__label">Why:</span> no formula</div>'
    )
    (found,) = formulas.FORMULA.finditer(page % r"\[a = b\]")
    assert formulas.source(found) == ("a = b", True)
    done = page % '<span class="formula formula--display"><svg></svg></span>'
    assert formulas.FORMULA.search(done) is None


def test_only_long_formulas_scroll_in_their_line():
    short, long = formulas.typeset([[("a", False), ("a" * 40, False)]])[0]["formulas"]
    assert "formula--wide" not in formulas.element(short, False)
    wide = BeautifulSoup(formulas.element(long, False), "html.parser").span
    assert "formula--wide" in wide["class"]
    assert "vertical-align" in wide["style"] and "style" not in wide.svg.attrs
    assert "formula--wide" not in formulas.element(long, True)


def test_a_wrong_formula_is_a_warning_that_names_page_and_formula(tmp_path, monkeypatch):
    root = write_book(tmp_path / "book", monkeypatch)
    with (root / "index.md").open("a") as page:
        page.write("\nSo $a$ and $\\nope$.\n")
    out, warnings = build(root)
    assert r"index.md: WARNING: formula \nope: Undefined control sequence \nope" in warnings
    assert [words.text for words in parsed(out, "index.html").select("p .formula math")] == ["a"]


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(formulas, "MATHJAX", "no_such_package")
    with pytest.raises(ExtensionError, match="no_such_package"):
        formulas.typeset([[("a", False)]])
    with pytest.raises(ExtensionError, match="typesetting failed"):
        monkeypatch.setattr(formulas, "MATHJAX", "playwright")
        formulas.typeset([[("a", False)]])


def test_without_playwrights_node_the_systems_is_taken(monkeypatch):
    monkeypatch.setattr(formulas, "NODE", "pytest")
    monkeypatch.setattr(formulas.shutil, "which", lambda name: f"/bin/{name}")
    assert formulas.node() == "/bin/node"
    monkeypatch.setattr(formulas.shutil, "which", lambda name: None)
    with pytest.raises(ExtensionError, match="need Node"):
        formulas.node()
