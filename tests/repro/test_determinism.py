"""Caps on threads and instruction sets."""

import sys
import warnings

import pytest

from repro import determinism


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
