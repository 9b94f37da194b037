"""A small site: what the extension adds to its pages."""

import json
from pathlib import Path

import nbformat
import pytest
from small_site import ALT, METADATA, STALE, build, chapter, parsed, words, write_book

from repro.claims.cards import anchor

ONE = "chapters/binarization/one.html"
BOARD = "chapters/deep/scoreboard.html"


def rows(card):
    """What a chapter's card says, by heading."""
    return {words(row.dt): words(row.dd) for row in card.select("dl > div")}


class TestChapter:
    @pytest.fixture
    def page(self, built):
        return parsed(built, ONE)

    def test_card(self, built, page):
        card = page.select_one("h1 + .chapter-card")
        assert card.cite.text == "On XNOR & co"
        assert "Kurt Gödel, B. L. van der Waerden" in words(card)
        said = rows(card)
        assert said["Reproduced here"] == "Why x<y & more"
        assert said["Last run"] == "1 min 5 s on a CPU, 1.2 GB at its peak"
        download = card.select_one("a[download]")["href"]
        assert (built / "chapters" / "binarization" / download).resolve().is_file()
        description = page.find("meta", attrs={"name": "description"})["content"]
        assert description == METADATA["summary"]

    def test_card_counts_claims_and_the_rest_apart(self, page):
        assert rows(page.select_one(".chapter-card"))["Claims"] == (
            "3 of 4 tested 1 reproduced 1 not at this scale 1 contradicted "
            "besides 1 check and 1 finding of our own · What verdicts mean"
        )

    def test_card_measures_the_short_path(self, built, page):
        card = page.select_one(".chapter-card")
        assert rows(card)["In 15 minutes"] == (
            "1 The paper in one minute, 2 The method, 3 Does it work?, 5 What reproduces "
            "24 words and 4 lines of code"
        )
        for link in card.select(".chapter-card__path a"):
            assert page.select_one(link["href"]).name == "section"

    def test_sections_are_numbered_and_the_short_path_is_marked(self, page):
        titles = [words(title).rstrip("#") for title in page.select("section > section > h2")]
        assert titles[:2] == ["1 The paper in one minute", "2 The method"]
        marked = [section["id"] for section in page.select("section.short-path")]
        assert marked == [
            "the-paper-in-one-minute",
            "the-method",
            "does-it-work",
            "what-reproduces",
        ]
        contents = [words(link) for link in page.select(".page-toc a")]
        assert contents[3] == "4 Why it works"
        note = page.select_one("#does-it-work > .go-on")
        assert words(note) == "Fifteen minutes only? Go on with 5 What reproduces."
        assert note.a["href"] == "#what-reproduces"

    def test_folds_say_how_much_is_inside(self, page):
        assert words(page.select_one("details.hide > summary")).startswith(
            "Show the plot code, 2 lines"
        )

    def test_entries_are_drawn_from_their_records(self, page):
        assert STALE not in str(page)
        for id, verdict in {"alpha": "reproduced", "sum": "holds", "aside": "found"}.items():
            card = page.find(id=anchor({"chapter": "one", "id": id}))
            assert words(card.select_one(".verdict")) == verdict
            assert card.select_one("a.headerlink")["href"] == f"#{card['id']}"
        assert len(page.select(".claim-table--paper tbody tr")) == 4
        assert page.select_one("table.claim-table caption") is not None
        own = [link for link in page.select(".claim-table a") if link["href"].startswith("#")]
        assert len(own) == 8
        for link in own:
            assert "claim" in page.find(id=link["href"][1:])["class"]

    @pytest.mark.parametrize(
        ("id", "said"),
        [
            (
                "alpha",
                "We measured 5 points; the rule is equals 5: accepted. The near miss, the wrong "
                "sign, gives 4 points, and the rule rejects that, as it must.",
            ),
            (
                "beta",
                "We measured 1; the rule is at least 3: rejected. An effect that is known, twice "
                "the depth, gives 6, and the rule accepts that: the experiment could have shown "
                "one. The control, no depth, gives 0.5.",
            ),
            (
                "gamma",
                "We measured 1; the rule is at least 4: rejected, while its opposite accepts. The "
                "control, the usual method, gives 4.5, which the opposite does not accept.",
            ),
        ],
    )
    def test_a_claim_is_told_in_a_sentence(self, page, id, said):
        card = page.find(id=f"claim-one-{id}")
        assert words(card.select_one(".claim__said")) == said
        meaning = card.select_one(".verdict")["href"]
        assert meaning == "../../chapters/appendix/reproducibility.html#the-verdicts"

    def test_details_are_folded(self, page):
        details = page.find(id="claim-one-beta").details
        assert not details.has_attr("open")
        assert words(details) == (
            "The paper’s figure, and the reason Paper: table 2 "
            "Cause varied: layers: 1 gives 0.7; 2 gives 2.5 (trial depth) Reason: too small"
        )
        check = page.find(id="claim-one-sum")
        assert check.name == "details" and not check.has_attr("open")
        assert words(check.summary) == "Check holds The sum is right"

    def test_the_closing_tables_have_three_columns(self, page):
        claims, checks, _ = page.select(".claim-table:not(.claim-table--paper)")
        assert [words(cell) for cell in claims.select("thead th")] == [
            "Claim, and the paper’s figure", "Measured here", "Verdict",
        ]  # fmt: skip
        rows = claims.select("tbody tr")
        assert [words(cell) for cell in rows[0].select("th, td")] == [
            "Here z2 grows by <five> 5 points (table 1)",
            "5 points rule: equals 5 near miss: 4 points, the wrong sign",
            "reproduced",
        ]
        assert [words(cell) for cell in rows[3].select("th, td")] == [
            "It works on a million images table 4", "no data & no time", "out of reach",
        ]  # fmt: skip
        assert all(row.select_one("th[scope=row]") for row in (*rows, *checks.select("tbody tr")))

    def test_rows_of_tables_have_headings(self, built, page):
        table = page.select_one("table.repro-table")
        assert words(table.select_one("tbody th[scope=row].num")) == "1"
        assert len(table.select("tbody th")) == 1, "a blank cell heads nothing"
        markdown = parsed(built, "chapters/deep/text.html").table
        assert [words(head) for head in markdown.select("tbody th[scope=row]")] == ["1"]

    def test_chapters_lead_to_chapters(self, built, page):
        assert page.select_one(".left-prev")["href"] == "two.html"
        assert page.select_one(".right-next") is not None
        other = parsed(built, "chapters/binarization/two.html")
        assert other.select_one(".right-next")["href"] == "one.html"

    def test_the_gallerys_picture_is_not_on_the_page(self, page):
        assert len(page.select("img.repro-picture")) == 1

    def test_pictures_are_described_and_keep_their_width(self, page):
        image = page.select_one(".cell_output img.repro-picture")
        assert image["alt"] == ALT
        assert {"dark-light", "repro-picture"} <= set(image["class"])
        assert (image["width"], image["height"]) == ("700", "700"), "a square pixel, enlarged"
        assert image["loading"] == "lazy"

    def test_paper_can_be_found_by_its_authors(self, built):
        assert '"kurt"' in (built / "searchindex.js").read_text()


