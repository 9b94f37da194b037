"""The verification's own behaviour: order, first failure, the browser that is or is not there."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def verify(monkeypatch):
    """The script as a module, imported as it imports its neighbour: from its own folder."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    monkeypatch.delitem(sys.modules, "verify", raising=False)
    import verify

    return verify


def phase(log, name, status=0):
    def run():
        log.append(name)
        return status

    run.__doc__ = f"what {name} does."
    return run


def test_the_phases_are_the_ones_make_offers(verify):
    (line,) = [x for x in (ROOT / "Makefile").read_text().splitlines() if x.startswith("PHASES")]
    assert line.split()[2:] == list(verify.PHASES)
    assert list(verify.PHASES) == ["lint", "unit", "structure", "notebooks", "site", "browser"]


def test_all_phases_run_in_order_and_say_so(verify, capsys):
    log = []
    assert verify.verify({"a": phase(log, "a"), "b": phase(log, "b")}) == 0
    assert log == ["a", "b"]
    lines = capsys.readouterr().out.split("\n")
    assert "=== 1/2 a: what a does." in lines and "=== 2/2 b: what b does." in lines
    assert any(line.startswith("=== b passed in ") for line in lines)
    assert any(line.startswith("=== verified in ") for line in lines)


def test_the_first_failure_stops_everything(verify, capsys):
    log = []
    phases = {"a": phase(log, "a"), "b": phase(log, "b", 3), "c": phase(log, "c")}
    assert verify.verify(phases) == 3
    assert log == ["a", "b"]
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("=== b FAILED after ") and last.endswith("make b")


def test_an_unknown_phase_is_refused(verify, capsys):
    assert verify.main(["units"]) == 2
    assert "no phase units; there are lint, unit," in capsys.readouterr().out


def test_a_failing_phase_reaches_the_exit_status(tmp_path):
    script = [sys.executable, str(ROOT / "scripts/verify.py"), "browser"]
    bare = {"PATH": str(tmp_path), "CI": "true", "CHROMIUM": str(tmp_path / "none")}
    result = subprocess.run(script, env=bare, capture_output=True, text=True)
    assert result.returncode == 1
    assert "browser tests must run where CI is set" in result.stdout
    assert "browser FAILED" in result.stdout


def test_the_browser_is_found_by_variable_then_by_name(verify, tmp_path, monkeypatch):
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(verify, "BROWSERS", ("chromium", "google-chrome"))
    assert verify.find_browser() is None
    for name in ("google-chrome", "mine"):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(stat.S_IRWXU)
    assert verify.find_browser() == str(tmp_path / "google-chrome")
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "mine"))
    assert verify.find_browser() == str(tmp_path / "mine")


def test_firefox_is_found_by_variable_then_by_name(verify, tmp_path, monkeypatch):
    monkeypatch.delenv("FIREFOX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(verify, "FIREFOXES", ("firefox-esr", "firefox"))
    assert verify.find_firefox() is None
    (tmp_path / "firefox").touch()
    (tmp_path / "firefox").chmod(stat.S_IRWXU)
    assert verify.find_firefox() == str(tmp_path / "firefox")
    monkeypatch.setenv("FIREFOX", "elsewhere")
    assert verify.find_firefox() is None


@pytest.mark.parametrize(
    ("browser", "ci", "status", "marker", "text"),
    [
        ("/bin/chromium", "true", 0, False, "SKIPPED the tests in Firefox: no Firefox found."),
        ("/bin/chromium", "", 0, False, "SKIPPED the tests in Firefox: no Firefox found."),
        (None, "", 0, True, "SKIPPED the browser tests: no Chromium found. Install it"),
        (None, "true", 1, None, "must run where CI is set"),
    ],
)
def test_without_a_browser(verify, monkeypatch, capsys, browser, ci, status, marker, text):
    calls = []
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("CHROMIUM", "")
    monkeypatch.setenv("FIREFOX", "")
    monkeypatch.setattr(verify, "find_browser", lambda: browser)
    monkeypatch.setattr(verify, "find_firefox", lambda: None)
    monkeypatch.setattr(verify, "python", lambda *arguments: calls.append(arguments) or 0)
    assert verify.browser() == status
    assert text in capsys.readouterr().out
    if marker is None:
        assert calls == []
    else:
        assert ("not browser" in calls[0]) is marker


def test_the_phases_run_in_isolation(tmp_path):
    """One that lists its variables, as the script's own process hands them on."""
    program = (
        "import json, os, sys\nsys.path.insert(0, sys.argv[1])\nimport verify\n"
        "verify.PHASES['unit'] = lambda: print(json.dumps(dict(os.environ))) or 0\n"
        "verify.main(['unit'])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, str(ROOT / "scripts")],
        env={
            **{"PATH": str(tmp_path), "HOME": str(tmp_path), "PYTEST_ADDOPTS": "-x", "CI": "1"},
            "GITHUB_REPOSITORY": "owner/book",  # the site links to it
        },
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("{")]
    inside = json.loads(line)
    assert inside["https_proxy"] == inside["HTTP_PROXY"] == "http://127.0.0.1:9"
    assert inside["PATH"].startswith(str(Path(sys.executable).parent)) and inside["CI"] == "1"
    assert inside["GITHUB_REPOSITORY"] == "owner/book"
    assert "PYTEST_ADDOPTS" not in inside and inside["HOME"] != str(tmp_path)


def test_budgets_are_those_of_the_complete_book(verify):
    whole = {name: round(budget.of(verify.PAPERS)) for name, budget in verify.BUDGETS.items()}
    assert list(whole) == list(verify.PHASES)
    assert (whole["unit"], whole["notebooks"], whole["site"], whole["browser"]) == (
        240,
        480,
        60,
        150,
    )
    assert sum(whole.values()) <= 16 * 60


def test_what_was_used_stands_beside_the_budget(verify):
    told = verify.budgets({"unit": 130.04, "notebooks": 131.0, "mine": 3.0}, 6).splitlines()
    assert [line.split() for line in told] == [
        ["seconds", "used", "6", "chapters", "33", "chapters"],
        ["unit", "130.0", "132", "240"],
        ["notebooks", "131.0", "102", "480", "OVER", "BUDGET"],
        ["all", "261.0", "234", "720", "OVER", "BUDGET"],
    ]


def test_a_site_with_warnings_is_not_taken_from_the_cache(verify, monkeypatch, tmp_path):
    render = sys.modules["render"]
    (tmp_path / "_build/.doctrees").mkdir(parents=True)
    (tmp_path / "_build/html").mkdir()
    monkeypatch.setattr(render.subprocess, "call", lambda command, cwd, env: 1)
    assert render.render(tmp_path) == 1
    assert not (tmp_path / "_build/.doctrees").exists() and (tmp_path / "_build/html").exists()
    monkeypatch.setattr(render.subprocess, "call", lambda command, cwd, env: 0)
    assert render.render(tmp_path, fresh=True) == 0
    assert not (tmp_path / "_build").exists()
