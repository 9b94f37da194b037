"""Real photographs that scikit-image and scikit-learn carry inside their wheels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from repro.data.packages import packaged, pixels

#: Package and file of every colour photograph.
PHOTOGRAPHS = {
    "astronaut": ("skimage", "data/astronaut.png"),
    "chelsea": ("skimage", "data/chelsea.png"),
    "coffee": ("skimage", "data/coffee.png"),
    "rocket": ("skimage", "data/rocket.jpg"),
    "china": ("sklearn", "datasets/images/china.jpg"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
}
#: Grey photographs, all of scikit-image.
GREY = ("brick", "camera", "coins", "grass", "gravel", "moon")


def photograph(name: str) -> np.ndarray:
    """One real colour photograph, whole.

    Args:
        name: `"astronaut"` (512x512; Eileen Collins, NASA, public domain), `"chelsea"`
            (300x451, a cat; S. van der Walt, CC0), `"coffee"` (400x600; R. Michetti, CC0),
            `"rocket"` (427x640; SpaceX, CC0), `"china"` (427x640, a temple; danielbuechele,
            CC BY 2.0) or `"flower"` (427x640; vultilion, CC BY 2.0).

    Returns:
        float32 (3, H, W), multiples of 1/255 in [0, 1], red, green, blue.

    Raises:
        ValueError: another name.
        FileNotFoundError: the package that carries it is missing.

    Source:
        Scikit-image's `skimage.data`, scikit-learn's `load_sample_image`.
    """
    if name not in PHOTOGRAPHS:
        raise ValueError(f"no photograph {name!r}; there are {', '.join(PHOTOGRAPHS)}")
    image = pixels(packaged(*PHOTOGRAPHS[name])).astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(image.transpose(2, 0, 1))


def photograph_patches(
    n: int, size: int, seed: int = 0, names: Sequence[str] | None = None
) -> np.ndarray:
    """Square crops of real photographs, at random places.

    Args:
        n: number of crops, 1 or more.
        size: height and width of a crop in pixels, 1 up to the height of the lowest photograph
            (300 with all of them).
        seed: chooses photographs and places.
        names: photographs to cut from, each equally likely (`photograph` describes them);
            default all six.

    Returns:
        float32 (n, 3, size, size), multiples of 1/255 in [0, 1].

    Raises:
        ValueError: an unknown name, no name, or numbers outside the ranges above.
    """
    names = list(PHOTOGRAPHS) if names is None else list(names)
    if not names or n < 1:
        raise ValueError(f"photograph_patches: n and names must hold 1 or more, got {n}, {names}")
    photos = [photograph(name) for name in names]
    largest = min(min(photo.shape[1:]) for photo in photos)
    if not 1 <= size <= largest:
        raise ValueError(
            f"photograph_patches: size must be 1 to {largest} pixels for {', '.join(names)}, "
            f"got {size}"
        )
    return _crops(photos, n, size, seed)


def grey_photograph(name: str) -> np.ndarray:
    """One real photograph in grey, whole.

    Args:
        name: one that `photograph` has, of which the three colours are averaged; or `"brick"`,
            `"grass"`, `"gravel"` (512x512 textures; CC0Textures, CC0), `"camera"` (512x512, a
            photographer; Lav Varshney, CC0), `"coins"` (303x384, Greek coins; Brooklyn Museum, no
            known restrictions) or `"moon"` (512x512; NASA, public domain).

    Returns:
        float32 (1, H, W) in [0, 1].

    Raises:
        ValueError: another name.
        FileNotFoundError: the package that carries it is missing.

    Source:
        Scikit-image's `skimage.data`, scikit-learn's `load_sample_image`.
    """
    if name in GREY:
        return pixels(packaged("skimage", f"data/{name}.png"))[None] / np.float32(255)
    if name in PHOTOGRAPHS:
        return photograph(name).mean(0, keepdims=True)
    raise ValueError(f"no photograph {name!r}; there are {', '.join((*PHOTOGRAPHS, *GREY))}")


def grey_patches(n: int, size: int, seed: int = 0, names: Sequence[str] = GREY) -> np.ndarray:
    """Square crops of real photographs in grey, at random places.

    Args:
        n: number of crops, 1 or more.
        size: height and width of a crop in pixels, 1 up to the shortest side of the photographs.
        seed: chooses photographs and places.
        names: photographs to cut from, each equally likely (`grey_photograph` describes them).

    Returns:
        float32 (n, 1, size, size) in [0, 1].

    Raises:
        ValueError: an unknown name, no name, or numbers outside the ranges above.
    """
    photos = [grey_photograph(name) for name in names]
    largest = min((min(photo.shape[1:]) for photo in photos), default=0)
    if n < 1 or not 1 <= size <= largest:
        raise ValueError(
            f"grey_patches: expected 1 crop or more of 1 to {largest} pixels, from 1 photograph or "
            f"more, got {n} of {size} from {', '.join(names) or 'none'}"
        )
    return _crops(photos, n, size, seed)


def _crops(photos: list[np.ndarray], n: int, size: int, seed: int) -> np.ndarray:
    """Crops (n, C, size, size) of photographs (C, H, W)."""
    rng = np.random.default_rng(seed)
    crops = np.empty((n, len(photos[0]), size, size), np.float32)
    for crop, which in zip(crops, rng.integers(len(photos), size=n), strict=True):
        top, left = (rng.integers(side - size + 1) for side in photos[which].shape[1:])
        crop[:] = photos[which][:, top : top + size, left : left + size]
    return crops