class TestLanding:
    @pytest.fixture
    def page(self, built):
        return parsed(built, "index.html")

    def test_opening(self, page):
        opening = page.select_one(".opening")
        assert words(opening.select_one(".opening__sentence")) == "Papers & what became of them."
        papers, claims = opening.select("dl > div")
        assert (words(papers.dd), words(papers.dt)) == ("2 of 33", "papers")
        assert (words(claims.dd), words(claims.dt)) == ("6 of 8", "claims tested")
        verdicts = [words(verdict) for verdict in opening.select(".verdict")]
        assert verdicts == [
            "2 reproduced", "2 not at this scale", "2 contradicted", "2 out of reach",
        ]  # fmt: skip
        parts = [part["style"] for part in opening.select(".tally > *")]
        assert parts == [f"flex-grow: {number}" for number in (2, 2, 2, 2)]
        start = opening.select_one(".opening__start a")
        assert (start["href"], words(start)) == (ONE, "Start with First <chapter>")

    def test_opening_plays_the_figure_of_a_chapter(self, page):
        play = page.select_one(".opening__play")
        assert play.select_one(".repro-explore img")["alt"] == "moves"
        assert words(play.select_one(".opening__say")).startswith("Move")

    def test_title_is_said_once(self, built, page):
        assert page.title.text == "Book"
        assert parsed(built, ONE).title.text == "First chapter · Book"

    def test_lost_readers_find_back(self, built):
        page = parsed(built, "404.html")
        assert page.select("script, link, img") == []
        assert [link["href"] for link in page.select("a")] == [
            "index.html", "chapters/appendix/scoreboard.html", "search.html",
        ]  # fmt: skip

    def test_gallery(self, built, page):
        assert page.select(".gallery__filters") == [], "there is one part"
        assert {words(part) for part in page.select(".gallery__part")} == {
            "Binary and ternary networks"
        }
        cards = page.select(".gallery__card")
        assert [card["href"] for card in cards] == ["chapters/binarization/two.html", ONE]
        for card in cards:
            assert (built / card.img["src"]).read_bytes().startswith(b"\x89PNG")
            assert card.img["alt"] == ALT
            assert card.img["height"] == "1"
            assert words(card.select_one(".gallery__coverage")).startswith("3 of 4 claims tested:")
        assert "Kurt Gödel et al. 2020" in words(cards[1])
        assert "Han Solo 2021" in words(cards[0])
        assert not (built / "_static" / "thumbnails" / "draft.png").exists()


