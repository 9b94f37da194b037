"""Lines that repel each other like charges: the usual way to spread or choose directions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from repro.diffusion.directions import lines

#: Lines closer than this many radians are the same line.
SAME = 1e-6


def electrostatic(
    K: Sequence[int], *, p: float = 2.0, alpha: float = 0.5, starts: int = 5
) -> list[np.ndarray]:
    """Lines of least Riesz energy on one shell (EEM) or on several (GEEM).

    The energy of a set of K lines is the sum over pairs of |u - v|^-p + |u + v|^-p. Several
    shells: alpha times the mean over shells of E_s / K_s^2, plus (1 - alpha) times E / K^2 of
    all lines together. The logarithm is minimized with L-BFGS from random starts (seeds 0, 1,
    ...), and the lowest result is kept, so another machine may end in another local minimum.

    Args:
        K: number of lines on each shell, one or more shells, 2 or more lines in all.
        p: exponent of the energy, positive; 2 is that of EEM, and for large p the lines
            maximize their smallest angle.
        alpha: weight of the single shells, 0 to 1; below 1 if no shell has two lines.
        starts: number of random starts, 1 or more.

    Returns:
        One array (K_s, 3) of unit vectors a shell.

    Raises:
        ValueError: an argument lies outside these ranges.

    Source:
        D. K. Jones et al., Magnetic Resonance in Medicine 42:515-525, 1999 (one shell);
        E. Caruyer et al., Magnetic Resonance in Medicine 69:1534-1540, 2013, eq. 3 (several).
    """
    from scipy.optimize import minimize

    K = np.atleast_1d(np.asarray(K))
    if K.ndim != 1 or K.dtype.kind not in "iu" or K.min(initial=1) < 1 or K.sum() < 2:
        raise ValueError(
            "electrostatic: K must be numbers of lines, one for each shell, 1 or more each and 2 "
            f"or more in all, got {K.tolist()}"
        )
    if not (0 < p < math.inf and 0 <= alpha <= 1 and starts >= 1):
        raise ValueError(
            "electrostatic: expected p > 0, 0 <= alpha <= 1 and starts >= 1, "
            f"got p={p}, alpha={alpha}, starts={starts}"
        )
    if alpha == 1 and K.max() == 1:
        raise ValueError(
            "electrostatic: with alpha = 1 only lines of one shell repel each other, and no shell "
            f"of {K.tolist()} has two"
        )
    shell = np.repeat(np.arange(len(K)), K)
    inside = (shell[:, None] == shell) / K.astype(float)[shell] ** 2
    weight = alpha / len(K) * inside + (1 - alpha) / K.sum() ** 2
    options = {"maxiter": 2000, "maxfun": 5000, "ftol": 1e-13, "gtol": 1e-9}
    found = [
        minimize(log_energy, z, args=(weight, p), jac=True, method="L-BFGS-B", options=options)
        for z in (np.random.default_rng(s).standard_normal(3 * K.sum()) for s in range(starts))
    ]
    u = min(found, key=lambda result: result.fun).x.reshape(-1, 3)
    return np.split(u / np.linalg.norm(u, axis=1, keepdims=True), np.cumsum(K)[:-1])


def log_energy(z: np.ndarray, weight: np.ndarray, p: float) -> tuple[float, np.ndarray]:
    """Logarithm of a weighted Riesz energy of lines, and its gradient.

    Args:
        z: (3K,), K vectors of any length but zero; only their directions count.
        weight: (K, K), symmetric weights of the pairs.
        p: exponent, positive.

    Returns:
        The logarithm and its gradient (3K,) with respect to `z`.

    Raises:
        ValueError: a vector is zero or not finite, two lines are the same, or none repel.
    """
    v = z.reshape(-1, 3)
    r = np.linalg.norm(v, axis=1, keepdims=True)
    if not (np.isfinite(r) & (r > 0)).all():
        raise ValueError("log_energy: expected finite vectors of any length but zero")
    u = v / r
    minus, plus = 2 - 2 * u @ u.T, 2 + 2 * u @ u.T  # squared distances
    apart = (weight == 0) | np.eye(len(u), dtype=bool)  # pairs that do not repel each other
    minus[apart] = plus[apart] = np.inf
    least = min(minus.min(), plus.min())  # taken out, so that no power overflows
    if not SAME**2 < least < np.inf:
        raise ValueError(
            "log_energy: expected two or more lines that repel each other, all of them different; "
            f"the smallest squared distance is {least:g}"
        )
    e_minus, e_plus = (weight * (d / least) ** (-p / 2) for d in (minus, plus))
    total = (e_minus + e_plus).sum() / 2
    slope = p * (e_minus / minus - e_plus / plus) @ u / total
    tangent = (slope - (slope * u).sum(axis=1, keepdims=True) * u) / r
    return float(np.log(total) - p / 2 * np.log(least)), tangent.ravel()


def least_energy_subset(u: np.ndarray, K: int, *, starts: int = 10) -> list[int]:
    """K of the given lines with little electrostatic energy (exponent 2), by exchanges.

    From random choices (seeds 0, 1, ...) the exchange that saves most is made until none saves
    anything; the lowest result is kept. A local search: it proves nothing. Of lines that are
    given more than once (u and -u are the same line), only the first is ever chosen.

    Args:
        u: (N, 3), unit vectors.
        K: number of lines to keep, 1 up to the number of different lines.
        starts: number of random starts, 1 or more.

    Returns:
        Indices of the lines, ascending.

    Raises:
        ValueError: an argument lies outside these ranges.

    Source:
        The idea of Camino's `subsetpoints` and MRtrix's `dirsplit` (J. Cheng et al., IEEE
        Transactions on Medical Imaging 37:185-199, 2018, section IV-D).
    """
    u = lines("least_energy_subset", u)
    sine2 = np.maximum(1 - (u @ u.T) ** 2, 0)
    different = np.flatnonzero(~np.tril(sine2 < SAME**2, -1).any(axis=1))
    if K not in range(1, len(different) + 1) or starts < 1:
        raise ValueError(
            f"least_energy_subset: expected 1 <= K <= {len(different)}, the number of different "
            f"lines, and starts >= 1, got K={K} and starts={starts}"
        )
    if len(different) == K:
        return different.tolist()
    sine2 = sine2[np.ix_(different, different)]
    np.fill_diagonal(sine2, np.inf)
    e = 1 / sine2  # |u - v|^-2 + |u + v|^-2, and nothing of a line with itself
    orders = [np.random.default_rng(s).permutation(len(e)) for s in range(starts)]
    best = min(
        (_exchange(e, int(K), order) for order in orders), key=lambda a: round(_energy(e, a), 9)
    )
    return sorted(different[best].tolist())


def _energy(e: np.ndarray, a: np.ndarray) -> float:
    """Twice the energy of the lines a, given that of all pairs (N, N)."""
    return float(e[np.ix_(a, a)].sum())


def _exchange(e: np.ndarray, K: int, order: np.ndarray) -> np.ndarray:
    """Indices (K,) of little energy e (N, N); the first K of `order` are the start."""
    while True:
        a, b = order[:K], order[K:]
        felt = e[:, a].sum(axis=1)
        change = felt[b] - e[np.ix_(a, b)] - felt[a][:, None]
        i, j = np.unravel_index(change.argmin(), change.shape)
        changed = a.copy()
        changed[i] = b[j]
        # Counted anew as well: a gain that is only rounding would be made again and again.
        if change[i, j] > -1e-9 or not _energy(e, np.sort(changed)) < _energy(e, np.sort(a)):
            return a
        order[[i, K + j]] = order[[K + j, i]]
