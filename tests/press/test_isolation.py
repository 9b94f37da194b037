"""Nothing personal reaches a kernel: settings in homes and folders, variables, another language."""

import os
import sys
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_notebook, new_output

from press import BookError, execution
from press.isolation import FIXED, HOMES, KEPT, KEPT_FAMILIES, Isolation, environment, isolated

#: What a kernel says of its surroundings, and what it must say.
PROBES = {
    "1\n2": ["2"],
    "import numpy, matplotlib.pyplot as plt\nplt.rcParams['lines.linewidth']": ["1.5"],
    "import os\n(sorted(os.listdir()), 'intruder' in globals())": ["([], False)"],
}


def write(path: Path, text: str) -> Path:
    """Write a file, and the folders that it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


# Each way to be hostile takes a folder and returns variables.


def ipython_settings(folder):
    config = "c.InteractiveShell.ast_node_interactivity = 'all'"
    write(folder / ".ipython/profile_default/ipython_config.py", config)
    return {"HOME": folder}


def ipython_startup(folder):
    write(folder / "profile_default/startup/00.py", "intruder = 1")
    return {"IPYTHONDIR": folder}


def matplotlib_settings(folder):
    write(folder / ".config/matplotlib/matplotlibrc", "lines.linewidth: 9")
    return {"HOME": folder}


def outdated_matplotlib_settings(folder):
    write(folder / "matplotlibrc", "text.latex.unicode: True")
    return {"MPLCONFIGDIR": folder}


def matplotlib_variable(folder):
    return {"MATPLOTLIBRC": write(folder / "mine", "lines.linewidth: 9")}


def unwritable_home(folder):
    place = write(folder / "file", "") / "home"  # even the superuser makes no folder in a file
    return {"HOME": place, "MPLCONFIGDIR": place, "IPYTHONDIR": place, "XDG_CACHE_HOME": place}


def broken_jupyter(folder):
    kernel = '{"argv": ["false"], "display_name": "Mine", "language": "python"}'
    write(folder / "kernels/python3/kernel.json", kernel)
    write(folder / "runtime", "a file where a folder should be")
    return {"JUPYTER_DATA_DIR": folder, "JUPYTER_RUNTIME_DIR": folder / "runtime"}


def foreign_package(folder):
    write(folder / "numpy.py", "raise SystemError('a foreign numpy')")
    return {"PYTHONPATH": folder}


#: The last one harms the process that starts a kernel, and not the kernel.
HOSTILE = (
    ipython_settings,
    ipython_startup,
    matplotlib_settings,
    outdated_matplotlib_settings,
    matplotlib_variable,
    unwritable_home,
    foreign_package,
    broken_jupyter,
)


def set_all(monkeypatch, variables):
    """Set variables, and unset those that would take precedence over a home's settings."""
    for name in (*HOMES, "MATPLOTLIBRC"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))


def said(sources=tuple(PROBES)):
    """What a kernel answers to the probes, warnings included."""
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    execution.execute(notebook)
    return [
        [output.get("text") or output.data["text/plain"] for output in cell.outputs]
        for cell in notebook.cells
    ]


@contextmanager
def no_isolation(extra=None):
    """What the kernel would inherit otherwise; still in an empty folder."""
    with isolated() as room:
        yield Isolation(room.folder, dict(os.environ))


def all_of(hostile, folder):
    """The variables of several ways to be hostile at once; of two homes the first counts."""
    return {name: value for way in reversed(hostile) for name, value in way(folder).items()}


@pytest.mark.parametrize("hostile", [HOSTILE, [unwritable_home]], ids=["all", "unwritable"])
def test_hostile_surroundings_change_nothing(hostile, tmp_path, monkeypatch):
    set_all(monkeypatch, all_of(hostile, tmp_path))
    assert said() == list(PROBES.values())


@pytest.mark.parametrize("hostile", HOSTILE[:-1], ids=lambda hostile: hostile.__name__)
def test_without_isolation_they_would(hostile, tmp_path, monkeypatch):
    set_all(monkeypatch, hostile(tmp_path))
    monkeypatch.setattr(execution, "isolated", no_isolation)
    try:
        assert said() != list(PROBES.values())
    except BookError as error:
        assert "a foreign numpy" in str(error)


def test_nbval_is_isolated_alike(tmp_path, monkeypatch):
    """All at once, with pytest's own variables, and with files beside the notebook."""
    set_all(monkeypatch, all_of(HOSTILE, tmp_path / "home"))
    monkeypatch.setenv("PYTEST_ADDOPTS", "--collect-only")
    monkeypatch.setenv("PYTEST_PLUGINS", "no_such_plugin")
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "matplotlibrc", "lines.linewidth: 9")
    write(tmp_path / "numpy.py", "raise SystemError('a foreign numpy')")
    write(tmp_path / "conftest.py", "raise SystemError('a foreign conftest')")
    write(tmp_path / "pytest.ini", "[pytest]\naddopts = --collect-only")
    cells = [
        new_code_cell(source, outputs=[new_output("execute_result", {"text/plain": text})])
        for source, (text,) in PROBES.items()
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "x.ipynb")
    results = execution.compare(tmp_path / "x.ipynb")
    assert [result.outcome for result in results] == ["passed"] * len(PROBES), results


NAMES = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ_", min_size=1, max_size=20)
PYTHONS = [f"PYTHON{name}" for name in ("PATH", "STARTUP", "OPTIMIZE", "WARNINGS", "UTF8")]
OTHERS = ["MATPLOTLIBRC", "MPLBACKEND", "PYTEST_ADDOPTS", "COLUMNS", "LANG", "JUPYTER_PATH"]
PERSONAL = st.sampled_from([*PYTHONS, *OTHERS, *HOMES, *FIXED])


@given(st.dictionaries(NAMES | PERSONAL, st.just("mine")))
def test_of_the_variables_only_the_named_ones_are_inherited(inherited):
    made = environment(Path("private"), inherited)
    kept = {name for name, value in made.items() if value == "mine"}
    assert kept == {
        name
        for name in inherited
        if (name in KEPT and name != "PATH") or name.startswith(KEPT_FAMILIES)
    }
    assert {name: made[name] for name in FIXED} == FIXED
    assert all(made[name].startswith("private") for name in HOMES)


def test_programs_of_the_environment_come_first():
    programs = str(Path(sys.executable).parent)
    assert environment(Path("x"), {})["PATH"] == programs
    assert environment(Path("x"), {"PATH": "mine"})["PATH"] == f"{programs}{os.pathsep}mine"


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "ATEN_CPU_CAPABILITY", "MKL_CBWR"])
def test_what_tries_portability_stays(name):
    assert environment(Path("x"), {name: "3"})[name] == "3"


def test_homes_are_empty_private_and_gone_at_the_end():
    with isolated({"EXTRA": "1"}) as room:
        assert room.environment["EXTRA"] == "1"
        homes = [Path(room.environment[name]) for name in HOMES]
        assert all(home.is_dir() for home in homes)
        files = [path for path in room.folder.rglob("*") if path.is_file()]
        assert all(file.name.startswith("fontlist") for file in files) and files
        assert room.workplace() != room.workplace()
    assert not room.folder.exists()
