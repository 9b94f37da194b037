"""What the spherical codes of `spherical_codes` gain on DIPY's own optimiser, and at what cost.

    python benchmarks/spherical_codes.py

A user of DIPY would call `disperse_charges` (5000 iterations, as its documentation does) on random
directions. One table with ratios from one run: separation and time on one shell as K grows, and the
exponents of the growth. Times are medians of three.
Written to benchmarks/results/spherical_codes.json as well.
"""

import json
import os
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from dipy.core.sphere import HemiSphere, disperse_charges

import repro
from repro.electrostatics import electrostatic
from repro.sphere import tessellation

RESULTS = Path(__file__).parent / "results" / "spherical_codes.json"
chapter = repro.chapter("spherical_codes")
CANDIDATES = tessellation(5)
SIZES = (10, 20, 40, 80)
ITERATIONS = 5000


def dipy(K):
    """DIPY's electrostatic repulsion of K lines from a random start."""
    z = np.random.default_rng(0).standard_normal((K, 3))
    start = HemiSphere(xyz=z / np.linalg.norm(z, axis=1, keepdims=True))
    return disperse_charges(start, ITERATIONS)[0].vertices


def energy(K):
    """The converged energy of five starts."""
    return electrostatic([K])[0]


def greedy(K):
    """IMOC alone."""
    return chapter.imoc(CANDIDATES, [K])[0]


def code(K):
    """IMOC, 1-Opt and CNLO."""
    return chapter.cnlo(chapter.one_opt([greedy(K)], CANDIDATES))[0]


METHODS = {"DIPY": dipy, "energy, 5 starts": energy, "IMOC": greedy, "IMOC+1-Opt+CNLO": code}


def measure(method, K, repeats=3):
    """Separation in degrees and median time in seconds."""
    times = []
    for _ in range(repeats):
        start = perf_counter()
        lines = method(K)
        times.append(perf_counter() - start)
    return float(np.degrees(chapter.separation(lines))), median(times)


def growth(times):
    """Exponent of time against K, least squares on logarithms."""
    return float(np.polyfit(np.log(SIZES), np.log(times), 1)[0])


def main():
    """Measure, print and write."""
    found = {name: [measure(method, K) for K in SIZES] for name, method in METHODS.items()}
    rows = []
    print(f"{'K':>4} {'method':<18} {'separation':>10} {'of DIPY':>8} {'time':>9} {'of DIPY':>8}")
    for k, K in enumerate(SIZES):
        base_angle, base_time = found["DIPY"][k]
        for name in METHODS:
            angle, time = found[name][k]
            row = {"K": K, "method": name, "separation_degrees": round(angle, 3),
                   "separation_ratio": round(angle / base_angle, 4),
                   "time_ratio": round(time / base_time, 4)}  # fmt: skip
            rows.append(row)
            print(
                f"{K:>4} {name:<18} {angle:>9.2f}° {angle / base_angle:>8.3f} "
                f"{time:>8.3f}s {time / base_time:>8.3f}"
            )
    exponents = {name: round(growth([t for _, t in f]), 2) for name, f in found.items()}
    for name, exponent in exponents.items():
        print(f"{name}: time grows as K^{exponent}")
    write({"baseline": f"dipy.core.sphere.disperse_charges, {ITERATIONS} iterations",
           "rows": rows, "time_exponents": exponents})  # fmt: skip


def write(content):
    """Write the results whole or not at all."""
    RESULTS.parent.mkdir(exist_ok=True)
    draft = RESULTS.with_suffix(".tmp")
    draft.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    os.replace(draft, RESULTS)


if __name__ == "__main__":
    main()
