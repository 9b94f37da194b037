"""Tests of the chapter fixed_point_factorization: its methods against slow or independent ways."""

import io
from itertools import pairwise, product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import lsq_linear
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

import repro


@pytest.fixture(scope="module")
def chapter():
    return repro.chapter("fixed_point_factorization")


def matrix(seed, m=6, n=5):
    """Gaussian weights (m, n) in double precision."""
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(m, n)))


def everything(m):
    """All ternary vectors of length m but 0, (3^m - 1, m)."""
    rows = torch.tensor(list(product((-1.0, 0.0, 1.0), repeat=m)), dtype=torch.float64)
    return rows[rows.any(1)]


def loss(W, f):
    """Squared error of the product of the factors, entry by entry."""
    X, d, Y = (part.numpy() for part in f)
    m, n = W.shape
    rest = [
        float(W[i, j]) - sum(X[i, t] * d[t] * Y[j, t] for t in range(len(d)))
        for i in range(m)
        for j in range(n)
    ]
    return sum(gap**2 for gap in rest)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**6), m=st.integers(1, 7), ties=st.booleans())
def test_the_best_ternary_vector_is_that_of_enumeration(chapter, seed, m, ties):
    s = torch.from_numpy(np.random.default_rng(seed).normal(size=m))
    s = (2 * s).round() if ties else s
    x = chapter.best_ternary(s)
    if not s.any():
        assert not x.any()
        return
    every = everything(m)
    top = ((every @ s) ** 2 / every.square().sum(1)).max()
    assert float((x @ s) ** 2 / (x @ x)) == pytest.approx(float(top))
    assert set(x.tolist()) <= {-1.0, 0.0, 1.0}


def test_rows_are_solved_at_once(chapter):
    S = matrix(3, 4, 9)
    together = chapter.best_ternary(S)
    assert together.tolist() == [chapter.best_ternary(row).tolist() for row in S]


@pytest.mark.parametrize("seed", range(8))
def test_a_term_is_a_fixed_point_with_the_best_scale(chapter, seed):
    R = matrix(seed)
    x, d, y = chapter.best_term(R, torch.ones(5, dtype=torch.float64))
    assert torch.equal(x, chapter.best_ternary(R @ y))
    assert torch.equal(y, chapter.best_ternary(x @ R))
    assert float(d) == pytest.approx(float(R[x != 0][:, y != 0].mul(
        torch.outer(x[x != 0], y[y != 0])).mean()))  # fmt: skip
    for shift in (-1e-3, 1e-3):
        change = (R - (d + shift) * torch.outer(x, y)).square().sum()
        assert change > (R - d * torch.outer(x, y)).square().sum()


def test_a_term_stops_after_its_limit(chapter):
    R, y = matrix(5, 12, 12), torch.ones(12, dtype=torch.float64)
    x, _, once = chapter.best_term(R, y, limit=1)
    assert torch.equal(x, chapter.best_ternary(R @ y))
    assert torch.equal(once, chapter.best_ternary(x @ R))
    many = chapter.best_term(R, y)
    assert float(x @ R @ once) ** 2 / float(x @ x * (once @ once)) <= float(
        many[0] @ R @ many[2]
    ) ** 2 / float(many[0] @ many[0] * (many[2] @ many[2]))


def test_a_start_that_sees_nothing_takes_the_largest_column(chapter):
    R = torch.tensor([[1.0, -1, 0, 5, -5], [2, -2, 0, 0, 0]])
    x, d, y = chapter.best_term(R, torch.ones(5))
    assert x.tolist() == [1, 0]
    assert y.tolist() == [0, 0, 0, 1, -1]
    assert float(d) == 5
    zero = chapter.best_term(torch.zeros(3, 2), torch.ones(2))
    assert not zero[0].any()
    assert float(zero[1]) == 0


