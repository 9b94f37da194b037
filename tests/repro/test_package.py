"""What `import repro` does, and what its README says."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from repro import determinism

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


def test_the_readme_has_one_line_for_each_module():
    root = Path(determinism.__file__).parent
    rows = []
    for path in sorted(root.rglob("*.py")):
        name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        rows.append(f"| `{name}` | {said.splitlines()[0]} |")
    readme = (root / "README.md").read_text(encoding="utf-8")
    told = [line for line in readme.splitlines() if line.startswith("| `")]
    assert told == [row for row in rows if not row.startswith("| `__init__`")]
