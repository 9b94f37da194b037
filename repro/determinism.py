"""Caps on threads and instruction sets, set before torch loads.

The last bits of a sum depend on the order of its terms. Matrix libraries choose that order from
the number of threads and the widest vector instructions they find, and training amplifies the
difference. With the caps the choice is the same everywhere.
"""

from __future__ import annotations

import os
import platform
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

#: One thread: no sum is split differently, and two processes share two cores better than one
#: process with two threads does. Whoever asks for two all the same gets threads that sleep while
#: they wait: spinning ones took ten times as long beside another busy process. NumPy's small
#: matrices stay on one thread even then: two made a chapter of them twice as slow.
THREADS: Mapping[str, str] = {
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "OPENBLAS_NUM_THREADS": "1",
}

#: One instruction set: x86 only, where AVX-512 is present on some machines and not on others.
X86: Mapping[str, str] = {
    "MKL_CBWR": "COMPATIBLE",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
}


def has_avx2(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this is an x86 machine that can be capped to AVX2.

    Args:
        cpuinfo: Linux's list of processor flags. Where the file is absent (macOS, Windows) an
            x86 processor is taken to have AVX2, as all made since 2013 do.

    Returns:
        False on other architectures and on x86 processors that do not list `avx2`: torch
        obeys `ATEN_CPU_CAPABILITY=avx2` unchecked and would crash there.
    """
    if platform.machine().lower() not in {"x86_64", "amd64"}:
        return False
    return not cpuinfo.exists() or "avx2" in cpuinfo.read_text()


def caps() -> dict[str, str]:
    """The environment variables that fix threads and instruction set on this machine."""
    return {**THREADS, **(X86 if has_avx2() else {})}


def cap() -> list[str]:
    """Set every cap that the environment leaves open.

    A variable that is set already keeps its value.

    Returns:
        The names of the variables set by this call.

    Warns:
        RuntimeWarning: torch was imported before, so that the caps come too late for it.
    """
    missing = {name: value for name, value in caps().items() if name not in os.environ}
    if missing and "torch" in sys.modules:
        warnings.warn(
            "torch was imported before repro, so "
            + ", ".join(f"{name}={value}" for name, value in missing.items())
            + " cannot act: results may differ in the last bits from those stored in the book. "
            "Put `import repro` first and restart the kernel.",
            RuntimeWarning,
            stacklevel=3,
        )
    os.environ.update(missing)
    return list(missing)
