"""Skeletons in motion: the 25 joints of NTU RGB+D, two dozen synthetic motions, known exactly.

A person is a tree of bones; a motion turns some of them and moves the hips, by curves written down
below. Angles are whole tenths of a degree and their sines a table of rounded numbers; the rest are
sums and products of single numbers, which every machine rounds alike, and positions are rounded to
1/16384 m. So clips are the same, byte for byte, everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from repro.data.arguments import require

#: Joints in the order of the Kinect and of NTU RGB+D, numbered from 0.
JOINTS = (
    *("hips", "spine", "neck", "head", "left shoulder", "left elbow", "left wrist", "left hand"),
    *("right shoulder", "right elbow", "right wrist", "right hand", "left hip", "left knee"),
    *("left ankle", "left foot", "right hip", "right knee", "right ankle", "right foot"),
    *("chest", "left finger", "left thumb", "right finger", "right thumb"),
)
#: The joint that each hangs on; the hips hang on themselves.
PARENTS = (0, 0, 20, 2, 20, 4, 5, 6, 20, 8, 9, 10, 0, 12, 13, 14, 0, 16, 17, 18, 1, 7, 7, 11, 11)
#: From a joint's parent to the joint in metres, standing, arms down: to the left, up, forward.
_LEFT_AND_MIDDLE = {
    0: (0, 0.95, 0), 1: (0, 0.22, 0), 20: (0, 0.25, 0), 2: (0, 0.07, 0), 3: (0, 0.16, 0),
    4: (0.17, -0.02, 0), 5: (0, -0.28, 0), 6: (0, -0.25, 0), 7: (0, -0.08, 0),
    21: (0, -0.09, 0), 22: (0, -0.04, 0.05),
    12: (0.09, -0.05, 0), 13: (0, -0.42, 0), 14: (0, -0.40, 0), 15: (0, -0.06, 0.12),
}  # fmt: skip
MIRROR = {4: 8, 5: 9, 6: 10, 7: 11, 12: 16, 13: 17, 14: 18, 15: 19, 21: 23, 22: 24}
BONES = _LEFT_AND_MIDDLE | {
    MIRROR[j]: (-x, y, z) for j, (x, y, z) in _LEFT_AND_MIDDLE.items() if j in MIRROR
}
STEP = 16384  # positions are multiples of 1/STEP metres
_TENTHS = np.deg2rad(np.arange(3600) / 10)
_COS, _SIN = (np.rint(f(_TENTHS) * 32768) / 32768 for f in (np.cos, np.sin))


def _swing(phase: np.ndarray) -> np.ndarray:
    """-1..1, to and fro; phase in tenths of a degree."""
    return _SIN[phase % 3600]


def _lift(phase: np.ndarray) -> np.ndarray:
    """0..1, away from rest and back."""
    return (1 - _COS[phase % 3600]) / 2


def _hop(phase: np.ndarray) -> np.ndarray:
    """0..1, with a kink at 0, as a body in free flight and on the floor."""
    return np.abs(_SIN[phase % 3600])


def _quarter(phase: np.ndarray) -> np.ndarray:
    """-1..1, a quarter of a turn ahead of `_swing`."""
    return _COS[phase % 3600]


def _go(phase: np.ndarray) -> np.ndarray:
    """Steadily from 0 on: 1 after a full turn of the phase since the first frame."""
    return (phase - phase[..., :1]) / 3600


def _held(phase: np.ndarray) -> np.ndarray:
    """1 throughout."""
    return np.ones(phase.shape)


class Part(NamedTuple):
    """One thing that a motion moves.

    Attributes:
        joint: end of the bone that turns about its parent, with all that hangs on it; None moves
            the hips.
        axis: 0, 1, 2: to the left, up, forward, about which (or along which) it goes.
        much: degrees, or metres for the hips, times the curve.
        curve: of the phase in tenths of a degree.
    """

    joint: int | None
    axis: int
    much: float
    curve: Callable[[np.ndarray], np.ndarray]


_WHOLE: dict[str, tuple[Part, ...]] = {
    "jump": (
        *(Part(None, 1, 0.25, _hop), Part(13, 0, -30, _lift), Part(17, 0, -30, _lift)),
        *(Part(14, 0, 50, _lift), Part(18, 0, 50, _lift)),
    ),
    "crouch": (
        *(Part(None, 1, -0.3, _lift), Part(13, 0, -70, _lift), Part(17, 0, -70, _lift)),
        *(Part(14, 0, 120, _lift), Part(18, 0, 120, _lift)),
    ),
    "rise on toes": (Part(None, 1, 0.07, _lift), Part(15, 0, 40, _lift), Part(19, 0, 40, _lift)),
    "sway": (Part(None, 0, 0.15, _swing), Part(1, 2, 12, _swing)),
    "walk": (
        *(Part(None, 2, 0.5, _go), Part(13, 0, 25, _swing), Part(17, 0, -25, _swing)),
        *(Part(5, 0, -20, _swing), Part(9, 0, 20, _swing)),
    ),
    "circle": (Part(None, 0, 0.15, _swing), Part(None, 2, 0.15, _quarter)),
    "bow": (Part(1, 0, 60, _lift),),
    "twist": (Part(1, 1, 35, _swing),),
}
_LIMB: dict[str, tuple[Part, ...]] = {
    "wave": (Part(5, 2, 140, _held), Part(6, 2, 30, _swing)),
    "kick": (Part(13, 0, -60, _lift), Part(14, 0, 25, _lift)),
    "punch": (Part(5, 0, -80, _lift), Part(6, 0, -40, _quarter)),
    "lift arm aside": (Part(5, 2, 90, _lift),),
}
_HAND: dict[str, tuple[Part, ...]] = {
    "curl finger": (Part(21, 0, -100, _lift),),
    "turn thumb": (Part(22, 1, 80, _swing),),
    "flick wrist": (Part(7, 2, 45, _swing),),
    "pinch": (Part(21, 0, -60, _lift), Part(22, 0, 50, _lift)),
}


def _right(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """The same motion with the other side of the body: turns about two axes change sense."""
    return tuple(
        Part(MIRROR[p.joint], p.axis, p.much if p.axis == 0 else -p.much, p.curve) for p in parts
    )


def _sides(motions: dict[str, tuple[Part, ...]]) -> dict[str, tuple[Part, ...]]:
    """Every motion to the left and to the right."""
    both = {f"{name}, left": parts for name, parts in motions.items()}
    return both | {f"{name}, right": _right(parts) for name, parts in motions.items()}


#: What each motion moves, and how finely one has to look: 0 whole body, 1 limb, 2 hand.
MOTIONS = _WHOLE | _sides(_LIMB) | _sides(_HAND)
LEVELS = dict(zip(MOTIONS, [0] * 8 + [1] * 8 + [2] * 8, strict=True))
#: Bones that sway in every clip: upper arms, forearms, thighs, spine.
_SWAYING = (5, 6, 9, 10, 13, 17, 1)


@dataclass(frozen=True)
class Skeletons:
    """Clips of moving people with what made them.

    Attributes:
        x: float32 (N, 3, 25, T), positions in metres, multiples of 1/16384, from the spine joint
            of the first frame (which noise moves, too): first to the left of a person who faces
            the camera, then up, then towards the camera.
        motion: int64 (N,), position in `MOTIONS`.
        person: int64 (N,), number of the person.
    """

    x: np.ndarray
    motion: np.ndarray
    person: np.ndarray


def skeletons(
    people: int = 20,
    repeats: int = 2,
    frames: int = 20,
    seed: int = 0,
    *,
    first: int = 0,
    yaw: int = 45,
    sway: float = 6.0,
    noise: float = 0.006,
) -> Skeletons:
    """Many people, each of whom does all 24 motions: synthetic clips of 25 joints.

    Person `k` of a seed and their clips are the same whatever else is drawn, so `first` gives
    people who are certainly others: `skeletons(10, first=20)` shares nobody with `skeletons(20)`.
    A person has a height of 85 to 110 % of the mean and bones of 90 to 110 % of their share. A clip
    has a tempo of 1.2 to 2.2 cycles, any phase, a strength of 80 to 120 %, arms bent by 10 to 60
    degrees at the elbow, and a direction that is uniform over `yaw` to either side. Spine, arms and
    thighs sway slowly. Motions come in three levels, `LEVELS`: eight move the whole body, eight a
    limb, and eight only a hand, finger or thumb, each of these to the left and to the right.

    Args:
        people: number of people, 1 or more.
        repeats: clips of each motion by each person, 1 or more.
        frames: frames of a clip, 2 or more, evenly spaced.
        seed: chooses people and clips, 0 or more.
        first: number of the first person, 0 or more.
        yaw: largest turn of the person away from the camera in whole degrees, 0 to 180.
        sway: largest amplitude of the sway in degrees, 0 to 30.
        noise: standard deviation in metres of each coordinate in each frame, nearly normal (a sum
            of four uniform numbers), 0 to 0.1.

    Returns:
        `people * 24 * repeats` clips, ordered by person, then motion.

    Raises:
        ValueError: an argument outside the ranges above.

    Source:
        Joints and their order: Shahroudy et al., "NTU RGB+D", CVPR 2016. No clip is recorded.
    """
    _check(people, repeats, frames, seed, first, yaw, sway, noise)
    motion = np.repeat(np.arange(len(MOTIONS)), repeats)
    numbers = range(first, first + people)
    x = np.concatenate([_person(seed, k, motion, frames, yaw, sway, noise) for k in numbers])
    return Skeletons(x, np.tile(motion, people), np.repeat(numbers, len(motion)))


def _person(
    seed: int, person: int, motion: np.ndarray, frames: int, yaw: int, sway: float, noise: float
) -> np.ndarray:
    """All clips of a person, (C, 3, 25, T); every random number is an integer at first."""
    rng = np.random.default_rng([seed, person])
    height, share = rng.integers(850, 1101) / 1000, rng.integers(90, 111, 25) / 100
    for left, right in MIRROR.items():
        share[right] = share[left]
    rng = np.random.default_rng([seed, person, 1])
    clips, time = len(motion), np.arange(frames) / (frames - 1)
    tempo, start = rng.integers(1200, 2201, clips) / 1000, rng.integers(3600, size=clips)
    phase = np.rint(start[:, None] + 3600 * tempo[:, None] * time).astype(np.int64)
    strength = rng.integers(800, 1201, clips)[:, None] / 1000
    turn = np.zeros((clips, frames, 25, 3))  # degrees, bone by bone
    place = np.zeros((clips, frames, 3))  # metres, of the hips
    turn[:, :, [6, 10], 0] -= rng.integers(10, 61, (clips, 1, 2))
    slow = np.rint(
        rng.integers(3600, size=(clips, len(_SWAYING)))[:, None]
        + 3600 * rng.integers(300, 701, (clips, 1, len(_SWAYING))) / 1000 * time[:, None]
    ).astype(np.int64)
    amplitude = sway * rng.integers(1001, size=(clips, 1, len(_SWAYING))) / 1000
    turn[:, :, list(_SWAYING), 0] += amplitude * _swing(slow)
    for number, parts in enumerate(MOTIONS.values()):
        here = motion == number
        for part in parts:
            change = part.much * strength[here] * part.curve(phase[here])
            if part.joint is None:
                place[here, :, part.axis] += height * change
            else:
                turn[here, :, part.joint, part.axis] += change
    turn[:, :, 0, 1] = rng.integers(-10 * yaw, 10 * yaw + 1, (clips, 1)) / 10
    at = _positions(turn, place, height * share)
    at = np.rint((at - at[:, :1, 1:2]) * STEP)
    if noise:
        wide = int(np.rint(noise * STEP * 0.75**0.5))
        at += (
            np.random.default_rng([seed, person, 2])
            .integers(-wide, wide + 1, (4, *at.shape))
            .sum(0)
        )
    return (at / STEP).astype(np.float32).transpose(0, 3, 2, 1)


def _positions(turn: np.ndarray, place: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Turns (C, T, 25, 3) in degrees, hips (C, T, 3), bones' lengths (25,) -> (C, T, 25, 3)."""
    tenths = np.rint(10 * turn).astype(np.int64) % 3600
    frame: dict[int, np.ndarray] = {}
    at = np.zeros(turn.shape)
    for joint in sorted(range(25), key=_depth):
        own = _product(*(_about(axis, tenths[:, :, joint, axis]) for axis in (1, 2, 0)))
        offset = length[joint] * np.array(BONES[joint])
        if joint == 0:
            frame[0] = own
            at[:, :, 0] = _product(own, (offset + place)[..., None])[..., 0]
        else:
            parent = PARENTS[joint]
            frame[joint] = _product(frame[parent], own)
            bone = np.broadcast_to(offset[:, None], (*own.shape[:2], 3, 1))
            at[:, :, joint] = at[:, :, parent] + _product(frame[joint], bone)[..., 0]
    return at


