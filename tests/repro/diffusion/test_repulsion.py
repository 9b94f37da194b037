"""Lines that repel each other, against closed forms and a slow loop."""

from itertools import combinations

import numpy as np
import pytest

from repro.diffusion.directions import tessellation
from repro.diffusion.repulsion import electrostatic, least_energy_subset, log_energy


def angles(u):
    c = np.abs(u @ u.T)[np.triu_indices(len(u), 1)]
    return np.degrees(np.arccos(np.minimum(c, 1)))


def test_three_lines_are_orthogonal_and_six_are_the_axes_of_the_icosahedron():
    assert angles(electrostatic([3])[0]) == pytest.approx([90] * 3, abs=1e-3)
    assert angles(electrostatic([6])[0]) == pytest.approx([np.degrees(np.arctan(2))] * 15, abs=1e-3)


def test_several_shells_have_their_sizes_and_do_not_repeat_directions():
    shells = electrostatic([4, 7, 5])
    assert [len(u) for u in shells] == [4, 7, 5]
    u = np.concatenate(shells)
    assert np.allclose(np.linalg.norm(u, axis=1), 1)
    assert angles(u).min() > 10


def test_a_large_exponent_separates_more():
    assert angles(electrostatic([10], p=64)[0]).min() > angles(electrostatic([10])[0]).min()


@pytest.mark.parametrize("p", [1, 2, 30, 300])
def test_energy_is_the_sum_over_pairs(p):
    z = np.random.default_rng(0).standard_normal((5, 3))
    weight = np.ones((5, 5))
    u = z / np.linalg.norm(z, axis=1, keepdims=True)
    total = sum(
        np.linalg.norm(u[i] - s * u[j]) ** -float(p)
        for i in range(5)
        for j in range(i)
        for s in (1, -1)
    )
    assert log_energy(z.ravel(), weight, p)[0] == pytest.approx(np.log(total), rel=1e-12)


@pytest.mark.parametrize("p", [1, 2, 20])
def test_gradient_is_that_of_finite_differences(p):
    rng = np.random.default_rng(1)
    z, weight = rng.standard_normal(15), rng.random((5, 5))
    weight += weight.T
    gradient = log_energy(z, weight, p)[1]
    for k in range(15):
        step = 1e-6 * np.eye(15)[k]
        up, down = log_energy(z + step, weight, p)[0], log_energy(z - step, weight, p)[0]
        assert gradient[k] == pytest.approx((up - down) / 2e-6, abs=1e-6)


def test_shells_that_do_not_repel_each_other_may_share_directions():
    """With alpha = 1 each shell is even by itself, wherever the others lie."""
    for u in electrostatic([3, 3, 1], alpha=1, starts=2):
        assert angles(u) == pytest.approx([90] * (3 * (len(u) == 3)), abs=1e-3)
    assert angles(np.concatenate(electrostatic([2, 1], alpha=0))) == pytest.approx(
        [90] * 3, abs=1e-3
    )


@pytest.mark.parametrize("bad", [[], [1], [0, 3], [2.5, 3], [[2, 3]], 1])
def test_impossible_shells_are_refused(bad):
    with pytest.raises(ValueError, match="2 or more in all"):
        electrostatic(bad)


@pytest.mark.parametrize(
    "option",
    [
        {"p": 0},
        {"p": np.nan},
        {"p": np.inf},
        {"alpha": 1.5},
        {"alpha": np.nan},
        {"starts": 0},
    ],
)
def test_impossible_options_are_refused(option):
    with pytest.raises(ValueError, match="expected p > 0"):
        electrostatic([5], **option)


def test_shells_without_any_pair_are_refused():
    with pytest.raises(ValueError, match=r"no shell of \[1, 1\] has two"):
        electrostatic([1, 1], alpha=1)


@pytest.mark.parametrize(
    ("v", "why"),
    [
        ([[1, 0, 0], [2, 0, 0]], "all of them different"),
        ([[1, 0, 0], [-1, 0, 0]], "all of them different"),
        ([[1, 0, 0]], "two or more lines"),
        ([[1, 0, 0], [0, 0, 0]], "any length but zero"),
        ([[1, 0, 0], [np.nan, 0, 0]], "finite"),
    ],
)
def test_an_energy_that_is_not_finite_is_refused(v, why):
    with pytest.raises(ValueError, match=why):
        log_energy(np.ravel(v).astype(float), np.ones((len(v),) * 2), 2)


def random_lines(N, seed):
    u = np.random.default_rng(seed).standard_normal((N, 3))
    return u / np.linalg.norm(u, axis=1, keepdims=True)


def best_subset(u, K, p):
    """Of all subsets, that of least Riesz energy with exponent p, by the definition."""

    def energy(index):
        pairs = combinations([u[k] for k in index], 2)
        return sum(np.linalg.norm(a - s * b) ** -p for a, b in pairs for s in (1, -1))

    return list(min(combinations(range(len(u)), K), key=energy))


@pytest.mark.parametrize(("seed", "other"), [(4, 1), (29, 1), (0, 4), (6, 4)])
def test_a_subset_is_the_best_of_all_subsets_for_the_second_power_only(seed, other):
    u = random_lines(8, seed)
    assert least_energy_subset(u, 4) == best_subset(u, 4, p=2)
    assert least_energy_subset(u, 4) != best_subset(u, 4, p=other)


def test_one_line_and_all_lines_can_be_chosen():
    u = random_lines(6, 0)
    (only,) = least_energy_subset(u, 1)
    assert only in range(6)
    assert least_energy_subset(u, 6) == list(range(6))


@pytest.mark.parametrize("sign", [1, -1], ids=["the same line", "its negative"])
def test_lines_given_twice_are_chosen_once(sign):
    u = random_lines(7, 1)
    twice = np.concatenate([u, sign * u[::-1], u[:3]])
    assert least_energy_subset(twice, 4) == least_energy_subset(u, 4)
    assert least_energy_subset(twice, 7) == list(range(7))
    with pytest.raises(ValueError, match="1 <= K <= 7, the number of different lines"):
        least_energy_subset(twice, 8)


@pytest.mark.parametrize("angle", [1e-12, 1e-7, 2e-6, 1e-5, 1e-3])
def test_almost_repeated_lines_end_the_search(angle):
    u = tessellation(2)
    turn = np.array(
        [[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    near = np.concatenate([u, u @ turn])
    chosen = near[least_energy_subset(near, 10, starts=2)]
    assert angles(chosen).min() > 10


@pytest.mark.parametrize(
    ("u", "K", "starts", "why"),
    [
        (np.eye(3), 4, 1, "1 <= K <= 3"),
        (np.eye(3), 0, 1, "1 <= K <= 3"),
        (np.eye(3), 1.5, 1, "1 <= K <= 3"),
        (np.eye(3)[:0], 1, 1, "1 <= K <= 0"),
        (np.eye(3), 2, 0, "starts >= 1"),
        (np.eye(2), 1, 1, r"shape \(K, 3\)"),
        (np.diag([1, np.nan, 1]), 2, 1, r"u\[1\] has length nan"),
        (2 * np.eye(3), 2, 1, r"u\[0\] has length 2; divide"),
    ],
)
def test_impossible_subsets_are_refused(u, K, starts, why):
    with pytest.raises(ValueError, match=why):
        least_energy_subset(u, K, starts=starts)