class TestBoard:
    @pytest.fixture
    def page(self, built):
        return parsed(built, BOARD)

    @pytest.fixture
    def fold(self, page):
        """What is folded under the first chapter."""
        return page.select(".scoreboard__chapter")[1]

    def test_chapters_are_folded_under_their_coverage(self, page, fold):
        assert words(page.select_one(".scoreboard__summary")).startswith(
            "6 of 8 claims tested: 2 reproduced, 2 not at this scale, 2 contradicted. "
            "2 out of reach."
        )
        folds = page.select(".scoreboard__chapter")
        assert len(folds) == 2 and not any(fold.has_attr("open") for fold in folds)
        assert words(fold.summary) == (
            "First <chapter> 3 of 4 claims tested: 1 reproduced, 1 not at this scale, "
            "1 contradicted"
        )
        assert fold.select_one(".scoreboard__paper a")["href"] == f"../../{ONE}"

    def test_claims_of_the_paper(self, fold):
        entries = fold.table.select(".scoreboard__entry")
        assert [row["data-verdict"] for row in entries] == [
            "reproduced", "not at this scale", "contradicted", "out of reach",
        ]  # fmt: skip
        assert words(entries[0].th) == "The paper says z2 <grows> 5 points (table 1) · alpha"
        assert [words(cell) for cell in entries[0].select("td")] == [
            "Here z2 grows by <five>",
            "5 points",
            "equals 5",
            "4 points: the wrong sign",
            "reproduced",
        ]
        assert [words(cell) for cell in entries[3].select("td")] == [
            "no data & no time",
            "out of reach",
        ]

    def test_evidence_of_a_claim_that_does_not_show(self, fold):
        row = fold.table.select(".scoreboard__entry")[1]
        assert words(row.select("td")[3]) == (
            "0.5: no depth positive control, accepted: 6, twice the depth "
            "cause varied: layers, 1 gives 0.7, 2 gives 2.5 (trial depth)"
        )
        assert words(row.select("td")[4]) == "not at this scale too small"

    def test_checks_and_findings_stand_apart(self, fold):
        others = fold.select_one(".scoreboard__others")
        assert not others.has_attr("open")
        assert words(others.summary) == "Our own checks (1) and findings (1)"
        kinds = [row["data-kind"] for row in others.select(".scoreboard__entry")]
        assert kinds == ["check", "finding"]

    def test_all_entries_can_be_downloaded(self, built, page):
        link = page.select_one("a[download]")
        told = json.loads((built / Path(BOARD).parent / link["href"]).read_text("utf-8"))
        assert [ledger["chapter"] for ledger in told] == ["two", "one"]
        assert told[1]["entries"][0]["id"] == "alpha"

    def test_entries_lead_to_their_cards(self, built, page):
        links = page.select(".scoreboard__entry a[href*='#']")
        assert len(links) == 10
        for link in links:
            address, anchor = link["href"].split("#")
            target = parsed(built, str((Path(BOARD).parent / address).as_posix()))
            assert "claim" in target.find(id=anchor)["class"]

    def test_filters_wait_for_scripts(self, page):
        assert "pst-js-only" in page.select_one(".scoreboard form")["class"]
        verdicts = [option["value"] for option in page.select("[name=verdict] option")]
        assert verdicts == ["", "reproduced", "not at this scale", "contradicted", "out of reach"]

    def test_formulas_in_html_are_drawn(self, page):
        drawn = page.select(".scoreboard__entry .formula > svg use")
        shapes = {path["id"] for path in page.select(".glyphs path")}
        assert drawn and {use["href"].removeprefix("#") for use in drawn} <= shapes

    def test_benchmarks(self, page):
        board = page.select_one(".benchmarks")
        assert "Against a <loop>. Linux." in words(board)
        assert board.h2.a["href"] == "../../chapters/binarization/one.html"
        cells = [words(cell) for cell in board.select("tbody th, td")]
        assert cells == ["1,000", "ours", "2.35", "2,000", "-", "3"]
        assert words(board.caption) == "n steps"

    def test_gallery_of_a_part(self, page):
        own, none = page.select(".gallery")
        assert none.select(".gallery__card") == []
        assert own.select(".gallery__part, .gallery__filters") == []
        card = page.select_one(".gallery__card")
        assert card["href"] == "../../chapters/binarization/two.html"
        assert card.img["src"] == "../../_static/thumbnails/two.png"


def test_an_unfinished_chapter_is_a_warning_and_shown_nowhere(tmp_path, monkeypatch):
    root = write_book(tmp_path / "book", monkeypatch)
    folder = root / "chapters" / "binarization"
    edited = chapter()
    edited.cells[4].outputs[0].metadata.repro.entry.verdict = "consistent"
    nbformat.write(edited, folder / "one.ipynb")
    bare = chapter("two", "# Second")
    bare.cells[1].outputs = []
    nbformat.write(bare, folder / "two.ipynb")
    out, warnings = build(root)
    assert "chapter one: chapter 'one', cell 5: claim 'alpha'" in warnings
    assert "chapter two: no picture is drawn for the gallery" in warnings
    cards = parsed(out, "index.html").select(".gallery__card")
    assert [card["href"] for card in cards] == ["chapters/binarization/two.html"]
    assert cards[0].img is None
    assert parsed(out, ONE).select(".chapter-card") == []


@pytest.mark.parametrize(
    ("page", "expected"),
    [(ONE, METADATA["summary"]), ("chapters/deep/text.html", "Long words, " * 13 + "…")],
)
def test_pages_have_one_description(built, page, expected):
    (description,) = parsed(built, page).select("meta[name=description]")
    assert description["content"] == expected
