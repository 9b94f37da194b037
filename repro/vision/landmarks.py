"""How far landmarks are from the truth, in units of the face: the normalized mean error."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def normalised_errors(
    found: ArrayLike, truth: ArrayLike, left: int = 36, right: int = 45
) -> np.ndarray:
    """Mean distance of the landmarks of each face, over the distance of two true ones.

    With the outer corners of the eyes, the default for 68 landmarks in the iBUG order, this is
    the inter-ocular error of WFLW, 300W and COFW; its mean over faces is the NME.

    Args:
        found: (N, K, 2) predicted landmarks, in any unit.
        truth: (N, K, 2) true landmarks in the same unit.
        left: number of the first landmark of the norm.
        right: number of the second.

    Returns:
        (N,) errors, float64; 0.04 is usually written as 4 %.

    Raises:
        ValueError: shapes that do not fit, numbers that name no two landmarks, NaN or infinite
            values, or a face whose two landmarks coincide.
    """
    found, truth = np.asarray(found, np.float64), np.asarray(truth, np.float64)
    if found.shape != truth.shape or truth.ndim != 3 or truth.shape[2] != 2 or not truth.size:
        raise ValueError(
            "normalised_errors: found and truth: (N, K, 2), one face and one landmark or more, "
            f"got {found.shape} and {truth.shape}"
        )
    last = truth.shape[1] - 1
    if not (0 <= left <= last and 0 <= right <= last) or left == right:
        raise ValueError(
            f"normalised_errors: left and right: two landmarks of 0 to {last}, "
            f"got {left} and {right}"
        )
    if not (np.isfinite(found).all() and np.isfinite(truth).all()):
        raise ValueError("normalised_errors: landmarks must be finite; some are NaN or infinite")
    width = np.linalg.norm(truth[:, left] - truth[:, right], axis=1)
    if not width.all():
        raise ValueError(
            f"normalised_errors: landmarks {left} and {right} of face {int(width.argmin())} "
            "coincide, so there is no unit"
        )
    return np.linalg.norm(found - truth, axis=2).mean(axis=1) / width
