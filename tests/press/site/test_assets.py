"""What the pages load, and what a build writes beside them."""

from pathlib import Path
from types import SimpleNamespace

from small_site import parsed

from press.site import formulas, lost, pictures, scoreboard, sharing, styles, thumbnails, verdicts

WRITERS = (
    formulas.write,
    lost.write,
    scoreboard.write,
    sharing.draw,
    pictures.size,
    styles.Styles().write,
    thumbnails.write_thumbnails,
)


def test_a_failed_build_is_left_alone(tmp_path):
    app = SimpleNamespace(builder=SimpleNamespace(format="html"), outdir=tmp_path)
    for part in WRITERS:
        part(app, RuntimeError("failed"))
    assert list(tmp_path.iterdir()) == []


def test_other_formats_than_html_get_no_files(tmp_path):
    app = SimpleNamespace(builder=SimpleNamespace(format="text"), outdir=tmp_path)
    verdicts.write(app)
    for part in WRITERS:
        part(app, None)
    assert list(tmp_path.iterdir()) == []


def scripts(built, page):
    """Files of the scripts of a page, in order, and whether each waits for the text."""
    found = parsed(built, page).select("script[src]")
    return {Path(script["src"].split("?")[0]).name: script.has_attr("defer") for script in found}


def test_a_page_loads_only_what_it_uses(built):
    everywhere = {"documentation_options.js", "doctools.js", "sphinx_highlight.js"}
    page = scripts(built, "chapters/deep/text.html")
    assert set(page) == everywhere | {"clipboard.min.js", "copybutton.js"}
    assert all(page.values()), "no script holds up the text"
    assert set(scripts(built, "index.html")) == everywhere
    search = scripts(built, "search.html")
    tools = {"searchtools.js", "language_data.js", "searchindex.js"}
    assert set(search) == everywhere | tools
    assert not search["doctools.js"], "the page's own scripts need it at once"


def test_pages_share_one_style_sheet(built):
    for page in ("index.html", "chapters/binarization/one.html", "search.html"):
        (sheet,) = parsed(built, page).select("link[rel=stylesheet]")
        assert (built / page).parent.joinpath(sheet["href"]).resolve().is_file()
    text = (built / styles.SHEET).read_text()
    assert "--verdict" in text and ".bd-article" in text
    assert "@font-face" not in text and "fa-bars" not in text


def test_names_and_brackets_are_not_marked(built):
    code = parsed(built, "chapters/deep/text.html").select_one(".highlight pre")
    assert code.text == "x = [1]\n"
    assert [span.text for span in code.select("span[class]")] == ["=", "1"]
