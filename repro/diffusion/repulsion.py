"""Lines that repel each other like charges: the usual way to spread or choose directions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def electrostatic(
    K: Sequence[int], *, p: float = 2.0, alpha: float = 0.5, starts: int = 5
) -> list[np.ndarray]:
    """Lines of least Riesz energy on one shell (EEM) or on several (GEEM).

    The energy of a set of K lines is the sum over pairs of |u - v|^-p + |u + v|^-p. Several
    shells: alpha times the mean over shells of E_s / K_s^2, plus (1 - alpha) times E / K^2 of
    all lines together. The logarithm is minimised with L-BFGS from random starts (seeds 0, 1,
    ...), and the lowest result is kept, so another machine may end in another local minimum.

    Args:
        K: number of lines on each shell, one or more shells, 2 or more lines in all.
        p: exponent of the energy, positive; 2 is that of EEM, and for large p the lines
            maximise their smallest angle.
        alpha: weight of the single shells, 0 to 1.
        starts: number of random starts, 1 or more.

    Returns:
        One array (K_s, 3) of unit vectors a shell.

    Raises:
        ValueError: an argument lies outside these ranges.

    Source: D. K. Jones et al., Magnetic Resonance in Medicine 42:515-525, 1999 (one shell);
    E. Caruyer et al., Magnetic Resonance in Medicine 69:1534-1540, 2013, eq. 3 (several).
    """
    from scipy.optimize import minimize

    if min(K, default=0) < 1 or sum(K) < 2:
        raise ValueError(f"electrostatic: K must be numbers of lines, 2 or more in all, got {K}")
    if not (p > 0 and 0 <= alpha <= 1 and starts >= 1):
        raise ValueError(
            "electrostatic: expected p > 0, 0 <= alpha <= 1 and starts >= 1, "
            f"got p={p}, alpha={alpha}, starts={starts}"
        )
    shell = np.repeat(np.arange(len(K)), K)
    inside = (shell[:, None] == shell) / np.array(K, dtype=float)[shell] ** 2
    weight = alpha / len(K) * inside + (1 - alpha) / sum(K) ** 2
    options = {"maxiter": 2000, "maxfun": 5000, "ftol": 1e-13, "gtol": 1e-9}
    found = [
        minimize(log_energy, z, args=(weight, p), jac=True, method="L-BFGS-B", options=options)
        for z in (np.random.default_rng(s).standard_normal(3 * sum(K)) for s in range(starts))
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
    """
    v = z.reshape(-1, 3)
    r = np.linalg.norm(v, axis=1, keepdims=True)
    u = v / r
    minus, plus = 2 - 2 * u @ u.T, 2 + 2 * u @ u.T  # squared distances
    np.fill_diagonal(minus, np.inf)
    np.fill_diagonal(plus, np.inf)
    least = min(minus.min(), plus.min())  # taken out, so that no power overflows
    e_minus, e_plus = (weight * (d / least) ** (-p / 2) for d in (minus, plus))
    total = (e_minus + e_plus).sum() / 2
    slope = p * (e_minus / minus - e_plus / plus) @ u / total
    tangent = (slope - (slope * u).sum(axis=1, keepdims=True) * u) / r
    return float(np.log(total) - p / 2 * np.log(least)), tangent.ravel()


def least_energy_subset(u: np.ndarray, K: int, *, starts: int = 10) -> list[int]:
    """K of the given lines with little electrostatic energy (exponent 2), by exchanges.

    From random choices (seeds 0, 1, ...) the exchange that saves most is made until none saves
    anything; the lowest result is kept. A local search: it proves nothing.

    Args:
        u: (N, 3), unit vectors along different lines.
        K: number of lines to keep, 1 to N - 1.
        starts: number of random starts, 1 or more.

    Returns:
        Indices of the lines, ascending.

    Raises:
        ValueError: an argument lies outside these ranges.

    Source: the idea of Camino's `subsetpoints` and MRtrix's `dirsplit` (J. Cheng et al., IEEE
    Transactions on Medical Imaging 37:185-199, 2018, section IV-D).
    """
    u = np.asarray(u, dtype=float)
    if u.ndim != 2 or u.shape[1] != 3 or not 1 <= K < len(u) or starts < 1:
        raise ValueError(
            "least_energy_subset: expected u of shape (N, 3), 1 <= K < N and starts >= 1, "
            f"got u of shape {u.shape}, K={K}, starts={starts}"
        )
    sine2 = np.maximum(1 - (u @ u.T) ** 2, 1e-12)
    e = (1 - np.eye(len(u))) / sine2  # |u - v|^-2 + |u + v|^-2
    chosen = [_exchange(e, K, np.random.default_rng(s).permutation(len(u))) for s in range(starts)]
    best = min(chosen, key=lambda a: round(float(e[np.ix_(a, a)].sum()), 9))
    return sorted(int(k) for k in best)


def _exchange(e: np.ndarray, K: int, order: np.ndarray) -> np.ndarray:
    """Indices (K,) of little energy e (N, N); the first K of `order` are the start."""
    while True:
        a, b = order[:K], order[K:]
        felt = e[:, a].sum(axis=1)
        change = felt[b] - e[np.ix_(a, b)] - felt[a][:, None]
        i, j = np.unravel_index(change.argmin(), change.shape)
        if change[i, j] > -1e-9:
            return a
        order[[i, K + j]] = order[[K + j, i]]
