"""Separation and rotational invariance of many 3 x 28 schemes: the trial behind `invariance`.

    make trials CH=spherical_codes

The paper compares one scheme of each kind (Tables III and IV). Here each seed gives another scheme
of each kind: another random start, or another order of the candidates.
"""

import repro  # first: caps threads and instruction set

# isort: split
import sys
from functools import cache

import numpy as np
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from press.trials import Quantity, Trial, grid, main
from repro.data import crossing_fibres
from repro.diffusion.deconvolution import fibre_distributions, nearest_peaks
from repro.diffusion.directions import tessellation
from repro.diffusion.repulsion import log_energy

codes = repro.chapter("spherical_codes")
K, SHELLS, B = 28, 3, (1000.0, 2000.0, 3000.0)
FIBRES = np.array([[np.cos(a), np.sin(a), 0] for a in np.radians([30, -30])])


def random_lines(seed: int) -> np.ndarray:
    """Random unit vectors (84, 3)."""
    u = np.random.default_rng(seed).standard_normal((SHELLS * K, 3))
    return u / np.linalg.norm(u, axis=1, keepdims=True)


@cache
def geem(seed: int) -> tuple[np.ndarray, ...]:
    """Three shells (28, 3) at the minimum of GEEM's energy that a random start leads to."""
    shell = np.repeat(np.arange(SHELLS), K)
    weight = 0.5 / SHELLS * (shell[:, None] == shell) / K**2 + 0.5 / (SHELLS * K) ** 2
    found = minimize(
        log_energy,
        random_lines(seed).ravel(),
        args=(weight, 2.0),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 2000, "maxfun": 5000, "ftol": 1e-13, "gtol": 1e-9},
    )
    u = found.x.reshape(-1, 3)
    return tuple(np.split(u / np.linalg.norm(u, axis=1, keepdims=True), SHELLS))


def pipeline(seed: int) -> list[np.ndarray]:
    """IMOC and 1-Opt, with the candidates in another order."""
    x = np.random.default_rng(seed).permutation(tessellation(5))
    return codes.one_opt(codes.imoc(x, [K] * SHELLS), x)


ARMS = {
    "ISC": lambda seed: codes.isc(
        np.random.default_rng(seed).permutation(tessellation(5)), [K] * SHELLS
    ),
    "GEEM": lambda seed: list(geem(seed)),
    "IMOC+1-Opt+CNLO": lambda seed: codes.cnlo(pipeline(seed)),
    "GEEM+CNLO": lambda seed: codes.cnlo(list(geem(seed))),
    "random+CNLO": lambda seed: codes.cnlo(np.split(random_lines(seed), SHELLS)),
}


def measure(seed: int, arm: str) -> dict[str, float]:
    """Design one scheme and reconstruct two crossing fibres with it in 400 orientations.

    Args:
        seed: of the start, or of the order of the candidates, and of the orientations.
        arm: key of `ARMS`.

    Returns:
        `spread` and `error`: standard deviation and mean over the orientations of the angle
        between the true fibres and the peaks (mean of the two), degrees. `shells` and `union`:
        separations, degrees.
    """
    shells = ARMS[arm](seed)
    turns = Rotation.random(400, random_state=seed).as_matrix()
    signals = [crossing_fibres(u, b, turns) for u, b in zip(shells, B, strict=True)]
    f = fibre_distributions(shells, B, signals)
    cosines = [np.abs((nearest_peaks(f, turns @ v) * (turns @ v)).sum(1)) for v in FIBRES]
    angle = np.degrees(np.arccos(np.minimum(cosines, 1))).mean(0)
    return {
        "spread": angle.std(),
        "error": angle.mean(),
        "shells": np.degrees(codes.objective(shells, w=1)),
        "union": np.degrees(codes.objective(shells, w=0)),
    }


TRIALS = [
    Trial(
        "invariance",
        "How much do the fibre directions of many 3 x 28 schemes depend on orientation?",
        measure,
        (
            Quantity("spread", "degrees", ".3f", better="lower"),
            Quantity("error", "degrees", ".3f", better="lower"),
            Quantity("shells", "degrees", ".2f"),
            Quantity("union", "degrees", ".2f"),
        ),
        grid(arm=ARMS),
        seeds=range(100, 108),
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