def slow_sdd(chapter, W, k, sweeps):
    """Decomposition with the rest computed afresh from all terms each time."""
    terms = []

    def rest(without=None):
        R = W.clone()
        for t, (x, d, y) in enumerate(terms):
            if t != without:
                R = R - d * torch.outer(x, y)
        return R

    for _ in range(k):
        terms.append(chapter.best_term(rest(), torch.ones(W.shape[1], dtype=W.dtype)))
    for _ in range(sweeps):
        for t in range(k):
            terms[t] = chapter.best_term(rest(t), terms[t][2])
    return [torch.stack(part, -1) for part in zip(*terms, strict=True)]


@pytest.mark.parametrize(("seed", "m", "n", "k"), [(0, 6, 5, 4), (1, 3, 9, 3), (2, 8, 2, 5)])
def test_the_decomposition_is_that_of_a_slow_loop(chapter, seed, m, n, k):
    W = matrix(seed, m, n)
    for sweeps in (0, 2):
        f = chapter.sdd(W, k, sweeps)
        X, d, Y = slow_sdd(chapter, W, k, sweeps)
        assert torch.equal(f.X, X)
        assert torch.equal(f.Y, Y)
        assert f.d.numpy() == pytest.approx(d.numpy(), abs=1e-9)
        assert float((W - f.weight).square().sum()) == pytest.approx(loss(W, f))
    assert chapter.sdd(W, k).X.shape == (m, k)
    assert torch.equal(chapter.sdd(W, k).X, chapter.sdd(W, k, 3).X)


def test_sweeps_start_from_their_factors_and_never_raise_the_error(chapter):
    W = matrix(4, 9, 7)
    f = chapter.sdd(W, 6, 0)
    kept = [part.clone() for part in f]
    levels = [loss(W, f)]
    for _ in range(4):
        f = chapter.refine(W, f, 1)
        levels.append(loss(W, f))
    assert all(b <= a + 1e-12 for a, b in pairwise(levels))
    assert levels[-1] < levels[0]
    assert all(torch.equal(a, b) for a, b in zip(kept, chapter.sdd(W, 6, 0), strict=True))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_types_are_kept(chapter, dtype):
    W = matrix(6, 5, 8).to(dtype)
    f = chapter.sdd(W, 5)
    for made in (f, chapter.ternary_filters(W), chapter.recover(W, f)):
        assert {part.dtype for part in made} == {dtype}
        assert made.weight.shape == W.shape


def test_an_exact_sum_is_found_and_the_rest_is_nothing(chapter):
    W = 3 * torch.outer(torch.tensor([1.0, -1, 0]), torch.tensor([1.0, 1, 0, 1]))
    f = chapter.sdd(W, 3)
    assert torch.equal(f.weight, W)
    assert torch.count_nonzero(f.d) == 1


def test_ternary_filters_are_the_best_of_each_row(chapter):
    W = matrix(8, 4, 5)
    f, every = chapter.ternary_filters(W), everything(5)
    assert torch.equal(f.X, torch.eye(4, dtype=torch.float64))
    for i, row in enumerate(W):
        scale = (every @ row) / every.square().sum(1)
        errors = (row - scale[:, None] * every).square().sum(1)
        assert float((row - f.weight[i]).square().sum()) == pytest.approx(float(errors.min()))
    assert not chapter.ternary_filters(torch.zeros(2, 3)).weight.any()


@pytest.mark.parametrize(("m", "n"), [(80, 240), (480, 80), (7, 7), (1, 1), (2, 30)])
@pytest.mark.parametrize("scale", [8, 32])
def test_equal_bits_is_the_largest_k_that_fits(chapter, m, n, scale):
    filters = 2 * m * n + scale * m
    k = chapter.equal_bits(m, n, scale)
    stored = 2 * k * m + 2 * k * n + scale * k
    assert chapter.bits(m, n, k, scale) == stored
    assert k >= 1
    assert k == 1 or stored <= filters
    assert stored + 2 * m + 2 * n + scale > filters
    assert chapter.equal_rank(m, n) == min(m, n)