def _depth(joint: int) -> int:
    """How many bones lie between a joint and the hips."""
    return 0 if joint == 0 else 1 + _depth(PARENTS[joint])


def _about(axis: int, tenths: np.ndarray) -> np.ndarray:
    """Matrices (..., 3, 3) of turns about an axis, by tenths of a degree, counter-clockwise."""
    a, b = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.zeros((*tenths.shape, 3, 3))
    matrix[..., axis, axis] = 1
    matrix[..., a, a] = matrix[..., b, b] = _COS[tenths]
    matrix[..., b, a], matrix[..., a, b] = _SIN[tenths], -_SIN[tenths]
    return matrix


def _product(first: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """Matrix products (..., 3, 3) by (..., 3, n), summed in one order on every machine."""
    for other in others:
        columns = [first[..., k, None] * other[..., k, None, :] for k in range(3)]
        first = columns[0] + columns[1] + columns[2]
    return first


def _check(
    people: int,
    repeats: int,
    frames: int,
    seed: int,
    first: int,
    yaw: int,
    sway: float,
    noise: float,
) -> None:
    """Complain about arguments of `skeletons`."""
    rules = {
        f"people and repeats must be 1 or more, got {people}, {repeats}": min(people, repeats) >= 1,
        f"frames must be 2 or more, got {frames}": frames >= 2,
        f"seed and first must be 0 or more, got {seed}, {first}": min(seed, first) >= 0,
        f"yaw must be a whole number of degrees from 0 to 180, got {yaw}": (
            int(yaw) == yaw and 0 <= yaw <= 180
        ),
        f"sway must be from 0 to 30 degrees, got {sway}": 0 <= sway <= 30,
        f"noise must be from 0 to 0.1 metres, got {noise}": 0 <= noise <= 0.1,
    }
    require("skeletons", rules)
