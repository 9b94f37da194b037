"""The set-up: what `make book` and `make test` do before anything else, without a network."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from scripts import bootstrap

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "scripts/bootstrap.py"

# A build backend of a few lines inside the project, so that nothing has to be fetched to build it.
BACKEND = """
import zipfile

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{wheel_directory}/{name}", "w") as wheel:
        info = "tiny-1.0.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1.0\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""


@pytest.fixture
def project(tmp_path):
    """A project with the files that the set-up reads and no requirements."""
    root = tmp_path / "project"
    (root / "scripts").mkdir(parents=True)
    shutil.copy(SCRIPT, root / "scripts")
    shutil.copy(ROOT / "Makefile", root)
    (root / "requirements.txt").write_text("# none\n")
    (root / "requirements-alone.txt").write_text("# none\n")
    (root / "constraints.txt").write_text("")
    (root / "backend.py").write_text(BACKEND)
    (root / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    return root


@pytest.fixture
def commands(monkeypatch):
    """Record the commands the set-up would run; making an environment leaves an interpreter."""
    seen = []

    def call(command, **_):
        if "-S" in command:
            return 0 if Path(command[0]).exists() else 1
        seen.append(command)
        if "venv" in command:
            python = Path(command[-1]) / "bin/python"
            python.parent.mkdir(parents=True)
            python.symlink_to(sys.executable)
        return 0

    monkeypatch.setattr(bootstrap.subprocess, "call", call)
    return seen


def as_words(commands):
    return [" ".join(command) for command in commands]


def test_a_fresh_clone_is_built_and_a_second_call_does_nothing(project, commands):
    assert bootstrap.ensure(str(project)) == "build"
    venv, requirements, alone, editable = as_words(commands)
    assert venv.endswith(f"-m venv {project}/.venv")
    assert requirements.endswith("install -r requirements.txt -c constraints.txt")
    assert alone.endswith("install --no-deps -r requirements-alone.txt")
    assert editable.endswith("--editable .") and "--no-deps --no-index" in editable
    commands.clear()
    assert bootstrap.ensure(str(project)) == "nothing"
    assert commands == []


@pytest.mark.parametrize("name", bootstrap.INPUTS)
def test_changed_requirements_are_installed_on_top(project, commands, name):
    bootstrap.ensure(str(project))
    commands.clear()
    with open(project / name, "a") as file:
        file.write("# changed\n")
    assert bootstrap.ensure(str(project)) == "update"
    assert len(commands) == 3 and not any("venv" in command for command in commands)
    assert bootstrap.ensure(str(project)) == "nothing"


def break_interpreter(project):
    (project / ".venv/bin/python").unlink()


def break_stamp(project):
    (project / ".venv/stamp.json").write_text("{")


def other_python(project):
    path = project / ".venv/stamp.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"python": "3.99"}))


def dangling_link(project):
    shutil.rmtree(project / ".venv")
    (project / ".venv").symlink_to("nowhere")


def a_file(project):
    shutil.rmtree(project / ".venv")
    (project / ".venv").write_text("")


@pytest.mark.parametrize(
    "damage", [break_interpreter, break_stamp, other_python, dangling_link, a_file]
)
def test_a_broken_environment_is_built_afresh(project, commands, damage):
    bootstrap.ensure(str(project))
    damage(project)
    assert bootstrap.ensure(str(project)) == "build"
    assert bootstrap.ensure(str(project)) == "nothing"


def test_a_moved_folder_is_built_afresh(project, commands):
    bootstrap.ensure(str(project))
    moved = project.rename(project.with_name("moved"))
    assert bootstrap.ensure(str(moved)) == "build"


@pytest.mark.parametrize(
    ("first", "steps"),
    [(first, n) for first, last in (("build", 4), ("update", 3)) for n in range(last)],
)
def test_an_interrupted_installation_recovers(project, commands, monkeypatch, first, steps):
    if first == "update":
        bootstrap.ensure(str(project))
        (project / "requirements.txt").write_text("# other\n")
        commands.clear()
    real = bootstrap.run

    def interrupted(*arguments):
        if len(commands) == steps:
            raise KeyboardInterrupt
        real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(bootstrap, "run", interrupted)
        assert bootstrap.main(str(project)) == 130
    assert bootstrap.read_stamp(str(project / ".venv")) == {}
    assert bootstrap.ensure(str(project)) == "build"
    assert bootstrap.ensure(str(project)) == "nothing"


def test_a_failing_pip_is_one_clear_line(project, commands, monkeypatch, capsys):
    real = bootstrap.subprocess.call
    monkeypatch.setattr(
        bootstrap.subprocess, "call", lambda c, **k: 1 if "-r" in c else real(c, **k)
    )
    assert bootstrap.main(str(project)) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "pip could not install" in line and "network" in line
    assert not (project / ".venv/stamp.json").exists()


def test_a_read_only_folder_is_one_clear_line(project, monkeypatch, capsys):
    def refuse(root):
        raise PermissionError(13, "Permission denied", ".venv")

    monkeypatch.setattr(bootstrap, "ensure", refuse)
    assert bootstrap.main(str(project)) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "Permission denied" in line and "by hand" in line


def run_with(prelude, project):
    """Run the script in an interpreter that the prelude has altered."""
    code = f"{prelude}\nimport runpy; runpy.run_path({str(project / 'scripts/bootstrap.py')!r}, "
    return subprocess.run(
        [sys.executable, "-c", code + "run_name='__main__')"], capture_output=True, text=True
    )


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 6, 15), (3, 10, 13)])
def test_an_old_python_gets_one_line(project, version):
    result = run_with(f"import sys; sys.version_info = {version}", project)
    assert result.returncode == 1 and result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert "Python 3.11 or newer is needed" in line
    assert f"is Python {version[0]}.{version[1]}" in line and "make PYTHON=" in line
    assert not (project / ".venv").exists()


