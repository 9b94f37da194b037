"""The geometry of parametric faces: points of a head in space, turned and projected.

Lengths are in half widths of a mean face, x to the right, y down, z to the viewer; the origin
lies between the eyes and the tip of the nose. Only sums, products, quotients and minima of single
numbers are taken, which every machine rounds alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

#: Traits by name, each (N,) in -1..1.
Look = Mapping[str, np.ndarray]

POINT = 64  # projected points are given in pixels times POINT

# Cosines and sines of whole degrees, rounded to multiples of 2**-15: exact on every machine.
_ANGLES = np.deg2rad(np.arange(-180, 181))
COS, SIN = (np.rint(f(_ANGLES) * 32768) / 32768 for f in (np.cos, np.sin))


def head(look: Look, expression: Sequence[np.ndarray]) -> np.ndarray:
    """Points of heads, not yet turned.

    Args:
        look: traits by name, (N,) in -1..1.
        expression: four arrays (N,) in -1..1: brows raised, eyes closed, mouth open, smile.

    Returns:
        (N, 84, 3), the 68 landmarks, then 7 points of the hairline and 9 of the hair's outline.
    """
    brow, blink, mouth_open, smile = expression
    width, height = 0.92 + 0.10 * look["face_width"], 1.22 + 0.13 * look["face_height"]
    jaw = _jaw(look, width, height, mouth_open)
    eye_y = -0.22 + 0.09 * look["eye_height"]
    eye_x = 0.42 + 0.08 * look["eye_gap"]
    brow_y = eye_y - 0.24 - 0.08 * look["brow_height"] - 0.09 * brow
    nose_y = 0.32 + 0.10 * look["nose_length"]
    mouth_y = nose_y + 0.30 + 0.08 * look["mouth_height"]
    parts = [
        jaw,
        _brow(-1, eye_x, brow_y, look, brow),
        _brow(1, eye_x, brow_y, look, brow),
        _nose(eye_y, nose_y, look),
        _eye(-1, eye_x, eye_y, look, blink),
        _eye(1, eye_x, eye_y, look, blink),
        _mouth(mouth_y, look, mouth_open, smile),
        _arc(width, 0.72 + 0.13 * look["hairline"], -0.12, np.linspace(15, 165, 7), -0.3),
        _arc(width + 0.14, 1.25, 0.1 + 0.5 * look["hair_length"], np.linspace(0, 180, 9), -0.5),
    ]
    return np.concatenate(parts, axis=1)


def _points(*columns: ArrayLike) -> np.ndarray:
    """Coordinates x, y, z, each broadcast to (N, points), as one array (N, points, 3)."""
    return np.stack(np.broadcast_arrays(*columns), axis=2)


def _jaw(look: Look, width: np.ndarray, height: ArrayLike, mouth_open: np.ndarray) -> np.ndarray:
    """The 17 points of the jaw, from the left ear to the right."""
    turn = np.rint(np.linspace(0, 180, 17)).astype(int) + 180
    across, down = -COS[turn], SIN[turn]
    square = 0.16 * look["jaw_square"][:, None] * (1 - across * across) * down
    chin = 0.10 * look["chin"][:, None] * down * down * down
    x = width[:, None] * across * (1 + square)
    y = -0.12 + (height[:, None] + chin + 0.16 * mouth_open[:, None] * down) * down
    return _points(x, y, -0.08 - 0.5 * across * across)


def _arc(
    width: np.ndarray, height: ArrayLike, ends: ArrayLike, degrees: np.ndarray, z: float
) -> np.ndarray:
    """Points above the face on half an ellipse, from left to right; `ends` lowers its ends."""
    turn = np.rint(degrees).astype(int) + 180
    across, up = -COS[turn], SIN[turn]
    height, ends = (np.reshape(value, (-1, 1)) for value in (height, ends))
    y = np.where(up < 0.01, ends, -0.12 - height * up)
    return _points(width[:, None] * across, y, z)


def _brow(
    side: int, eye_x: np.ndarray, brow_y: np.ndarray, look: Look, raised: np.ndarray
) -> np.ndarray:
    """The 5 points of one brow; side -1 is left."""
    along = side * np.linspace(-1, 1, 5)  # from the nose (-1) to the temple (1)
    x = side * (eye_x[:, None] + 0.02 + 0.27 * along)
    tilt = -0.05 - 0.09 * look["brow_tilt"] + 0.06 * np.minimum(raised, 0)
    arch = 0.07 * along * along + tilt[:, None] * along * np.where(along > 0, 0.6, 1)
    return _points(x, brow_y[:, None] + arch, 0.05 - 0.12 * (1 + along))


def _nose(eye_y: np.ndarray, nose_y: np.ndarray, look: Look) -> np.ndarray:
    """Bridge and nostrils, 4 and 5 points."""
    down = np.linspace(0, 1, 4)
    top = eye_y[:, None] + 0.04
    bridge = _points(0.0, top + (nose_y[:, None] - 0.10 - top) * down, 0.12 + 0.36 * down)
    across = np.linspace(-1, 1, 5)
    half = 0.19 + 0.07 * look["nose_width"]
    base = _points(
        half[:, None] * across,
        nose_y[:, None] + 0.04 - 0.05 * across * across,
        0.28 - 0.14 * across * across,
    )
    return np.concatenate([bridge, base], axis=1)


def _eye(
    side: int, eye_x: np.ndarray, eye_y: np.ndarray, look: Look, blink: np.ndarray
) -> np.ndarray:
    """The 6 points of one eye; side -1 is left."""
    across = np.array([-1, -0.4, 0.4, 1, 0.4, -0.4])  # from left to right, and back below
    lid = np.array([0, -1.1, -1.1, 0, 0.8, 0.8])
    size = 1 + 0.3 * look["eye_size"][:, None]
    gap = np.where(lid < 0, 1 - 1.1 * blink[:, None], 1 - 0.3 * blink[:, None])
    tilt = -0.06 * look["eye_tilt"][:, None] * side * across
    x = side * eye_x[:, None] + 0.19 * size * across
    return _points(x, eye_y[:, None] + 0.085 * size * lid * gap + tilt, 0.02 - 0.1 * side * across)


def _mouth(
    mouth_y: np.ndarray, look: Look, mouth_open: np.ndarray, smile: np.ndarray
) -> np.ndarray:
    """Outer and inner outline of the lips, 12 and 8 points."""
    across = np.array([-1, -0.6, -0.25, 0, 0.25, 0.6, 1, 0.6, 0.25, 0, -0.25, -0.6])
    bow = np.array([0, -0.7, -1, -0.85, -1, -0.7, 0, 0.85, 1.1, 1.15, 1.1, 0.85])
    inner = np.array([0, 2, 3, 4, 6, 8, 9, 10])
    half = 0.36 + 0.08 * look["mouth_width"] + 0.05 * smile - 0.04 * mouth_open
    lip, gape = 0.10 + 0.04 * look["lip_thick"][:, None], 0.11 * mouth_open[:, None]
    lift = -0.10 * smile[:, None] * (across * across - 0.4)
    x, z = half[:, None] * across, 0.22 - 0.22 * across * across
    centre = mouth_y[:, None] + 0.8 * gape + lift
    opening = gape * np.sign(bow) * (1 - across * across)
    outer = _points(x, centre + lip * bow + opening, z)
    rim = _points(0.86 * x, centre + 0.02 * bow + opening, z)[:, inner]
    return np.concatenate([outer, rim], axis=1)


def project(solid: np.ndarray, pose: np.ndarray, place: np.ndarray, size: int) -> np.ndarray:
    """Turn heads and place them in the picture.

    Args:
        solid: (N, P, 3), points from `head`.
        pose: int64 (N, 3), yaw, pitch and roll in whole degrees.
        place: int64 (N, 3), shift to the right and down and enlargement, in percent.
        size: height and width of the picture in pixels.

    Returns:
        int64 (N, P, 2), column and row in 1/POINT pixel.
    """
    x, y, z = np.moveaxis(solid, 2, 0)
    (cy, cp, cr), (sy, sp, sr) = (f[pose.T + 180][:, :, None] for f in (COS, SIN))
    x, z = cy * x + sy * (z + 0.3), cy * (z + 0.3) - sy * x
    y = cp * y + sp * z
    x, y = cr * x - sr * y, sr * x + cr * y
    right, down, larger = place.T[:, :, None] / 100
    unit = 0.345 * size * (1 + larger)
    centre = (size - 1) / 2
    x, y = centre + right * size + unit * x, centre - 0.01 * size + down * size + unit * y
    return np.rint(np.stack([x, y], axis=2) * POINT).astype(np.int64)