def test_defaults_count_scales_of_32_bits(chapter):
    assert chapter.bits(3, 4, 5) == chapter.bits(3, 4, 5, 32) == 5 * (14 + 32)
    assert chapter.equal_bits(480, 80) == chapter.equal_bits(480, 80, 32) == 80
    assert chapter.equal_bits(480, 80, 8) == 71


@pytest.mark.parametrize("seed", range(4))
def test_recovered_columns_solve_least_squares_in_the_box(chapter, seed):
    W = matrix(seed, 5, 4)
    f = chapter.sdd(W, 3, 0)
    once, X, Y = chapter.recover(W, f, sweeps=1), f.X.numpy().copy(), f.Y.numpy().copy()
    d = f.d.numpy()
    for i in range(3):
        for here, there, target, centre in ((X, Y, W.numpy(), f.X), (Y, X, W.numpy().T, f.Y)):
            others = [t for t in range(3) if t != i]
            rest = target - here[:, others] * d[others] @ there[:, others].T
            arm = (d[i] * there[:, i])[:, None]
            for row, x in enumerate(centre[:, i].tolist()):
                box = (x - 0.499, x + 0.499)
                here[row, i] = lsq_linear(arm, rest[row], box, tol=1e-14).x[0]
    assert once.X.numpy() == pytest.approx(X, abs=1e-6)
    assert once.Y.numpy() == pytest.approx(Y, abs=1e-6)
    assert torch.equal(once.d, f.d)


def test_recovery_rounds_back_and_lowers_the_error(chapter):
    W = matrix(9, 12, 15)
    f = chapter.sdd(W, 12)
    latent = chapter.recover(W, f)
    for real, whole in ((latent.X, f.X), (latent.Y, f.Y)):
        assert torch.equal(real.round().clamp(-1, 1), whole)
        assert float((real - whole).abs().max()) <= 0.499 + 1e-12
    assert loss(W, latent) < 0.1 * loss(W, f)
    assert loss(W, latent) < loss(W, chapter.recover(W, f, sweeps=5))
    assert torch.equal(latent.X, chapter.recover(W, f, sweeps=20).X)
    narrow = chapter.recover(W, f, bound=0.1)
    assert float((narrow.Y - f.Y).abs().max()) == pytest.approx(0.1)


def test_recovery_leaves_terms_of_scale_zero_alone(chapter):
    W = torch.outer(torch.ones(3), torch.ones(2))
    f = chapter.sdd(W, 2)
    assert torch.equal(chapter.recover(W, f).weight, W)


def convolution(bias=True):
    """A small convolution with stride and padding, and inputs for it, in double precision."""
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=bias).double()
    return layer, torch.randn(2, 3, 7, 6, dtype=torch.float64)


@pytest.mark.parametrize("steps", [(1.0, 1.0), (0.3, 0.07)])
@pytest.mark.parametrize("bias", [True, False])
def test_three_layers_equal_the_convolution_with_the_product(chapter, steps, bias):
    layer, x = convolution(bias)
    f = chapter.sdd(layer.weight.detach().flatten(1), 8)
    part = chapter.FactorizedLayer(layer, f, steps)
    w = f.weight.reshape(layer.weight.shape)
    wanted = F.conv2d(x, w, layer.bias, stride=2, padding=1)
    assert part(x).detach().numpy() == pytest.approx(wanted.detach().numpy(), abs=1e-12)
    X, Y = part.codes()
    assert torch.equal(X.round(), f.X)
    assert torch.equal(Y.round(), f.Y)
    other = chapter.FactorizedLayer(layer, f, steps, bias=torch.full((8,), 2.0).double())
    plain = F.conv2d(x, w, torch.full((8,), 2.0).double(), stride=2, padding=1)
    assert other(x).detach().numpy() == pytest.approx(plain.numpy(), abs=1e-12)


