"""Tests of the chapter simd_pruning: its method against independent computations."""

import copy
import itertools
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

import repro
from repro.data import cluttered_digits
from repro.hardware.simd import VectorMachine, dense_cycles
from repro.training import fit


@pytest.fixture(scope="module")
def chapter():
    return repro.chapter("simd_pruning")


def weights_of(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("M", "K", "g"), [(8, 3, 4), (6, 5, 4), (1, 1, 4), (7, 2, 3), (5, 4, 1)])
def test_energies_are_sums_of_squares_over_groups(chapter, M, K, g):
    V = weights_of(M, M, K)
    E = chapter.energies(V, g)
    assert E.shape == (-(-M // g), K)
    for r, k in itertools.product(range(len(E)), range(K)):
        slow = sum(float(V[m, k]) ** 2 for m in range(g * r, min(g * r + g, M)))
        assert E[r, k] == pytest.approx(slow, rel=1e-14)
    assert float(E.sum()) == pytest.approx(float((V**2).sum()))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_energies_of_narrow_types_do_not_overflow(chapter, dtype):
    E = chapter.energies(torch.full((4, 1), 300.0, dtype=dtype))
    assert E.dtype == torch.float64
    assert float(E[0, 0]) == 4 * float(torch.tensor(300.0, dtype=dtype)) ** 2


def test_largest_keeps_n_and_of_equal_ones_the_first(chapter):
    E = torch.tensor([[1.0, 3.0, 2.0], [3.0, 0.0, 2.0]])
    assert chapter.largest(E, 0).sum() == 0
    assert chapter.largest(E, 1).tolist() == [[False, True, False], [False, False, False]]
    assert chapter.largest(E, 3).tolist() == [[False, True, True], [True, False, False]]
    assert chapter.largest(E, 6).all()
    for wrong in (-1, 7):
        with pytest.raises(ValueError, match=f"expected 0 to 6 entries, got {wrong}"):
            chapter.largest(E, wrong)
    with pytest.raises(ValueError, match="no NaN among them"):
        chapter.largest(E * torch.nan, 2)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 13),
    st.integers(1, 7),
    st.integers(1, 40),
    st.sampled_from([1, 2, 4, 8]),
    st.sampled_from([0, 10, 4096]),
    st.integers(0, 99),
)
def test_the_kernel_is_the_masked_product_and_counts_the_closed_form(M, K, P, lanes, near, seed):
    chapter = repro.chapter("simd_pruning")
    rng = np.random.default_rng(seed)
    W, X = rng.integers(-9, 10, (M, K)), rng.integers(-9, 10, (K, P))
    kept = rng.random((-(-M // lanes), K)) < 0.5
    machine = VectorMachine(lanes, near=near, wait=3)
    Y = chapter.simd_product(machine, W, X, kept)
    assert np.array_equal(Y, (W * np.repeat(kept, lanes, axis=0)[:M]) @ X)
    closed = chapter.simd_cycles(kept.sum(), M, P, lanes, near, 3)
    assert machine.cycles == closed


def test_the_instructions_of_a_tile(chapter):
    """8 filters, 3 groups, 20 pixels: what the worked example of the text counts by hand."""
    kept = np.array([[1, 1], [1, 0]], bool)
    machine = VectorMachine()
    chapter.simd_product(machine, np.ones((8, 2), int), np.ones((2, 20), int), kept)
    expected = {"load": 3 * (2 + 4) + 3 * (2 + 1), "fma": 3 * 20, "move": 2 * 20, "store": 2 * 20}
    assert machine.counts == expected | {"waited": 0}
    assert chapter.simd_cycles(3, 8, 20) == 167


def test_far_groups_wait_two_cycles_in_every_tile(chapter):
    assert chapter.simd_cycles(1024, 64, 16) - chapter.simd_cycles(1023, 64, 16) == 22
    assert chapter.simd_cycles(1025, 64, 16) - chapter.simd_cycles(1024, 64, 16) == 24
    assert chapter.simd_cycles(1025, 64, 32) - chapter.simd_cycles(1024, 64, 32) == 48
    many = chapter.simd_cycles(np.arange(1200), 64, 36)
    assert many.tolist() == [int(chapter.simd_cycles(n, 64, 36)) for n in range(1200)]


@pytest.mark.parametrize(
    "wrong",
    [{"n": -1}, {"n": np.nan}, {"n": [3, -2]}, {"M": 0}, {"P": 0}, {"lanes": 0}, {"near": -8},
     {"wait": -1}],
)  # fmt: skip
def test_no_cycles_of_less_than_nothing(chapter, wrong):
    with pytest.raises(ValueError, match="expected n, near, wait >= 0 and M, P, lanes >= 1"):
        chapter.simd_cycles(**({"n": 3, "M": 8, "P": 5} | wrong))


def test_masks_are_true_or_false(chapter):
    W, X = np.ones((4, 2), int), np.ones((2, 3), int)
    for wrong in (np.array([[0.5, 1]]), np.array([[np.nan, 1]]), np.array([[2, 1]])):
        with pytest.raises(ValueError, match="expected True or False for each group"):
            chapter.simd_product(VectorMachine(), W, X, wrong)


def test_a_mask_of_another_shape_is_named(chapter):
    with pytest.raises(ValueError, match=r"expected \(2, 3\) groups, got \(1, 3\)"):
        chapter.simd_product(
            VectorMachine(), np.ones((5, 3), int), np.ones((3, 2), int), np.ones((1, 3), bool)
        )


def test_lines_between_knots(chapter):
    knots, cycles = [0, 4, 10], [10.0, 30.0, 90.0]
    assert chapter.interpolated(knots, cycles, [0, 1, 4, 7, 10]).tolist() == [10, 15, 30, 60, 90]
    assert chapter.interpolated(knots, cycles, 2) == 20
    for knots, cycles in (([0], [1.0]), ([0, 0], [1.0, 2.0]), ([0, 2], [1.0]), ([3, 1], [1.0, 2])):
        with pytest.raises(ValueError, match="two or more ascending knots"):
            chapter.interpolated(knots, cycles, 0)
    for wrong in ([np.nan, 1.0], [np.inf, 1.0], [-1.0, 1.0]):
        with pytest.raises(ValueError, match="expected measured cycles of 0 or more"):
            chapter.interpolated([0, 10], wrong, 1)
    with pytest.raises(ValueError, match="two or more ascending knots"):
        chapter.interpolated([0, np.nan], [0.0, 1.0], 0)
    for wrong in (-1, 11, [0, 11], [], np.nan, [1, np.nan]):
        with pytest.raises(ValueError, match="expected 0 to 10, where the knots are"):
            chapter.interpolated([0, 10], [0.0, 1.0], wrong)


def test_what_is_dropped(chapter):
    assert chapter.dropped(np.array([[3.0, 1.0], [2.0, 5.0]])).tolist() == [11, 6, 3, 1, 0]


def problem(seed, sizes, convex=True):
    """Losses D and run times T of layers."""
    rng = np.random.default_rng(seed)
    E = [rng.exponential(size=n) for n in sizes]
    steps = [rng.integers(1, 20, n) for n in sizes]
    T = [3 + np.concatenate([[0], np.cumsum(np.sort(s) if convex else s)]) for s in steps]
    D = [np.array([np.sort(e)[: len(e) - k].sum() for k in range(len(e) + 1)]) for e in E]
    return D, T, E


def best(D, T, tau):
    """Least loss within the budget over all counts."""
    counts = itertools.product(*(range(len(t)) for t in T))
    within = [n for n in counts if sum(t[k] for t, k in zip(T, n, strict=True)) <= tau]
    return min(sum(d[k] for d, k in zip(D, n, strict=True)) for n in within)


def totals(D, T, n):
    loss = sum(d[k] for d, k in zip(D, n, strict=True))
    return loss, sum(t[k] for t, k in zip(T, n, strict=True))


@pytest.mark.parametrize("convex", [True, False])
@pytest.mark.parametrize("seed", range(15))
def test_allocations_keep_the_budget_and_are_best_for_what_they_spend(chapter, seed, convex):
    D, T, E = problem(seed, (4, 3, 5), convex)
    top, losses = sum(int(t[-1]) for t in T), []
    for tau in range(9, top + 5, 7):
        loss, spent = totals(D, T, chapter.allocate(D, T, tau))
        assert spent <= tau
        assert loss == pytest.approx(best(D, T, spent))  # what a price finds is best at its cost
        if convex:
            assert loss - best(D, T, tau) <= max(e.max() for e in E) + 1e-12
        losses.append(loss)
    assert (np.diff(losses) <= 1e-12).all()
    assert chapter.allocate(D, T, top) == [4, 3, 5]


@pytest.mark.parametrize("convex", [True, False])
@pytest.mark.parametrize("seed", range(15))
def test_dynamic_programming_is_exhaustive_search(chapter, seed, convex):
    D, T, _ = problem(seed, (4, 3, 5), convex)
    for tau in range(9, sum(int(t[-1]) for t in T) + 5, 7):
        loss, spent = totals(D, T, chapter.dynamic(D, T, tau))
        assert spent <= tau
        assert loss == pytest.approx(best(D, T, tau))
    one = chapter.dynamic(D[:1], T[:1], T[0][2])
    assert one == [2]


@pytest.mark.parametrize("solver", ["allocate", "dynamic"])
def test_a_budget_below_empty_layers_is_named(chapter, solver):
    D, T, _ = problem(0, (3, 2))
    solve = getattr(chapter, solver)
    assert list(solve(D, T, 6)) == [0, 0]
    with pytest.raises(ValueError, match="not even empty layers fit"):
        solve(D, T, 5)
    with pytest.raises(ValueError, match="not even empty layers fit"):
        solve(D[:1], T[:1], T[0][0] - 1)


def test_what_the_last_layer_costs_empty_is_kept_for_it(chapter):
    D = [np.array([3.0, 1.0, 0.0]), np.array([2.0, 1.0, 0.0])]
    T = [np.array([0.0, 1.0, 6.0]), np.array([5.0, 6.0, 7.0])]
    assert list(chapter.dynamic(D, T, 6)) == [1, 0]


def test_a_budget_that_is_no_number_and_broken_energies_are_named(chapter):
    D, T, _ = problem(0, (3, 2))
    with pytest.raises(ValueError, match="budget nan"):
        chapter.allocate(D, T, np.nan)
    with pytest.raises(ValueError, match="an energy is not finite"):
        chapter.allocate([D[0] * np.nan, D[1]], T, 20)
    one = np.where(np.arange(len(D[0])) == 1, np.inf, D[0])
    with pytest.raises(ValueError, match="an energy is not finite"):
        chapter.allocate([one, D[1]], T, 20)


@pytest.mark.parametrize("solver", ["allocate", "dynamic"])
def test_layers_and_tables_of_other_lengths_are_named(chapter, solver):
    D, T, _ = problem(0, (3, 2))
    solve = getattr(chapter, solver)
    short = [T[0][:2], T[1]]
    for d, t in ((D, T[:1]), (D[:1], T), (D, short), ([D[0][:2], D[1]], T), ([], [])):
        with pytest.raises(ValueError, match=r"D_l\(n\) and"):
            solve(d, t, 20)
    gap = [np.where(np.arange(4) == 2, np.nan, T[0]), T[1]]  # NaN is above no budget
    with pytest.raises(ValueError, match="expected"):
        solve(D, gap, 20)
    with pytest.raises(ValueError, match="an energy is not finite"):
        solve([D[0] * np.nan, D[1]], T, 20)


def test_cycles_below_zero_and_falling_cycles_are_named(chapter):
    D, T, _ = problem(0, (3, 2))
    with pytest.raises(ValueError, match=r"cycles T_l\(n\) >= 0"):
        chapter.allocate(D, [T[0] - 9, T[1]], 20)
    with pytest.raises(ValueError, match="cycles that never fall"):
        chapter.dynamic(D, [T[0][::-1], T[1]], 20)
    for E in ([-1.0, 2.0], [np.nan]):
        with pytest.raises(ValueError, match="expected energies of 0 or more"):
            chapter.dropped(np.array(E))
    with pytest.raises(ValueError, match="is a c_l below 0"):
        chapter.project([torch.ones(4, 2)], [np.arange(3)], 2, [-1.0])


@pytest.mark.parametrize("tau", [-1, -np.inf, np.nan])
def test_budgets_below_nothing_are_named(chapter, tau):
    V, T = [torch.ones(4, 2)], [np.arange(3)]
    with pytest.raises(ValueError, match=f"budget {tau}: not even empty layers fit"):
        chapter.project(V, T, tau, [1.0])


def test_energies_of_any_scale_are_allocated_alike(chapter):
    """The price of a cycle may be far above 1: it is searched for, not assumed."""
    D, T, _ = problem(3, (6, 5))
    expected = chapter.allocate(D, T, 40)
    for scale in (1e-9, 1e9):
        assert chapter.allocate([scale * d for d in D], T, 40) == expected


@pytest.mark.parametrize("g", [1, 2, 4])
def test_projections_are_the_nearest_of_all_masks(chapter, g):
    V = [weights_of(1, 4, 3), weights_of(2, 6, 1, 1, 2)]
    c = [2.0, 0.3]
    groups = [-(-len(v) // g) * v[0].numel() for v in V]
    T = [np.arange(n + 1) * step for n, step in zip(groups, (3, 5), strict=True)]
    tau = 12 * 4 / g
    masks = chapter.project(V, T, tau, c, g)
    spent = 0
    for v, mask, t in zip(V, masks, T, strict=True):
        assert mask.shape == v.shape
        assert mask.dtype == torch.bool
        flat = mask.flatten(1)
        for first in range(0, len(flat), g):  # groups stay or go as a whole
            assert (flat[first : first + g] == flat[first]).all()
        n = int(flat[::g].sum())
        E = chapter.energies(v.flatten(1), g)
        assert n in (0, E.numel()) or E[flat[::g]].min() > E[~flat[::g]].max()
        spent += t[n]
    assert spent <= tau
    D = [
        k * chapter.dropped(chapter.energies(v.flatten(1), g).numpy())
        for k, v in zip(c, V, strict=True)
    ]
    lost = sum(k * float((v**2)[~m].sum()) for k, v, m in zip(c, V, masks, strict=True))
    assert lost == pytest.approx(best(D, T, spent))


def test_weights_of_a_layer_count_what_c_says(chapter):
    V, T = [torch.ones(4, 2), torch.ones(4, 2)], [np.arange(3), np.arange(3)]
    first = chapter.project(V, T, 2, [2.0, 1.0])
    assert [int(m.sum()) for m in first] == [8, 0]
    second = chapter.project(V, T, 2, [1.0, 2.0])
    assert [int(m.sum()) for m in second] == [0, 8]
    with pytest.raises(ValueError, match="zip"):
        chapter.project(V, T, 2, [1.0])


def test_bad_weights_are_named(chapter):
    for wrong in (torch.ones(3), torch.ones(0, 2), torch.full((4, 1), torch.nan)):
        with pytest.raises(ValueError, match="expected finite weights"):
            chapter.energies(wrong)
    with pytest.raises(ValueError, match="groups of 1 or more"):
        chapter.energies(torch.ones(4, 1), 0)


def test_admm_refuses_what_it_would_skip_in_silence(chapter):
    W = [weights_of(1, 4, 3), weights_of(2, 4, 2)]

    def keep(V):
        return [v > 0 for v in V]

    for layers, c, rho in ((W, [1.0], 1), (W, [1.0, 1.0], -1), (W, [1.0, 1.0], np.nan), ([], [], 1),
                           (W, [1.0, 1.0], np.inf)):  # fmt: skip
        with pytest.raises(ValueError, match="expected layers, c of each and rho >= 0"):
            chapter.ADMM(layers, keep, c, rho)
    for wrong in (lambda V: keep(V)[:1], lambda V: [0.5 * v.abs() for v in V]):
        with pytest.raises(ValueError, match="expected a mask of True and False for each layer"):
            chapter.ADMM(W, wrong, [1.0, 1.0], 1)


def test_networks_masks_and_rounds_that_do_not_fit_are_named(chapter, small):
    net, train, projection = small
    masks, order = projection(chapter.weights(net)), torch.arange(60).repeat(3, 1)
    for wrong in (masks[:2], [*masks, masks[0]], [m[:1] for m in masks], [0.5 * m for m in masks]):
        with pytest.raises(ValueError, match="True or False for every weight of each convolution"):
            chapter.cut(net, wrong)
    for rounds in (-1, 0, 4):
        with pytest.raises(ValueError, match=f"expected 1 to 3, as order has rows, got {rounds}"):
            chapter.alcs(net, train, projection, 1.0, order, rounds)
    for wrong in ((1,), (1, 4, 8), (1, 0, 4, 4)):
        with pytest.raises(ValueError, match="expected 4 numbers of 1 or more"):
            chapter.network(wrong)
    with pytest.raises(ValueError, match="rounds: expected 1 or more, got 0"):
        chapter.rounds_of(0, 1)
    wide = torch.full((300, 300), 30.0, dtype=torch.float16)
    for wrong in (torch.zeros(2, 2), torch.full((2, 2), torch.nan), torch.ones(0, 2), wide):
        with pytest.raises(ValueError, match="a layer of zeros, NaN or a type too narrow"):
            chapter.inverse_energies([torch.ones(2, 2), wrong])


def test_admm_by_hand(chapter):
    """Two updates and a penalty, computed with the formulas of the text."""
    w, c, rho = nn.Parameter(weights_of(5, 4, 6)), [0.7], 3.0
    start = w.detach().clone()

    def keep_largest(V):
        return [v.abs() >= v.abs().flatten().sort(descending=True).values[5] for v in V]

    admm = chapter.ADMM([w], keep_largest, c, rho)
    assert torch.equal(admm.Z[0], start * keep_largest([start])[0])
    assert torch.equal(admm.U[0], torch.zeros_like(start))
    Z, U = admm.Z[0], admm.U[0]
    for step in range(3):
        with torch.no_grad():
            w += weights_of(10 + step, 4, 6)
        expected = rho / 2 * c[0] * ((w - Z + U) ** 2).sum()
        assert admm.penalty().item() == pytest.approx(expected.item())
        slope = torch.autograd.grad(admm.penalty(), w)[0]
        assert torch.allclose(slope, (rho * c[0] * (w - Z + U)).detach())
        admm.update()
        V = (w + U).detach()
        Z = V * keep_largest([V])[0]
        U = V - Z
        assert torch.equal(admm.Z[0], Z)
        assert torch.allclose(admm.U[0], U)
        assert not admm.Z[0].requires_grad


@pytest.fixture(scope="module")
def small(chapter):
    """A small network, images, labels, and a projection that keeps a fifth of the groups."""
    torch.manual_seed(0)
    net = chapter.network((1, 4, 8, 8))
    x, y = torch.rand(60, 1, 12, 12), torch.randint(10, (60,))
    sizes = [-(-len(w) // 4) * w[0].numel() for w in chapter.weights(net)]
    T = [np.arange(n + 1) for n in sizes]
    c = chapter.inverse_energies(chapter.weights(net))
    train = partial(fit, x=x, y=y, lr=1e-2, seed=1, batch_size=20)
    return net, train, lambda V: chapter.project(V, T, sum(sizes) // 5, c)


def test_alcs_prunes_to_the_budget_and_trains_what_stays(chapter, small, monkeypatch):
    net, train, projection = small
    pruned, order = copy.deepcopy(net), torch.arange(60).repeat(5, 1)
    made, updates = [], []

    class Watched(chapter.ADMM):
        def __init__(self, *given):
            super().__init__(*given)
            made.append(given)

        def update(self):
            super().update()
            updates.append(1)

    monkeypatch.setattr(chapter, "ADMM", Watched)
    masks = chapter.alcs(pruned, train, projection, 2.0, order, 3)
    assert len(updates) == 3
    ((W, given, c, rho),) = made
    assert given is projection
    assert rho == 2.0
    assert c == chapter.inverse_energies(chapter.weights(net))  # of the trained network
    assert sum(int(m[::4].sum()) for m in masks) <= sum(m[::4].numel() for m in masks) // 5
    for w, mask, before in zip(chapter.weights(pruned), masks, chapter.weights(net), strict=True):
        assert (w[~mask] == 0).all()
        assert (w[mask] != before[mask]).all()
    assert W[0] is chapter.weights(pruned)[0]


def test_without_a_penalty_admm_is_plain_training(chapter, small):
    """rho = 0: the dense steps, one projection, the rest with masks."""
    net, train, projection = small
    order = torch.stack([torch.randperm(60, generator=torch.Generator().manual_seed(k))
                         for k in range(4)])  # fmt: skip
    one, two = copy.deepcopy(net), copy.deepcopy(net)
    masks = chapter.alcs(one, train, projection, 0.0, order, 2)
    train(two, epochs=2, order=order[:2], schedule=None)
    expected = projection(chapter.weights(two))
    assert all(torch.equal(a, b) for a, b in zip(masks, expected, strict=True))
    chapter.fine_tune(two, train, expected, order[2:])
    for a, b in zip(chapter.weights(one), chapter.weights(two), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_fine_tuning_keeps_zeros_at_any_schedule(chapter, small):
    net, train, projection = small
    masks = projection(chapter.weights(net))
    for rounds in (0, 2):
        tuned = copy.deepcopy(net)
        order = torch.arange(60).repeat(rounds, 1)
        chapter.fine_tune(tuned, train, masks, order, schedule=None)
        for w, mask in zip(chapter.weights(tuned), masks, strict=True):
            assert (w[~mask] == 0).all()


def test_the_network_and_its_layers(chapter):
    torch.manual_seed(0)
    net = chapter.network().eval()
    assert net(torch.rand(3, 1, 12, 12)).shape == (3, 10)
    shapes = []
    hooks = [
        m.register_forward_hook(lambda m, i, o: shapes.append((len(m.weight), m.weight[0].numel(),
                                                               o[0, 0].numel())))
        for m in net if isinstance(m, nn.Conv2d)
    ]  # fmt: skip
    net(torch.rand(2, 1, 12, 12))
    for hook in hooks:
        hook.remove()
    assert tuple(shapes) == chapter.SHAPES
    assert sum(dense_cycles(*s) for s in shapes) == chapter.DENSE
    kinds = [type(m).__name__ for m in net]
    assert kinds[:8] == ["Conv2d", "BatchNorm2d", "ReLU"] * 2 + ["MaxPool2d", "Conv2d"]
    c = chapter.inverse_energies(chapter.weights(net))
    sizes = [float((w.detach() ** 2).sum()) for w in chapter.weights(net)]
    assert np.allclose(np.multiply(c, sizes), 1)


def test_every_image_is_taken_as_often(chapter):
    order = chapter.rounds_of(16, 0)
    assert order.shape == (16, 800)
    times = torch.bincount(order.flatten(), minlength=2500)
    assert times.min() >= 5
    assert times.max() <= 6
    assert chapter.rounds_of(1, 0).unique().numel() == 800
    assert not torch.equal(order, chapter.rounds_of(16, 1))
    assert torch.equal(order, chapter.rounds_of(16, 0))


def test_tables_are_exact_at_knots_and_never_below(chapter):
    for t, (M, K, P) in zip(chapter.tables(), chapter.SHAPES, strict=True):
        N = M // 4 * K
        assert len(t) == N + 1
        truth = chapter.simd_cycles(np.arange(N + 1), M, P)
        assert (t >= truth - 1e-9).all()
        knots = np.unique(np.linspace(0, N, 17).round().astype(int))
        assert np.allclose(t[knots], truth[knots])
        assert (t - truth).max() <= 0.02 * truth.max()
    few = chapter.tables(((6, 5, 20),), knots=2)
    assert len(few[0]) == 11  # two rows of groups
    assert np.allclose(np.diff(few[0]), 29)


def test_the_penalty_stands_beside_the_cross_entropy(chapter, small):
    net, _, projection = small
    seen, later = {}, {}

    def watched(model, *, loss=None, **given):
        if loss is None:
            later.update(given)
        else:
            z, y = torch.randn(5, 10), torch.arange(5)
            seen["loss"] = loss(z, y).item() - F.cross_entropy(z, y).item()
            seen.update(given)

    pruned, order = copy.deepcopy(net), torch.arange(60).repeat(3, 1)
    chapter.alcs(pruned, watched, projection, 4.0, order, 2)
    W = chapter.weights(net)
    masks, c = projection(W), chapter.inverse_energies(W)
    expected = 2.0 * sum(
        k * (w.detach() ** 2)[~m].sum().item() for k, w, m in zip(c, W, masks, strict=True)
    )
    assert seen["loss"] == pytest.approx(expected, rel=1e-4)
    assert seen["schedule"] is None
    assert seen["epochs"] == len(seen["order"]) == 2
    assert later["schedule"] == "cosine"
    assert later["epochs"] == len(later["order"]) == 1


def test_the_task_is_digits_of_8_to_11_pixels(chapter):
    split = cluttered_digits(seed=0, **chapter.TASK)
    assert split.x_train.shape == (2500, 1, 12, 12)
    assert split.x_test.shape == (1000, 1, 12, 12)
    assert set(split.extras["box_train"][:, 2].tolist()) == {8, 9, 10, 11}
