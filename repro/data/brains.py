"""Brains that age: synthetic slices from real tissue maps, with a known age and a known truth.

Grey and white matter are those of the MNI152 template, an average of 152 real heads. Everything
that happens to them is made up and written down below: nobody was scanned. A subject is a list of
numbers (`anatomy`); `intensities` turns numbers into slices without noise, so that whoever knows
the generator can compute how well age can be estimated at best (`best_error`).

Random numbers are integers at first, and the rest are sums and products of single numbers, which
every machine rounds alike; intensities are rounded to integers. So subjects are the same, byte for
byte, everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from repro.data.arguments import require
from repro.data.packages import packaged

#: Range of ages in years, and tissue intensities: fluid, grey matter, white matter.
YOUNGEST, OLDEST = 20, 90
FLUID, GREY, WHITE = 250.0, 650.0, 1000.0
#: Heights of the axial slices in millimetres of MNI space, and the centre that fluid opens around.
HEIGHTS = (0, 20, 40)
CENTRE, REACH = np.array([0.0, -18.0, 16.0]), np.array([48.0, 62.0, 48.0])
#: Standard deviations of what differs between subjects; age and sex have other distributions.
SPREAD = {
    "ventricles": 0.02, "cortex": 0.02, "white": 0.01, "gain": 0.05,
    **{f"size {axis}": 0.02 for axis in "xyz"},
    **{f"shift {axis}": 1.0 for axis in "xyz"},
    **{f"turn {axis}": 0.015 for axis in "xyz"},
    **{f"bend {k} {axis}": 1.5 for axis in "xyz" for k in range(6)},
}  # fmt: skip
#: Positions of the numbers that make a subject: structural age first, then sex, then `SPREAD`.
NAMES = ("structural age", "sex", *SPREAD)
MEN = 0.03  # how much larger heads of men are than those of women, each way
CHUNK = 64  # subjects at a time


@dataclass(frozen=True)
class Brains:
    """Synthetic subjects with what made them.

    Attributes:
        x: int16 (N, 3, H, W), axial slices at `HEIGHTS`, 0 outside the brain; columns run from left
            to right, rows from front to back.
        age: float64 (N,), years since birth, whole tenths.
        sex: int64 (N,), 0 for women and 1 for men.
        anatomy: float64 (N, P), the numbers that made the slices, as `NAMES` lists them; the first
            is the age that the brain looks like.
    """

    x: np.ndarray
    age: np.ndarray
    sex: np.ndarray
    anatomy: np.ndarray


def brains(
    people: int,
    seed: int = 0,
    *,
    first: int = 0,
    ahead: float = 0.0,
    offset: float = 2.0,
    noise: float = 40.0,
    step: int = 8,
) -> Brains:
    """Synthetic brain slices of people of 20 to 90 years, with the age that each looks like.

    Age is uniform. The brain looks `ahead` years older, and by an individual `offset` besides: the
    part of the error that no method can avoid. With the age it looks like, spaces around the
    ventricles open, by up to 30 %, more and more quickly; cortical grey matter fades by up to 30 %,
    white matter late, by up to 15 %. Subjects also differ in each of these, in size, position and
    direction of the head, in smooth distortions and in the scanner's gain (`SPREAD`).

    Person `k` of a seed is the same whatever else is drawn, so `first` gives people who are
    certainly others, and `ahead` makes patients of the same people.

    Args:
        people: number of people, 1 or more.
        seed: chooses them, 0 or more.
        first: number of the first person, 0 or more.
        ahead: years that everybody's brain looks older than it is, -20 to 20.
        offset: standard deviation of the individual offset in years, 0 to 10.
        noise: standard deviation of each pixel's noise inside the brain, 0 to 200, where white
            matter has 1000.
        step: edge of a pixel in millimetres, 2, 4 or 8.

    Returns:
        `people` subjects in order; 24 x 20 pixels for `step` 8.

    Raises:
        ValueError: an argument outside the ranges above.
        FileNotFoundError: nilearn, whose wheel carries the tissue maps, is not installed.

    Source:
        Tissue maps `mni_icbm152_{gm,wm}_tal_nlin_sym_09a` (Fonov et al., NeuroImage 54:313-327,
        2011), as nilearn ships them (BSD 3-clause; maps: free use with their notice).
    """
    _check(people, seed, first, ahead, offset, noise, step)
    drawn = [_person(seed, k) for k in range(first, first + people)]
    age, sex, z = (np.array(column) for column in zip(*drawn, strict=True))
    looks = age + ahead + offset * z[:, 0]
    anatomy = np.column_stack([looks, sex, z[:, 1:] * list(SPREAD.values())])
    x = np.rint(intensities(anatomy, step))
    if noise:
        inside = x > 0
        for k in range(people):
            rng = np.random.default_rng([seed, first + k, 1])
            x[k] += inside[k] * np.rint(noise * _normal(rng, x.shape[1:]))
        x = np.where(inside, np.maximum(x, 1), 0)
    return Brains(x.astype(np.int16), age, sex, anatomy)


def intensities(anatomy: np.ndarray, step: int = 8) -> np.ndarray:
    """Slices without noise of subjects that are given as numbers.

    Args:
        anatomy: (N, P), as in `Brains`.
        step: edge of a pixel in millimetres, 2, 4 or 8.

    Returns:
        float64 (N, 3, H, W), 0 outside the brain, not rounded.

    Raises:
        ValueError: another shape or step.
    """
    anatomy = np.asarray(anatomy, dtype=np.float64)
    rules = {
        f"expected anatomy (N, {len(NAMES)}), got {anatomy.shape}": (
            anatomy.ndim == 2 and anatomy.shape[1] == len(NAMES)
        ),
        f"step must be 2, 4 or 8 millimetres, got {step}": step in (2, 4, 8),
    }
    require("intensities", rules)
    points, shape = _points(step)
    parts = [
        _slices(part, points, step) for part in np.split(anatomy, range(CHUNK, len(anatomy), CHUNK))
    ]
    return np.concatenate(parts).reshape(-1, *shape)


def best_error(anatomy: np.ndarray, *, offset: float = 2.0, noise: float = 40.0) -> np.ndarray:
    """How far from the age even an estimate that knows the generator is, subject by subject.

    The slices are linear in small changes of the numbers that make a subject, so for normal noise
    and normal numbers the posterior of the structural age is normal, with a variance that follows
    from the derivatives (Laplace's approximation at the truth). The offset is independent of the
    slices. Edges of the brain and of the range of ages are left out.

    Args:
        anatomy: (N, P), as in `Brains`.
        offset: as for `brains`.
        noise: as for `brains`.

    Returns:
        (N,) standard deviations in years; sqrt(2 / pi) times one is the mean absolute error.
    """
    anatomy = np.asarray(anatomy, dtype=np.float64)
    kept = [k for k, name in enumerate(NAMES) if name != "sex"]  # which is known
    small = np.array([0.1, *(0.01 * s for s in SPREAD.values())])
    prior = np.array([35.0, *SPREAD.values()])
    pairs = np.repeat(anatomy[:, None], 2 * len(kept), axis=1)
    for n, k in enumerate(kept):
        pairs[:, 2 * n : 2 * n + 2, k] += small[n] * np.array([-1, 1])
    images = intensities(pairs.reshape(-1, len(NAMES)))
    images = images.reshape(len(anatomy), len(kept), 2, -1)
    inside = (images > 0).all(axis=(1, 2), keepdims=True)[:, :, 0]
    slopes = np.where(inside, images[:, :, 1] - images[:, :, 0], 0) / (2 * small[:, None])
    J = slopes * prior[:, None]  # in standard deviations, which keeps the inverse accurate
    information = J @ np.swapaxes(J, 1, 2) / noise**2 + np.eye(len(kept))
    return np.sqrt(prior[0] ** 2 * np.linalg.inv(information)[:, 0, 0] + offset**2)


@cache
def _maps(block: int) -> tuple[np.ndarray, np.ndarray]:
    """White matter, grey and fluid in shares 0..1 (3, X, Y, Z) in blocks, and the first centre."""
    import nibabel
    from scipy import ndimage

    name = "datasets/data/mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"
    images = [nibabel.load(packaged("nilearn", name.format(kind))) for kind in ("wm", "gm")]
    white, grey = (np.asarray(image.dataobj).astype(np.int64) for image in images)
    tissue = ndimage.binary_closing(np.pad(white + grey > 127, 8), iterations=6)[8:-8, 8:-8, 8:-8]
    fluid = np.where(ndimage.binary_fill_holes(tissue), np.maximum(255 - white - grey, 0), 0)
    size = [n // block * block for n in white.shape]
    blocks = [
        a[: size[0], : size[1], : size[2]]
        .reshape(size[0] // block, block, size[1] // block, block, size[2] // block, block)
        .sum((1, 3, 5))
        / (255 * block**3)
        for a in (white, grey, fluid)
    ]
    return np.stack(blocks, axis=-1), images[0].affine[:3, 3] + (block - 1) / 2


@cache
def _points(step: int) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Centres of all pixels (V, 3) in millimetres, and the shape (3, H, W)."""
    y, x = (np.arange(half - step / 2, -half, -step) for half in (96, 80))
    grid = np.meshgrid(np.array(HEIGHTS, dtype=float), y - 16, -x, indexing="ij")
    return np.stack(grid[::-1], axis=-1).reshape(-1, 3), (len(HEIGHTS), len(y), len(x))


def _slices(anatomy: np.ndarray, points: np.ndarray, step: int) -> np.ndarray:
    """Noise-free intensities (N, V) at points (V, 3)."""
    named = dict(zip(NAMES, anatomy.T[:, :, None], strict=True))
    t = (named["structural age"] - YOUNGEST) / (OLDEST - YOUNGEST)
    at = _moved(named, points)
    u = [(at[k] - CENTRE[k]) / REACH[k] for k in range(3)]
    bump = np.maximum(1 - (u[0] * u[0] + u[1] * u[1] + u[2] * u[2]), 0)
    opening = 0.3 * (0.4 * t + 0.6 * t * t) + named["ventricles"]
    inward = 1 - opening * (bump * bump)
    at = [CENTRE[k] + (at[k] - CENTRE[k]) * inward for k in range(3)]
    white, grey, fluid = _sampled(at, step // 2)
    late = np.maximum(t - 0.4, 0)
    fade, dull = 0.3 * t + named["cortex"], 0.4 * late * late + named["white"]
    signal = WHITE * white * (1 - dull) + GREY * grey * (1 - fade) + FLUID * (fluid + grey * fade)
    return (1 + named["gain"]) * np.where(white + grey + fluid > 0.5, signal, 0)


def _moved(named: dict[str, np.ndarray], points: np.ndarray) -> list[np.ndarray]:
    """Where in the template each subject's points lie, three times (N, V)."""
    x, y, z = (points[:, k] for k in range(3))
    u = [x / 80, (y + 16) / 96, (z - 20) / 60]
    square = [u[0] * u[0], u[0] * u[1], u[0] * u[2], u[1] * u[1], u[1] * u[2], u[2] * u[2]]
    turn = [named[f"turn {axis}"] for axis in "xyz"]
    turned = [  # small angles, to first order
        x + turn[1] * (z - 20) - turn[2] * (y + 16),
        y + turn[2] * x - turn[0] * (z - 20),
        z + turn[0] * (y + 16) - turn[1] * x,
    ]
    sizes = [1 - named[f"size {axis}"] - MEN * (named["sex"] - 0.5) for axis in "xyz"]
    at = []
    for k, axis in enumerate("xyz"):
        here = turned[k] * sizes[k] + named[f"shift {axis}"]
        for n, mode in enumerate(square):
            here = here + named[f"bend {n} {axis}"] * mode
        at.append(here)
    return at


def _sampled(at: list[np.ndarray], block: int) -> tuple[np.ndarray, ...]:
    """Shares of white, grey and fluid (N, V) at points, interpolated linearly."""
    maps, origin = _maps(block)
    base, part = [], []
    for k in range(3):
        place = np.clip((at[k] - origin[k]) / block, 0, maps.shape[k] - 1.001)
        base.append(place.astype(np.int64))
        part.append(place - base[k])
    total = np.zeros((*at[0].shape, 3))
    for corner in np.ndindex(2, 2, 2):
        weight = 1.0
        for k in range(3):
            weight = weight * (part[k] if corner[k] else 1 - part[k])
        index = tuple(base[k] + corner[k] for k in range(3))
        total += weight[..., None] * maps[index]
    return total[..., 0], total[..., 1], total[..., 2]


def _person(seed: int, person: int) -> tuple[float, int, np.ndarray]:
    """Age, sex and standard normal numbers: of the offset, then of `SPREAD`."""
    rng = np.random.default_rng([seed, person])
    age = rng.integers(10 * YOUNGEST, 10 * OLDEST + 1) / 10
    return age, int(rng.integers(2)), _normal(rng, (1 + len(SPREAD),))


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Nearly normal numbers of variance 1, from sums of four whole ones."""
    return rng.integers(-1000, 1001, (4, *shape)).sum(0) / 1155.0


def _check(
    people: int, seed: int, first: int, ahead: float, offset: float, noise: float, step: int
) -> None:
    """Complain about arguments of `brains`."""
    rules = {
        f"people must be 1 or more, got {people}": people >= 1,
        f"seed and first must be 0 or more, got {seed}, {first}": min(seed, first) >= 0,
        f"ahead must be from -20 to 20 years, got {ahead}": -20 <= ahead <= 20,
        f"offset must be from 0 to 10 years, got {offset}": 0 <= offset <= 10,
        f"noise must be from 0 to 200, got {noise}": 0 <= noise <= 200,
        f"step must be 2, 4 or 8 millimetres, got {step}": step in (2, 4, 8),
    }
    require("brains", rules)
