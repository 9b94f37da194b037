"""Parametric faces: identity, pose, light, expression and 68 landmarks, all known exactly.

The images are synthetic. A face is 68 points in space; identity and expression move them, pose
turns them, and the picture is drawn from their projections, so the landmarks are exact. Points
are computed with sums, products, quotients and square roots of single numbers, which every
machine rounds alike, then rounded to 1/64 pixel; pictures are drawn in integers. So images are
the same, byte for byte, everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from repro.data.arguments import require
from repro.data.faces.picture import picture
from repro.data.faces.shape import POINT, head, project

#: What tells one identity from another, each -100 to 100.
TRAITS = (
    *("face_width", "face_height", "jaw_square", "chin", "eye_gap", "eye_size", "eye_height"),
    *("eye_tilt", "brow_height", "brow_thick", "brow_tilt", "nose_length", "nose_width"),
    *("mouth_width", "mouth_height", "lip_thick", "hairline", "hair_length"),
    *("skin", "hair", "brow_tone", "iris", "lips", "beard"),
)
#: Columns of the settings of an image, with their ranges.
POSE = {"yaw": (-45, 45), "pitch": (-30, 30), "roll": (-45, 45)}  # degrees
PLACE = {"right": (-12, 12), "down": (-12, 12), "larger": (-20, 10)}  # percent of the side
LIGHT = {"right": (-100, 100), "below": (-100, 100), "bright": (-100, 100)}  # percent
EXPRESSION = {"brow": (-100, 100), "blink": (0, 100), "open": (0, 100), "smile": (-100, 100)}
SIZES = (16, 128)
BATCH = 256  # images drawn at a time: their pixels stay in the processor's cache


@dataclass(frozen=True)
class Faces:
    """Synthetic faces with the settings that made them.

    Attributes:
        x: images, float32 (N, 1, size, size), multiples of 1/255 in [0, 1].
        identity: int64 (N,), number of the person.
        landmarks: float32 (N, 68, 2), column and row in pixels in the iBUG order; (0, 0) is the
            centre of the top left pixel.
        pose: int64 (N, 3), yaw (right), pitch (down), roll (clockwise), in degrees.
        place: int64 (N, 3), shift to the right and down and enlargement, in percent.
        light: int64 (N, 3), more light on the right, from below, and everywhere, in percent.
        expression: int64 (N, 4), brows raised (negative: lowered), eyes closed, mouth open,
            smile (negative: corners down), in percent.
    """

    x: np.ndarray
    identity: np.ndarray
    landmarks: np.ndarray
    pose: np.ndarray
    place: np.ndarray
    light: np.ndarray
    expression: np.ndarray


def faces(
    identities: int = 64,
    images: int = 10,
    size: int = 32,
    seed: int = 0,
    *,
    first: int = 0,
    pose: float = 1.0,
    place: float = 1.0,
    light: float = 1.0,
    expression: float = 1.0,
    noise: int = 12,
) -> Faces:
    """Images of many people under random pose, place, light and expression: synthetic faces.

    Person `k` of a seed and their image number `i` are the same whatever else is drawn, so
    `first` gives people who are certainly others: `faces(60, first=128)` shares nobody with
    `faces(128)`. Settings are uniform; at strength 1: yaw up to 12 degrees, pitch and roll
    up to 5, shift up to 2.5 percent of the side, size 6 percent down to 2 up, light and
    expression up to 30 percent. Up to that strength all landmarks lie in the picture. The
    background is a plane of grey levels.

    Args:
        identities: number of people, 1 or more.
        images: images of each person, 1 or more.
        size: height and width in pixels, 16 to 128.
        seed: chooses people and images, 0 or more.
        first: number of the first person, 0 or more.
        pose: strength of the variation of pose, 0 (none) to 3.
        place: strength of the variation of shift and size, 0 to 3.
        light: strength of the variation of light, 0 to 3.
        expression: strength of the variation of expression, 0 to 3.
        noise: largest disturbance of a pixel in grey levels of 255, 0 to 64.

    Returns:
        `identities * images` faces, ordered by person.

    Raises:
        ValueError: an argument outside the ranges above.
    """
    strengths = {"pose": pose, "place": place, "light": light, "expression": expression}
    _check_request(identities, images, size, seed, first, strengths, noise)
    people = np.arange(first, first + identities)
    settings = np.concatenate([_settings(seed, k, images) for k in people])
    widths = np.array([12, 5, 5, 2.5, 2.5, 4, 30, 30, 30, 30, 15, 15, 30])
    centres = np.array([0, 0, 0, 0, 0, -2, 0, 0, 0, 0, 15, 15, 0])
    each = np.repeat([pose, place, light, expression], [3, 3, 3, 4])
    # 1000 steps to either side; rounding a product of two numbers is the same everywhere
    values = np.rint((settings[:, :13] * widths / 1000 + centres) * each).astype(np.int64)
    disturbance = None
    if noise:
        rng = [np.random.default_rng([seed, 2, k]) for k in people]
        disturbance = np.concatenate(
            [r.integers(-noise, noise + 1, (images, size, size), dtype=np.int8) for r in rng]
        )
    pose_, place_, light_, expression_ = np.split(values, [3, 6, 9], axis=1)
    return _draw_all(
        np.repeat(people, images), pose_, place_, light_, expression_,
        settings[:, 13:], size, seed, disturbance,
    )  # fmt: skip


def draw_faces(
    identity: ArrayLike,
    *,
    pose: ArrayLike = 0,
    place: ArrayLike = 0,
    light: ArrayLike = 0,
    expression: ArrayLike = 0,
    size: int = 32,
    seed: int = 0,
) -> Faces:
    """Draw given people under given settings, without noise.

    Args:
        identity: (N,) numbers of people, 0 or more, as in `faces` for the same seed.
        pose: (N, 3) or anything that broadcasts to it: yaw -45 to 45, pitch -30 to 30, roll
            -45 to 45 degrees; like all settings rounded to whole numbers.
        place: (N, 3), shift right and down -12 to 12 percent of the side, larger -20 to 10.
        light: (N, 3), -100 to 100 percent.
        expression: (N, 4), percent: brow and smile -100 to 100, blink and open 0 to 100.
        size: height and width in pixels, 16 to 128.
        seed: chooses the people.

    Returns:
        One face for each number in `identity`.

    Raises:
        ValueError: a setting outside its range, or arrays that do not fit together.
    """
    identity = np.asarray(identity)
    if identity.ndim != 1 or identity.dtype.kind not in "iu" or not len(identity):
        raise ValueError(
            f"draw_faces: identity: whole numbers (N,), got {identity.dtype} {identity.shape}"
        )
    _check_request(1, 1, size, seed, int(identity.min()), {}, 0)
    given = {"pose": pose, "place": place, "light": light, "expression": expression}
    ranges = {"pose": POSE, "place": PLACE, "light": LIGHT, "expression": EXPRESSION}
    columns = [_setting(name, given[name], ranges[name], len(identity)) for name in given]
    backdrop = np.zeros((len(identity), 3), np.int64)
    return _draw_all(identity.astype(np.int64), *columns, backdrop, size, seed, None)


def traits(identity: ArrayLike, seed: int = 0) -> np.ndarray:
    """What tells people apart: independent, bell-shaped numbers (sums of three uniform ones).

    Args:
        identity: (N,), numbers of people.
        seed: as in `faces`.

    Returns:
        int64 (N, 24) in -100..100, standard deviation about 50; columns as in `TRAITS`.
    """
    rows = [
        np.random.default_rng([seed, 0, int(k)]).integers(-50, 51, (3, len(TRAITS))).sum(axis=0)
        for k in identity
    ]
    return np.clip(np.array(rows), -100, 100)


def _settings(seed: int, person: int, images: int) -> np.ndarray:
    """Uniform numbers -1000..1000, (images, 16): 13 settings and 3 of the background."""
    return np.random.default_rng([seed, 1, person]).integers(-1000, 1001, (images, 16))


def _draw_all(
    identity: np.ndarray,
    pose: np.ndarray,
    place: np.ndarray,
    light: np.ndarray,
    expression: np.ndarray,
    backdrop: np.ndarray,
    size: int,
    seed: int,
    noise: np.ndarray | None,
) -> Faces:
    """Draw batch after batch, add the noise and quantize."""
    people, inverse = np.unique(identity, return_inverse=True)
    person = traits(people, seed)[inverse]
    points, pixels = [], []
    for start in range(0, len(identity), BATCH):
        part = slice(start, start + BATCH)
        look = {name: column / 100 for name, column in zip(TRAITS, person[part].T, strict=True)}
        solid = head(look, (expression[part] / 100).T)
        flat = project(solid, pose[part], place[part], size)
        image = picture(flat, look, (light[part] / 100).T, backdrop[part] / 1000, size)
        if noise is not None:
            image += noise[part]
        points.append(flat[:, :68])
        pixels.append(np.clip(image, 0, 255).astype(np.uint8))
    x = np.concatenate(pixels).astype(np.float32)[:, None] / np.float32(255)
    landmarks = (np.concatenate(points) / POINT).astype(np.float32)
    return Faces(x, identity, landmarks, pose, place, light, expression)


def _setting(
    name: str, value: ArrayLike, ranges: Mapping[str, tuple[int, int]], n: int
) -> np.ndarray:
    """Check one group of settings and round it: int64 (n, columns)."""
    try:
        array = np.rint(np.broadcast_to(np.asarray(value, np.float64), (n, len(ranges))))
    except ValueError as error:
        raise ValueError(
            f"draw_faces: {name}: expected ({n}, {len(ranges)}), that is, {', '.join(ranges)} for "
            f"each face, or what broadcasts to it, got shape {np.shape(value)}"
        ) from error
    for column, (low, high), values in zip(ranges, ranges.values(), array.T, strict=True):
        if not ((values >= low) & (values <= high)).all():
            raise ValueError(
                f"draw_faces: {name}: {column} must be {low} to {high}, "
                f"got {values.min():g} to {values.max():g}"
            )
    return array.astype(np.int64)


def _check_request(
    identities: int,
    images: int,
    size: int,
    seed: int,
    first: int,
    strengths: Mapping[str, float],
    noise: int,
) -> None:
    """Complain about arguments of `faces`."""
    low, high = SIZES
    rules = {
        f"identities and images must be 1 or more, got {identities} and {images}": (
            min(identities, images) >= 1
        ),
        f"size must be {low} to {high} pixels, got {size}": low <= size <= high,
        f"seed and numbers of people must be 0 or more, got {seed} and {first}": (
            min(seed, first) >= 0
        ),
        f"strengths must be 0 to 3, got {strengths}": all(
            0 <= strength <= 3 for strength in strengths.values()
        ),
        f"noise must be 0 to 64 grey levels, got {noise}": 0 <= noise <= 64,
    }
    require("faces", rules)
