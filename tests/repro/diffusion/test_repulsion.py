"""Lines that repel each other, against closed forms and a slow loop."""

from itertools import combinations

import numpy as np
import pytest

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


@pytest.mark.parametrize("bad", [[], [1], [0, 3]])
def test_impossible_shells_are_refused(bad):
    with pytest.raises(ValueError, match="2 or more in all"):
        electrostatic(bad)


@pytest.mark.parametrize("option", [{"p": 0}, {"alpha": 1.5}, {"starts": 0}])
def test_impossible_options_are_refused(option):
    with pytest.raises(ValueError, match="expected p > 0"):
        electrostatic([5], **option)


def test_a_subset_is_the_best_of_all_subsets():
    u = np.random.default_rng(3).standard_normal((11, 3))
    u /= np.linalg.norm(u, axis=1, keepdims=True)

    def energy(index):
        pairs = combinations([u[k] for k in index], 2)
        return sum(np.linalg.norm(a - s * b) ** -2 for a, b in pairs for s in (1, -1))

    best = min(combinations(range(11), 5), key=energy)
    assert least_energy_subset(u, 5) == list(best)


@pytest.mark.parametrize(
    ("u", "K", "starts"),
    [(np.eye(3), 3, 1), (np.eye(3), 0, 1), (np.eye(3), 2, 0), (np.eye(2), 1, 1)],
)
def test_impossible_subsets_are_refused(u, K, starts):
    with pytest.raises(ValueError, match="1 <= K < N"):
        least_energy_subset(u, K, starts=starts)
