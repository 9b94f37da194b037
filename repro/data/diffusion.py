"""Signals of q-space: real voxels of a human brain, and synthetic ones with known fibres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from repro.data.packages import packaged

B_ZERO = 50.0  # s/mm^2; below it a volume counts as not diffusion-weighted
ENDINGS = ("nii", "bval", "bvec")  # voxels, b-values, directions


@dataclass(frozen=True)
class Hardi:
    """Voxels measured along many directions of one shell of q-space.

    Attributes:
        signal: float64 (X, Y, Z, Q), diffusion-weighted intensities, arbitrary scanner units.
        s0: float64 (X, Y, Z), intensities without diffusion weighting, same units.
        b: float64 (Q,), diffusion weighting in s/mm^2.
        u: float64 (Q, 3), gradient directions, unit vectors; u and -u measure the same.
    """

    signal: np.ndarray
    s0: np.ndarray
    b: np.ndarray
    u: np.ndarray


def hardi_voxels() -> Hardi:
    """A block of 10 x 10 x 10 real brain voxels of 2 mm, along 64 directions at b = 1000 s/mm^2.

    One volume without diffusion weighting, 64 with b between 986 and 1003 s/mm^2. Nothing is
    synthetic, nothing is processed beyond bringing the directions to unit length.

    Returns:
        signal (10, 10, 10, 64), s0 (10, 10, 10), b (64,), u (64, 3). Some intensities in dark
        voxels are small; all of `s0` are positive.

    Raises:
        FileNotFoundError: DIPY is not installed, or its wheel lacks the files.
        ValueError: a file is not what this version of DIPY ships.

    Source:
        `small_64D` in the wheel of DIPY (E. Garyfallidis et al., Dipy, a library for the analysis
        of diffusion MRI data, Frontiers in Neuroinformatics 8:8, 2014), BSD 3-clause.
    """
    import nibabel

    image, values, vectors = (packaged("dipy", f"data/files/small_64D.{end}") for end in ENDINGS)
    try:
        volumes = np.asarray(nibabel.load(image).dataobj, dtype=np.float64)
        b, u = np.loadtxt(values), np.loadtxt(vectors)
    except (nibabel.filebasedimages.ImageFileError, OSError, EOFError, ValueError) as error:
        raise ValueError(
            f"{image} or its tables cannot be read ({error}): reinstall dipy"
        ) from error
    if volumes.ndim != 4 or b.shape != volumes.shape[-1:] or u.shape != (len(b), 3):
        raise ValueError(
            f"{image}: expected voxels (X, Y, Z, Q), b-values (Q,) and directions (Q, 3), got "
            f"{volumes.shape}, {b.shape} and {u.shape}: reinstall dipy at the pinned version"
        )
    weighted = b > B_ZERO
    u = u[weighted] / np.linalg.norm(u[weighted], axis=1, keepdims=True)
    return Hardi(volumes[..., weighted], volumes[..., ~weighted].mean(axis=-1), b[weighted], u)


def crossing_fibres(
    u: np.ndarray, b: float, rotations: np.ndarray, angle: float = 60.0
) -> np.ndarray:
    """Synthetic, noise-free signals of two fibres that cross, in every orientation.

    Two tensors with eigenvalues (1.7, 0.2, 0.2) 1e-3 mm^2/s and equal shares. Before rotation
    the fibres lie in the x-y plane, `angle` / 2 to both sides of the x axis: the ground truth.

    Args:
        u: (Q, 3), gradient directions, unit vectors.
        b: diffusion weighting in s/mm^2, 0 or more.
        rotations: (N, 3, 3), rotation matrices applied to the fibres.
        angle: between the fibres, degrees.

    Returns:
        float64 (N, Q), the signal divided by the one without diffusion weighting, in (0, 1].

    Raises:
        ValueError: an array of another shape, directions that are not unit vectors, a negative
            `b`, or an angle that is not finite.

    Source:
        J. Cheng et al., IEEE Transactions on Medical Imaging 37:185-199, 2018, section IV-C.
    """
    shapes = np.ndim(u) == 2 and np.shape(u)[1] == 3 and np.shape(rotations)[1:] == (3, 3)
    if not shapes or not b >= 0 or not np.isfinite(angle):
        raise ValueError(
            "crossing_fibres: expected u (Q, 3), rotations (N, 3, 3), b >= 0 and a finite angle, "
            f"got {np.shape(u)}, {np.shape(rotations)}, {b} and {angle}"
        )
    length = np.linalg.norm(u, axis=1)
    if not (np.abs(length - 1) < 1e-6).all():
        raise ValueError(
            "crossing_fibres: expected unit vectors u, got lengths "
            f"{length.min():g} to {length.max():g}; divide each by its length"
        )
    half = np.radians(angle) / 2
    fibres = [np.array([np.cos(half), sign * np.sin(half), 0]) for sign in (1, -1)]
    along = [((rotations @ fibre) @ np.transpose(u)) ** 2 for fibre in fibres]
    return sum(np.exp(-b * (0.2e-3 + 1.5e-3 * c)) / 2 for c in along)
