"""What `import repro` does, and chapters as modules."""

import inspect
import os
import subprocess
import sys
import traceback
import warnings

import nbformat
import pytest

import repro
from repro import chapters, determinism

LARGE = ("torch", "torchvision", "numpy", "scipy", "matplotlib", "sklearn", "IPython", "nbformat")


def python(code, **environment):
    """Standard output of a fresh interpreter without the caps in its environment."""
    clean = {k: v for k, v in os.environ.items() if k not in determinism.caps()}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout + done.stderr


def test_importing_repro_loads_no_large_library():
    seen = python(f"import repro, sys; print([m for m in {LARGE} if m in sys.modules])")
    assert seen.strip() == "[]"


@pytest.mark.parametrize("module", ["repro.data", "repro.training", "repro.torchvision_shim"])
def test_modules_load_without_torch(module):
    assert python(f"import {module}, sys; print('torch' in sys.modules)").strip() == "False"


def test_caps_are_set_unless_the_environment_sets_them():
    names = list(determinism.caps())
    code = f"import repro, os; print(*(os.environ.get(name) for name in {names}))"
    assert python(code).split() == list(determinism.caps().values())
    assert "2" in python(code, OMP_NUM_THREADS="2").split()
    if determinism.has_avx2():
        assert "default" in python(code, ATEN_CPU_CAPABILITY="default").split()


def test_caps_reach_torch():
    seen = python("import repro, torch; print(torch.get_num_threads())")
    assert seen.strip() == "1"


def test_late_caps_warn():
    seen = python("import torch, repro")
    assert "torch was imported before repro" in seen
    assert "restart the kernel" in seen
    assert "imported before" not in python("import torch, repro", **determinism.caps())


@pytest.mark.parametrize(
    ("machine", "flags", "expected"),
    [
        ("x86_64", "flags: sse4_2 avx2", True),
        ("AMD64", None, True),
        ("x86_64", "flags: sse4_2", False),
        ("arm64", None, False),
    ],
)
def test_avx2_is_asked_for_only_where_it_is(machine, flags, expected, tmp_path, monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: machine)
    cpuinfo = tmp_path / "cpuinfo"
    if flags is not None:
        cpuinfo.write_text(flags)
    assert determinism.has_avx2(cpuinfo) is expected


def test_cap_in_process_says_what_it_set(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert determinism.cap() == ["OMP_NUM_THREADS"]
        assert determinism.cap() == []
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setitem(sys.modules, "torch", object())
    with pytest.warns(RuntimeWarning, match="OMP_NUM_THREADS=1 cannot act"):
        determinism.cap()


def cell(source, *tags):
    return nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})


METHOD = [
    nbformat.v4.new_markdown_cell("# Title"),
    cell("raise RuntimeError('must not run')"),
    cell("import numpy as np\n\n\ndef double(x):\n    return 2 * np.asarray(x)", "method"),
    cell(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n\n\n@dataclass\nclass Pair:\n    a: int",
        "method",
    ),
    cell("def quadruple(x):\n    return double(double(x))", "method"),
    nbformat.v4.new_markdown_cell("a note", metadata={"tags": ["method"]}),
]


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """Write chapters into an empty book; the cache of methods is emptied around the test."""
    monkeypatch.setattr(chapters, "ROOT", tmp_path)
    monkeypatch.setattr(chapters, "CHAPTERS", tmp_path / "chapters")
    before = set(sys.modules)
    repro.chapter.cache_clear()

    def write(name, cells):
        path = tmp_path / "chapters" / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
        return path

    yield write
    repro.chapter.cache_clear()
    for name in set(sys.modules) - before:
        if name.startswith("repro.chapters."):
            del sys.modules[name]


def test_chapter_runs_its_method_cells_only(shelf):
    shelf("vision/pairs", METHOD)
    method = repro.chapter("pairs")
    assert method.quadruple(3) == 12
    assert method.Pair(1) == method.Pair(1)
    assert "__builtins__" not in vars(method)
    assert repro.chapter("pairs") is method


def test_the_lines_of_a_method_are_known(shelf):
    shelf("vision/pairs", [*METHOD, cell("def crash():\n    return 1 / 0  # here", "method")])
    method = repro.chapter("pairs")
    assert inspect.getsource(method.double).startswith("def double")
    try:
        method.crash()
    except ZeroDivisionError as error:
        shown = "".join(traceback.format_exception(error))
    assert "<chapter pairs, cell 7>" in shown
    assert "# here" in shown


def test_unknown_chapter_lists_the_known_ones(shelf):
    with pytest.raises(chapters.ChapterError, match="Known chapters: none yet"):
        repro.chapter("sttn")
    shelf("vision/yolof", METHOD)
    shelf("binarization/sttn", METHOD)
    with pytest.raises(chapters.ChapterError, match=r"'stn'.*sttn, yolof"):
        repro.chapter("stn")


def test_failing_method_cell_names_chapter_and_cell(shelf):
    shelf("vision/lost", [cell("y = 1"), cell("x = y", "method")])
    with pytest.raises(chapters.ChapterError, match=r"chapter lost, cell 2 .*NameError") as caught:
        repro.chapter("lost")
    assert isinstance(caught.value.__cause__, NameError)
    assert "repro.chapters.lost" not in sys.modules
    shelf("vision/typo", [cell("def f(:", "method")])
    with pytest.raises(chapters.ChapterError, match=r"chapter typo, cell 1 .*SyntaxError"):
        repro.chapter("typo")
    shelf("vision/bare", [cell("x = 1")])
    with pytest.raises(chapters.ChapterError, match="bare has no code cell tagged"):
        repro.chapter("bare")


def test_paths_follow_parts_then_the_table_of_contents(shelf, tmp_path):
    for name in ("vision/a", "vision/b", "vision/c", "quantization/z", "elsewhere/q"):
        shelf(name, METHOD)
    (tmp_path / "_toc.yml").write_text(
        "parts:\n- chapters:\n  - file: chapters/vision/c\n  - file: chapters/vision/b.ipynb\n"
    )
    assert list(chapters.paths()) == ["z", "c", "b", "a"]
    assert list(chapters.paths(tmp_path / "chapters")) == ["z", "c", "b", "a"]
    (tmp_path / "_toc.yml").write_text("parts: [")
    with pytest.raises(chapters.ChapterError, match="not valid YAML"):
        chapters.paths()


def test_slugs_are_unique(shelf):
    shelf("vision/twin", METHOD)
    shelf("medical/twin", METHOD)
    with pytest.raises(chapters.ChapterError, match="two chapters are called twin"):
        chapters.paths()


def test_read_and_metadata(shelf, tmp_path):
    path = shelf("vision/pairs", METHOD)
    notebook = chapters.read(path)
    assert chapters.metadata(notebook) == {}
    notebook.metadata["repro"] = {"slug": "pairs"}
    assert chapters.metadata(notebook) == {"slug": "pairs"}
    with pytest.raises(chapters.ChapterError, match="does not exist"):
        chapters.read(tmp_path / "none.ipynb")
    path.write_text("{}")
    with pytest.raises(chapters.ChapterError, match="not a notebook"):
        chapters.read(path)
    path.write_text("{")
    with pytest.raises(chapters.ChapterError, match="not a notebook"):
        chapters.read(path)


def test_chapters_of_this_book_import():
    for slug in chapters.paths():
        assert vars(repro.chapter(slug))