def test_linear_layers_and_files(chapter):
    torch.manual_seed(1)
    layer = nn.Linear(6, 4).double()
    f = chapter.sdd(layer.weight.detach(), 4)
    part = chapter.FactorizedLayer(layer, f, (0.5, 0.25))
    x = torch.randn(3, 2, 6, dtype=torch.float64)
    wanted = F.linear(x, f.weight, layer.bias).detach().numpy()
    assert part(x).detach().numpy() == pytest.approx(wanted, abs=1e-12)
    buffer = io.BytesIO()
    torch.save(part, buffer)
    buffer.seek(0)
    again = torch.load(buffer, weights_only=False)
    assert torch.equal(again(x), part(x))


def test_dilation_is_kept_and_groups_are_refused(chapter):
    torch.manual_seed(2)
    layer = nn.Conv2d(2, 4, 3, dilation=2).double()
    f = chapter.sdd(layer.weight.detach().flatten(1), 4)
    x = torch.randn(1, 2, 8, 8, dtype=torch.float64)
    wanted = F.conv2d(x, f.weight.reshape(4, 2, 3, 3), layer.bias, dilation=2)
    got = chapter.FactorizedLayer(layer, f)(x)
    assert got.detach().numpy() == pytest.approx(wanted.detach().numpy(), abs=1e-12)
    for wrong in (nn.Conv2d(2, 4, 3, groups=2), nn.Conv2d(2, 4, 3, padding_mode="reflect"),
                  nn.ReLU()):  # fmt: skip
        with pytest.raises(ValueError, match="plain convolution"):
            chapter.ungrouped(wrong)


def test_rounding_is_the_identity_backward(chapter):
    latent = torch.tensor([-0.9, -0.26, -0.24, 0.1, 0.24, 0.26, 2.0], requires_grad=True)
    step = 0.5
    out = chapter.rounded(latent, step)
    assert out.tolist() == [-0.5, -0.5, 0, 0, 0, 0.5, 0.5]
    (out * torch.arange(7)).sum().backward()
    assert latent.grad.tolist() == list(range(7))


def test_balancing_scales_ratios_by_the_formula(chapter):
    m, n, k = 9, 14, 8
    steps = chapter.balancing_steps(m, n, k)
    assert steps == pytest.approx(((2 / 17) ** 0.5, (2 / 22) ** 0.5))
    torch.manual_seed(3)
    layer, x = nn.Linear(n, m).double(), torch.randn(20, n, dtype=torch.float64)
    latent = chapter.recover(layer.weight.detach(), chapter.sdd(layer.weight.detach(), k))
    ratio = []
    for one in ((1.0, 1.0), steps):
        part = chapter.FactorizedLayer(layer, latent, one)
        part(x).square().sum().backward()
        ratio.append([float(p.grad.norm() / p.detach().norm()) for p in (part.X, part.d, part.Y)])
    change = np.divide(*ratio[::-1])
    assert change == pytest.approx([(m + k) / 2, 4 / ((m + k) * (n + k)), (n + k) / 2])


def direct(f, x, t):
    """Squared error of the responses, summed over positions by a loop."""
    return sum(float((target - f.weight @ row).square().sum())
               for row, target in zip(x, t, strict=True))  # fmt: skip


def task(seed, n=7, m=5, P=60):
    """Inputs (P, n) of one sign, targets (P, m) with noise, weights (m, n)."""
    rng = np.random.default_rng(seed)
    x, W = np.maximum(rng.normal(size=(P, n)), 0), rng.normal(size=(m, n))
    t = x @ W.T + 0.2 * rng.normal(size=(P, m))
    return tuple(map(torch.from_numpy, (x, t, W)))


