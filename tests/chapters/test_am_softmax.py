"""Tests of the chapter am_softmax: losses against slow loops, curves against angles, geometry."""

import math
import re

import numpy as np
import pytest
import torch

import repro


@pytest.fixture(scope="module")
def chapter():
    return repro.chapter("am_softmax")


def case(seed, dtype=torch.float64):
    """Cosines (N, n) in (-1, 1) and labels (N,), of random sizes."""
    rng = np.random.default_rng(seed)
    N, n = int(rng.integers(1, 9)), int(rng.integers(2, 8))
    cosine = torch.from_numpy(rng.uniform(-1, 1, (N, n))).to(dtype)
    return cosine, torch.from_numpy(rng.integers(0, n, N))


def slow(cosine, y, psi, s):
    """Mean loss, one image at a time, from the printed formula."""
    total = 0.0
    for row, label, scale in zip(cosine.tolist(), y.tolist(), s, strict=True):
        own = math.exp(scale * psi(row[label]))
        others = sum(math.exp(scale * c) for j, c in enumerate(row) if j != label)
        total -= math.log(own / (own + others))
    return total / len(cosine)


def steep(theta, m):
    """A-Softmax's curve from its angle, piece by piece."""
    k = min(int(theta // (math.pi / m)), m - 1)
    return (-1) ** k * math.cos(m * theta) - 2 * k


def turned(c, m):
    theta = math.acos(c)
    return math.cos(theta + m) if theta < math.pi - m else c - m * math.sin(m)


CURVES = {
    "additive": ((0.2,), lambda c: c - 0.2),
    "as_released": ((0.2,), lambda c: c - 0.2 if c > 0.2 else c),
    "multiplicative": ((4, 5.0), lambda c: (steep(math.acos(c), 4) + 5 * c) / 6),
    "angular": ((0.6,), lambda c: turned(c, 0.6)),
}


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("s", [1.0, 7.0, 30.0])
@pytest.mark.parametrize("seed", range(6))
def test_the_loss_is_the_printed_formula(chapter, name, seed, s):
    settings, psi = CURVES[name]
    cosine, y = case(seed)
    loss = chapter.margin_softmax(cosine, y, getattr(chapter, name)(*settings), s)
    assert loss.item() == pytest.approx(slow(cosine, y, psi, [s] * len(y)), rel=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_the_scale_may_be_the_length_of_each_feature(chapter, seed):
    cosine, y = case(seed)
    lengths = torch.rand(len(y), 1, dtype=torch.float64) * 9 + 0.1
    loss = chapter.margin_softmax(cosine, y, chapter.additive(0.4), lengths)
    expected = slow(cosine, y, lambda c: c - 0.4, lengths[:, 0].tolist())
    assert loss.item() == pytest.approx(expected, rel=1e-9)


def test_the_scale_is_30_by_default(chapter):
    cosine, y = case(3)
    psi = chapter.additive()
    loss = chapter.margin_softmax(cosine, y, psi)
    assert loss == chapter.margin_softmax(cosine, y, psi, 30)
    assert loss != chapter.margin_softmax(cosine, y, psi, 30.5)


@pytest.mark.parametrize("name", ["additive", "as_released"])
def test_margins_are_those_of_the_release_by_default(chapter, name):
    c = torch.tensor([0.9, 0.36, 0.1, -0.4], dtype=torch.float64)
    curve = getattr(chapter, name)
    assert torch.equal(curve()(c), curve(0.35)(c))
    assert not torch.equal(curve()(c), curve(0.36)(c))


def test_the_released_layer_keeps_the_cosine_up_to_its_margin(chapter):
    c = torch.tensor([0.36, 0.35, 0.34, -0.5], dtype=torch.float64)
    found = chapter.as_released()(c).tolist()
    assert found == pytest.approx([0.01, 0.35, 0.34, -0.5], abs=1e-12)


def test_without_a_margin_it_is_normface(chapter):
    torch.manual_seed(0)
    normface = repro.chapter("normface")
    head, f = chapter.Cosines(5, 4), torch.randn(7, 5)
    y = torch.tensor([0, 1, 2, 3, 0, 1, 2])
    agents = normface.Agents(5, 4, 12.0)
    agents.W.data.copy_(head.W)
    cosine, lengths = head(f)
    for m in (chapter.additive(0), chapter.as_released(0), chapter.angular(0)):
        loss = chapter.margin_softmax(cosine.abs(), y, m, 12.0)
        plain = torch.nn.functional.cross_entropy(12.0 * cosine.abs(), y)
        torch.testing.assert_close(loss, plain)
    torch.testing.assert_close(agents(f), 12.0 * cosine)
    torch.testing.assert_close(lengths, f.norm(dim=1)[:, None])


@pytest.mark.parametrize("m", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("blend", [0.0, 0.5, 5.0])
def test_the_multiplied_angle_piece_by_piece(chapter, m, blend):
    theta = np.linspace(0.001, math.pi - 0.001, 997)
    found = chapter.multiplicative(m, blend)(torch.from_numpy(np.cos(theta)))
    expected = [(steep(t, m) + blend * math.cos(t)) / (1 + blend) for t in theta]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-8)
    assert (np.diff(found.numpy()) < 0).all()  # falls all the way


def test_four_times_the_angle_and_a_blend_of_five_by_default(chapter):
    c = torch.linspace(-0.9, 0.9, 7, dtype=torch.float64)
    assert torch.equal(chapter.multiplicative()(c), chapter.multiplicative(4, 5.0)(c))
    assert not torch.equal(chapter.multiplicative()(c), chapter.multiplicative(4, 5.1)(c))


def test_the_ends_of_the_multiplied_angle(chapter):
    ends = torch.tensor([1.0, -1.0], dtype=torch.float64, requires_grad=True)
    found = chapter.multiplicative(4, 0)(ends)
    assert found.tolist() == pytest.approx([1, -7])
    found.sum().backward()
    assert torch.isfinite(ends.grad).all()
    assert chapter.multiplicative(4)(torch.tensor([1.0000001, -1.0000001])).isfinite().all()


@pytest.mark.parametrize("name", CURVES)
def test_the_slope_is_that_of_the_curve(chapter, name):
    settings, psi = CURVES[name]
    c = torch.tensor([-0.95, -0.6, -0.11, 0.31, 0.62, 0.97], dtype=torch.float64)
    c.requires_grad_()
    (found,) = torch.autograd.grad(getattr(chapter, name)(*settings)(c).sum(), c)
    steps = [(psi(v + 1e-6) - psi(v - 1e-6)) / 2e-6 for v in c.tolist()]
    assert found.tolist() == pytest.approx(steps, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_added_angle_has_a_finite_slope_at_its_ends(chapter, dtype):
    ends = torch.tensor([1.0, -1.0], dtype=dtype, requires_grad=True)
    found = chapter.angular(0.5)(ends)
    assert found.dtype == dtype
    assert found.tolist() == pytest.approx([math.cos(0.5), -1 - 0.5 * math.sin(0.5)], abs=0.06)
    found.sum().backward()
    assert torch.isfinite(ends.grad).all()


def test_the_added_angle_is_half_a_radian_by_default(chapter):
    c = torch.linspace(-0.99, 0.9, 9, dtype=torch.float64)
    assert torch.equal(chapter.angular()(c), chapter.angular(0.5)(c))


def test_the_released_annealing(chapter):
    assert chapter.annealed(1) == pytest.approx(892.857, abs=1e-3)
    assert chapter.annealed(1000) == pytest.approx(1000 / 121)
    assert chapter.annealed(1658) > 5 == chapter.annealed(1659) == chapter.annealed(10**6)
    assert chapter.annealed(10, pace=36) == pytest.approx(chapter.annealed(360))


@pytest.mark.parametrize("beta", [20, 60, 90, 130, 180])
@pytest.mark.parametrize("m", [0, 0.1, 0.3, -0.2])
def test_the_boundary_is_where_the_cosines_differ_by_the_margin(chapter, beta, m):
    beta = math.radians(beta)
    phi = chapter.boundary(beta, m)
    assert math.cos(phi) - math.cos(beta - phi) == pytest.approx(m, abs=1e-12)
    assert phi <= beta / 2 or m < 0


def test_the_boundary_takes_arrays_up_to_the_largest_margin(chapter):
    beta = np.radians([30, 90, 180])
    m = 2 * np.sin(beta / 2)
    np.testing.assert_allclose(
        chapter.boundary(beta, m * (1 - 1e-15)), beta / 2 - np.pi / 2, atol=1e-6
    )
    assert chapter.boundary(beta, 0.2).shape == (3,)
    assert chapter.boundary(np.pi, 2) == pytest.approx(0)  # the largest of all


@pytest.mark.parametrize(
    ("beta", "m"),
    [(0, 0), (-1, 0.1), (3.2, 0.1), (0.5, 0.5), (0.5, -0.5), ([1, 0.5], 0.6), ([1, 0], 0)],
)
def test_classes_and_margins_without_a_boundary_are_refused(chapter, beta, m):
    with pytest.raises(ValueError, match=re.escape("expected 0 < beta <= pi")):
        chapter.boundary(beta, m)


@pytest.mark.parametrize(("n", "s", "m"), [(2, 1.0, 0.0), (10, 30.0, 0.35), (1000, 8.0, 0.2)])
@pytest.mark.parametrize("lead", [0.0, 0.3, 1.2])
def test_the_loss_of_even_rivals(chapter, n, s, m, lead):
    cosine = torch.zeros(1, n, dtype=torch.float64)
    cosine[0, 0] = lead
    loss = chapter.margin_softmax(cosine, torch.tensor([0]), chapter.additive(m), s).item()
    assert chapter.even_loss(lead, n, s, m) == pytest.approx(loss, rel=1e-9)


def test_start_and_floor_of_the_release(chapter):
    assert chapter.even_loss(0, 10516) == pytest.approx(19.7606, abs=1e-4)
    assert chapter.even_loss(10516 / 10515, 10516) == pytest.approx(3.563e-5, rel=1e-3)
    assert chapter.even_loss(0, 10516, m=0) == pytest.approx(math.log(10516))
    assert chapter.even_loss(0, 10, 1e4) == pytest.approx(math.log(9) + 3500)  # no overflow


@pytest.mark.parametrize(("m", "blend"), [(0, 5.0), (1.5, 5.0), (4, -0.1)])
def test_other_multiples_are_refused(chapter, m, blend):
    with pytest.raises(ValueError, match="expected m = 1, 2"):
        chapter.multiplicative(m, blend)


def test_bad_cosines_and_labels_are_refused(chapter):
    psi = chapter.additive()
    for cosine, y in (
        (torch.zeros(2, 3), torch.tensor([0, 3])),
        (torch.zeros(2, 3), torch.tensor([0.0, 1.0])),
        (torch.zeros(2, 1), torch.tensor([0, 0])),
        (torch.full((2, 3), float("nan")), torch.tensor([0, 1])),
    ):
        with pytest.raises(ValueError, match=r"margin_softmax: (expected|cosines)"):
            chapter.margin_softmax(cosine, y, psi)
    with pytest.raises(ValueError, match=re.escape("expected D = 3, got (2, 4)")):
        chapter.Cosines(3, 5)(torch.zeros(2, 4))


def test_the_layer_survives_saving(chapter, tmp_path):
    head = chapter.Cosines(3, 4)
    torch.save(head, tmp_path / "head.pt")
    again = torch.load(tmp_path / "head.pt", weights_only=False)
    f = torch.randn(5, 3)
    torch.testing.assert_close(again(f), head(f))
