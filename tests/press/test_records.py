"""Entries in stored outputs: read, judged again, drawn again, and what is wrong with them."""

import copy
import json

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from small_ledgers import ROWS, drawn, notebook_of, output, record_of, records

from press.records import problems, read, redraw
from repro.claims import ClaimError, Stated, within


def stored(notebook, key, place=0):
    """An output of a notebook that holds something under a key."""
    held = [one for cell in notebook.cells for one in cell.get("outputs", ())]
    return [one for one in held if key in one.metadata.get("repro", {})][place]


def test_entries_are_read_in_their_order():
    found = read("demo", drawn())
    assert found.chapter == "demo" and list(found.rows) == ROWS
    assert list(found.entries) == records()
    assert [entry["id"] for entry in found.of("claim")] == ["a", "s"]
    assert [entry["id"] for entry in found.of("check") + found.of("finding")] == ["c", "f"]
    assert found.where("a") == "2 points (table 1)" and found.where("c") == ""
    assert found.coverage.text == ("2 of 3 claims tested: 1 reproduced, 1 not at this scale")


def test_a_notebook_without_a_ledger_has_no_entries():
    notebook = nbformat.v4.new_notebook(cells=[new_markdown_cell("# T"), new_code_cell("x")])
    found = read("demo", notebook)
    assert (found.rows, found.entries, problems("demo", notebook)) == ((), (), [])


def test_a_drawn_notebook_is_in_order():
    notebook = drawn()
    assert problems("demo", notebook) == []
    # As nbformat stores it, with text in lists of lines, and as JupyterLab saves it.
    text = nbformat.writes(notebook).replace(": 30.0", ": 30")
    assert problems("demo", nbformat.reads(text, as_version=4)) == []
    before = copy.deepcopy(notebook)
    redraw("demo", notebook)
    assert notebook == before


def test_what_is_not_drawn_is_told_and_drawn():
    notebook = notebook_of(*records())
    found = problems("demo", notebook)
    for told in ("cell 2: the table of the paper's claims", "cell 3: claim 'a'", "cell 7: the led"):
        assert any(told in one and "run `make restyle`" in one for one in found)
    assert len(found) == 6
    redraw("demo", notebook)
    assert problems("demo", notebook) == []


@pytest.mark.parametrize(
    ("mime", "old", "new"),
    [
        ("text/html", "0.03 [", "0.01 ["),
        ("text/html", "reproduced", "contradicted"),
        ("text/plain", "reproduced", "contradicted"),
        ("text/html", "2 points (table 1)", "1 point (table 1)"),
    ],
)
def test_an_edited_card_is_told(mime, old, new):
    notebook = drawn()
    card = stored(notebook, "entry")
    assert old in card.data[mime]
    card.data[mime] = card.data[mime].replace(old, new)
    assert problems("demo", notebook) == [
        "chapter 'demo', cell 3: claim 'a' does not show its records; run `make restyle`"
    ]


def test_a_picture_beside_a_card_is_told():
    notebook = drawn()
    stored(notebook, "entry").data["text/markdown"] = "**reproduced** beyond doubt"
    assert "claim 'a' does not show its records" in problems("demo", notebook)[0]
    redraw("demo", notebook)
    assert notebook == drawn()


def test_another_wording_is_drawn_into_records_and_cards():
    notebook = drawn()
    entry = stored(notebook, "entry").metadata.repro.entry
    entry.rule.text, entry.measured.text = "better on average", "1 (of old)"
    assert "claim 'a' does not show its records" in problems("demo", notebook)[0]
    assert read("demo", notebook).entries[0] == record_of()
    redraw("demo", notebook)
    assert notebook == drawn()


# Records that are not in order.


def wrong(notebook, *told, slug="demo"):
    """Assert that there is one problem, that it says all of this, and that nothing is drawn."""
    (found,) = problems(slug, notebook)
    for text in told:
        assert text in found
    before = copy.deepcopy(notebook)
    with pytest.raises(ClaimError):
        redraw(slug, notebook)
    assert notebook == before


NAMED = (
    "chapter 'demo', cell 3: claim 'a' (rule 'mean paired difference above 0 (95 % interval)', "
    "measured '1 [0.8037, 1.196] points, n = 5 pairs'"
)


def test_an_edited_record_is_told_with_chapter_cell_and_entry():
    notebook = drawn()
    stored(notebook, "entry").metadata.repro.entry.measured.value = [-1, -2, -3, -1, -2]
    wrong(notebook, NAMED, "the rule rejects the measurement; if that is the result")


def test_an_edited_field_is_told():
    notebook = drawn()
    stored(notebook, "entry").metadata.repro.entry.reason = "because"
    wrong(notebook, NAMED, "was edited: reason do not fit the rest")


