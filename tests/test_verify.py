"""The verification's own behaviour: order, first failure, the browser that is or is not there."""

import os
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
    assert lines[-2].startswith("=== verified in ")


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


@pytest.mark.parametrize(
    ("browser", "ci", "status", "marker", "text"),
    [
        ("/bin/chromium", "true", 0, False, ""),
        ("/bin/chromium", "", 0, False, ""),
        (None, "", 0, True, "SKIPPED the browser tests: no Chromium found. Install it"),
        (None, "true", 1, None, "must run where CI is set"),
    ],
)
def test_without_a_browser(verify, monkeypatch, capsys, browser, ci, status, marker, text):
    calls = []
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("CHROMIUM", "")
    monkeypatch.setattr(verify, "find_browser", lambda: browser)
    monkeypatch.setattr(verify, "python", lambda *arguments: calls.append(arguments) or 0)
    assert verify.browser() == status
    assert text in capsys.readouterr().out
    if marker is None:
        assert calls == []
    else:
        assert ("not browser" in calls[0]) is marker


def test_isolation_leaves_no_network_and_no_personal_settings(verify, monkeypatch, tmp_path):
    for name in list(os.environ):
        monkeypatch.setenv(name, os.environ[name])  # restored afterwards
    monkeypatch.setattr(verify.os, "environ", dict(os.environ))
    verify.isolate(str(tmp_path))
    environment = verify.os.environ
    assert environment["IPYTHONDIR"] == str(tmp_path)
    assert environment["https_proxy"] == environment["HTTPS_PROXY"] == "http://127.0.0.1:9"
    assert environment["PATH"].startswith(str(Path(sys.executable).parent))


def test_a_site_with_warnings_is_not_taken_from_the_cache(verify, monkeypatch, tmp_path):
    render = sys.modules["render"]
    (tmp_path / "_build/.doctrees").mkdir(parents=True)
    (tmp_path / "_build/html").mkdir()
    monkeypatch.setattr(render.subprocess, "call", lambda command, cwd: 1)
    assert render.render(tmp_path) == 1
    assert not (tmp_path / "_build/.doctrees").exists() and (tmp_path / "_build/html").exists()
    monkeypatch.setattr(render.subprocess, "call", lambda command, cwd: 0)
    assert render.render(tmp_path, fresh=True) == 0
    assert not (tmp_path / "_build").exists()
