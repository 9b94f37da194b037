"""Fibre directions from signals on several shells, by joint constrained deconvolution."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from repro.diffusion.directions import lines, tessellation

DEGREE = 8  # of the fibre distribution, 45 coefficients
EIGENVALUES = (1.7e-3, 0.2e-3)  # along and across one fibre, mm^2/s
PENALTY = 10.0  # weight of a negative direction against the signal
ROUNDS = 50
STEP = 4.0  # first step of the search for a peak, degrees


def harmonics(u: np.ndarray, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Real spherical harmonics of even degree.

    Args:
        u: (K, 3), unit vectors.
        degree: the largest, even, 0 or more.

    Returns:
        Values (K, n) and the degree (n,) of each column, n = (degree + 1) (degree + 2) / 2.

    Raises:
        ValueError: `u` does not hold unit vectors, or `degree` is odd or negative.
    """
    from dipy.reconst.shm import real_sh_descoteaux

    u = lines("harmonics", u)
    if degree < 0 or degree % 2:
        raise ValueError(f"harmonics: expected an even degree of 0 or more, got {degree}")
    polar, azimuth = np.arccos(np.clip(u[:, 2], -1, 1)), np.arctan2(u[:, 1], u[:, 0])
    values, _, degrees = real_sh_descoteaux(degree, polar, azimuth, legacy=False)
    return values, degrees


def response(b: float, degree: int) -> np.ndarray:
    """Factors by which the signal of one fibre multiplies each even degree (Funk and Hecke).

    Args:
        b: diffusion weighting in s/mm^2.
        degree: the largest, even.

    Returns:
        (degree / 2 + 1,), of the degrees 0, 2, ...
    """
    from scipy.special import eval_legendre

    t, weight = np.polynomial.legendre.leggauss(100)  # cosine of the angle to the fibre
    along, across = EIGENVALUES
    signal = weight * np.exp(-b * (across + (along - across) * t * t))
    return np.array([2 * np.pi * signal @ eval_legendre(n, t) for n in range(0, degree + 1, 2)])


def fibre_distributions(
    shells: Sequence[np.ndarray], b: Sequence[float], signals: Sequence[np.ndarray]
) -> np.ndarray:
    """Fibre distributions of degree 8 that fit all shells and are nowhere negative.

    Least squares over all samples; directions where the distribution is negative are penalized,
    until they are the same twice.

    Args:
        shells: (K_s, 3) each, unit vectors.
        b: diffusion weighting of each shell, s/mm^2.
        signals: (V, K_s) each, the signal divided by the one without diffusion weighting.

    Returns:
        (V, 45), coefficients of `harmonics(..., 8)`.

    Raises:
        ValueError: not one b and one array of matching shape for each shell, or fewer samples
            than coefficients.
    """
    shapes = [np.shape(s)[1:] == (len(u),) for s, u in zip(signals, shells, strict=False)]
    if not len(shells) == len(b) == len(signals) or not all(shapes):
        raise ValueError(
            "fibre_distributions: expected one b and signals (V, K_s) for each shell (K_s, 3), got "
            f"{len(b)} b, signals {[np.shape(s) for s in signals]}, "
            f"shells {[np.shape(u) for u in shells]}"
        )
    parts = []
    for u, weighting in zip(shells, b, strict=True):
        values, degrees = harmonics(u, DEGREE)
        parts.append(values * response(weighting, DEGREE)[degrees // 2])
    A, s = np.concatenate(parts), np.concatenate(signals, axis=1)
    if len(A) < A.shape[1]:
        raise ValueError(
            f"fibre_distributions: expected {A.shape[1]} samples or more, one for each "
            f"coefficient, got {len(A)}"
        )
    G = harmonics(tessellation(4), DEGREE)[0]
    weight = PENALTY * (A * A).sum() / (G * G).sum()
    f, before = s @ np.linalg.pinv(A).T, None
    for _ in range(ROUNDS):
        negative = f @ G.T < 0
        if before is not None and np.array_equal(negative, before):
            break
        before = negative
        push = np.einsum("vg,gi,gj->vij", negative.astype(float), G, G, optimize=True)
        f = np.linalg.solve(A.T @ A + weight * push, (s @ A)[..., None])[..., 0]
    return f


def nearest_peaks(f: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Peaks of fibre distributions, climbed to from given directions.

    Args:
        f: (V, 45), coefficients of `harmonics(..., 8)`.
        start: (V, 3), unit vectors.

    Returns:
        (V, 3), unit vectors, to within a hundredth of a degree.

    Raises:
        ValueError: not one unit vector for each distribution.
    """
    p = lines("nearest_peaks", start).copy()
    if len(p) != len(f):
        raise ValueError(
            f"nearest_peaks: expected one start for each of {len(f)} distributions, got {len(p)}"
        )
    step = np.full((len(p), 1), np.radians(STEP))
    while step.max() > np.radians(0.01):
        helper = np.where(np.abs(p[:, 2:]) < 0.9, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]])
        e = np.cross(p, helper)
        e /= np.linalg.norm(e, axis=1, keepdims=True)
        ring = [np.cos(a) * e + np.sin(a) * np.cross(p, e) for a in np.arange(8) * np.pi / 4]
        tried = np.stack([p, *(p + step * side for side in ring)])
        tried /= np.linalg.norm(tried, axis=2, keepdims=True)
        values = harmonics(tried.reshape(-1, 3), DEGREE)[0].reshape(9, len(p), -1)
        best = np.einsum("kvn,vn->kv", values, f).argmax(axis=0)
        p = tried[best, np.arange(len(p))]
        step[best == 0] /= 2
    return p