@pytest.mark.parametrize("record", ["reproduced", None, {}, {"id": "a"}, ["a"]])
def test_what_is_no_record_is_told(record):
    wrong(notebook_of(record), "chapter 'demo', cell 3: ", "malformed: expected the keys")


def test_an_edited_summary_contradicts_itself():
    many = {"accept": within(0, 9), "measured": np.linspace(1, 5, 100),
            "control": np.linspace(0, 99, 100)}  # fmt: skip
    notebook = drawn(record_of(**many), rows=ROWS[:1])
    summary = stored(notebook, "entry").metadata.repro.entry.measured.summary
    summary["mean"] = 5.5
    wrong(notebook, "its summary contradicts itself")


def test_an_entry_of_another_chapter_is_told():
    wrong(notebook_of(record_of(), rows=ROWS[:1]), "belongs to chapter 'demo'", slug="other")


def test_an_entry_told_twice_is_told():
    wrong(notebook_of(record_of(), record_of()), "cell 4: claim 'a'", "used already")
    again = record_of("finding", "f", statement="with five seeds A beats B.")
    wrong(notebook_of(record_of(), again), "cell 4: finding 'f'", "same statement")
    again = record_of("finding", "f", statement="Something else")
    wrong(notebook_of(record_of(), again), "cell 4: finding 'f'", "one test counts once")


# The table of what the paper claims.


def test_a_second_table_is_told():
    notebook = drawn()
    away = Stated("a", "A beats B", "2 points", out_of_reach="too hard")
    table = output(paper=[row.record() for row in (away, *ROWS[1:])])
    notebook.cells.append(new_code_cell("again()", outputs=[table]))
    wrong(notebook, "chapter 'demo', cell 8: a second table of the paper's claims")


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "is empty"),
        (["a"], "Stated"),
        ([{"id": "a"}], "missing"),
        ([{"id": "a", "says": "A", "where": "x", "verdict": "reproduced"}], "verdict"),
        ([{"id": "a", "says": " ", "where": "x"}], "says must be text"),
    ],
)
def test_a_malformed_table_is_told(rows, why):
    notebook = notebook_of(record_of(), rows=ROWS)
    stored(notebook, "paper").metadata.repro.paper = rows
    wrong(notebook, "chapter 'demo', cell 2: ", why)


def test_every_claim_of_the_paper_has_an_entry_or_says_why_not():
    assert problems("demo", drawn(*records()[:1], *records()[2:])) == [
        "chapter 'demo': the paper's claim 's' has no entry: test it with ledger.claim, or say "
        "with out_of_reach or undecided why not"
    ]


def test_every_claim_is_in_the_table():
    for rows in (ROWS[1:], []):
        assert (
            "chapter 'demo': claim 'a' is not in the table of the paper's claims: add a row, or "
            "make it a finding"
        ) in problems("demo", drawn(rows=rows))


def test_a_claim_declared_out_of_reach_afterwards_is_told():
    notebook = drawn()
    stored(notebook, "paper").metadata.repro.paper[0].out_of_reach = "too hard"
    redraw("demo", notebook)
    assert problems("demo", notebook) == [
        "chapter 'demo': claim 'a' is declared out of reach, yet an entry tests it"
    ]


# What looks like an entry.

CARD = "<div  id=x class = 'big claim'>reproduced</div>"


@pytest.mark.parametrize("mime", ["text/html", "text/markdown"])
def test_a_card_without_a_record_is_told(mime):
    notebook = drawn()
    card = new_output("display_data", {mime: CARD})
    notebook.cells.append(nbformat.from_dict(new_code_cell("draw()", outputs=[card])))
    assert problems("demo", notebook) == [
        "chapter 'demo', cell 8: it shows a card that has no record; make entries with the ledger"
    ]


def test_a_card_in_the_text_is_told():
    notebook = drawn()
    notebook.cells.append(new_markdown_cell(f"See:\n\n{CARD}"))
    notebook.cells.append(new_markdown_cell("The claim is that $a<b$, and `<div>` is a tag."))
    (found,) = problems("demo", notebook)
    assert "cell 8: its text draws a card" in found


def test_a_refused_entry_is_told():
    notebook = drawn()
    refused = new_output("display_data", {"text/html": '<div class="claim claim--refused">'})
    notebook.cells.append(nbformat.from_dict(new_code_cell("claim()", outputs=[refused])))
    (found,) = problems("demo", notebook)
    assert "cell 8: it shows an entry that was refused; correct the entry" in found


def test_problems_are_the_same_for_a_notebook_read_from_a_file(tmp_path):
    notebook = drawn(*records()[:1])
    path = tmp_path / "demo.ipynb"
    nbformat.write(notebook, path)
    again = nbformat.read(path, as_version=4)
    assert problems("demo", again) == problems("demo", notebook) != []
    assert json.loads(path.read_text())["cells"][2]["outputs"][0]["metadata"]["repro"]["entry"]
