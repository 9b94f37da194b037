"""The command line: what it prints, its exit status, and that quick commands load no torch."""

import json
import subprocess
import sys

import nbformat
import pytest

from press.__main__ import main
from press.canonical import canonical
from press.commands.scoreboard import COLUMNS, as_table
from press.records import Records
from repro import chapters


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
    (told,) = json.loads(capsys.readouterr().out)
    made = [(entry["kind"], entry["id"]) for entry in told["entries"]]
    assert made[:2] == [("claim", "best-scale"), ("finding", "mean-beats-rms")]
    assert [kind for kind, _ in made[2:]] == ["check"] * 3
    assert [row["id"] for row in told["paper"]][:2] == ["best-scale", "full-scale"]
    assert main(["scoreboard"]) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0].split() == ["chapter", "kind", "id", "rule", "measured", "control", "verdict"]
    assert table[-1] == ("chapters: 1; 1 of 6 claims tested: 1 reproduced; checks: 3, findings: 1")


def test_scoreboard_of_an_empty_book_and_of_long_entries(empty_book, capsys):
    assert main(["scoreboard", "--json"]) == 0
    assert capsys.readouterr().out == "[]\n"
    nothing = "chapters: 0; 0 of 0 claims tested; checks: 0, findings: 0"
    assert as_table([]).endswith(nothing)
    entry = dict.fromkeys(COLUMNS, "long " * 30)
    assert max(map(len, as_table([Records("x", (), (entry,))]).splitlines())) < 400


def test_scoreboard_refuses_edited_entries(sample, capsys):
    def edit_number(nb):
        outputs = [output for cell in nb.cells for output in cell.get("outputs", ())]
        own = [output.get("metadata", {}).get("repro", {}) for output in outputs]
        record = next(one["entry"] for one in own if "entry" in one)
        record["measured"]["value"] = [-number for number in record["measured"]["value"]]

    edit(sample, edit_number)
    assert main(["scoreboard"]) == 2
    assert "error: the stored entries are not in order: chapter 'sample'" in capsys.readouterr().err


def test_restyle(sample, capsys):
    stored = sample.read_bytes()

    def another_design(nb):
        for output in (output for cell in nb.cells for output in cell.get("outputs", ())):
            if "entry" in output.get("metadata", {}).get("repro", {}):
                output.data["text/html"] = "<p>another design</p>"

    edit(sample, another_design)
    assert main(["restyle"]) == 0
    assert sample.read_bytes() == stored
    edit(sample, lambda nb: nb.cells[-1].update(source="More text."))
    assert main(["restyle", "sample"]) == 0
    assert capsys.readouterr().out.split() == ["sample", "redrawn", "sample", "unchanged"]
    sample.write_text("{}")
    assert main(["restyle"]) == 1


def test_mutate(sample, monkeypatch):
    calls = []
    monkeypatch.setattr("press.commands.mutate.run", lambda *given: calls.append(given) or 1)
    assert main(["mutate", "sample", "--limit", "40"]) == 1
    assert main(["mutate", "sample"]) == 1
    assert calls == [("sample", 40), ("sample", None)]


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


def test_foreign_packages_do_not_get_in(tmp_path):
    (tmp_path / "numpy.py").write_text("raise SystemError('a foreign numpy')")
    result = subprocess.run(
        [sys.executable, "-m", "press", "check", "nothing"],
        cwd=chapters.ROOT,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert result.stderr.startswith("error: there is no chapter 'nothing'")


@pytest.mark.parametrize("command", ["scoreboard", "structure"])
def test_needs_no_torch(command):
    program = (
        "import sys\nfrom press.__main__ import main\n"
        f"main(['{command}'])\nassert 'torch' not in sys.modules, 'torch was imported'"
    )
    subprocess.run([sys.executable, "-c", program], cwd=chapters.ROOT, check=True, timeout=60)
