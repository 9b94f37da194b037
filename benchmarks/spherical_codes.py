"""What the spherical codes of `spherical_codes` gain on DIPY's own optimizers, and at what cost.

    python benchmarks/spherical_codes.py

A user of DIPY would call `disperse_charges` (5000 iterations, as its documentation does) or
`disperse_charges_alt` on random directions. Ratios from one run, each time the shortest of three.
Written to benchmarks/results/spherical_codes.json as well.
"""

import repro  # before NumPy: all methods get one thread

# isort: split
from functools import partial

import numpy as np
from dipy.core.sphere import HemiSphere, disperse_charges, disperse_charges_alt

from press.bench import Table, growth, report, seconds
from repro.diffusion.directions import tessellation
from repro.diffusion.repulsion import electrostatic

chapter = repro.chapter("spherical_codes")
CANDIDATES = tessellation(5)
ITERATIONS = 5000


def random_lines(K):
    """The start of DIPY's optimizers: unit vectors (K, 3)."""
    z = np.random.default_rng(0).standard_normal((K, 3))
    return z / np.linalg.norm(z, axis=1, keepdims=True)


def dipy(K):
    """DIPY's electrostatic repulsion of K lines from a random start."""
    return disperse_charges(HemiSphere(xyz=random_lines(K)), ITERATIONS)[0].vertices


def dipy_alt(K):
    """The same energy by DIPY with SciPy's SLSQP, which keeps lengths of 1 only nearly."""
    u = disperse_charges_alt(random_lines(K), ITERATIONS)
    return u / np.linalg.norm(u, axis=1, keepdims=True)


def energy(K):
    """The chapter's baseline: the converged energy of five starts."""
    return electrostatic([K])[0]


def incremental(K):
    """ISC."""
    return chapter.isc(CANDIDATES, [K])[0]


def packed(K):
    """IMOC alone."""
    return chapter.imoc(CANDIDATES, [K])[0]


def code(K):
    """IMOC, 1-Opt and CNLO."""
    return chapter.cnlo(chapter.one_opt([packed(K)], CANDIDATES))[0]


METHODS = {
    "DIPY": dipy,
    "DIPY, SLSQP": dipy_alt,
    "energy, 5 starts": energy,
    "ISC": incremental,
    "IMOC": packed,
    "IMOC+1-Opt+CNLO": code,
}


def compare(sizes=(10, 20, 40, 80)):
    """Rows (K, method, separation, that of DIPY = 1, seconds, those of DIPY = 1)."""
    rows = []
    for K in sizes:
        for name, method in METHODS.items():
            angle = float(np.degrees(chapter.separation(method(K))))
            time = seconds(partial(method, K))
            if name == "DIPY":
                base = angle, time
            rows.append((K, name, angle, angle / base[0], time, time / base[1]))
    return rows


def exponents(rows):
    """Rows (method, exponent of time against the number of lines)."""
    found = []
    for name in METHODS:
        points = [(row[0], row[4]) for row in rows if row[1] == name]
        found.append((name, growth(*zip(*points, strict=True))))
    return found


def main():
    """Measure, print, store."""
    rows = compare()
    report(
        "spherical_codes",
        "Greedy, refined and electrostatic schemes of one shell against DIPY's own optimisers "
        f"(disperse_charges with {ITERATIONS} iterations, disperse_charges_alt).",
        [
            Table(
                "Separation of K lines, and the time to find them",
                ("K", "method", "separation (°)", "/ DIPY", "time (s)", "time / DIPY"),
                rows,
            ),
            Table(
                "Time as a power of the number of lines", ("method", "exponent"), exponents(rows)
            ),
        ],
    )


if __name__ == "__main__":
    main()
