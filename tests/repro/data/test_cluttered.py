"""Cluttered digits: reproducible, true to their ground truth, neither trivial nor noise."""

import hashlib

import numpy as np
import pytest
import torch
from sklearn.linear_model import RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from repro.data import cluttered, cluttered_digits, digits, painting
from repro.data.packages import packaged, pixels
from repro.training import accuracy, fit

PINNED = "ecdedc444f46f0f5980689090c2870be1f702ebd32e4e5225b033a68f728d8c2"


@pytest.fixture(scope="module")
def split():
    return cluttered_digits()


def test_bytes_are_pinned(split):
    content = b"".join(a.tobytes() for a in (split.x_train, split.y_train, split.x_test))
    assert hashlib.sha256(content + split.y_test.tobytes()).hexdigest() == PINNED
    assert not np.array_equal(cluttered_digits(10, 10, seed=1).x_train, split.x_train[:10])


def test_form_and_range(split):
    assert split.x_train.shape == (2000, 1, 32, 32)
    assert split.x_test.shape == (1000, 1, 32, 32)
    levels = split.x_train * 255
    assert np.array_equal(np.rint(levels).astype(np.float32) / np.float32(255), split.x_train)
    assert 0 <= levels.min() < levels.max() <= 255
    assert set(split.y_train) == set(range(10))


def test_every_digit_is_used_equally_often(split):
    uses = np.bincount(split.extras["digit_train"], minlength=1797)[digits().extras["index_train"]]
    assert set(uses) == {1, 2}
    assert set(np.bincount(split.extras["digit_test"])) == {0, 2}


def test_training_and_test_share_no_digit(split):
    extras = split.extras
    assert not set(extras["digit_train"]) & set(extras["digit_test"])
    assert set(extras["digit_train"]) <= set(digits().extras["index_train"])


def test_training_and_test_share_no_texture(split):
    last = split.extras["texture_train"][:, 2].max() + 32
    assert last <= painting.COLUMNS["train"][1] <= split.extras["texture_test"][:, 2].min()
    assert set(split.extras["texture_train"][:, 0]) == {0, 1, 2}


def test_box_bounds_the_digit():
    """Removing everything but the digit leaves ink inside the box only."""
    split = cluttered_digits(200, 1, strokes=0, fragments=0, shift=None)
    size = split.x_train.shape[-1]
    for image, (top, left, side) in zip(split.x_train, split.extras["box_train"], strict=True):
        assert 20 <= side <= 26
        assert min(top, left) >= 0 and max(top, left) + side <= size
        outside = image[0].copy()
        outside[top : top + side, left : left + side] = 0
        assert outside.max() * 255 < painting.BACKGROUND
        assert image[0, top : top + side, left : left + side].max() * 255 >= 150


def test_background_is_the_texture_named():
    split = cluttered_digits(50, 1, strokes=0, fragments=0, digit=(8, 8), shift=0)
    for image, (name, top, left) in zip(split.x_train, split.extras["texture_train"], strict=True):
        photo = pixels(packaged("skimage", f"data/{painting.TEXTURES[name]}.png"))
        window = photo[top : top + 32, left : left + 32].astype(int) * 100 // 256
        corner = np.rint(image[0, :8] * 255)
        assert any(np.array_equal(corner, w[:8]) for w in (window, window[:, ::-1]))


def test_enlarging_is_bilinear_interpolation():
    """Against floating-point interpolation, pixel centre by pixel centre."""
    counts = digits().x_train[:6, 0] * 16
    box = np.array([[2, 3, 20], [0, 0, 8], [0, 8, 24], [5, 1, 26], [12, 12, 9], [0, 0, 32]])
    drawn = painting.enlarge(counts.astype(np.uint8), box, 32)
    for image, source, (top, left, side) in zip(drawn, counts, box, strict=True):
        expected = np.zeros((32, 32))
        padded = np.pad(source, 1)
        for r in range(side):
            for c in range(side):
                u, v = ((np.array([r, c]) + 0.5) * 8 / side + 0.5).tolist()
                i, j, s, t = int(u), int(v), u % 1, v % 1
                rows = (1 - s) * padded[i] + s * padded[i + 1]
                expected[top + r, left + c] = (1 - t) * rows[j] + t * rows[j + 1]
        assert np.abs(image - expected * 255 / 16).max() < 10  # 64ths along each axis
    assert np.array_equal(drawn[1, :8, :8], counts[1].astype(int) * 255 // 16)


def test_strokes_are_lines():
    drawn = cluttered._stroke(np.random.default_rng(0), 3000, 32)
    assert set(np.unique(drawn)) == {0, 255}
    inked = (drawn > 0).sum(axis=(1, 2))
    assert inked.max() <= 3 * 46  # 3 pixels by the diagonal
    assert (inked == 0).sum() <= 10  # both ends on one pixel


def test_the_task_is_neither_trivial_nor_noise(split):
    x, xt = split.x_train.reshape(2000, -1), split.x_test.reshape(1000, -1)
    linear = RidgeClassifier(100.0).fit(x, split.y_train).score(xt, split.y_test)
    neighbours = KNeighborsClassifier(3).fit(x, split.y_train).score(xt, split.y_test)
    assert 0.5 < linear < 0.8
    assert 0.8 < neighbours < 0.92


def test_a_small_convolutional_network_beats_pixels(split):
    torch.manual_seed(0)
    layers = []
    for c, k in ((1, 8), (8, 16), (16, 32)):
        layers += [nn.Conv2d(c, k, 3, padding=1), nn.BatchNorm2d(k), nn.ReLU(), nn.MaxPool2d(2)]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, 10))
    x, y, xt, yt = split.torch()
    fit(model, x, y, epochs=4, lr=5e-3, seed=0)
    assert accuracy(model, xt, yt) > 0.87


def test_largest_and_smallest_images():
    assert cluttered_digits(2, 2, size=172).x_test.shape == (2, 1, 172, 172)
    assert cluttered_digits(2, 2, size=8, digit=(8, 8)).x_test.shape == (2, 1, 8, 8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_train": 0}, "n_train and n_test must be 1 or more; got .*n_train=0"),
        ({"n_test": -1}, "n_train and n_test must be 1 or more"),
        ({"size": 25}, r"size must be from the largest digit to 172 pixels; got \(size=25"),
        ({"size": 173}, "size must be from"),
        ({"digit": (7, 20)}, "digit must be two sides in pixels, 8 <= smallest <= largest"),
        ({"digit": (20, 14)}, "digit must be"),
        ({"shift": -1}, "shift must be None or 0 or more"),
        ({"strokes": -1}, "fragments and strokes must be 0 or more"),
        ({"fragments": -1}, "fragments and strokes must be 0 or more"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        cluttered_digits(**arguments)
