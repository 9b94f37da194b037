"""The one isolation in which notebooks are executed: nothing personal gets in, nothing gets out.

A chapter's outputs depend on the chapter, the package and the pinned environment. A kernel also
reads the settings of three programs (Jupyter, IPython, matplotlib) from the home and the working
folder of whoever runs it, and some forty variables. Here every program gets an empty home of its
own, and of the variables only those named below stay.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

#: What stays: how to find programs and libraries, and where temporary files may lie.
KEPT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR", "CI", "CHROMIUM")
#: Threads and instruction sets stay too: whoever sets them tries whether the book is portable.
KEPT_FAMILIES = ("OMP_", "MKL_", "OPENBLAS_", "BLIS_", "ATEN_", "ONEDNN_", "DNNL_", "KMP_")
#: Names of the homes, and the folder below the isolation's own that each of them points to.
HOMES = {
    "HOME": "home",
    "XDG_CACHE_HOME": "home/cache",
    "XDG_CONFIG_HOME": "home/config",
    "XDG_DATA_HOME": "home/data",
    "XDG_STATE_HOME": "home/state",
    "JUPYTER_CONFIG_DIR": "jupyter/config",
    "JUPYTER_DATA_DIR": "jupyter/data",
    "JUPYTER_RUNTIME_DIR": "jupyter/runtime",
    "IPYTHONDIR": "ipython",
    "MPLCONFIGDIR": "matplotlib",
}
FIXED = {
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",
    "PYTHONNOUSERSITE": "1",
    "JUPYTER_PREFER_ENV_PATH": "1",
    "REPRO_QUIET": "1",
    # A proxy that is not there, so that a download fails at once.
    **{f"{scheme}_proxy": "http://127.0.0.1:9" for scheme in ("http", "https", "all")},
    **{f"{scheme}_PROXY": "http://127.0.0.1:9" for scheme in ("HTTP", "HTTPS", "ALL")},
    "no_proxy": "localhost,127.0.0.1",
    "NO_PROXY": "localhost,127.0.0.1",
}


@dataclass(frozen=True)
class Isolation:
    """Private homes for the execution of one notebook.

    Attributes:
        folder: holds everything; it is removed at the end.
        environment: the complete environment of a process that executes a notebook.
    """

    folder: Path
    environment: dict[str, str]

    def workplace(self) -> Path:
        """A new, empty folder for a process to run in: a chapter finds no file beside it."""
        return Path(tempfile.mkdtemp(prefix="work-", dir=self.folder))


@contextmanager
def isolated(extra: Mapping[str, str] | None = None) -> Iterator[Isolation]:
    """Set up private homes, and remove them at the end.

    Args:
        extra: further variables for the processes that execute notebooks.

    Yields:
        The homes and the environment.
    """
    with tempfile.TemporaryDirectory(prefix="isolated-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        isolation = Isolation(folder, environment(folder, os.environ) | dict(extra or {}))
        for name in HOMES.values():
            (folder / name).mkdir(parents=True, mode=0o700, exist_ok=True)
        for name, content in _font_lists().items():
            (folder / HOMES["MPLCONFIGDIR"] / name).write_bytes(content)
        yield isolation


def environment(folder: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """The variables of an isolated process.

    Args:
        folder: where the private homes lie.
        inherited: the variables of the process that starts it.

    Returns:
        The few that are inherited, those of the homes, and the fixed ones. Programs of this
        Python's own environment are found first.
    """
    kept = {
        name: value
        for name, value in inherited.items()
        if name in KEPT or name.startswith(KEPT_FAMILIES)
    }
    programs = str(Path(sys.executable).parent)
    kept["PATH"] = os.pathsep.join(filter(None, (programs, kept.get("PATH"))))
    return kept | {name: str(folder / place) for name, place in HOMES.items()} | FIXED


@cache
def _font_lists() -> dict[str, bytes]:
    """Matplotlib's list of the machine's fonts: file name to content.

    It is made once for all kernels; one that made its own would lose time, and might say so in an
    output.
    """
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(
            [sys.executable, "-c", "import matplotlib.font_manager"],
            cwd=scratch,
            env=environment(Path(scratch), os.environ) | {"MPLCONFIGDIR": scratch},
            stderr=subprocess.DEVNULL,
            check=False,  # whether matplotlib works is for the chapters to say
        )
        return {path.name: path.read_bytes() for path in Path(scratch).glob("fontlist*.json")}
