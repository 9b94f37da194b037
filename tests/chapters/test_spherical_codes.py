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


def test_the_objective_has_equal_weights_by_default(chapter):
    shells = [np.eye(3), lines(1, 5)]
    mean = (np.pi / 2 + slow_separation(shells[1])) / 2
    union = slow_separation(np.concatenate(shells))
    assert chapter.objective(shells) == pytest.approx((mean + union) / 2)
    assert chapter.objective(shells, w=1) == pytest.approx(mean)
    assert chapter.objective(shells, w=0) == pytest.approx(union)


def test_lines_are_bounded_as_twice_as_many_points(chapter):
    expected = [chapter.theta_ub(n) for n in (6, 10, 16)]
    assert chapter.bounds([3, 5]).tolist() == pytest.approx(expected)


def test_equal_and_opposite_directions_have_a_finite_slope(chapter):
    u = np.array([[0, 0, 1.0], [0, 0, 1.0], [0, 0, -1.0], [0, 0.6, 0.8]])
    z = np.r_[0.1, u.ravel()]
    i, j = np.array([0, 0, 0]), np.array([1, 2, 3])
    room, J = chapter.angle_room(z, 1, i, j, np.array([0, 0, 0]))
    assert room == pytest.approx([-0.1, -0.1, np.arccos(0.8) - 0.1], abs=2e-6)
    assert np.isfinite(J).all()
    assert J[:, 0].tolist() == [-1, -1, -1]
    assert J[2, 1:4] == pytest.approx([0, -1, 0])  # away from the other line


@pytest.mark.parametrize(("n", "degrees"), [(4, 109.4712), (6, 90.0), (12, 63.4349)])
def test_bound_is_attained_by_the_regular_solids(chapter, n, degrees):
    assert np.degrees(chapter.theta_ub(n)) == pytest.approx(degrees, abs=1e-4)


def test_isc_takes_the_farthest_candidate_each_time(chapter):
    u = chapter.isc(X81, [8])[0]
    for k in range(1, 8):
        worst = np.abs(X81 @ u[:k].T).max(axis=1)
        assert np.abs(u[k] @ u[:k].T).max() == pytest.approx(worst.min(), abs=1e-12)


def slow_order(x, K, w, home):
    """The incremental order with loops: each candidate's angle to its shell and to all."""
    order = [(0, 0)]

    def angle(i, chosen):
        return min([np.arccos(min(1, abs(x[i] @ x[j]))) for j in chosen], default=np.pi / 2)

    while len(order) < sum(K):
        best = None
        for i in range(len(x)):
            for s in range(len(K)):
                own = [j for shell, j in order if shell == s]
                waits = len(order) < len(K) and s != len(order)
                if any(j == i for _, j in order) or waits or len(own) == K[s]:
                    continue
                if home is not None and home[i] != s:
                    continue
                score = (1 - w) * angle(i, [j for _, j in order]) + w * angle(i, own)
                if best is None or score > best[0] + 1e-9:
                    best = score, s, i
        order.append(best[1:])
    return order


