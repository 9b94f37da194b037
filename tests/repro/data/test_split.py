"""The form in which labelled data are handed over."""

import numpy as np
import pytest
import torch

from repro import data


def arrays(split):
    return split.x_train, split.y_train, split.x_test, split.y_test


def test_split_becomes_tensors():
    split = data.digits()
    tensors = split.torch()
    assert [t.dtype for t in tensors] == [torch.float32, torch.int64] * 2
    assert all(np.array_equal(t.numpy(), a) for t, a in zip(tensors, arrays(split), strict=True))
    tensors[0].zero_()
    assert split.x_train.any()


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"x_train": np.zeros((2, 1, 4, 4))}, r"x_train: expected float32 .* got float64"),
        ({"x_test": np.zeros((2, 4, 4), np.float32)}, r"x_test: .* got float32 \(2, 4, 4\)"),
        ({"y_train": np.zeros(3, np.int64)}, r"y_train: expected int64 \(2,\), one label"),
        ({"y_test": np.zeros(2)}, "y_test: .* got float64"),
    ],
)
def test_split_refuses_arrays_that_do_not_fit(replaced, message):
    x, y = np.zeros((2, 1, 4, 4), np.float32), np.zeros(2, np.int64)
    with pytest.raises(ValueError, match=message):
        data.Split(**({"x_train": x, "y_train": y, "x_test": x, "y_test": y} | replaced))
