"""Handwritten digits over real textures, among strokes and pieces of other digits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from repro.data.arguments import require
from repro.data.digits import digits, table
from repro.data.painting import COLUMNS, WIDEST, backgrounds, blend, enlarge
from repro.data.split import Split

#: Grey levels of strokes and pieces, and of the digit; the background has 0..99.
CLUTTER = (60, 120)
INK = (200, 256)


@dataclass(frozen=True)
class _Recipe:
    """The arguments of `cluttered_digits` that shape an image."""

    size: int
    digit: tuple[int, int]
    shift: int | None
    fragments: int
    strokes: int


def cluttered_digits(
    n_train: int = 2000,
    n_test: int = 1000,
    size: int = 32,
    seed: int = 0,
    *,
    digit: tuple[int, int] = (20, 26),
    shift: int | None = 2,
    fragments: int = 2,
    strokes: int = 2,
) -> Split:
    """Real digits on real textures among distractors: a synthetic recognition task.

    Generator, in this order, for each image: a random window of a brick, grass or gravel
    photograph, mirrored at random, as a dark background (grey levels 0..99); `strokes`
    straight lines, 1 to 3 pixels thick, and `fragments` 5x5 pieces of other 8x8 digits,
    enlarged like a digit, anywhere, each of one random level 60..119; on top of all one whole
    digit, enlarged bilinearly to a random size, of one random level 200..255. Training and
    test images use different handwritten digits and different parts of the photographs.

    Args:
        n_train: number of training images, 1 or more.
        n_test: number of test images, 1 or more.
        size: height and width in pixels, from `digit[1]` to 172.
        seed: chooses everything random, and the digits' split (`repro.data.digits`).
        digit: smallest and largest side of the enlarged digit in pixels, 8 or more.
        shift: largest distance in pixels, along each axis, of the digit's box from the middle
            of the image, 0 or more; None lets it lie anywhere, which is much harder to learn.
        fragments: pieces of other digits in each image, 0 or more.
        strokes: lines in each image, 0 or more.

    Returns:
        Images float32 (N, 1, size, size), multiples of 1/255 in [0, 1]; labels int64 (N,) in
        0..9. `extras` holds, with `_train` and `_test` appended: `box` (N, 3), top, left
        and side of the digit in pixels; `digit` (N,), its row in scikit-learn's table;
        `texture` (N, 3), number in `TEXTURES`, first row and column of the window.

    Raises:
        ValueError: a number or size outside the ranges above.

    Source:
        Digits from scikit-learn (UCI, CC BY 4.0); textures from scikit-image (CC0).
    """
    recipe = _Recipe(size, digit, shift, fragments, strokes)
    _check(n_train, n_test, recipe)
    split = digits(seed)
    parts = {}
    for number, (part, n) in enumerate((("train", n_train), ("test", n_test))):
        rng = np.random.default_rng([seed, number])
        parts[part] = _compose(rng, split.extras[f"index_{part}"], n, COLUMNS[part], recipe)
    extras = {f"{name}_{part}": a for part in parts for name, a in parts[part][2].items()}
    return Split(*parts["train"][:2], *parts["test"][:2], extras)


def _compose(
    rng: np.random.Generator, rows: np.ndarray, n: int, columns: tuple[int, int], recipe: _Recipe
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Images, labels and ground truth of one part (see `cluttered_digits`)."""
    counts, labels = table()
    image, texture = backgrounds(rng, n, recipe.size, columns)
    for _ in range(recipe.strokes):
        image = blend(rng, image, _stroke(rng, n, recipe.size), CLUTTER)
    for _ in range(recipe.fragments):
        pieces = _pieces(rng, counts[rng.choice(rows, n)])
        image = blend(rng, image, enlarge(pieces, _boxes(rng, n, recipe), recipe.size), CLUTTER)
    # Every digit is used equally often, give or take one.
    chosen = rng.permutation(np.resize(rng.permutation(rows), n))
    box = _boxes(rng, n, recipe, recipe.shift)
    image = blend(rng, image, enlarge(counts[chosen], box, recipe.size), INK)
    x = image.astype(np.float32)[:, None] / np.float32(255)
    return x, labels[chosen], {"box": box, "digit": chosen, "texture": texture}


def _boxes(
    rng: np.random.Generator, n: int, recipe: _Recipe, shift: int | None = None
) -> np.ndarray:
    """Random squares (n, 3), top, left and side, inside the image, near its middle if asked."""
    side = rng.integers(recipe.digit[0], recipe.digit[1] + 1, size=(n, 1))
    low, high = np.zeros_like(side), recipe.size - side
    if shift is not None:
        low, high = np.maximum(low, high // 2 - shift), np.minimum(high, high // 2 + shift)
    return np.hstack([rng.integers(low, high + 1, size=(n, 2)), side])


def _pieces(rng: np.random.Generator, counts: np.ndarray) -> np.ndarray:
    """The digits with all but a random 5x5 window set to zero, (n, 8, 8)."""
    corner = rng.integers(4, size=(len(counts), 2, 1))
    inside = (np.arange(8) >= corner) & (np.arange(8) < corner + 5)
    return counts * inside[:, 0, :, None] * inside[:, 1, None, :]


def _stroke(rng: np.random.Generator, n: int, size: int) -> np.ndarray:
    """Coverage (n, size, size), 0 or 255, of a random line in each image; a point draws none."""
    start, end = rng.integers(size, size=(2, n, 2, 1, 1))
    thickness = rng.integers(1, 3, size=(n, 1, 1))
    d, p = end - start, np.indices((size, size)) - start
    length2 = (d * d).sum(axis=1)
    along = (d * p).sum(axis=1)
    across = d[:, 0] * p[:, 1] - d[:, 1] * p[:, 0]
    near = 4 * across**2 <= thickness**2 * length2
    return 255 * (near & (along >= 0) & (along <= length2) & (length2 > 0))


def _check(n_train: int, n_test: int, recipe: _Recipe) -> None:
    """Complain about arguments of `cluttered_digits`."""
    low, high = recipe.digit
    asked = f"got {recipe}, n_train={n_train}, n_test={n_test}"
    rules = {
        "n_train and n_test must be 1 or more": min(n_train, n_test) >= 1,
        "digit must be two sides in pixels, 8 <= smallest <= largest": 8 <= low <= high,
        f"size must be from the largest digit to {WIDEST} pixels": high <= recipe.size <= WIDEST,
        "shift must be None or 0 or more pixels": recipe.shift is None or recipe.shift >= 0,
        "fragments and strokes must be 0 or more": min(recipe.fragments, recipe.strokes) >= 0,
    }
    require("cluttered_digits", rules, asked.replace("_Recipe", ""))
