"""Handwritten digits: scikit-learn's, split the same way everywhere."""

import hashlib

import numpy as np
import pytest

from repro import data


def digest(*arrays):
    """SHA-256 of the arrays' bytes."""
    content = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)
    return hashlib.sha256(content).hexdigest()


def arrays(split):
    return split.x_train, split.y_train, split.x_test, split.y_test


def test_digits_are_scikit_learns():
    from sklearn.datasets import load_digits

    split, source = data.digits(), load_digits()
    for part in ("train", "test"):
        rows = split.extras[f"index_{part}"]
        x, y = getattr(split, f"x_{part}"), getattr(split, f"y_{part}")
        assert np.array_equal(x[:, 0] * 16, source.images[rows])
        assert np.array_equal(y, source.target[rows])


def test_digits_have_the_promised_form():
    split = data.digits()
    assert split.x_train.shape == (1297, 1, 8, 8)
    assert split.x_test.shape == (500, 1, 8, 8)
    assert (split.x_train.min(), split.x_train.max()) == (0, 1)
    assert split.x_test.dtype == np.float32
    rows = np.concatenate([split.extras["index_train"], split.extras["index_test"]])
    assert np.array_equal(np.sort(rows), np.arange(1797))


@pytest.mark.parametrize("seed", range(5))
def test_digits_are_stratified(seed):
    split = data.digits(seed)
    every = np.bincount(split.y_train) + np.bincount(split.y_test)
    share = every * 500 / 1797
    assert np.all(np.abs(np.bincount(split.y_test) - share) < 1)


def test_digits_depend_on_the_seed_alone():
    assert digest(*arrays(data.digits())) == (
        "57829f5dbce7911a3f173e277f836394d9b34ebe8ee83320d3d51b8661b4586c"
    )
    assert digest(*arrays(data.digits(1))) != digest(*arrays(data.digits()))
