"""Even sets of lines and their picture."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from repro.diffusion.directions import draw_lines, tessellation

SIZES = {1: 6, 2: 21, 3: 81, 4: 321, 5: 1281, 6: 5121}


@pytest.mark.parametrize(("t", "n"), SIZES.items())
def test_number_length_and_one_of_each_pair(t, n):
    u = tessellation(t)
    assert u.shape == (n, 3)
    assert np.allclose(np.linalg.norm(u, axis=1), 1, atol=1e-12)
    assert len(np.unique(np.round(np.concatenate([u, -u]), 9), axis=0)) == 2 * n


def test_refining_keeps_what_was_there():
    coarse, fine = tessellation(2), tessellation(3)
    nearest = np.abs(coarse @ fine.T).max(axis=1)
    assert np.allclose(nearest, 1, atol=1e-12)


def test_the_axes_of_the_icosahedron():
    c = np.abs(tessellation(1) @ tessellation(1).T)
    assert np.allclose(c[~np.eye(6, dtype=bool)], 1 / np.sqrt(5), atol=1e-12)


def test_even_enough_to_average_with():
    """The mean of u u^T over an even set is a third of the identity."""
    u = tessellation(4)
    assert np.allclose(u.T @ u / len(u), np.eye(3) / 3, atol=1e-12)


@pytest.mark.parametrize("t", [0, 9, 2.5, 2.0, float("nan"), "3", None])
def test_other_orders_are_refused(t):
    with pytest.raises(ValueError, match="whole number from 1 to 8"):
        tessellation(t)


@pytest.fixture
def ax():
    fig, ax = plt.subplots()
    yield ax
    plt.close(fig)


@pytest.mark.parametrize("turn", [0, 90, 200])
def test_every_line_is_drawn_inside_the_outline(ax, turn):
    u = tessellation(2)
    draw_lines(ax, u, "red", cap=0.2, turn=turn, closest="blue")
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert len(dots) == len(u)
    for line in ax.lines:
        assert np.hypot(*line.get_data()).max() < 1 + 1e-9
    for patch in ax.patches:
        assert np.linalg.norm(patch.get_xy(), axis=1).max() < 1 + 1e-9


def test_the_arc_joins_the_closest_lines(ax):
    angle = 0.3
    u = np.array([[0, 0, 1.0], [0, np.sin(angle), np.cos(angle)], [1, 0, 0]])
    draw_lines(ax, -u, ["red", "green", "blue"], closest="black")
    lengths = []
    for line in ax.lines:
        x, y = line.get_data()
        if line.get_color() == "black" and len(x) == 15:
            z = np.sqrt(np.clip(1 - x**2 - y**2, 0, 1))
            ends = np.array([[x[0], y[0], z[0]], [x[-1], y[-1], z[-1]]])
            lengths.append(np.arccos(ends[0] @ ends[1]))
    assert lengths == pytest.approx([angle], abs=1e-6)


@pytest.mark.parametrize(
    "u",
    [
        np.eye(3),
        np.eye(3)[:1],
        np.eye(3)[:0],
        np.eye(3)[[0, 0, 1]],
        np.array([[0, 0, 1.0]] * 2) * [[1], [-1]],
    ],
    ids=["orthogonal", "one", "none", "the same twice", "a line and its negative"],
)
def test_any_set_of_lines_can_be_drawn(ax, u):
    draw_lines(ax, u, "red", cap=0.1, closest="black")
    assert sum(line.get_marker() == "o" for line in ax.lines) == len(u)
    for line in ax.lines:
        assert np.isfinite(line.get_data()).all()


def test_wrong_shapes_are_explained(ax):
    with pytest.raises(ValueError, match=r"shape \(K, 3\)"):
        draw_lines(ax, np.zeros((3, 2)), "red")
    for wrong in (np.nan, np.inf, 2.0):
        with pytest.raises(ValueError, match=r"u\[1\] has length .*; divide"):
            draw_lines(ax, np.diag([1, wrong, 1]), "red")
    with pytest.raises(ValueError, match="3 lines but 2 colours"):
        draw_lines(ax, np.eye(3), ["red", "blue"])
