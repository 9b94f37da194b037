"""Photographs: those of their packages, and crops that depend on the seed alone."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from repro import data
from repro.data.packages import packaged


def digest(*arrays):
    """SHA-256 of the arrays' bytes."""
    content = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)
    return hashlib.sha256(content).hexdigest()


def test_photographs_are_those_of_their_packages():
    from skimage.io import imread
    from sklearn.datasets import load_sample_image

    astronaut = imread(packaged("skimage", "data/astronaut.png"))
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


def test_grey_photographs():
    from skimage.io import imread

    camera = data.grey_photograph("camera")
    assert np.array_equal(np.rint(camera[0] * 255), imread(packaged("skimage", "data/camera.png")))
    chelsea = data.grey_photograph("chelsea")
    assert chelsea.dtype == camera.dtype == np.float32
    assert np.array_equal(chelsea[0], data.photograph("chelsea").mean(0))
    assert [data.grey_photograph(name).shape[1:] for name in ("coins", "moon", "gravel")] == [
        *((303, 384), (512, 512), (512, 512))
    ]
    with pytest.raises(ValueError, match="no photograph 'lena'; there are astronaut"):
        data.grey_photograph("lena")


def test_grey_patches_are_crops():
    patches = data.grey_patches(20, 30, 4, ("coins", "rocket"))
    assert patches.shape == (20, 1, 30, 30)
    assert np.array_equal(patches, data.grey_patches(20, 30, 4, ("coins", "rocket")))
    whole, crop = data.grey_photograph("coins"), data.grey_patches(1, 303, names=["coins"])[0]
    assert any(np.array_equal(whole[:, :, s : s + 303], crop) for s in range(82))
    assert data.grey_patches(2, 8).shape == (2, 1, 8, 8)


@pytest.mark.parametrize(("n", "size", "names"), [(0, 8, ["moon"]), (1, 513, ["moon"]), (1, 8, [])])
def test_grey_patches_refuse_what_they_cannot_cut(n, size, names):
    with pytest.raises(ValueError, match="grey_patches: expected 1 crop or more"):
        data.grey_patches(n, size, names=names)


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
