"""JupyterLab for authors and readers: `python -m press.lab`, which is `make lab`.

It opens on the chapters, asks nobody about news, and saves chapters in canonical form, so that
opening and saving one leaves an empty diff.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

import nbformat
from jupyterlab.labapp import LabApp

from press.canonical import canonical
from press.records import redraw
from repro import chapters
from repro.claims import ClaimError

SETTINGS = {
    "ServerApp.root_dir": chapters.ROOT,
    "ContentsManager.pre_save_hook": "press.lab.store_canonical",
    "LabApp.default_url": "/lab/tree/chapters",
    # Disables what asks whether to fetch news, fetches them and looks for updates.
    "LabApp.app_settings_dir": Path(__file__).with_name("lab_settings"),
}


def store_canonical(model: dict[str, Any], path: str, **_: Any) -> None:
    """Bring a chapter that JupyterLab is about to save into canonical form.

    An error here is logged by the server, which then saves the notebook as it is: an author's work
    is never lost.

    Args:
        model: what the contents manager was given; the content of a chapter is replaced.
        path: the file, relative to the server's root; only notebooks in `chapters` are touched.
    """
    place = PurePosixPath(path.strip("/"))
    if model["type"] != "notebook" or place.parts[0] != "chapters":
        return
    notebook = nbformat.from_dict(model["content"])
    with suppress(ClaimError):  # a chapter that is not finished yet
        redraw(place.stem, notebook)
    model["content"] = nbformat.reads(canonical(notebook), as_version=4)


def main(arguments: list[str]) -> None:
    """Run JupyterLab until it is stopped.

    Args:
        arguments: options of JupyterLab, which go before the book's own.
    """
    given = {argument.lstrip("-").partition("=")[0] for argument in arguments}
    own = [f"--{name}={value}" for name, value in SETTINGS.items() if name not in given]
    LabApp.launch_instance([*own, *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