@pytest.mark.parametrize("w", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("K", [[5], [3, 4], [2, 4, 3]])
@pytest.mark.parametrize("bound", [False, True])
def test_an_incremental_order_is_that_of_a_slow_loop(chapter, K, w, bound):
    x = lines(sum(K), 40)
    home = np.arange(40) % len(K) if bound else None
    assert chapter.isc_order(x, K, w, home) == slow_order(x, K, w, home)
    if not bound:
        shells = chapter.isc(x, K, w)
        expected = [x[[i for s, i in slow_order(x, K, w, None) if s == k]] for k in range(len(K))]
        assert all(np.array_equal(*pair) for pair in zip(shells, expected, strict=True))


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


def slow_trial(x, theta, K, delta, sign):
    """One trial with loops over sets of candidates; a row is a shell, or the union (last)."""
    S, shells = len(K), [[] for _ in K]
    C = np.abs(x @ x.T)

    def near(row, i):
        return {j for j in range(len(x)) if C[i, j] > np.cos(theta[row])}

    for n in range(sum(K)):
        union, best = [i for shell in shells for i in shell], None
        for row in [S] if n < S else [s for s in range(S) if len(shells[s]) < K[s]]:
            own = shells[row] if row < S else union
            others = [i for i in union if i not in own]
            hidden = set().union(*(near(row, i) for i in own), *(near(S, i) for i in union))
            for i in range(len(x)):
                reached = any(C[i, j] > np.cos(theta[row] + delta) for j in own) or any(
                    C[i, j] > np.cos(theta[S] + delta) for j in others
                )
                if i in hidden or not (reached or n == i == 0):
                    continue
                score = sign * len(near(row, i) & hidden)
                if best is None or score > best[0]:
                    best = score, n if n < S else row, i
        if best is None:
            return None
        shells[best[1]].append(best[2])
    return shells


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("K", [[5], [10], [15], [3, 4], [2, 5, 3]])
def test_a_trial_is_that_of_a_slow_loop(chapter, K, sign):
    C, found = chapter.cosines(X81, X81), 0
    for share in (0.3, 0.45, 0.6, 0.75, 0.9):
        theta = share * chapter.bounds(K)
        for delta in (0.08, 0.3):
            got = chapter.moc(C, theta, K, delta, sign)
            assert got == slow_trial(X81, theta, K, delta, sign)
            found += got is not None
    assert 0 < found < 10  # both endings are tried


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("K", [[6], [3, 4]])
def test_imoc_is_the_last_success_of_a_bisection(chapter, monkeypatch, K, sign):
    """Trials at shares of the bounds, halving the interval in which the last success lies."""
    trials, moc = [], chapter.moc

    def spied(C, theta, K, delta, sign):
        trials.append((theta / chapter.bounds(K), moc(C, theta, K, delta, sign)))
        assert np.array_equal(C, chapter.cosines(X81, X81))
        return trials[-1][1]

    monkeypatch.setitem(chapter.imoc.__globals__, "moc", spied)
    got = chapter.imoc(X81, K, sign)
    low, high, last = 0.0, 1.0, None
    for share, shells in trials:
        assert share == pytest.approx((low + high) / 2)
        low, high = (low, share[0]) if shells is None else (share[0], high)
        last = shells or last
    assert 0.5e-4 * high < high - low <= 1e-4 * high
    assert all(np.array_equal(u, X81[i]) for u, i in zip(got, last, strict=True))


def gains(shells, x, k, i):
    """What moving line k to x[i] adds to its smallest angle in the union, and in its shell."""
    u = np.concatenate(shells)
    home = np.repeat(np.arange(len(shells)), [len(v) for v in shells])

    def smallest(v, others):
        return min(np.arccos(min(1, abs(v @ u[j]))) for j in others)

    everywhere = [j for j in range(len(u)) if j != k]
    inside = [j for j in everywhere if home[j] == home[k]]
    return [smallest(x[i], group) - smallest(u[k], group) for group in (everywhere, inside)]


@pytest.mark.parametrize("seed", range(3))
def test_one_move_is_the_best_of_all_and_the_last_leaves_none(chapter, seed):
    x, shells = lines(seed + 10, 30), [lines(seed, 4), lines(seed + 5, 5)]

    def best(shells):
        moves = [(gains(shells, x, k, i), k, i) for k in range(9) for i in range(30)]
        return max(((sum(g), k, i) for g, k, i in moves if min(g) > 0), default=(0, 0, 0))

    gain, k, i = best(shells)
    assert gain > 1e-6
    expected = np.concatenate(shells)
    expected[k] = x[i]
    assert np.array_equal(np.concatenate(chapter.one_opt(shells, x, moves=1)), expected)
    moved = chapter.one_opt(shells, x)
    assert [len(u) for u in moved] == [4, 5]
    assert best(moved)[0] < 1e-6


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


@pytest.mark.parametrize(("w", "degrees"), [(1, 90.0), (0, 63.4349), (0.5, (90 + 48.1897) / 2)])
def test_cnlo_weighs_shells_and_union(chapter, w, degrees):
    """Two shells of three: orthogonal ones are best alone, the icosahedron together.

    With equal weights two orthogonal shells, one turned by 60 degrees about the diagonal of the
    other, whose nearest lines have the cosine 2/3.
    """
    refined = chapter.cnlo(chapter.isc(X81, [3, 3], w), w)
    assert np.degrees(chapter.objective(refined, w)) == pytest.approx(degrees, abs=0.05)


@pytest.mark.parametrize("w", [0.1, 0.5, 0.9, 1])
@pytest.mark.parametrize("seed", [5, 6])
def test_subsets_of_two_shells_match_exhaustive_search(chapter, seed, w):
    x = lines(seed, 8)
    best = max(
        chapter.objective([x[list(a)], x[list(b)]], w)
        for a in combinations(range(8), 3)
        for b in combinations(sorted(set(range(8)) - set(a)), 2)
    )
    masks = chapter.subsets([x, x], [3, 2], w)
    assert [int(mask.sum()) for mask in masks] == [3, 2]
    assert not (masks[0] & masks[1]).any()
    assert chapter.objective([x[mask] for mask in masks], w) == pytest.approx(best, abs=1e-6)


def test_a_subset_that_highs_loses_after_presolve_is_found(chapter):
    """Five of these ten lines: with presolve, the HiGHS of SciPy 1.17 ends with a solve error."""
    x = electrostatic([10] * 3, starts=10)[1]
    best = max(slow_separation(x[list(q)]) for q in combinations(range(10), 5))
    assert chapter.separation(x[chapter.subsets([x], [5], w=1)[0]]) == pytest.approx(best, abs=1e-6)


def test_subsets_that_do_not_exist_are_refused(chapter):
    with pytest.raises(ValueError, match="no more lines than the 6 different"):
        chapter.subsets([tessellation(1)], [7])
    with pytest.raises(ValueError, match=r"cannot choose \[7, 2\] of \[6, 15\]"):
        chapter.subsets([tessellation(1), X81[-15:]], [7, 2])
    with pytest.raises(ValueError, match="one K for each of 2 sets"):
        chapter.subsets([tessellation(1), X81[-15:]], [7])


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


def test_repeated_and_opposite_candidates_count_once(chapter):
    """One line of each is chosen; more than there are is refused instead of searched for."""
    u = tessellation(1)
    twice = np.concatenate([u, -u, u])
    for method in (chapter.isc, chapter.imoc):
        assert np.degrees(chapter.separation(method(twice, [6])[0])) == pytest.approx(63.4349)
        with pytest.raises(ValueError, match="6 different candidates, got K = \\[7\\]"):
            method(twice, [7])
        with pytest.raises(ValueError, match="6 different candidates, got K = \\[4, 3\\]"):
            method(twice, [4, 3])
    assert chapter.different(twice).tolist() == list(range(6))
    assert chapter.different(np.array([[1, 0, 0], [1, 3e-6, 0], [-1, 0, 0.0]])).tolist() == [0, 1]


def test_repeated_lines_neither_crash_nor_hang(chapter):
    u = tessellation(1)
    double = [np.concatenate([u, -u[:1]])]
    assert chapter.separation(double[0]) == 0
    assert chapter.objective(chapter.cnlo(double)) >= 0
    moved = chapter.one_opt(double, X81)
    assert chapter.separation(moved[0]) > 0.4
    both = chapter.cnlo([u, u])  # two equal shells: their union repeats every line
    assert chapter.objective(both) >= chapter.objective([u, u])


@pytest.mark.parametrize("seed", range(8))
def test_imoc_packs_irregular_candidates(chapter, seed):
    """Random lines have close pairs and wide gaps; a step must cross the widest of them."""
    x = lines(seed, 200)
    u = chapter.imoc(x, [8])[0]
    assert np.degrees(chapter.separation(u)) > np.degrees(np.arccos(1 - 1 / 7))
    far = np.concatenate([x[:20] * [0.05, 0.05, 1], x[20:40] * [1, 0.05, 0.05]])  # two bundles
    far /= np.linalg.norm(far, axis=1, keepdims=True)
    assert chapter.separation(chapter.imoc(far, [2])[0]) > 1.2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.separation(np.empty((0, 3))), r"separation: .* got sizes \[0\]"),
        (lambda c: c.separation(np.eye(3)[:1]), r"separation: .* got sizes \[1\]"),
        (lambda c: c.separation(np.full((2, 3), np.nan)), r"u\[0\] has length nan"),
        (lambda c: c.separation(np.ones(3)), r"expected u of shape \(K, 3\), got \(3,\)"),
        (lambda c: c.objective([np.eye(3), np.eye(3)[:1]]), r"got sizes \[1\]"),
        (lambda c: c.theta_ub(3), "expected N >= 4 points"),
        (lambda c: c.isc(X81, [1]), r"2 lines or more, got \[1\]"),
        (lambda c: c.isc(X81, [2.5]), r"whole numbers K .* got \[2.5\]"),
        (lambda c: c.imoc(X81, [[3]]), r"whole numbers K .* got \[\[3\]\]"),
        (lambda c: c.imoc(X81, []), r"whole numbers K .* got \[\]"),
        (lambda c: c.imoc(2 * X81, [3]), "divide each by its length"),
        (lambda c: c.one_opt([np.eye(3)], 2 * X81), "one_opt: expected unit vectors"),
        (lambda c: c.one_opt([np.eye(3)[:1]], X81), r"one_opt: .* got sizes \[1\]"),
        (lambda c: c.cnlo([]), r"objective: .* got sizes \[\]"),
        (lambda c: c.subsets([np.eye(3)[:1]], [2]), r"subsets: .* got sizes \[1\]"),
    ],
)
def test_degenerate_input_is_refused(chapter, call, message):
    with pytest.raises(ValueError, match=message):
        call(chapter)


def test_smallest_sizes_are_accepted(chapter):
    for method in (chapter.isc, chapter.imoc):
        assert [len(u) for u in method(X81, [2, 2])] == [2, 2]
        assert len(method(np.eye(3), [3])[0]) == 3
    assert np.degrees(chapter.theta_ub(4)) > 90


def test_the_constant_of_the_integer_programme_is_the_smallest_that_cuts_nothing(chapter):
    u = lines(3, 6)
    angles = [slow_separation(np.array(pair)) for pair in combinations(list(u), 2)]
    (rows, *_), _ = chapter.subset_rows(u, np.zeros(6, int), [3], 1.0)
    coefficients = rows.A.toarray()[:, :6]
    assert coefficients[coefficients > 0] == pytest.approx(max(angles) - min(angles))
