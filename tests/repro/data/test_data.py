"""Handwritten digits, photographs, and the form in which data are handed over."""

import hashlib
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
import torch

from repro import data
from repro.data import files


def digest(*arrays):
    """SHA-256 of the arrays' bytes."""
    content = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """No test here may open a connection."""

    def refuse(*_):
        raise AssertionError("tried to use the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


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


def test_photographs_are_those_of_their_packages():
    from skimage.io import imread
    from sklearn.datasets import load_sample_image

    astronaut = imread(files.packaged("skimage", "data/astronaut.png"))
    assert np.array_equal(np.rint(data.photograph("astronaut") * 255), astronaut.transpose(2, 0, 1))
    china = load_sample_image("china.jpg")
    assert np.array_equal(np.rint(data.photograph("china") * 255), china.transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("astronaut", (3, 512, 512)),
        ("chelsea", (3, 300, 451)),
        ("coffee", (3, 400, 600)),
        ("rocket", (3, 427, 640)),
        ("china", (3, 427, 640)),
        ("flower", (3, 427, 640)),
    ],
)
def test_every_photograph_ships_with_its_package(name, shape):
    photo = data.photograph(name)
    assert photo.shape == shape
    assert photo.dtype == np.float32
    assert 0 <= photo.min() < photo.max() <= 1


def test_patches_are_crops_and_depend_on_the_seed_alone():
    patches = data.photograph_patches(64, 32, names=["astronaut", "chelsea", "coffee"])
    assert patches.shape == (64, 3, 32, 32)
    assert digest(patches) == "051685d213f7ff0d381b92cff8eedba5b2ad4f71aa26fedf88c7b0cbb0c09746"
    other = data.photograph_patches(64, 32, seed=1, names=["astronaut", "chelsea", "coffee"])
    assert digest(other) != digest(patches)
    whole = data.photograph("chelsea")
    crop = data.photograph_patches(1, 300, names=["chelsea"])[0]
    starts = np.flatnonzero((whole[:, 0, :152] == crop[:, 0, :1]).all(axis=0))
    assert any(np.array_equal(whole[:, :, s : s + 300], crop) for s in starts)


def test_patches_of_all_photographs():
    assert data.photograph_patches(30, 8).shape == (30, 3, 8, 8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0, "size": 8}, "n and names must hold 1 or more, got 0"),
        ({"n": 1, "size": 8, "names": []}, "n and names"),
        ({"n": 1, "size": 301}, "size must be 1 to 300 pixels .* got 301"),
        ({"n": 1, "size": 0}, "got 0"),
        ({"n": 1, "size": 8, "names": ["lena"]}, "no photograph 'lena'; there are astronaut"),
    ],
)
def test_patches_refuse_what_they_cannot_cut(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.photograph_patches(**arguments)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no\.png is missing.*skimage"):
        files.packaged("skimage", "data/no.png")
    with pytest.raises(FileNotFoundError, match="no_such_package, which is not installed"):
        files.packaged("no_such_package", "a.png")
    with pytest.raises(ValueError, match=r"a\.png is not a readable PNG or JPEG"):
        (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n truncated")
        files.pixels(tmp_path / "a.png")


def test_a_truncated_image_is_refused(tmp_path):
    whole = files.packaged("skimage", "data/coffee.png").read_bytes()
    (tmp_path / "coffee.png").write_bytes(whole[:5000])
    with pytest.raises(ValueError, match=r"coffee\.png is not a readable"):
        files.pixels(tmp_path / "coffee.png")


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


@pytest.mark.parametrize(
    "environment", [{"OMP_NUM_THREADS": "2"}, {"ATEN_CPU_CAPABILITY": "default"}]
)
def test_bytes_do_not_depend_on_threads_or_instructions(environment):
    code = (
        "import repro, hashlib; from repro import data; d = data.cluttered_digits(50, 20); "
        "p = data.photograph_patches(5, 16); "
        "print(hashlib.sha256(d.x_train.tobytes() + d.x_test.tobytes() + p.tobytes()).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    split, patches = data.cluttered_digits(50, 20), data.photograph_patches(5, 16)
    assert done.stdout.strip() == digest(split.x_train, split.x_test, patches)
