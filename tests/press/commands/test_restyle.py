"""Restyle: cards are drawn from records, a new wording is all that changes, nothing is executed."""

import difflib

import pytest
from jinja2 import ChoiceLoader, DictLoader
from small_ledgers import drawn, notebook_of, record_of, records

from press import BookError
from press.canonical import canonical
from press.commands.restyle import restyle, run
from repro import markup
from repro.claims import rule


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "demo.ipynb"
    path.write_text(canonical(drawn()), encoding="utf-8")
    return path


def changed(before, after):
    """The lines that were taken away and put in."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if line[0] in "+-" and line[:3] not in ("+++", "---")]


def test_what_is_drawn_stays_as_it_is(path):
    before = path.read_bytes()
    assert not restyle(path)
    assert path.read_bytes() == before


def test_a_new_word_in_a_template_is_all_that_changes(path, monkeypatch):
    before, environment = path.read_text(), markup.environment()
    entry = (
        (markup.TEMPLATES / "entry.html").read_text().replace('row("Control")', 'row("Against")')
    )
    loaders = [DictLoader({"entry.html": entry}), environment.loader]
    monkeypatch.setattr(environment, "loader", ChoiceLoader(loaders))
    assert restyle(path)
    lines = changed(before, path.read_text())
    assert len(lines) == 2 * len(records())
    taken, put = (sorted(line[1:] for line in lines if line[0] == sign) for sign in "-+")
    assert [line.replace("Control:", "Against:") for line in taken] == put
    monkeypatch.undo()
    assert restyle(path) and path.read_text() == before


def test_a_new_wording_of_a_rule_is_all_that_changes(path, monkeypatch):
    before = path.read_text()
    text = rule.Rule.describe
    monkeypatch.setattr(
        rule.Rule, "describe", lambda self, m, unit="": text(self, m, unit).replace("5e-12", "5 ps")
    )
    assert restyle(path)
    lines = changed(before, path.read_text())
    assert len(lines) == 6  # the record's text, the card's, and the ledger's
    assert all("5 ps" in line for line in lines if line[0] == "+")


def test_cards_that_were_never_drawn_are_drawn(path):
    drawn_text = path.read_text()
    path.write_text(canonical(notebook_of(*records())), encoding="utf-8")
    assert restyle(path) and path.read_text() == drawn_text


def test_nothing_is_executed(path, monkeypatch):
    # Each cell of the notebook calls a function that does not exist.
    path.write_text(canonical(notebook_of(*records())), encoding="utf-8")
    for name in ("subprocess.Popen", "os.fork", "os.posix_spawn"):
        monkeypatch.setattr(name, lambda *args, **kwargs: pytest.fail("executed"))
    assert restyle(path)


def test_records_that_are_not_in_order_are_left_alone(path):
    entry = record_of()
    entry["measured"]["value"] = [-1, -2, -3, -1, -2]
    path.write_text(canonical(notebook_of(records()[2], entry)), encoding="utf-8")
    before = path.read_bytes()
    with pytest.raises(BookError) as caught:
        restyle(path)
    for told in ("demo.ipynb: chapter 'demo', cell 4: claim 'a'", "the rule rejects",
                 "left as it was", "make refresh CH=demo"):  # fmt: skip
        assert told in str(caught.value)
    assert path.read_bytes() == before


def test_a_file_that_is_no_notebook_is_left_alone(path):
    path.write_text("{")
    with pytest.raises(BookError, match=r"demo\.ipynb is not a valid notebook"):
        restyle(path)
    assert path.read_text() == "{"


def test_a_write_that_fails_leaves_the_old_file(path, monkeypatch):
    path.write_text(canonical(notebook_of(*records())), encoding="utf-8")
    before = path.read_bytes()

    def full(*args):
        raise OSError("no space left")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="no space"):
        restyle(path)
    assert path.read_bytes() == before and list(path.parent.iterdir()) == [path]


def test_one_bad_chapter_does_not_keep_the_others(path, tmp_path, capsys):
    bad = tmp_path / "bad.ipynb"
    bad.write_text(path.read_text())  # its records belong to `demo`
    path.write_text(canonical(notebook_of(*records())), encoding="utf-8")
    assert run([bad, path]) == 1
    told = capsys.readouterr()
    assert "belongs to chapter 'demo'" in told.err
    assert told.out.split() == ["demo", "redrawn"]
    assert run([path]) == 0 and "unchanged" in capsys.readouterr().out