@pytest.mark.parametrize("seed", range(5))
def test_one_pass_of_one_term_is_that_of_trying_everything(chapter, seed):
    x, t, W = task(seed)
    f = chapter.sdd(W, 1)
    new = chapter.respond(f, x.T @ x, t.T @ x, 1)
    h = x @ f.Y[:, 0]
    every = everything(5)
    s = t.T @ h
    best = every[((every @ s) ** 2 / every.square().sum(1)).argmax()]
    assert new.X[:, 0].tolist() in (best.tolist(), (-best).tolist())
    u, y = new.X[:, 0], f.Y[:, 0].clone()
    d = float(u @ s / (u @ u * (h @ h)))
    for j in range(7):
        errors = []
        for value in (-1.0, 0.0, 1.0):
            y[j] = value
            errors.append(direct(chapter.Factors(u[:, None], torch.tensor([d]), y[:, None]), x, t))
        y[j] = float(np.argmin(errors)) - 1
    assert new.Y[:, 0].tolist() == y.tolist()
    h = x @ y
    assert float(new.d[0]) == pytest.approx(float(u @ (t.T @ h) / (u @ u * (h @ h))))


@pytest.mark.parametrize("k", [2, 5])
def test_passes_never_raise_the_error_of_responses(chapter, k):
    x, t, W = task(11)
    G, H = x.T @ x, t.T @ x
    f = chapter.sdd(W, k, 0)
    levels = [direct(f, x, t)]
    for _ in range(4):
        f = chapter.respond(f, G, H, 1)
        levels.append(direct(f, x, t))
        assert set(torch.cat([f.X.flatten(), f.Y.flatten()]).tolist()) <= {-1.0, 0.0, 1.0}
    assert all(b <= a + 1e-9 for a, b in pairwise(levels))
    assert levels[-1] < 0.95 * levels[0]
    together = chapter.respond(chapter.sdd(W, k, 0), G, H, 4)
    assert direct(together, x, t) == pytest.approx(levels[-1])


def test_responses_to_nothing_give_scale_zero(chapter):
    f = chapter.sdd(matrix(2, 3, 4), 2)
    new = chapter.respond(f, torch.zeros(4, 4).double(), torch.zeros(3, 4).double(), 2)
    assert new.d.tolist() == [0, 0]


def slow_filters(f, x, t, passes):
    """One filter after another: its scale, then each entry by trying all three values."""
    rows = []
    for i, row in enumerate(f.Y.T):
        y = row.clone()
        for _ in range(passes):
            h = x @ y
            d = float(h @ t[:, i] / (h @ h)) if h.any() else 0.0
            for j in range(len(y)):
                errors = []
                for value in (-1.0, 0.0, 1.0):
                    y[j] = value
                    errors.append(float((t[:, i] - (d or 1.0) * (x @ y)).square().sum()))
                y[j] = float(np.argmin(errors)) - 1
        rows.append(y)
    return torch.stack(rows, 1)


