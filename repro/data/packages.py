"""Locates files inside installed packages, which carry real data in their wheels."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np


def packaged(package: str, relative: str) -> Path:
    """Path of a data file inside an installed package, which is not imported.

    Args:
        package: top-level package, such as `"skimage"`.
        relative: the file's path inside the package, such as `"data/brick.png"`.

    Raises:
        FileNotFoundError: the package is not installed or does not carry the file.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(
            f"{relative} comes inside the package {package}, which is not installed: "
            "run `make book`, or install it as requirements.txt or requirements-alone.txt says"
        )
    path = Path(next(iter(spec.submodule_search_locations))) / relative
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing: the pinned version of {package} carries it. "
            f"Reinstall with `pip install --force-reinstall {package}` at the pinned version"
        )
    return path


def pixels(path: Path) -> np.ndarray:
    """Pixels of an image file.

    Args:
        path: a PNG or JPEG file, grey or RGB.

    Returns:
        `uint8` array (H, W) for grey images, (H, W, 3) for colour.

    Raises:
        ValueError: the file cannot be decoded.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("L" if image.mode == "L" else "RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError(
            f"{path} is not a readable PNG or JPEG image ({error}): reinstall its package"
        ) from error
