"""The command line: what it prints, its exit status, and that quick commands load no torch."""

import json
import subprocess
import sys

import nbformat
import pytest

from press.__main__ import main
from press.canonical import canonical
from press.commands.scoreboard import as_table
from repro import chapters

FIELDS = {
    "chapter", "id", "statement", "kind", "paper", "rule", "measured", "control", "control_is",
    "control_rejected", "verdict", "reason", "unit",
}  # fmt: skip


def edit(path, change):
    notebook = nbformat.read(path, as_version=4)
    change(notebook)
    path.write_text(canonical(notebook))


def test_structure(sample, capsys):
    assert main(["structure"]) == 0
    assert "1 chapter(s) in order" in capsys.readouterr().out
    edit(sample, lambda nb: nb.metadata.repro.pop("data"))
    assert main(["structure", "sample"]) == 1
    told = capsys.readouterr().out
    assert "sample.ipynb: [metadata] the notebook's metadata has no repro.data" in told
    assert "1 problem(s) in 1 of 1 chapter(s)" in told


def test_new_then_refresh(empty_book, capsys):
    assert main(["new", "vision", "yolof"]) == 0
    assert "make refresh CH=yolof" in capsys.readouterr().out
    assert main(["new", "vision", "yolof"]) == 2
    assert "error: chapters/vision/yolof.ipynb exists" in capsys.readouterr().err
    assert main(["refresh", "nothing"]) == 2
    assert "Chapters: yolof" in capsys.readouterr().err


def test_refresh_reports_failures(sample, capsys):
    edit(sample, lambda nb: nb.cells.insert(0, nbformat.v4.new_code_cell("1 / 0")))
    assert main(["refresh", "all"]) == 1
    assert "cell 1 (`1 / 0`) failed: ZeroDivisionError" in capsys.readouterr().err


def test_scoreboard(sample, capsys):
    assert main(["scoreboard", "--json"]) == 0
    claims = json.loads(capsys.readouterr().out)
    assert [claim["id"] for claim in claims] == [*(f"power-{i}" for i in range(4)), "best-scale"]
    assert all(set(claim) == FIELDS and claim["control_rejected"] for claim in claims)
    assert main(["scoreboard"]) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0].split() == ["chapter", "id", "kind", "rule", "measured", "control", "verdict"]
    assert table[-1] == "chapters: 1, claims: 5 (5 reproduced)"


def test_scoreboard_of_an_empty_book_and_of_long_claims(empty_book, capsys):
    assert main(["scoreboard", "--json"]) == 0
    assert capsys.readouterr().out == "[]\n"
    assert as_table([]).endswith("chapters: 0, claims: 0")
    claim = dict.fromkeys(FIELDS, "long " * 30)
    assert max(map(len, as_table([claim]).splitlines())) < 400


def test_scoreboard_refuses_edited_claims(sample, capsys):
    sample.write_text(sample.read_text().replace('"value": 0\n', '"value": 1\n', 1))
    assert main(["scoreboard"]) == 2
    assert "error: the stored claims are not in order: chapter 'sample'" in capsys.readouterr().err


def test_broken_contents(book, capsys):
    (book / "_toc.yml").write_text("parts: [")
    assert main(["structure"]) == 2
    assert "error: " in capsys.readouterr().err


def test_interruption(sample, capsys, monkeypatch):
    def interrupt(wanted):
        raise KeyboardInterrupt

    monkeypatch.setattr("press.__main__.select", interrupt)
    assert main(["structure"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_usage(capsys):
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "COMMAND" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["scoreboard", "structure"])
def test_needs_no_torch(command):
    program = (
        "import sys\nfrom press.__main__ import main\n"
        f"main(['{command}'])\nassert 'torch' not in sys.modules, 'torch was imported'"
    )
    subprocess.run([sys.executable, "-c", program], cwd=chapters.ROOT, check=True, timeout=60)
