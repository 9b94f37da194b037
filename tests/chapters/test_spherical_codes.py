"""Tests of the chapter spherical_codes: its methods against slow or independent ways."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import repro
from repro.diffusion.directions import tessellation
from repro.diffusion.repulsion import electrostatic

X81 = tessellation(3)
X321 = tessellation(4)


@pytest.fixture(scope="module")
def chapter():
    return repro.chapter("spherical_codes")


def lines(seed, n):
    u = np.random.default_rng(seed).standard_normal((n, 3))
    return u / np.linalg.norm(u, axis=1, keepdims=True)


def slow_separation(u):
    return min(np.arccos(min(1, abs(float(np.dot(a, b))))) for a, b in combinations(list(u), 2))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6), n=st.integers(2, 12))
def test_separation_is_that_of_a_loop_and_does_not_mind_signs_or_rotations(chapter, seed, n):
    u = lines(seed, n)
    signs = np.random.default_rng(seed + 1).choice([-1, 1], size=(n, 1))
    turn = np.linalg.qr(np.random.default_rng(seed + 2).standard_normal((3, 3)))[0]
    value = chapter.separation(u)
    assert value == pytest.approx(slow_separation(u), abs=1e-7)
    assert chapter.separation(signs * u @ turn) == pytest.approx(value, abs=1e-7)


def test_objective_weighs_shells_and_union(chapter):
    shells = [lines(0, 4), lines(1, 5)]
    mean = np.mean([slow_separation(u) for u in shells])
    union = slow_separation(np.concatenate(shells))
    assert chapter.objective(shells, 0.3) == pytest.approx(0.3 * mean + 0.7 * union)
    assert chapter.objective(shells[:1]) == pytest.approx(slow_separation(shells[0]))


@pytest.mark.parametrize(("n", "degrees"), [(4, 109.4712), (6, 90.0), (12, 63.4349)])
def test_bound_is_attained_by_the_regular_solids(chapter, n, degrees):
    assert np.degrees(chapter.theta_ub(n)) == pytest.approx(degrees, abs=1e-4)


def test_isc_takes_the_farthest_candidate_each_time(chapter):
    u = chapter.isc(X81, [8])[0]
    for k in range(1, 8):
        worst = np.abs(X81 @ u[:k].T).max(axis=1)
        assert np.abs(u[k] @ u[:k].T).max() == pytest.approx(worst.min(), abs=1e-12)


@pytest.mark.parametrize("method", ["isc", "imoc"])
def test_shells_have_their_sizes_and_share_no_direction(chapter, method):
    shells = getattr(chapter, method)(X81, [3, 5, 4])
    assert [len(u) for u in shells] == [3, 5, 4]
    assert chapter.separation(np.concatenate(shells)) > 0.1


@pytest.mark.parametrize("K", [4, 7, 12, 20])
def test_imoc_beats_its_guarantee_and_respects_the_bound(chapter, K):
    u = chapter.imoc(X321, [K])[0]
    assert len(u) == K
    spacing = 0.16  # of 321 candidates, radians
    assert chapter.separation(u) > np.arccos(1 - 1 / (K - 1)) - spacing
    assert chapter.separation(u) <= chapter.theta_ub(2 * K) + 1e-9


def slow_trial(x, theta, K, delta):
    """One trial of one shell, with loops over sets of candidates."""
    near = [{j for j in range(len(x)) if abs(x[i] @ x[j]) > np.cos(theta)} for i in range(len(x))]
    chosen, covered = [0], set(near[0])
    while len(chosen) < K:
        free = [
            i
            for i in range(len(x))
            if i not in covered and np.abs(x[i] @ x[chosen].T).max() > np.cos(theta + delta)
        ]
        if not free:
            return None
        best = max(free, key=lambda i: (len(near[i] & covered), -i))
        chosen.append(best)
        covered |= near[best]
    return chosen


@pytest.mark.parametrize("theta", [0.2, 0.33, 0.47, 0.61])
def test_a_trial_is_that_of_a_slow_loop(chapter, theta):
    for K in (5, 10, 15):
        got = chapter.moc(chapter.cosines(X81, X81), [theta, theta], [K], 0.3)
        expected = slow_trial(X81, theta, K, 0.3)
        assert (got is None) == (expected is None)
        if got is not None:
            assert got[0] == expected


@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 10**6))
def test_one_opt_lowers_no_separation(chapter, seed):
    shells = [lines(seed, 5), lines(seed + 1, 6)]
    moved = chapter.one_opt(shells, X81)
    for before, after in zip(
        [*shells, np.concatenate(shells)], [*moved, np.concatenate(moved)], strict=True
    ):
        assert chapter.separation(after) >= chapter.separation(before) - 1e-9


def test_angle_room_jacobian_is_that_of_finite_differences(chapter):
    z = np.concatenate([[0.5, 0.4, 0.3], 1.1 * lines(3, 5).ravel()])
    i, j = np.triu_indices(5, 1)
    label = np.array([0, 1, 2, 2, 0, 1, 2, 0, 1, 2])
    J = chapter.angle_room(z, 3, i, j, label)[1]
    for k in range(len(z)):
        step = 1e-6 * np.eye(len(z))[k]
        up, down = (chapter.angle_room(z + s, 3, i, j, label)[0] for s in (step, -step))
        assert J[:, k] == pytest.approx((up - down) / 2e-6, abs=1e-6)


@pytest.mark.parametrize("K", [[8], [5, 6]])
def test_cnlo_never_returns_less_and_keeps_unit_length(chapter, K):
    start = chapter.isc(X81, K)
    refined = chapter.cnlo(start)
    assert chapter.objective(refined) >= chapter.objective(start)
    assert np.allclose(np.linalg.norm(np.concatenate(refined), axis=1), 1, atol=1e-9)
    assert [len(u) for u in refined] == K


def test_cnlo_finds_the_icosahedron(chapter):
    u = chapter.cnlo(chapter.imoc(X81, [6]))[0]
    assert np.degrees(chapter.separation(u)) == pytest.approx(63.4349, abs=1e-2)


def test_subsets_of_two_shells_match_exhaustive_search(chapter):
    x = lines(5, 8)
    best = max(
        chapter.objective([x[list(a)], x[list(b)]])
        for a in combinations(range(8), 3)
        for b in combinations(sorted(set(range(8)) - set(a)), 2)
    )
    masks = chapter.subsets([x, x], [3, 2])
    assert [int(mask.sum()) for mask in masks] == [3, 2]
    assert not (masks[0] & masks[1]).any()
    assert chapter.objective([x[mask] for mask in masks]) == pytest.approx(best, abs=1e-6)


def test_a_subset_that_highs_loses_after_presolve_is_found(chapter):
    """Five of these ten lines: with presolve, the HiGHS of SciPy 1.17 ends with a solve error."""
    x = electrostatic([10] * 3, starts=10)[1]
    best = max(slow_separation(x[list(q)]) for q in combinations(range(10), 5))
    assert chapter.separation(x[chapter.subsets([x], [5], w=1)[0]]) == pytest.approx(best, abs=1e-6)


def test_subsets_that_do_not_exist_are_refused(chapter):
    with pytest.raises(ValueError, match=r"cannot choose \[7\] of \[6\]"):
        chapter.subsets([tessellation(1)], [7])


def test_an_order_of_several_shells_uses_each_sample_once_in_its_own_shell(chapter):
    shells = [lines(7, 4), lines(8, 6)]
    home = np.repeat([0, 1], [4, 6])
    order = chapter.isc_order(np.concatenate(shells), [4, 6], home=home)
    assert sorted(i for _, i in order) == list(range(10))
    assert all(home[i] == s for s, i in order)
    assert [s for s, _ in order[:2]] == [0, 1]  # a first sample for every shell


def test_subsets_of_different_sets(chapter):
    """P-D-MM: every shell chooses from its own directions."""
    sets = [lines(1, 6), lines(2, 7)]
    best = max(
        chapter.objective([sets[0][list(a)], sets[1][list(b)]])
        for a in combinations(range(6), 3)
        for b in combinations(range(7), 3)
    )
    masks = chapter.subsets(sets, [3, 3])
    chosen = [x[mask] for x, mask in zip(sets, masks, strict=True)]
    assert chapter.objective(chosen) == pytest.approx(best, abs=1e-6)


def test_codes_separate_more_than_charges(chapter):
    """At sizes that the page does not show, from fewer candidates."""
    for K in (12, 18):
        code = chapter.cnlo(chapter.one_opt(chapter.imoc(X321, [K]), X321))[0]
        energy = electrostatic([K])[0]
        assert chapter.separation(code) > chapter.separation(energy)
