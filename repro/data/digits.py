"""Real handwritten digits, as scikit-learn ships them."""

from __future__ import annotations

import gzip

import numpy as np

from repro.data.packages import packaged
from repro.data.split import Split

N_TEST = 500


def digits(seed: int = 0) -> Split:
    """Real handwritten digits of 43 writers, 8x8 pixels, 1297 to train on and 500 to test.

    Pixels count the inked dots, 0 to 16, of 4x4 blocks of a 32x32 bitmap; here divided by 16,
    which is exact. The split is stratified: every class gives the test set its share. The same
    seed gives the same split on every machine.

    Args:
        seed: chooses the split.

    Returns:
        Images float32 (N, 1, 8, 8) in [0, 1], labels int64 (N,) in 0..9. `extras` holds
        `index_train` and `index_test`, row numbers in scikit-learn's table.

    Source:
        E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
        Repository, 1998 (doi 10.24432/C50P49), CC BY 4.0; scikit-learn's `load_digits` is its test
        file of 1797 images. No image is synthetic.
    """
    counts, labels = table()
    train, test = _stratified(labels, N_TEST, np.random.default_rng(seed))
    images = (counts / np.float32(16)).astype(np.float32)[:, None]
    extras = {"index_train": train, "index_test": test}
    return Split(images[train], labels[train], images[test], labels[test], extras)


def table() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's table: counts uint8 (1797, 8, 8) in 0..16 and labels int64 (1797,)."""
    with gzip.open(packaged("sklearn", "datasets/data/digits.csv.gz"), "rt") as file:
        rows = np.loadtxt(file, delimiter=",", dtype=np.float32)
    return rows[:, :-1].reshape(-1, 8, 8).astype(np.uint8), rows[:, -1].astype(np.int64)


def _stratified(
    labels: np.ndarray, n_test: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Sorted row numbers of a training and a test set with equal class shares.

    Each class first gives the whole part of its share; the test images still lacking come
    from the classes with the largest fractional parts, lowest class first on a tie.
    """
    members = [np.flatnonzero(labels == k) for k in range(labels.max() + 1)]
    sizes = np.array([len(rows) for rows in members])
    quota, rest = np.divmod(sizes * n_test, len(labels))
    quota[np.argsort(-rest, kind="stable")[: n_test - quota.sum()]] += 1
    test = [rng.permutation(rows)[:q] for rows, q in zip(members, quota, strict=True)]
    test = np.sort(np.concatenate(test))
    return np.setdiff1d(np.arange(len(labels)), test), test
