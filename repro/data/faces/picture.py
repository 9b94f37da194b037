"""Pictures of parametric faces, drawn in integers from projected points.

A shape is a picture of signed depths: how far inside its outline the centre of each pixel lies,
in pixels times FINE. A depth of half a pixel or more covers the pixel, minus half a pixel or less
leaves it free, and in between it is covered in part.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from repro.data.faces.shape import POINT, Look

FINE = 1 << 14
#: Where the parts of a face lie among its points; the first 68 are the iBUG landmarks.
JAW, BEARD, HAIRLINE, HAIR = slice(0, 17), slice(4, 13), slice(68, 75), slice(75, 84)
BROWS, BRIDGE, NOSTRILS = (slice(17, 22), slice(22, 27)), slice(27, 31), slice(31, 36)
EYES, OUTER_LIP, INNER_LIP = (slice(36, 42), slice(42, 48)), slice(48, 60), slice(60, 68)


#: Normals of the half planes that a convex hull is cut from, times FINE.
HULL = np.rint(
    [[FINE * f(angle) for f in (np.cos, np.sin)] for angle in np.deg2rad(np.arange(0, 360, 15))]
).astype(np.int64)


def picture(
    points: np.ndarray, look: Look, light: Sequence[np.ndarray], backdrop: np.ndarray, size: int
) -> np.ndarray:
    """Draw faces.

    Args:
        points: (N, 84, 2) from `repro.data.faces.shape.project`.
        look: traits by name, (N,) in -1..1.
        light: three arrays (N,) in -1..1: more light on the right, from below, everywhere.
        backdrop: (N, 3) in -1..1, the level of the background and its slopes.
        size: height and width in pixels.

    Returns:
        int32 (N, size, size), grey levels not yet clipped to 0..255.
    """
    canvas = Canvas(size, backdrop)
    unit = _length(points[:, 16] - points[:, 0]) / 2  # half the width of this face
    skin = 165 + 35 * look["skin"]
    canvas.paint(canvas.hull(points[:, HAIR]), 70 + 55 * look["hair"])
    _paint_skin(canvas, points, unit, skin, look, light)
    _paint_nose(canvas, points, unit, skin)
    for eye, brow in zip(EYES, BROWS, strict=True):
        _paint_eye(canvas, points[:, eye], unit, skin, look)
        stroke = canvas.line(points[:, brow], unit * (0.055 + 0.03 * look["brow_thick"]))
        canvas.paint(stroke, np.minimum(skin - 30, 75 + 50 * look["brow_tone"]))
    _paint_mouth(canvas, points, unit, skin, look)
    return canvas.image + _whole(30 * light[2])


class Canvas:
    """Grey pictures and shapes to paint on them.

    Args:
        size: height and width in pixels.
        backdrop: (N, 3) in -1..1, the level of the background and its slopes.

    Attributes:
        image: int32 (N, size, size), grey levels.
    """

    def __init__(self, size: int, backdrop: np.ndarray) -> None:
        self.steps = np.arange(size, dtype=np.int32)
        level, across, down = (_whole(256 * column) for column in backdrop.T)
        slope = (2 * self.steps + 1 - size) * 25 // size
        self.image = (
            110 * 256 + 30 * level + across * slope[None, None, :] + down * slope[None, :, None]
        ) >> 8

    def plane(self, normal: np.ndarray, offset: np.ndarray) -> np.ndarray:
        """Depth behind lines.

        Args:
            normal: (N, 2), unit vectors times FINE.
            offset: (N,), distances of the lines from the origin, in pixels times FINE.
        """
        x, y = normal.astype(np.int32).T[:, :, None]
        rows = y * self.steps - offset.astype(np.int32)[:, None]
        return (x * self.steps)[:, None, :] + rows[:, :, None]

    def polygon(self, corners: np.ndarray) -> np.ndarray:
        """Depth inside convex polygons.

        Args:
            corners: (N, P, 2) in 1/POINT pixel, clockwise as one sees them.
        """
        depth = None
        for k in range(corners.shape[1]):
            normal = _normal(corners[:, k] - corners[:, k - 1])
            edge = self.plane(normal, _dot(normal, corners[:, k]))
            depth = edge if depth is None else np.minimum(depth, edge, out=depth)
        return depth

    def hull(self, points: np.ndarray) -> np.ndarray:
        """Depth inside a convex hull, seen from 24 directions.

        Args:
            points: (N, P, 2) in 1/POINT pixel.
        """
        depth = None
        for normal in HULL:
            normal = np.broadcast_to(normal, (len(points), 2))
            farthest = _dot(normal[:, None], points).max(axis=1)
            edge = self.plane(-normal, -farthest)
            depth = edge if depth is None else np.minimum(depth, edge, out=depth)
        return depth

    def line(self, points: np.ndarray, half: np.ndarray) -> np.ndarray:
        """Depth inside lines.

        Args:
            points: (N, P, 2) in 1/POINT pixel, which each line joins.
            half: (N,), half the thickness, in 1/POINT pixel.
        """
        half = _whole(half * (FINE // POINT))
        depth = None
        for start, end in zip(points.swapaxes(0, 1)[:-1], points.swapaxes(0, 1)[1:], strict=True):
            across = _normal(end - start)
            along = np.stack([-across[:, 1], across[:, 0]], axis=1)
            middle = (_dot(along, start) + _dot(along, end)) >> 1
            reach = (np.abs(_dot(along, end) - _dot(along, start)) >> 1).reshape(-1, 1, 1)
            beside = half - np.abs(self.plane(across, _dot(across, start)))
            beyond = reach.astype(np.int32) + half // 2 - np.abs(self.plane(along, middle))
            piece = np.minimum(beside, beyond)
            depth = piece if depth is None else np.maximum(depth, piece, out=depth)
        return depth

    def disc(self, centre: np.ndarray, radius: np.ndarray) -> np.ndarray:
        """Depth inside discs, exact on the outline.

        There (r^2 - d^2) / 2r is the depth to first order.

        Args:
            centre: (N, 2) in 1/POINT pixel.
            radius: (N,) in 1/POINT pixel.
        """
        x, y = (POINT * self.steps[None] - centre[:, k, None].astype(np.int32) for k in (0, 1))
        square = (x * x)[:, None, :] + (y * y)[:, :, None]
        radius = np.maximum(_whole(radius), 1)
        depth = (radius * radius - square) // (2 * radius)
        return np.clip(depth, -2 * POINT, 2 * POINT) * (FINE // POINT)

    def paint(self, depth: np.ndarray, ink: np.ndarray, opacity: int = 256) -> None:
        """Lay ink over shapes.

        Args:
            depth: (N, size, size), how far inside the shape each pixel lies.
            ink: grey levels, (N,) or a picture (N, size, size).
            opacity: 0 to 256; 256 hides what lies below.
        """
        cover = np.clip(depth + FINE // 2, 0, FINE) * (opacity >> 4) >> 10
        ink = ink if ink.ndim == 3 else _whole(ink)
        self.image += ((ink - self.image) * cover) >> 8


def _paint_skin(
    canvas: Canvas,
    points: np.ndarray,
    unit: np.ndarray,
    skin: np.ndarray,
    look: Look,
    light: Sequence[np.ndarray],
) -> None:
    """The face from jaw to hairline: darker towards its outline, lit from one side; a beard."""
    depth = canvas.hull(np.concatenate([points[:, HAIRLINE], points[:, JAW]], axis=1))
    middle = points[:, 27]
    slope = np.stack([light[0], light[1]], axis=1) * (45 * POINT) / unit[:, None]
    slope = np.rint(slope * 256).astype(np.int64)
    shade = canvas.plane(slope, _dot(slope, middle)) >> 8
    rim = np.maximum(_whole(0.35 * unit * (FINE // POINT)) - depth, 0) >> 4
    dim = rim * _whole(30 / (0.35 * unit / POINT)) >> 10
    lit = _whole(skin) + np.clip(shade, -90, 90) - dim
    canvas.paint(depth, lit)
    # grown from the jaw up to the mouth, seen only where the trait is positive
    beard = np.clip(canvas.hull(points[:, BEARD]) + FINE // 2, 0, FINE) >> 6
    canvas.image -= (beard * _whole(60 * np.maximum(look["beard"], 0))) >> 8


def _paint_nose(canvas: Canvas, points: np.ndarray, unit: np.ndarray, skin: np.ndarray) -> None:
    """A light bridge and dark nostrils."""
    canvas.paint(canvas.line(points[:, BRIDGE], 0.035 * unit), np.minimum(skin + 25, 235), 128)
    canvas.paint(canvas.line(points[:, NOSTRILS], 0.035 * unit), skin - 65)


def _paint_eye(
    canvas: Canvas, eye: np.ndarray, unit: np.ndarray, skin: np.ndarray, look: Look
) -> None:
    """White, iris and the upper lid, of one eye (N, 6, 2)."""
    opening = canvas.polygon(eye)
    canvas.paint(opening, 215 + 0 * skin)
    centre = (eye[:, 0] + eye[:, 3]) >> 1
    radius = 0.095 * unit * (1 + 0.2 * look["eye_size"])
    canvas.paint(np.minimum(canvas.disc(centre, radius), opening), 55 + 45 * look["iris"])
    canvas.paint(canvas.line(eye[:, :4], 0.03 * unit), np.minimum(skin - 60, 80))


def _paint_mouth(
    canvas: Canvas, points: np.ndarray, unit: np.ndarray, skin: np.ndarray, look: Look
) -> None:
    """Two lips, each a band half way between its two outlines, and the opening between them."""
    outer, inner = points[:, OUTER_LIP], points[:, INNER_LIP]
    pairs = [(0, 0), (2, 1), (3, 2), (4, 3), (6, 4), (8, 5), (9, 6), (10, 7), (0, 0)]
    middle = np.stack([(outer[:, i] + inner[:, j]) >> 1 for i, j in pairs], axis=1)
    thick = unit * (0.055 + 0.022 * look["lip_thick"])
    tone = skin - 55 + 30 * look["lips"]
    for half in (middle[:, :5], middle[:, 4:]):
        canvas.paint(canvas.line(half, thick), tone)
    gape = [canvas.polygon(inner[:, quad]) for quad in ([0, 1, 7], [1, 2, 6, 7], [2, 3, 5, 6])]
    gape.append(canvas.polygon(inner[:, [3, 4, 5]]))
    canvas.paint(np.maximum.reduce(gape) + FINE // 4, 40 + 0 * skin)


def _length(vectors: np.ndarray) -> np.ndarray:
    """Lengths (N,) of vectors (N, 2), at least 1."""
    x, y = vectors.T.astype(np.float64)
    return np.maximum(np.sqrt(x * x + y * y), 1.0)


def _normal(edges: np.ndarray) -> np.ndarray:
    """Unit vectors to the right of edges (N, 2), seen with y down, times FINE; int64."""
    length = _length(edges)
    turned = np.stack([-edges[:, 1] / length, edges[:, 0] / length], axis=1)
    return np.rint(FINE * turned).astype(np.int64)


def _dot(normal: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Offsets (...) of lines through points (..., 2) given in 1/POINT pixel."""
    return (normal[..., 0] * points[..., 0] + normal[..., 1] * points[..., 1]) // POINT


def _whole(values: np.ndarray) -> np.ndarray:
    """Numbers (N,), rounded, as int32 (N, 1, 1)."""
    return np.rint(values).astype(np.int32)[:, None, None]