@pytest.mark.parametrize("passes", [0, 1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_filters_are_fitted_as_by_trying_every_entry(chapter, seed, passes):
    x, t, W = task(seed, n=9)
    f = chapter.ternary_filters(W)
    new = chapter.respond_filters(f, x.T @ x, t.T @ x, passes)
    assert torch.equal(new.Y, slow_filters(f, x, t, passes))
    assert torch.equal(new.X, f.X)
    h = x @ new.Y
    assert new.d.numpy() == pytest.approx(((h * t).sum(0) / h.square().sum(0)).numpy())
    assert direct(new, x, t) <= direct(f, x, t)


def test_filters_of_nothing_have_scale_zero_and_factors_are_refused(chapter):
    f = chapter.ternary_filters(matrix(2, 3, 4))
    nothing = torch.zeros(4, 4).double(), torch.zeros(3, 4).double()
    assert chapter.respond_filters(f, *nothing, 2).d.tolist() == [0, 0, 0]
    G, H = torch.eye(4).double(), matrix(5, 3, 4)
    blank = f._replace(Y=torch.zeros_like(f.Y))  # no response at first
    assert direct(chapter.respond_filters(blank, G, H, 3), G, H.T) < float(H.square().sum())
    at_one = torch.where(2 * H.abs() > 1, H.sign(), 0)  # a filter of nothing starts at scale 1
    assert torch.equal(chapter.respond_filters(blank, G, H, 1).Y.T, at_one)
    assert (at_one == 0).any() and at_one.any(1).all()
    assert chapter.respond_filters(chapter.ternary_filters(matrix(2, 3, 4).float()), G, H, 1)[
        1
    ].dtype == torch.float32  # fmt: skip
    with pytest.raises(ValueError, match="X = I"):
        chapter.respond_filters(chapter.sdd(matrix(2, 3, 4), 3), G, H, 1)
    with pytest.raises(ValueError, match="respond"):
        chapter.respond_filters(f, torch.eye(3).double(), H, 1)


def network():
    """Two layers for images (N, 2, 6, 6), one without a bias."""
    torch.manual_seed(4)
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(216, 5)
    )


def test_biases_take_up_the_mean_error_and_layers_see_what_is_delivered(chapter):
    net, x = network(), torch.randn(16, 2, 6, 6)
    cheap = chapter.factorize(net, x, chapter.ternary_filters, positions=10**6)
    assert [type(p) for p in cheap] == [
        chapter.FactorizedLayer, nn.ReLU, nn.Flatten, chapter.FactorizedLayer
    ]  # fmt: skip
    with torch.no_grad():
        for part in (slice(0, 1), slice(0, 4)):
            axes = (0, 2, 3) if part.stop == 1 else 0
            gap = (net[part](x) - cheap[part](x)).mean(axes)
            assert gap.numpy() == pytest.approx(0, abs=1e-5)
    some = chapter.factorize(net, x, chapter.ternary_filters, layers=["3"])
    assert some[0].weight.equal(net[0].weight)


def test_factors_fitted_to_responses_answer_better(chapter):
    net, x = network(), torch.randn(40, 2, 6, 6).relu()

    def factors(W):
        return chapter.sdd(W, 3)

    with torch.no_grad():
        gaps = [
            float((net(x) - chapter.factorize(net, x, factors, passes=p)(x)).square().mean())
            for p in (0, 3)
        ]
    assert gaps[1] < 0.7 * gaps[0]


def test_both_fits_draw_as_many_positions(chapter, monkeypatch):
    asked = []
    monkeypatch.setattr(chapter, "approximate", lambda *_, **options: asked.append(options))
    chapter.fitted_filters(None, None)
    chapter.factorize(None, None, None)
    assert asked == [{"positions": 2000}, {"positions": 2000, "layers": None}]


def test_filters_fitted_to_responses_answer_better(chapter):
    net, x = network(), torch.randn(40, 2, 6, 6).relu()
    with torch.no_grad():
        gaps = []
        for passes in (0, 3):
            cheap = chapter.fitted_filters(net, x, passes)
            gaps.append(float((net(x) - cheap(x)).square().mean()))
            assert torch.equal(cheap[0].X.detach(), torch.eye(6))
        plain, scaled = (
            chapter.factorize(net, x, chapter.ternary_filters),
            chapter.fitted_filters(net, x, 0),
        )
        assert torch.equal(scaled[0].Y, plain[0].Y)
        assert not torch.equal(scaled[0].d, plain[0].d)
        one = chapter.fitted_filters(net, x, positions=10**6)
        assert torch.equal(one[3].Y, chapter.fitted_filters(net, x, 1, 10**6)[3].Y)
        assert (net(x) - one(x)).mean(0).numpy() == pytest.approx(0, abs=1e-5)
    assert gaps[1] < 0.9 * gaps[0]


@pytest.mark.parametrize("recovery", [True, False])
@pytest.mark.parametrize("balancing", [True, False])
def test_preparation_leaves_the_function(chapter, recovery, balancing):
    net, x = network(), torch.randn(8, 2, 6, 6)
    cheap = chapter.factorize(net, x, lambda W: chapter.sdd(W, 4))
    ready = chapter.trainable(cheap, net, recovery, balancing)
    with torch.no_grad():
        assert ready(x).numpy() == pytest.approx(cheap(x).numpy(), abs=1e-4)
    part = ready[0]
    steps = chapter.balancing_steps(6, 18, 4) if balancing else (1.0, 1.0)
    assert part.steps == steps
    whole = torch.equal((part.X.detach() / steps[0]).round(), part.X.detach() / steps[0])
    assert whole != recovery
    assert cheap[0].steps == (1.0, 1.0)
    default = chapter.trainable(cheap, net)
    assert default[0].steps == chapter.balancing_steps(6, 18, 4)
    assert not torch.equal(default[0].X / default[0].steps[0], cheap[0].X)


def test_ternary_training_is_straight_through(chapter):
    layer = nn.Conv2d(2, 3, 3)
    latent = layer.weight.detach().clone()
    parametrize.register_parametrization(layer, "weight", chapter.Ternarized())
    wanted = chapter.ternary_filters(latent.flatten(1)).weight.reshape(latent.shape)
    assert torch.equal(layer.weight, wanted)
    (layer.weight * 2).sum().backward()
    assert (layer.parametrizations.weight.original.grad == 2).all()


def test_the_digit_network_and_its_folded_copy(chapter):
    torch.manual_seed(5)
    net, x = chapter.digit_network(4), torch.rand(6, 1, 16, 16)
    assert [tuple(p.weight.shape[:2]) for p in net if isinstance(p, nn.Conv2d)] == [
        (4, 1), (8, 4), (8, 8), (16, 8)
    ]  # fmt: skip
    net(x)  # moves the statistics
    small = chapter.folded(net)
    assert net.training
    assert all(p.bias is None for p in net if isinstance(p, nn.Conv2d))
    assert not any(isinstance(p, nn.BatchNorm2d) for p in small)
    with torch.no_grad():
        assert small(x).numpy() == pytest.approx(net.eval()(x).numpy(), abs=1e-5)
        assert net[:9](x).shape[-1] == 4
        assert net[:3](x).shape[-1] == 8
        assert net[:6](x).shape[-1] == 8
    assert chapter.digit_network()[0].out_channels == 8


@pytest.mark.parametrize(
    ("W", "message"),
    [
        (torch.zeros(0, 3), "none of them 0"),
        (torch.zeros(3), "floats"),
        (torch.ones(2, 3, dtype=torch.int64), "int64"),
        ([[1.0]], "list"),
        (torch.tensor([[1.0, float("nan")]]), "finite"),
    ],
)
def test_weights_of_no_use_are_refused(chapter, W, message):
    f = chapter.Factors(torch.ones(1, 1), torch.ones(1), torch.ones(1, 1))
    for call in (
        lambda: chapter.sdd(W, 1),
        lambda: chapter.refine(W, f, 1),
        lambda: chapter.recover(W, f),
        lambda: chapter.ternary_filters(W),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_other_arguments_of_no_use_are_refused(chapter):
    with pytest.raises(ValueError, match="one term or more, got k = 0"):
        chapter.sdd(torch.ones(2, 2), 0)
    f = chapter.sdd(torch.ones(2, 3), 1)
    eye = torch.eye(3)
    for G, H in ((torch.eye(2), torch.ones(2, 3)), (eye, torch.ones(3, 3)),
                 (eye * float("nan"), torch.ones(2, 3)),
                 (eye, torch.full((2, 3), float("inf")))):  # fmt: skip
        with pytest.raises(ValueError, match="respond"):
            chapter.respond(f, G, H, 1)
    one = chapter.sdd(torch.tensor([[2.0]]), 1)
    assert one.weight.tolist() == [[2.0]]
