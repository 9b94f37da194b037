"""The methods of the chapter on laser damage, beyond what the chapter shows."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import constants as si
from scipy.integrate import quad
from scipy.special import ellipk

import repro
from benchmarks.laser_damage import fdfd, loop_step, packaged, scene
from press import records
from repro import chapters

laser = repro.chapter("laser_damage")
KDP = laser.Crystal()
BARE = replace(KDP, sites=0.0)
B_STEADY = (3 - 5**0.5) / 2


# Constants


@pytest.mark.parametrize("nm, expected", [(1064, 1.4938), (532, 1.5123)])
def test_the_refractive_index_has_the_values_in_common_tables(nm, expected):
    assert laser.index(replace(KDP, wavelength=nm * 1e-9)) == pytest.approx(expected, abs=3e-4)


@pytest.mark.parametrize("nm", [266, 355, 532, 1064])
def test_the_critical_density_follows_the_rule_of_plasma_physics(nm):
    density = laser.critical_density(replace(KDP, wavelength=nm * 1e-9))
    assert density == pytest.approx(1.115e21 / (nm * 1e-3) ** 2, rel=1e-3)


def test_the_order_counts_the_photons_that_cross_the_gap():
    for gap in np.linspace(1.0, 12.0, 45):
        c = replace(KDP, gap=float(gap))
        k, energy = laser.order(c), laser.photon(c) / si.e
        assert (k - 1) * energy <= gap < k * energy


def test_photons_and_pulses_in_the_units_of_the_field():
    c = replace(KDP, wavelength=500e-9, pulse=6e-9)
    assert laser.photon(c) / si.e == pytest.approx(1239.84 / 500, rel=1e-5)  # hc in eV nm
    assert laser.omega(c) * c.wavelength / si.c == pytest.approx(2 * np.pi)
    half = np.exp(-((c.pulse / 2) ** 2) / (2 * laser.duration(c) ** 2))
    assert half == pytest.approx(0.5)  # the full width at half maximum


@pytest.mark.parametrize("pulse", [3e-9, 8e-9])
def test_the_pulse_has_its_width_in_both_integrations(pulse):
    """Without states, n grows as I^3, whose width is that of I over the root of three."""
    c = replace(BARE, pulse=pulse)
    t, n, _ = laser.history(1.0, c)
    born = np.gradient(n, t)
    above = t[born > born.max() / 8]  # where I is above one half
    assert above[-1] - above[0] == pytest.approx(pulse, rel=0.02)
    k, root = 3, pulse * (np.pi / (4 * np.log(2))) ** 0.5  # the area of a pulse of unit peak
    n = laser.multiphoton(c) / k**0.5 * root * (5.0 / root) ** k / laser.critical_density(c)
    assert laser.deposit(5.0, c)[0] == pytest.approx(n, rel=1e-3)
    assert laser.deposit_ode(5.0, c)[0] == pytest.approx(n, rel=1e-3)


@pytest.mark.parametrize(
    "name", ["wavelength", "pulse", "gap", "mass", "cross_section", "collision", "heating"]
)
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_crystal_refuses_constants_that_are_none(name, value):
    with pytest.raises(ValueError, match=f"{name}: expected a finite number above 0"):
        replace(KDP, **{name: value})


@pytest.mark.parametrize("name", ["sites", "relaxation", "avalanche"])
def test_a_crystal_may_do_without_sites_relaxation_and_avalanche(name):
    assert getattr(replace(KDP, **{name: 0.0}), name) == 0
    with pytest.raises(ValueError, match=name):
        replace(KDP, **{name: -1.0})
    with pytest.raises(ValueError, match=name):
        replace(KDP, **{name: float("nan")})


def test_the_constants_are_those_of_the_page():
    assert [*vars(KDP).values()] == [
        355e-9, 8e-9, 7.8, 0.5, 1e-17, 1e19, 0.0, 0.0, 1e-15, 2.0, 228.0
    ]  # fmt: skip


# Ionization


def slow_keldysh(intensity, c):
    """The Keldysh rate with its special functions as the integrals that define them; SI inside."""

    def elliptic(m, power):
        return quad(lambda t: (1 - m * np.sin(t) ** 2) ** power, 0, np.pi / 2, epsabs=1e-13)[0]

    def dawson(z):
        return quad(lambda y: np.exp(y * y - z * z), 0, z, epsabs=1e-13)[0]

    w, gap = 2 * np.pi * si.c / c.wavelength, c.gap * si.e
    field = (2 * intensity * 1e4 / (laser.index(c) * si.c * si.epsilon_0)) ** 0.5
    g = w * (c.mass * si.m_e * gap) ** 0.5 / (si.e * field)
    inner, outer = g**2 / (1 + g**2), 1 / (1 + g**2)
    K1, E1, K2, E2 = (elliptic(m, p) for m in (inner, outer) for p in (-0.5, 0.5))
    photons = 2 / np.pi * gap / (si.hbar * w) * (1 + g**2) ** 0.5 / g * E2  # effective gap
    k = int(photons + 1)
    series = sum(
        np.exp(-np.pi * n * (K1 - E1) / E2)
        * dawson((np.pi**2 * (2 * k - 2 * photons + n) / (2 * K2 * E2)) ** 0.5)
        for n in range(120)
    )
    Q = (np.pi / (2 * K2)) ** 0.5 * series
    scale = 2 * w / (9 * np.pi) * ((1 + g**2) ** 0.5 / g * c.mass * si.m_e * w / si.hbar) ** 1.5
    return scale * Q * np.exp(-np.pi * k * (K1 - E1) / E2) / 1e6  # cm^-3


@pytest.mark.parametrize("intensity", [1e9, 3e11, 2e13])
@pytest.mark.parametrize("gap", [7.8, 5.0])
def test_the_keldysh_rate_is_that_of_its_integrals(intensity, gap):
    c = replace(KDP, gap=gap, mass=0.4)
    assert laser.keldysh(intensity, c) == pytest.approx(slow_keldysh(intensity, c), rel=1e-6)


@pytest.mark.parametrize("gap", [5.0, 7.8, 12.0])
@pytest.mark.parametrize("mass", [0.3, 1.0])
def test_the_multiphoton_law_is_the_keldysh_rate_at_low_intensity(gap, mass):
    c = replace(KDP, gap=gap, mass=mass)
    for intensity in (1e8, 1e9, 3e9):
        power = laser.multiphoton(c) * intensity ** laser.order(c)
        assert power == pytest.approx(laser.keldysh(intensity, c), rel=1e-3)


def test_the_keldysh_rate_falls_with_the_gap_and_rises_with_the_intensity():
    rates = [laser.keldysh(1e10, replace(KDP, gap=gap)) for gap in (7.2, 7.8, 8.4)]
    assert rates[0] > rates[1] > rates[2] > 0
    assert laser.keldysh(2e10, KDP) / laser.keldysh(1e10, KDP) == pytest.approx(8, rel=1e-3)


def test_elliptic_integrals_with_the_modulus_in_place_of_its_square_give_another_rate(monkeypatch):
    right = laser.keldysh(1e10, KDP)
    monkeypatch.setitem(laser.keldysh.__globals__, "ellipk", lambda m: ellipk(np.sqrt(m)))
    assert laser.keldysh(1e10, KDP) < 0.9 * right


# The ladder


def test_the_ladder_starts_as_a_cube_and_ends_as_a_line():
    u = np.array([1e-3, 1e-2, 20.0, 30.0, 40.0])
    a, b, G = laser.ladder(u)
    assert G[0] == pytest.approx(u[0] ** 3 / 6, rel=2e-3)
    assert np.diff(G[2:]) / 10 == pytest.approx(B_STEADY, rel=1e-6)
    assert a[-1] == pytest.approx(1 - B_STEADY, abs=1e-6)
    assert b[-1] == pytest.approx(B_STEADY, abs=1e-6)


def test_the_ladder_is_three_levels_of_jumps():
    """Sites empty, in the first, in the second level: a matrix of jumps, half-filled targets."""
    u, y = np.array([0.3, 1.0, 2.5]), np.zeros(3)

    def rates(y):
        a, b, _ = y
        first, second, third = 1 - a, a * (1 - b), b
        return np.array([first - second, second - third, third])

    steps, found = 2_500, []
    for n in range(1, steps + 1):  # the midpoint rule
        h = u[-1] / steps
        y = y + h * rates(y + h / 2 * rates(y))
        if np.isclose(n * h, u).any():
            found.append(y)
    assert laser.ladder(u) == pytest.approx(np.array(found).T, rel=1e-5)


@settings(max_examples=12, deadline=None)
@given(
    F=st.floats(0.01, 200),
    M=st.floats(1, 8),
    cross_section=st.floats(1e-18, 1e-16),
    avalanche=st.floats(0, 1e-3),
)
def test_dose_and_time_give_the_same_density_and_energy(F, M, cross_section, avalanche):
    c = replace(KDP, cross_section=cross_section, avalanche=avalanche)
    fast, slow = laser.deposit(F, c, M), laser.deposit_ode(F, c, M)[:2]
    assert fast == pytest.approx(slow, rel=3e-3)


def test_photons_are_conserved():
    c = replace(KDP, collision=1e-24)  # conduction electrons that do not absorb
    F, dose = 0.5, 0.5 * KDP.cross_section / laser.photon(KDP)
    a, b, G = laser.ladder([dose])[:, -1]
    expected = laser.photon(c) * c.sites * (3 * G + 2 * b + a)
    assert laser.deposit(F, c)[1] == pytest.approx(expected, rel=1e-3)


def test_a_direct_jump_takes_its_photons():
    c = replace(BARE, collision=1e-30)
    n, U = laser.deposit(500.0, c)
    assert pytest.approx(3 * laser.photon(c) * n * laser.critical_density(c), rel=1e-4) == U
    assert laser.deposit_ode(500.0, c)[1] == pytest.approx(U, rel=1e-4)


def test_free_carriers_absorb_most_when_they_collide_once_a_radian():
    times = np.geomspace(1e-17, 1e-14, 301)
    best = max(times, key=lambda tau: laser.free_carrier(replace(KDP, collision=tau)))
    assert best * laser.omega(KDP) == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("collision", [1e-16, 1e-15, 1e-14])
def test_free_carriers_absorb_as_a_thin_plasma_does(collision):
    """From the complex refractive index of a plasma of few electrons, instead of the formula."""
    c, density = replace(KDP, collision=collision), 1e18  # per cubic metre
    w = laser.omega(c)
    plasma = density * si.e**2 / (si.epsilon_0 * si.m_e * (w**2 + 1j * w / collision))
    decay = 2 * w / si.c * np.sqrt(laser.index(c) ** 2 - plasma).imag
    assert laser.free_carrier(c) / (decay / density * 1e4) == pytest.approx(1, rel=1e-3)  # cm^2


def test_a_crystal_without_sites_does_not_know_the_ladder():
    other = replace(BARE, cross_section=1e-15)
    assert laser.deposit(100.0, other) == laser.deposit(100.0, BARE)
    assert laser.deposit(0.0, KDP) == (0.0, 0.0)


@pytest.mark.parametrize(
    "doses", [[], [[1.0]], [2.0, 1.0], [1.0, 1.0], [-1.0, 1.0], [float("nan")], [1.0, float("nan")]]
)
def test_the_ladder_refuses_doses_that_do_not_increase(doses):
    with pytest.raises(ValueError, match="doses: expected"):
        laser.ladder(doses)


def test_the_ladder_takes_one_dose_and_none():
    assert laser.ladder([0.0]) == pytest.approx(np.zeros((3, 1)))
    both = laser.ladder([0.0, 0.7])
    assert both[:, 1:] == pytest.approx(laser.ladder([0.7]), rel=1e-6)


@pytest.mark.parametrize("F", [-1.0, float("nan")])
@pytest.mark.parametrize("solve", [laser.deposit, laser.deposit_ode])
def test_a_fluence_below_zero_is_refused(F, solve):
    with pytest.raises(ValueError, match="F >= 0"):
        solve(F, KDP)


def test_relaxation_is_left_to_the_integration_in_time():
    with pytest.raises(ValueError, match="deposit_ode"):
        laser.deposit(1.0, replace(KDP, relaxation=1e9))


def test_relaxation_empties_the_levels_at_its_rate():
    """Weak light, fast relaxation: a = sigma phi / Gamma, b = (sigma phi / Gamma)^2."""
    c = replace(KDP, relaxation=1e12, avalanche=0.0, mass=1e-3)
    F, root = 1e-3, KDP.pulse * (np.pi / (4 * np.log(2))) ** 0.5
    flux = c.cross_section * F / root / laser.photon(c)  # at the peak
    n = c.sites * flux**3 / c.relaxation**2 * root / 3**0.5 / laser.critical_density(c)
    direct = laser.deposit(F, replace(c, sites=0.0, relaxation=0.0))[0]
    assert laser.deposit_ode(F, c)[0] == pytest.approx(n + direct, rel=0.01)


# Thresholds


@pytest.mark.parametrize("M", [0.0, -1.0, float("nan"), float("inf")])
def test_an_intensification_that_is_none_is_refused(M):
    with pytest.raises(ValueError, match="M: expected"):
        laser.threshold(KDP, M)


def test_an_unknown_limit_is_refused():
    with pytest.raises(ValueError, match="limit: expected"):
        laser.threshold(KDP, limit="boiling")


@pytest.mark.parametrize("heating, avalanche", [(1e-20, 0.0), (1e15, 0.0)])
def test_a_limit_beyond_all_fluences_is_refused(heating, avalanche):
    c = replace(BARE, heating=heating, avalanche=avalanche)
    with pytest.raises(ValueError, match="expected the melting limit between"):
        laser.threshold(c, limit="melting")


def test_a_strong_avalanche_ends_at_the_limit():
    c = replace(BARE, avalanche=1.0)
    with np.errstate(over="raise"):
        assert laser.deposit(laser.threshold(c, 100.0), c, 100.0)[0] == pytest.approx(1, rel=1e-4)


@settings(max_examples=15, deadline=None)
@given(
    M=st.floats(1, 20),
    sites=st.sampled_from([0.0, 1e17, 1e19, 1e21]),
    avalanche=st.sampled_from([0.0, 1e-3]),
    limit=st.sampled_from(["density", "melting"]),
)
def test_the_threshold_is_divided_by_the_intensification(M, sites, avalanche, limit):
    c = replace(KDP, sites=sites, avalanche=avalanche)
    assert laser.threshold(c, M, limit) * M == pytest.approx(laser.threshold(c, 1.0, limit), 1e-4)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("avalanche", [1e-2, 1.0])
def test_a_strong_avalanche_does_not_overflow(avalanche):
    c = replace(BARE, avalanche=avalanche)
    assert 0 < laser.threshold(c, 10.0) < 500 / (10 * avalanche)


@pytest.mark.parametrize("limit", ["density", "melting"])
def test_the_threshold_is_where_the_limit_is_reached(limit):
    n, U = laser.deposit(laser.threshold(KDP, 3.0, limit), KDP, 3.0)
    reached = n if limit == "density" else U / (KDP.heat_capacity * KDP.heating)
    assert reached == pytest.approx(1, rel=1e-5)


def test_more_sites_and_less_relaxation_lower_the_threshold():
    lidts = [laser.threshold(replace(KDP, sites=s)) for s in (0.0, 1e17, 1e18, 1e19, 1e20)]
    assert all(np.diff(lidts) < 0)
    slow = [
        laser.threshold(replace(KDP, relaxation=g), solve=laser.deposit_ode)
        for g in (0.0, 1e11, 1e12)
    ]
    assert slow[0] < slow[1] < slow[2]


@pytest.mark.parametrize("sites", [1e18, 1e19, 1e20])
def test_the_ladder_threshold_is_inverse_to_the_sites(sites):
    formula = laser.critical_density(KDP) * laser.photon(KDP) / (B_STEADY * 1e-17 * sites)
    assert laser.threshold(replace(KDP, sites=sites)) == pytest.approx(formula, rel=0.01)


def test_the_stiff_integrators_agree():
    c = replace(KDP, relaxation=1e12)
    results = [laser.deposit_ode(50.0, c, method=m)[0] for m in ("LSODA", "BDF", "Radau")]
    assert results == pytest.approx([results[0]] * 3, rel=1e-4)


# Maxwell's equations


@pytest.mark.parametrize("dx", [5.0, 12.5, 30.0])
@pytest.mark.parametrize("wavelength", [355.0, 1064.0])
def test_a_cycle_has_as_few_whole_steps_as_stability_allows(dx, wavelength):
    period, dt, w = laser.timing(dx, wavelength)
    assert period * dt == pytest.approx(wavelength)
    assert w * period * dt == pytest.approx(2 * np.pi)
    assert dt <= 0.68 * dx < wavelength / (period - 1)


@settings(max_examples=10, deadline=None)
@given(
    nx=st.integers(1, 9),
    ny=st.integers(1, 9),
    layer=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    seed=st.integers(0, 99),
)
def test_the_array_step_equals_the_loop_bit_for_bit(nx, ny, layer, seed):
    rng = np.random.default_rng(seed)
    eps, start = 1 + rng.random((nx, ny)), rng.random((nx, ny)) - 0.5
    fields = []
    for advance in (laser.step, loop_step):
        f = laser.yee(eps, 12.5, laser.timing(12.5, 355.0)[1], layer)
        f.Ex[:], f.E[:] = start, start
        for _ in range(15):
            advance(f)
        fields.append(f)
    for part in ("E", "Ex", "Ey", "Hx", "Hy"):
        assert np.array_equal(*(getattr(f, part) for f in fields)), part


def test_a_step_with_a_stale_magnetic_field_is_told_from_the_loop():
    eps = np.ones((6, 6))
    f, g = (laser.yee(eps, 12.5, laser.timing(12.5, 355.0)[1], (0, 0)) for _ in range(2))
    f.Ex[2, 3] = f.E[2, 3] = g.Ex[2, 3] = g.E[2, 3] = 1.0
    laser.step(f)
    g.Hx[:], g.Hy[:] = f.Hx, f.Hy  # advanced already: the next step advances it twice
    loop_step(g)
    assert not np.array_equal(f.E, g.E)


def test_time_stepping_ends_in_the_solution_of_the_frequency_domain():
    eps, source = scene(25.0)
    direct = fdfd(eps, source, 25.0)
    gaps = [
        np.linalg.norm(laser.fdtd(eps, source, 25.0, cycles=n) - direct) / np.linalg.norm(direct)
        for n in (10, 16, 30)
    ]
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[1] < 1e-3 and gaps[2] < 1e-5


def test_a_solver_written_elsewhere_gives_the_same_field():
    eps, source = scene(40.0)
    inside = np.s_[12:-12, 12:-12]  # the absorbers differ
    ours, other = (solve(eps, source, 40.0)[inside] for solve in (laser.fdtd, packaged))
    assert np.linalg.norm(other - ours) < 2e-3 * np.linalg.norm(ours)


def test_that_solver_leaves_torch_as_it_was():
    code = "import benchmarks.laser_damage, torch; print(torch.ones(1, requires_grad=True) * 2)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=chapters.ROOT, capture_output=True, text=True, check=True)
    assert "grad_fn" in done.stdout and "dtype" not in done.stdout


def test_layers_of_different_depth_stand_on_their_own_sides():
    rng = np.random.default_rng(4)
    eps, source = 1 + rng.random((44, 52)), np.zeros((44, 52), complex)
    source[20:24, 24:28] = rng.random((4, 4))
    stepped = laser.fdtd(eps, source, 20.0, cycles=40, layer=(6, 14))
    for layer, same in (((6, 14), True), ((14, 6), False), ((6, 6), False), ((14, 14), False)):
        direct = fdfd(eps, source, 20.0, layer=layer)
        assert (np.linalg.norm(stepped - direct) < 1e-4 * np.linalg.norm(direct)) == same


def test_the_field_is_linear_in_its_source():
    rng = np.random.default_rng(3)
    eps = 1 + rng.random((40, 40))
    source = np.zeros((40, 40), complex)
    source[18:22, 18:22] = rng.random((4, 4)) + 1j * rng.random((4, 4))
    one = laser.fdtd(eps, source, 20.0, layer=(8, 8))
    other = laser.fdtd(eps, 2j * source, 20.0, layer=(8, 8))
    assert np.abs(other - 2j * one).max() < 2e-3 * np.abs(other).max()


def test_the_layers_absorb():
    leftovers = []
    for layer in (0, 12):
        f = laser.yee(np.ones((64, 64)), 12.5, laser.timing(12.5, 355.0)[1], (layer, layer))
        x = np.arange(64) - 31.5
        f.Ex[:] = f.E[:] = np.exp(-(x[:, None] ** 2 + x**2) / 20)
        for _ in range(400):
            laser.step(f)
        leftovers.append(np.abs(f.E).max())
    assert leftovers[1] < 0.05 * leftovers[0]


@pytest.mark.parametrize("side", ["exit", "entrance"])
def test_the_flat_solution_is_continuous_and_conserves_power(side):
    n, k, h = 1.53, 2 * np.pi / 355, 1e-4
    y = np.array([-2 * h, -h, h, 2 * h])
    E = laser.flat_wave(y, side, n, k)
    assert abs(E[1] - E[2]) < 1e-4
    assert abs((E[1] - E[0]) - (E[3] - E[2])) < 1e-4 * h
    far = np.linspace(-500, 500, 4001)
    crest = np.abs(laser.flat_wave(far, side, n, k))
    through = crest[far > 0] if side == "exit" else crest[far < 0]  # Fresnel, unit beam
    assert through == pytest.approx((2 * n if side == "exit" else 2) / (n + 1))
    mixed = crest[far < 0] if side == "exit" else crest[far > 0]
    echo = (n - 1) / (n + 1)
    assert [mixed.min(), mixed.max()] == pytest.approx([1 - echo, 1 + echo], rel=1e-4)
    flux = (np.conj(E[1:]) * np.diff(E, append=E[-1:])[:3]).imag  # the same on both sides
    assert flux[0] == pytest.approx(flux[2] if flux[2] else flux[1], rel=1e-3)


def test_a_cylinder_of_vacuum_leaves_the_wave_alone():
    x = np.linspace(-400, 400, 41)
    X, Y = np.meshgrid(x, x, indexing="ij")
    assert laser.mie(X, Y, 200.0, 1.0, 355.0) == pytest.approx(np.exp(2j * np.pi * Y / 355), 1e-8)


@pytest.mark.parametrize("m, radius", [(1.531, 250.0), (2.5, 120.0), (0.653, 300.0)])
def test_mie_is_continuous_with_its_slope(m, radius):
    angle = np.linspace(0, 2 * np.pi, 13)
    h = 1e-3
    r = radius + h * np.array([-2, -1, 1, 2])[:, None]
    E = laser.mie(r * np.sin(angle), r * np.cos(angle), radius, m, 355.0)
    assert np.abs(E[1] - E[2]).max() < 1e-3
    assert np.abs((E[1] - E[0]) - (E[3] - E[2])).max() < 1e-3 * h


@pytest.mark.parametrize("width, depth", [(600, 300), (400, 600), (1500, 300)])
def test_cells_are_filled_by_area(width, depth):
    x, y = np.arange(-1000, 1000, 20.0) + 10, np.arange(-800, 0, 20.0) + 10
    ellipse = laser.coverage(laser.outline(width, depth), x, y, 20.0).sum() * 400
    assert ellipse == pytest.approx(np.pi * width * depth / 4, rel=2e-3)
    if width >= 2 * depth:
        R = (width**2 / 4 + depth**2) / (2 * depth)
        half = np.arcsin(width / 2 / R)
        cap = R**2 * (half - np.sin(half) * np.cos(half))
        pit = laser.coverage(laser.outline(width, depth, "pit"), x, y, 20.0).sum() * 400
        assert pit == pytest.approx(cap, rel=2e-3)


def test_light_around_a_symmetric_groove_is_symmetric():
    light = laser.groove(400, 200, KDP, dx=25.0)
    assert np.array_equal(light.solid, light.solid[::-1])
    assert light.intensity == pytest.approx(light.intensity[::-1], rel=1e-9)
    assert light.intensity[light.solid].max() == light.M
    i, j = (int(np.flatnonzero(np.isclose(axis, at))[0])
            for axis, at in zip((light.x, light.y), light.spot, strict=True))  # fmt: skip
    assert light.intensity[i, j] == light.M
    assert light.solid[i, j]
    assert light.intensity.shape == light.solid.shape == (len(light.x), len(light.y))
    assert np.diff(light.x) == pytest.approx(25)
    assert np.diff(light.y) == pytest.approx(25)
    assert light.x.mean() == pytest.approx(0)
    assert (light.x.max(), light.y.min(), light.y.max()) == (700, -700, 400)  # 500 around it
    assert light.y[light.solid.any(0)].max() == 0
    X, Y = np.meshgrid(light.x, light.y, indexing="ij")
    deep = (X / 200) ** 2 + (Y / 200) ** 2
    assert light.solid[(Y < 0) & (deep > 1.2)].all()
    assert not light.solid[(Y > 0) | (deep < 0.8)].any()


def test_a_groove_does_not_feel_the_size_of_the_box():
    small, large = (laser.groove(400, 300, KDP, dx=25.0, margin=m).M for m in (500, 1200))
    assert small == pytest.approx(large, rel=1e-3)


def test_a_vanishing_groove_is_a_flat_face():
    n = laser.index(KDP)
    flat = (1 + (n - 1) / (n + 1)) ** 2
    light = laser.groove(20, 5, KDP, dx=12.5)
    assert abs(light.M / flat - 1) < 0.02


def test_the_surface_cell_is_half_crystal_so_that_the_flat_face_is_met_exactly():
    """A groove that hardly differs from its surroundings leaves the flat wave alone."""
    n = laser.index(KDP)
    light = laser.groove(400, 300, KDP, dx=12.5, outside=n + 1e-9)
    assert light.intensity == pytest.approx(np.ones_like(light.intensity), abs=1e-6)
    wet = laser.groove(400, 200, KDP, dx=25.0, outside=1.4)
    assert 1 < wet.M < laser.groove(400, 200, KDP, dx=25.0).M


def test_the_field_around_a_groove_solves_the_equation_in_the_frequency_domain():
    """The intensity map against the sparse solve, on the grid of `groove`, from both sides."""
    for side in ("exit", "entrance"):
        light = laser.groove(300, 200, KDP, side=side, dx=25.0, margin=300.0, outside=1.2)
        x = np.arange(-18 - 12, 18 + 13) * 25.0
        y = np.arange(-20 - 12, 16 + 13) * 25.0
        n, q = laser.index(KDP), 2 * np.pi / 355
        hole = laser.outline(300, 200)
        solid = laser.coverage(lambda X, Y, hole=hole: (Y < 0) & ~hole(X, Y), x, y, 25.0)
        face = laser.coverage(lambda X, Y: (Y < 0) & np.isfinite(X), x, y, 25.0)
        eps, flat = (1.2**2 + (n**2 - 1.2**2) * part for part in (solid, face))
        r = (n - 1.2) / (n + 1.2)
        if side == "exit":
            below = np.exp(1j * n * q * y) + r * np.exp(-1j * n * q * y)
            wave = np.where(y < 0, below, (1 + r) * np.exp(1.2j * q * y))
        else:
            above = np.exp(-1.2j * q * y) - r * np.exp(1.2j * q * y)
            wave = np.where(y < 0, (1 - r) * np.exp(-1j * n * q * y), above)
        total = wave + fdfd(eps, (eps - flat) * wave, 25.0)
        assert light.intensity == pytest.approx(abs(total[12:-12, 12:-12]) ** 2, abs=0.02)
        assert light.x == pytest.approx(x[12:-12])
        assert light.y == pytest.approx(y[12:-12])


@pytest.mark.parametrize(
    "given, said",
    [
        ({"width": 0}, "width: expected"),
        ({"depth": float("nan")}, "depth: expected"),
        ({"dx": -1.0}, "dx: expected"),
        ({"dx": 40.0}, "dx: expected 8 cells a wave"),
        ({"margin": 0.0}, "margin: expected"),
        ({"outside": float("inf")}, "outside: expected"),
        ({"side": "left"}, "side: expected"),
        ({"shape": "crack"}, "shape: expected"),
        ({"width": 5, "depth": 5}, "one a groove"),
        ({"outside": 2.5, "dx": 20.0}, "8 cells a wave"),
    ],
)
def test_a_groove_that_is_none_is_refused(given, said):
    with pytest.raises(ValueError, match=said):
        laser.groove(**({"width": 400, "depth": 300, "c": KDP} | given))


def test_the_grid_may_be_as_coarse_as_an_eighth_of_a_wave():
    limit = 355 / 8 / laser.index(KDP)
    laser.groove(400, 300, KDP, dx=limit)
    with pytest.raises(ValueError, match="8 cells"):
        laser.groove(400, 300, KDP, dx=1.001 * limit)


@pytest.mark.parametrize(
    "eps, source",
    [
        (np.ones((0, 3)), np.ones((0, 3))),
        (np.ones(4), np.ones(4)),
        (np.ones((4, 4)), np.ones((4, 5))),
        (np.full((4, 4), 0.9), np.ones((4, 4))),
        (np.full((4, 4), np.nan), np.ones((4, 4))),
        (np.ones((4, 4)), np.zeros((4, 4))),
    ],
)
def test_a_grid_that_cannot_be_stepped_is_refused(eps, source):
    with pytest.raises(ValueError, match="expected eps >= 1"):
        laser.fdtd(eps, source, 20.0)


@pytest.mark.parametrize("given", [{"dx": 0.0}, {"wavelength": -1.0}, {"cycles": 0}])
def test_steps_that_are_none_are_refused(given):
    with pytest.raises(ValueError, match=f"{next(iter(given))}: expected"):
        laser.fdtd(np.ones((4, 4)), np.ones((4, 4)), **({"dx": 20.0} | given))


# The page


def test_the_page_says_first_that_the_model_is_a_reconstruction():
    opening = chapters.read(chapters.find("laser_damage")).cells[1].source
    assert "only the abstract" in opening
    assert "reconstruction" in opening


def test_no_claim_is_decided_by_a_reconstructed_model():
    found = records.read("laser_damage", chapters.read(chapters.find("laser_damage")))
    assert not list(found.of("claim"))
    assert list(found.of("finding"))
