"""Fixtures of the tests of `repro`."""

import sys

import pytest
import small_notebooks

from repro import chapters


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """Write notebooks into an empty book in use; modules of its methods go after the test."""
    monkeypatch.setattr(chapters, "ROOT", tmp_path)
    monkeypatch.setattr(chapters, "CHAPTERS", tmp_path / "chapters")
    before = set(sys.modules)

    def write(name, cells=small_notebooks.METHOD):
        return small_notebooks.write(tmp_path, name, cells)

    yield write
    for name in set(sys.modules) - before:
        if name.startswith("repro.methods."):
            del sys.modules[name]
