"""Does counting instructions predict the time of compiled kernels on a processor?

    python benchmarks/simd_pruning.py

Three loops in Numba, compiled with vector instructions, in float32 on one thread: groups of four
filters, single weights, all weights; and NumPy's matrix product, which is what a user would
otherwise call. Blocks are those of the chapter's machine: 4 filters by 16 pixels, 1 by 64, 8 by 8.
Columns and formats are made before the clock starts. The count is that of the chapter's machine
with nothing waiting, in units of the dense kernel of each layer.
"""

import repro  # first: caps threads and instruction set

# isort: split
import numpy as np
from numba import njit
from scipy.stats import spearmanr

from press.bench import Table, report, seconds
from repro.hardware.simd import dense_cycles, scattered_cycles

chapter = repro.chapter("simd_pruning")
LAYERS = ((64, 288, 64), (64, 576, 192), (128, 1152, 192))
DENSITIES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
NEVER = 1 << 30


LOOP = """
def kernel(values, index, start, X, Y):
    for p in range(0, X.shape[1], {pixels}):
        for r in range(len(start) - 1):
            {clear}
            for j in range(start[r], start[r + 1]):
                k = {place}
                {load}
                {multiply}
            {store}
"""


def compiled(filters, pixels, place="index[j]"):
    """A loop over packed weights whose sums are so many filters by so many pixels, unrolled.

    Only then does the compiler hold the sums in registers. `place` says which tap a weight meets.
    """
    sums = [(f, i) for f in range(filters) for i in range(pixels)]
    text = LOOP.format(
        pixels=pixels,
        place=place,
        clear="; ".join(f"s{f}_{i} = zero" for f, i in sums),
        load="; ".join(
            [f"v{f} = values[j, {f}]" for f in range(filters)]
            + [f"x{i} = X[k, p + {i}]" for i in range(pixels)]
        ),
        multiply="; ".join(f"s{f}_{i} += v{f} * x{i}" for f, i in sums),
        store="; ".join(f"Y[{filters} * r + {f}, p + {i}] = s{f}_{i}" for f, i in sums),
    )
    names = {"zero": np.float32(0)}
    exec(text, names)  # the text above, and nothing else
    return njit(fastmath=True)(names["kernel"])


grouped, single = compiled(4, 16), compiled(1, 64)
dense = compiled(8, 8, place="j - start[r]")  # every tap: no index is read


def grouped_by(W, g):
    """Weights (M, K) as groups (M / g, K, g)."""
    return W.reshape(len(W) // g, g, -1).transpose(0, 2, 1)


def packed(W, mask):
    """Values (n, g), indices (n,) and starts of rows of what is kept; W (R, K, g), mask (R, K)."""
    index = np.nonzero(mask)[1].astype(np.int32)
    start = np.concatenate([[0], np.cumsum(mask.sum(axis=1))]).astype(np.int32)
    return np.ascontiguousarray(W[mask]), index, start


def fastest(call):
    """Shortest time of many single calls, so that one that nothing disturbed is among them."""
    return seconds(call, 60)


def layer(M, K, P, seed=0):
    """Rows for one layer: pattern, density, time and cycles in units of the dense kernel's."""
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(M, K)).astype(np.float32)
    X, Y = rng.normal(size=(K, P)).astype(np.float32), np.empty((M, P), np.float32)
    form = packed(grouped_by(W, 8), np.ones((M // 8, K), bool))
    base, cycles = fastest(lambda: dense(*form, X, Y)), dense_cycles(M, K, P)
    assert np.allclose(Y, W @ X, atol=1e-2)
    rows = [["NumPy", 1.0, fastest(lambda: np.matmul(W, X, out=Y)) / base, None]]
    for density in DENSITIES:
        kept = rng.random((M // 4, K)) < density
        form = packed(grouped_by(W, 4), kept)
        time = fastest(lambda form=form: grouped(*form, X, Y)) / base
        assert np.allclose(Y, (W * np.repeat(kept, 4, axis=0)) @ X, atol=1e-2)
        count = chapter.simd_cycles(kept.sum(), M, P, near=NEVER) / cycles
        rows.append(["groups of 4", density, time, float(count)])
        kept = rng.random((M, K)) < density
        form = packed(grouped_by(W, 1), kept)
        time = fastest(lambda form=form: single(*form, X, Y)) / base
        assert np.allclose(Y, (W * kept) @ X, atol=1e-2)
        count = scattered_cycles(kept.sum(), M, P, near=NEVER) / cycles
        rows.append(["single weights", density, time, float(count)])
    return rows


def agreement(rows):
    """Rank correlation of times and counts, and the error after one factor for all."""
    time, count = (np.array([row[k] for row in rows]) for k in (2, 3))
    factor = np.exp(np.mean(np.log(time / count)))
    error = np.abs(time / (factor * count) - 1)
    return [
        float(spearmanr(time, count).statistic),
        float(factor),
        float(np.median(error)),
        float(error.max()),
    ]


def main():
    """Measure, print, write."""
    tables, found = [], []
    for M, K, P in LAYERS:
        rows = layer(M, K, P)
        name = f"{M} filters, {K} taps, {P} pixels"
        tables.append(
            Table(
                f"Time relative to the dense loop (ratios), and the count: {name}",
                ["kernel", "share of the weights", "time", "counted"],
                rows,
            )
        )
        for pattern in ("groups of 4", "single weights"):
            found.append([name, pattern, *agreement([r for r in rows if r[0] == pattern])])
        found.append([name, "both", *agreement(rows[1:])])
    columns = ["layer", "kernels", "rank correlation", "factor", "median error", "largest error"]
    tables.append(Table("How well the count predicts the time, after one factor", columns, found))
    report(
        "simd_pruning",
        "Sparse kernels in Numba on one thread, float32, against a dense loop compiled alike and "
        "against NumPy's matrix product; does the chapter's count of instructions predict them?",
        tables,
    )


if __name__ == "__main__":
    main()
