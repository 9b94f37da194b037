"""Directions of the sphere that stand for lines: even sets of them, and their picture."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FINEST = 8  # about 80 thousand directions


def tessellation(t: int) -> np.ndarray:
    """Vertices of the icosahedron, every triangle cut into four t - 1 times, as lines.

    Of each antipodal pair the vertex with positive z stays (on the equator: positive y, then
    positive x). The order is fixed: the six axes of the icosahedron come first.

    Args:
        t: 1 to 8, a whole number.

    Returns:
        float64 (N, 3), unit vectors, N = (10 * 4**(t - 1) + 2) / 2: 6, 21, 81, 321, 1281, ...

    Raises:
        ValueError: `t` is not a whole number from 1 to 8.
    """
    if not isinstance(t, int | np.integer) or not 1 <= t <= FINEST:
        raise ValueError(f"tessellation: t must be a whole number from 1 to {FINEST}, got {t!r}")
    v, f = _icosahedron()
    for _ in range(t - 1):
        v, f = _subdivide(v, f)
    x, y, z = np.round(v, 9).T
    return v[(z > 0) | ((z == 0) & ((y > 0) | ((y == 0) & (x > 0))))]


def lines(caller: str, u: np.ndarray) -> np.ndarray:
    """Unit vectors (K, 3), checked.

    Args:
        caller: whom the error names.
        u: what it was given.

    Returns:
        float64 (K, 3).

    Raises:
        ValueError: another shape, NaN or infinity, or a length other than 1.
    """
    u = np.asarray(u, dtype=float)
    if u.ndim != 2 or u.shape[1] != 3:
        raise ValueError(f"{caller}: expected u of shape (K, 3), got {u.shape}")
    length = np.linalg.norm(u, axis=1)
    wrong = np.flatnonzero(~(np.abs(length - 1) < 1e-6))  # NaN is wrong as well
    if len(wrong):
        raise ValueError(
            f"{caller}: expected unit vectors, but u[{wrong[0]}] has length {length[wrong[0]]:g}; "
            "divide each by its length"
        )
    return u


def _icosahedron() -> tuple[np.ndarray, np.ndarray]:
    """Its 12 unit vertices (12, 3) and 20 triangles (20, 3)."""
    golden = (1 + 5**0.5) / 2
    first = [(0.0, a, b * golden) for a in (-1, 1) for b in (-1, 1)]
    v = np.array([p[k:] + p[:k] for k in range(3) for p in first])
    near = np.abs(((v[:, None] - v) ** 2).sum(-1) - 4) < 1e-9
    f = [q for q in combinations(range(12), 3) if near[np.ix_(q, q)].sum() == 6]
    return v / np.linalg.norm(v, axis=1, keepdims=True), np.array(f)


def _subdivide(v: np.ndarray, f: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut every triangle f (F, 3) over unit vertices v (N, 3) into four."""
    edges = np.sort(np.concatenate([f[:, [0, 1]], f[:, [1, 2]], f[:, [2, 0]]]), axis=1)
    edges, where = np.unique(edges, axis=0, return_inverse=True)
    ab, bc, ca = len(v) + where.reshape(3, -1)
    middle = v[edges].sum(axis=1)
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    a, b, c = f.T
    faces = [(a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)]
    return np.concatenate([v, middle]), np.concatenate([np.stack(q, axis=1) for q in faces])


def draw_lines(
    ax: Axes,
    u: np.ndarray,
    colours: str | list[str],
    *,
    cap: float = 0.0,
    turn: float = 0.0,
    tilt: float = 25.0,
    closest: str | None = None,
    ink: str = "#767d86",
) -> None:
    """Draw lines as dots on the visible half of a sphere, each with a round cap.

    Args:
        ax: the axes, which become a square without frame.
        u: (K, 3), unit vectors; of u and -u the one in front is drawn.
        colours: one colour, or one for each line.
        cap: radius of the caps in radians; 0 draws none. At half the smallest angle between
            two lines the caps just touch.
        turn: rotation about the vertical axis, degrees.
        tilt: how far the vertical axis leans to the viewer, degrees.
        closest: colour of the arc between the closest two lines; None draws none.
        ink: colour of the outline.

    Raises:
        ValueError: `u` does not hold unit vectors (K, 3), or there are not K colours.
    """
    u = lines("draw_lines", u)
    colours = [colours] * len(u) if isinstance(colours, str) else list(colours)
    if len(colours) != len(u):
        raise ValueError(f"draw_lines: {len(u)} lines but {len(colours)} colours")
    seen = u @ _camera(turn, tilt).T
    seen = seen * np.where(seen[:, 2:] < 0, -1, 1)
    round_ = np.linspace(0, 2 * np.pi, 181)
    ax.plot(np.cos(round_), np.sin(round_), color=ink, lw=1)
    for p, colour in zip(seen, colours, strict=True):
        for centre in (p, -p) if cap else ():
            _cap(ax, centre, cap, colour)
        ax.plot(*p[:2], "o", color=colour, ms=3.5)
    if closest and len(u) > 1:
        _arc(ax, seen, closest)
    ax.set(aspect="equal", xlim=(-1.05, 1.05), ylim=(-1.05, 1.05))
    ax.axis("off")


def _camera(turn: float, tilt: float) -> np.ndarray:
    """Rotation (3, 3) to the viewer: x to the right, y up, z out of the page."""
    a, b = np.radians([turn, tilt])
    spin = np.array([[np.cos(a), np.sin(a), 0], [0, 0, 1], [np.sin(a), -np.cos(a), 0]])
    lean = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    return lean @ spin


def _cap(ax: Axes, centre: np.ndarray, radius: float, colour: str) -> None:
    """The visible part of a cap around a unit vector; what lies behind goes to the outline."""
    if centre[2] <= -np.sin(radius):
        return
    side = np.cross(centre, [0.0, 0.0, 1.0] if abs(centre[2]) < 0.9 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    phi = np.linspace(0, 2 * np.pi, 37)[:, None]
    rim = np.cos(radius) * centre + np.sin(radius) * (
        np.cos(phi) * side + np.sin(phi) * np.cross(centre, side)
    )
    flat, behind = rim[:, :2].copy(), rim[:, 2] < 0
    flat[behind] /= np.linalg.norm(flat[behind], axis=1, keepdims=True)
    ax.fill(*flat.T, color=colour, alpha=0.3, lw=0)


def _arc(ax: Axes, seen: np.ndarray, colour: str) -> None:
    """The great-circle arc between the two closest lines."""
    c = seen @ seen.T
    i, j = np.unravel_index(np.argmax(np.abs(c) - 2 * np.eye(len(c))), c.shape)
    a, b = seen[i], seen[j] * (-1 if c[i, j] < 0 else 1)
    for p, q in ((a, b), (-a, -b)):
        path = p + np.linspace(0, 1, 15)[:, None] * (q - p)
        path /= np.linalg.norm(path, axis=1, keepdims=True)
        front = path[path[:, 2] >= -1e-9, :2]
        if len(front):
            ax.plot(*front.T, color=colour, lw=3, solid_capstyle="round")
