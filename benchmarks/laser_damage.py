"""What the vectorised FDTD of `laser_damage` saves against a plain loop and a sparse solve.

    python benchmarks/laser_damage.py

Ratios from one run, each time the shortest of several: a time step of `step` against the same step
cell by cell, and the whole steady state by `fdtd` against a sparse linear system (SciPy's SuperLU)
on the same grid. Written to benchmarks/results/laser_damage.json as well.
"""

import repro  # before NumPy: both solvers get one thread

# isort: split
from functools import partial

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve

from press.bench import Table, growth, report, seconds

chapter = repro.chapter("laser_damage")
KDP = chapter.Crystal()


def loop_step(f):
    """As the chapter's `step`, cell by cell."""
    nx, ny = f.E.shape
    for i in range(nx):
        for j in range(1, ny):
            curl = f.qy[j - 1] * (f.E[i, j] - f.E[i, j - 1])
            f.Hx[i, j] = f.Hx[i, j] * f.py[j - 1] - curl
    for i in range(1, nx):
        for j in range(ny):
            curl = f.qx[i - 1, 0] * (f.E[i, j] - f.E[i - 1, j])
            f.Hy[i, j] = f.Hy[i, j] * f.px[i - 1, 0] + curl
    for i in range(nx):
        for j in range(ny):
            f.Ex[i, j] = f.Ex[i, j] * f.ax[i, 0] + f.bx[i, j] * (f.Hy[i + 1, j] - f.Hy[i, j])
            f.Ey[i, j] = f.Ey[i, j] * f.ay[j] - f.by[i, j] * (f.Hx[i, j + 1] - f.Hx[i, j])
            f.E[i, j] = f.Ex[i, j] + f.Ey[i, j]


def fdfd(eps, source, dx, wavelength=355.0, layer=(12, 12)):
    """The steady state of the chapter's `fdtd`, from one sparse solve in the frequency domain.

    Time derivatives become the factors that the leapfrog gives them, so both solve the same
    equations. Arguments and result as for `fdtd`.
    """
    _, dt, omega = chapter.timing(dx, wavelength)
    rate, keep = 2 / dt * np.sin(omega * dt / 2), np.cos(omega * dt / 2)

    def second_derivative(cells, depth):
        centre, _, edge, _ = chapter.absorber(cells, depth, dx, dt)
        stretch = [
            sp.diags(1 / (rate + 2j / dt * (1 - f) / (1 + f) * keep)) for f in (centre, edge)
        ]
        ends = [-np.ones(cells - 1), np.ones(cells - 1)]
        difference = sp.diags(ends, [0, 1], shape=(cells - 1, cells)) / dx
        return -stretch[0] @ difference.T @ stretch[1] @ difference

    nx, ny = eps.shape
    curl = sp.kron(second_derivative(nx, layer[0]), sp.identity(ny))
    curl = curl + sp.kron(sp.identity(nx), second_derivative(ny, layer[1]))
    system = (curl + sp.diags(eps.ravel())).tocsc()
    return spsolve(system, -omega / rate * source.ravel()).reshape(nx, ny)


def scene(dx, width=600.0, depth=300.0, layer=12):
    """Permittivity and source of a groove in the exit face at a cell size in nm."""
    x = dx * (np.arange(round(2600 / dx) + 2 * layer) + 0.5)
    y = dx * (np.arange(round(2100 / dx) + 2 * layer) + 0.5) - round(1600 / dx) * dx - layer * dx
    empty = chapter.coverage(chapter.outline(width, depth), x - x.mean(), y, dx)
    n = chapter.index(KDP)
    eps = np.where(y < 0, n**2 + (1 - n**2) * empty, 1.0)
    wave = chapter.flat_wave(y, "exit", n, 2 * np.pi / 355)
    return eps, (eps - np.where(y < 0, n**2, 1.0)) * wave


def time_steps(sizes=(16, 32, 64, 128, 256, 512, 1024), largest_loop=64):
    """One time step by cells of a square grid: array, loop (up to `largest_loop` cells), ratio."""
    rows = []
    for size in sizes:
        eps = 1 + np.random.default_rng(0).random((size, size))
        f = chapter.yee(eps, 12.5, chapter.timing(12.5, 355.0)[1], (6, 6))
        fast = seconds(partial(chapter.step, f), 30)
        slow = seconds(partial(loop_step, f)) if size <= largest_loop else None
        rows.append((size**2, 1e3 * fast, slow and 1e3 * slow, slow and slow / fast))
    return rows


def time_solutions(cell_sizes=(40.0, 28.0, 20.0, 14.0, 10.0)):
    """Steady state around a groove by cell size: cells, FDTD, sparse solve, ratio, difference."""
    rows = []
    for dx in cell_sizes:
        eps, source = scene(dx)
        stepped, solved = chapter.fdtd(eps, source, dx), fdfd(eps, source, dx)
        fast, slow = (seconds(partial(s, eps, source, dx), 5) for s in (chapter.fdtd, fdfd))
        difference = float(np.linalg.norm(stepped - solved) / np.linalg.norm(solved))
        rows.append((dx, eps.size, fast, slow, slow / fast, difference))
    return rows


def main():
    """Measure, print, store."""
    steps, solutions = time_steps(), time_solutions()
    large, (_, cells, fast, slow, *_) = steps[2:], zip(*solutions, strict=True)
    exponents = [
        ("array step", growth([row[0] for row in large], [row[1] for row in large])),
        ("loop step", growth([row[0] for row in steps[:3]], [row[2] for row in steps[:3]])),
        ("FDTD to the steady state", growth(cells, fast)),
        ("sparse solve", growth(cells, slow)),
    ]
    report(
        "laser_damage",
        "Vectorised FDTD against a plain loop over the cells, which is how it is first written, "
        "and against a sparse frequency-domain solve (SciPy's SuperLU) of the same equations.",
        [
            Table("One time step", ("cells", "array (ms)", "loop (ms)", "loop / array"), steps),
            Table(
                "Light around a 600 x 300 nm groove",
                ("cell (nm)", "cells", "FDTD (s)", "sparse (s)", "sparse / FDTD", "difference"),
                solutions,
            ),
            Table("Cost as a power of the number of cells", ("method", "exponent"), exponents),
        ],
    )


if __name__ == "__main__":
    main()