@pytest.mark.parametrize("name", ["venv", "ensurepip"])
def test_a_missing_venv_module_gets_one_line(project, name):
    result = run_with(f"import sys; sys.modules[{name!r}] = None", project)
    assert result.returncode == 1 and result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert f"lacks the module '{name}'" in line and "apt install python3." in line


def test_old_interpreters_can_read_the_script():
    newer = (
        *(ast.JoinedStr, ast.NamedExpr, ast.AnnAssign, ast.Match),
        *(ast.AsyncFunctionDef, ast.Nonlocal, ast.YieldFrom),
    )
    for node in ast.walk(ast.parse(SCRIPT.read_text())):
        assert not isinstance(node, newer), f"line {node.lineno}: {type(node).__name__}"
        if isinstance(node, ast.FunctionDef):
            arguments = [*node.args.args, *node.args.kwonlyargs]
            assert not node.args.kwonlyargs and node.returns is None
            assert not any(argument.annotation for argument in arguments)
        if isinstance(node, ast.List | ast.Tuple):
            assert not any(isinstance(element, ast.Starred) for element in node.elts)
        if isinstance(node, ast.Raise):
            assert node.cause is None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print"


@pytest.mark.slow
def test_a_real_environment_from_end_to_end(project):
    """Real venv, real pip, no index: build, do nothing, recover from a wrecked interpreter."""
    script = [sys.executable, str(project / "scripts/bootstrap.py")]
    offline = os.environ | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(project / "no-wheels")}

    def call():
        return subprocess.run(script, env=offline, capture_output=True, text=True)

    first = call()
    assert first.returncode == 0, first.stderr
    assert [line for line in first.stdout.splitlines() if line.startswith("set-up")][-1] == (
        "set-up: done"
    )
    freeze = [str(project / ".venv/bin/python"), "-m", "pip", "list"]
    assert "tiny" in subprocess.run(freeze, capture_output=True, text=True).stdout
    second = call()
    assert (second.returncode, second.stdout) == (0, "")
    (project / "requirements.txt").write_text("no-such-package==1.0\n")
    broken = call()
    assert broken.returncode == 1
    assert "pip could not install the requirements" in broken.stderr.splitlines()[-1]


# The files that say what is installed.


def normal(name):
    """The name of a package as indexes write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(name):
    lines = (ROOT / name).read_text().splitlines()
    entries = [line.split("#")[0].strip() for line in lines]
    return {normal(name): pin for name, pin in (entry.split("==") for entry in entries if entry)}


REQUIREMENTS = ("requirements.txt", "requirements-alone.txt")


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_requirement_is_pinned_and_explained(name):
    for line in (ROOT / name).read_text().splitlines():
        if line and not line.startswith("#"):
            assert re.fullmatch(r"[a-z][a-z0-9.-]*==[0-9][\w.]* +# \S.*", line), line


def test_constraints_cover_the_requirements_and_name_no_build():
    constraints = pins("constraints.txt")
    for name in REQUIREMENTS:
        assert pins(name).items() <= constraints.items()
    assert not any("+" in version for version in constraints.values())


def test_the_package_depends_on_nothing_the_requirements_lack():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {normal(re.match(r"[\w.-]+", entry).group()) for entry in project["dependencies"]}
    assert names <= set(pins("constraints.txt"))
    assert project["requires-python"] == ">=" + ".".join(map(str, bootstrap.OLDEST))


def test_no_index_is_named():
    for name in (*REQUIREMENTS, "constraints.txt", "Makefile", ".ci/run", "pyproject.toml"):
        assert not re.search(r"https?://|--index|find-links", (ROOT / name).read_text()), name


# make

needs_make = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")


def make(folder, *arguments):
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@needs_make
def test_make_alone_lists_the_targets(project):
    listing = make(project).stdout
    arguments = ("new PART=", "refresh CH=", "check CH=", "trials CH=", "mutate CH=")
    plain = ("book", "test", "lab", "restyle", "scoreboard", "bench", "clean")
    for target in (*arguments, *plain):
        assert f"make {target}" in listing
    assert max(map(len, listing.splitlines())) <= 100


@needs_make
@pytest.mark.parametrize("target", ["new", "refresh", "check", "trials", "mutate"])
def test_a_missing_argument_is_told_before_anything_is_installed(project, target):
    result = make(project, target)
    assert result.returncode != 0 and f"usage: make {target}" in result.stderr
    assert not (project / ".venv").exists()


@needs_make
def test_a_missing_python_is_one_line(project):
    result = make(project, "book", "PYTHON=no-such-python")
    assert result.returncode != 0
    assert result.stderr.splitlines()[0].startswith("set-up: there is no no-such-python.")


@needs_make
def test_clean_keeps_the_environment_and_the_sources(project):
    for folder in (".venv/lib/__pycache__", "scripts/__pycache__", "_build/html"):
        (project / folder).mkdir(parents=True)
    assert make(project, "clean").returncode == 0
    assert (project / ".venv/lib/__pycache__").exists() and (project / "requirements.txt").exists()
    assert not (project / "_build").exists() and not (project / "scripts/__pycache__").exists()
