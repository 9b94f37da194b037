"""What is imported is declared, what is declared is tried, and NumPy-only folders stay so."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BOUNDS = dict(line.split(">=") for line in PROJECT["dependencies"])
NUMPY_ONLY = ("arithmetic", "hardware")


def pins(name):
    """Package to version in a file of exact pins, names in lower case."""
    lines = [line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines()]
    return {part.lower(): version for part, version in (x.split("==") for x in lines if x)}


def imported(folder):
    """Top-level modules that the sources of a folder import, at any depth."""
    names = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names)


def distributions(modules):
    """The packages, in lower case, that install these modules."""
    known = packages_distributions()
    return {known[module][0].lower() for module in modules if module in known}


def test_repro_declares_what_it_imports():
    missing = distributions(imported("repro") - {"repro"}) - {name.lower() for name in BOUNDS}
    assert missing == set()


@pytest.mark.parametrize("folder", ["press", "scripts", "tests", "benchmarks", "trials"])
def test_the_requirements_pin_what_the_tools_import(folder):
    ours = {"thirty-three-papers"}
    assert distributions(imported(folder)) - ours - set(pins("constraints.txt")) == set()


def test_the_oldest_versions_tried_are_the_lower_bounds():
    oldest = pins(".github/oldest.txt")
    assert set(oldest) == {name.lower() for name in BOUNDS}
    for name, bound in BOUNDS.items():
        assert re.fullmatch(re.escape(bound) + r"(\.0)*", oldest[name.lower()]), name


def test_requirements_are_frozen_as_they_are_pinned():
    frozen = pins("constraints.txt")
    for name, version in (pins("requirements.txt") | pins("requirements-alone.txt")).items():
        assert frozen[name] == version, name


@pytest.mark.parametrize("folder", NUMPY_ONLY)
def test_numpy_only_folders_load_no_torch(folder):
    modules = [f"repro.{folder}.{p.stem}" for p in sorted((ROOT / "repro" / folder).glob("*.py"))]
    code = f"import sys, {', '.join(m.removesuffix('.__init__') for m in modules)}\n"
    code += "sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
