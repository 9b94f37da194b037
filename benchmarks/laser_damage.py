"""How long the FDTD of `laser_damage` takes beside what a user would pick instead.

    python benchmarks/laser_damage.py

Ratios from one run, each time the shortest of several, on the same grids: a time step and the whole
steady state against the package `fdtd` from PyPI (three dimensions, NumPy, one cell deep here), the
step against the same step cell by cell, and the steady state against a sparse linear system
(SciPy's SuperLU). Written to benchmarks/results/laser_damage.json as well.
"""

import repro  # before NumPy: both solvers get one thread

# isort: split
from functools import partial
from importlib import import_module
from types import ModuleType

import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse.linalg import spsolve

from press.bench import Table, growth, report, seconds


def fdtd_package() -> ModuleType:
    """Import the package, which switches torch to float64 without gradients, and switch it back."""
    dtype, gradients = torch.get_default_dtype(), torch.is_grad_enabled()
    try:
        return import_module("fdtd")
    finally:
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(gradients)


package = fdtd_package()
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


class Polarisation:
    """A source of the package that adds what the chapter's `fdtd` adds, at the same times."""

    def __init__(self, kick, box, phase, ramp):
        self.kick, self.box, self.phase, self.ramp = kick, box, phase, ramp

    def _register_grid(self, grid, x, y, z):
        self.grid = grid
        grid.sources.append(self)

    def update_E(self):
        n = self.grid.time_steps_passed + 0.5
        turned = self.kick * self.ramp(n) * np.exp(-1j * self.phase * n)
        self.grid.E[self.box][:, :, 0, 2] += turned.real

    def update_H(self):
        """Nothing: the polarization is electric."""


def package_grid(eps, dx, dt, layer=(12, 12)):
    """A grid of the package, one cell deep, with absorbing cells at the four sides."""
    grid = package.Grid((*eps.shape, 1), dx * 1e-9, eps[:, :, None], courant_number=dt / dx)
    for axis, cells in enumerate(layer):
        for edge in (slice(0, cells), slice(-cells, None)):
            place = [slice(None)] * 3
            place[axis] = edge
            grid[tuple(place)] = package.PML()
    return grid


def packaged(eps, source, dx, wavelength=355.0, cycles=16, layer=(12, 12)):
    """The steady state by the package. Arguments and result as for the chapter's `fdtd`."""
    period, dt, omega = chapter.timing(dx, wavelength)
    grid, field = package_grid(eps, dx, dt, layer), np.zeros(eps.shape, complex)
    i, j = np.nonzero(source)
    box = np.s_[i.min() : i.max() + 1, j.min() : j.max() + 1]
    kick = 1j * omega * dt * source[box] / eps[box]
    grid[0, 0, 0] = Polarisation(
        kick, box, omega * dt, lambda n: np.sin(np.pi / 2 * min(1.0, n / (5 * period))) ** 2
    )
    for n in range(cycles * period):
        grid.step()
        if n >= (cycles - 1) * period:
            field += grid.E[:, :, 0, 2] * np.exp(1j * omega * dt * (n + 1)) * (2 / period)
    return field


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
    """One time step by cells of a square grid: array, package, loop (if small enough), ratios."""
    rows = []
    for size in sizes:
        eps, dt = 1 + np.random.default_rng(0).random((size, size)), chapter.timing(12.5, 355.0)[1]
        f = chapter.yee(eps, 12.5, dt, (6, 6))
        fast = seconds(partial(chapter.step, f), 30)
        other = seconds(package_grid(eps, 12.5, dt, (6, 6)).step, 10)
        slow = seconds(partial(loop_step, f)) if size <= largest_loop else None
        rows.append((size**2, 1e3 * fast, other / fast, slow and slow / fast))
    return rows


def time_solutions(cell_sizes=(40.0, 28.0, 20.0, 14.0, 10.0), layer=12):
    """Steady state around a groove by cell size: cells, FDTD, ratios and differences."""
    rows, inside = [], np.s_[layer:-layer, layer:-layer]  # the absorbers differ
    for dx in cell_sizes:
        eps, source = scene(dx)
        ways = [partial(way, eps, source, dx) for way in (chapter.fdtd, packaged, fdfd)]
        ours, *others = (way() for way in ways)
        fast, *slow = (seconds(way, repeats) for way, repeats in zip(ways, (5, 2, 5), strict=True))
        off = [np.linalg.norm((o - ours)[inside]) / np.linalg.norm(ours[inside]) for o in others]
        ratios = [value for t, d in zip(slow, off, strict=True) for value in (t / fast, float(d))]
        rows.append((dx, eps.size, fast, *ratios))
    return rows


def main():
    """Measure, print, store."""
    steps, solutions = time_steps(), time_solutions()
    large, (_, cells, fast, package_ratio, _, sparse_ratio, _) = (
        steps[2:],
        map(np.array, zip(*solutions, strict=True)),
    )
    exponents = [
        ("step", growth([row[0] for row in large], [row[1] for row in large])),
        ("FDTD to the steady state", growth(cells, fast)),
        ("package to the steady state", growth(cells, fast * package_ratio)),
        ("sparse solve", growth(cells, fast * sparse_ratio)),
    ]
    report(
        "laser_damage",
        f"The chapter's two-dimensional FDTD against the package fdtd {package.__version__} (all "
        "six components, NumPy), which a user would install, on the same grid one cell deep; "
        "against a plain loop over the cells; and against a sparse frequency-domain solve "
        "(SciPy's SuperLU) of the same equations.",
        [
            Table("One time step", ("cells", "step (ms)", "package / step", "loop / step"), steps),
            Table(
                "Light around a 600 x 300 nm groove: times as ratios, fields as relative "
                "differences outside the absorbers",
                (
                    "cell (nm)",
                    "cells",
                    "FDTD (s)",
                    "package / FDTD",
                    "difference",
                    "sparse / FDTD",
                    "difference",
                ),
                solutions,
            ),
            Table("Cost as a power of the number of cells", ("method", "exponent"), exponents),
        ],
    )


if __name__ == "__main__":
    main()
