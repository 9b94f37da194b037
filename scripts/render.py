"""Render the site from the stored outputs into `_build/html`, with warnings as errors.

python scripts/render.py            only pages that changed
python scripts/render.py --fresh    everything, from nothing
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from press.isolation import isolated

ROOT = Path(__file__).resolve().parents[1]
#: Where the book is published, which the site links to.
PUBLISHED = ("GITHUB_REPOSITORY", "GITHUB_REF_NAME")


def render(root: Path = ROOT, fresh: bool = False) -> int:
    """Render the book.

    Args:
        root: folder that holds `_config.yml`.
        fresh: remove what an earlier rendering left, so that no page or warning is carried over.

    Returns:
        0, or the exit status of Jupyter Book, which counts a warning as a failure.
    """
    build = root / "_build"
    if fresh:
        shutil.rmtree(build, ignore_errors=True)
    jupyter_book = str(Path(sys.executable).with_name("jupyter-book"))
    command = [jupyter_book, "build", ".", "-n", "-W", "--keep-going"]
    with isolated(published()) as room:
        status = subprocess.call(command, cwd=root, env=room.environment)
    if status:
        # Sphinx would take the pages it warned about from here, and keep silent the next time.
        shutil.rmtree(build / ".doctrees", ignore_errors=True)
    return status


def published() -> dict[str, str]:
    """The variables that say where the book is published; none outside a workflow."""
    return {name: os.environ[name] for name in PUBLISHED if name in os.environ}


def main(arguments: list[str]) -> int:
    """Render, and say where the book is."""
    status = render(fresh="--fresh" in arguments)
    if status:
        print("book: rendering failed; the warnings above say where", file=sys.stderr)
    else:
        print(f"book: open {(ROOT / '_build/html/index.html').as_uri()}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
