"""Tests of the chapter pain_regression: its method against slow loops and second ways."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import repro


@pytest.fixture(scope="module")
def chapter():
    return repro.chapter("pain_regression")


def test_levels_of_all_scores(chapter):
    expected = [0, 1, 2, 3, 4, 4, *[5] * 11]
    assert chapter.level(np.arange(17)).tolist() == expected
    assert chapter.level(np.array([[6, 0]])).tolist() == [[5, 0]]
    assert int(chapter.level(5)) == 4


@pytest.mark.parametrize("wrong", [[-1], [17], [1.0], [3, 20]])
def test_scores_outside_are_refused(chapter, wrong):
    with pytest.raises(ValueError, match="whole PSPI scores from 0 to 16"):
        chapter.level(wrong)


def a_net(chapter, D=7, **options):
    torch.manual_seed(0)
    return chapter.PainNet(nn.Flatten(), D, **options).double()


def test_the_head_is_written_out(chapter):
    net = a_net(chapter).eval()
    x = torch.randn(5, 7, dtype=torch.float64)
    p, z = net(x)
    linear, slopes = net.feature[0], net.feature[1].weight
    before = x @ linear.weight.T + linear.bias
    expected = torch.where(before > 0, before, slopes * before)
    torch.testing.assert_close(z, expected)
    logits = expected @ net.head[1].weight[0] + net.head[1].bias
    torch.testing.assert_close(p, 5 / (1 + torch.exp(-logits)))
    assert p.shape == (5,) and z.shape == (5, 50) and net.centres.shape == (6, 50)
    assert net.head[0].p == 0.5 and slopes.numel() == 50


def test_answers_stay_between_0_and_5(chapter):
    net = a_net(chapter).eval()
    p, _ = net(5 * torch.randn(400, 7, dtype=torch.float64))
    assert 0 < p.min() < 0.5 and 4.5 < p.max() < 5


def test_other_widths_and_drops(chapter):
    net = a_net(chapter, width=3, drop=0.0)
    x = torch.randn(4, 7, dtype=torch.float64)
    assert net(x)[1].shape == (4, 3) and net.centres.shape == (6, 3)
    torch.testing.assert_close(net(x)[0], net.eval()(x)[0])


def test_weights_start_uniform_within_caffes_bound(chapter):
    torch.manual_seed(1)
    weight = torch.empty(64, 75)
    chapter.xavier(weight)
    assert 0.199 < weight.max() < 0.2 and -0.2 < weight.min() < -0.199
    assert abs(weight.std() - 0.2 / math.sqrt(3)) < 0.003
    net = a_net(chapter)
    assert 0.2 < net.centres.abs().max() < math.sqrt(3 / 50)
    assert 0.6 < net.feature[0].weight.abs().max() < math.sqrt(3 / 7)
    assert net.head[1].weight.abs().max() < math.sqrt(3 / 50)


def slow_center(z, c, y, power):
    """Loss, gradient to z of the mean, and the released centre gradient, by loops."""
    N, D = z.shape
    loss, to_z, to_c = 0.0, torch.zeros_like(z), torch.zeros_like(c)
    for i in range(N):
        for k in range(D):
            d = (z[i, k] - c[y[i], k]).item()
            loss += (abs(d) if power == 1 else d * d / 2) / N
            step = float(np.sign(d)) if power == 1 else d
            to_z[i, k] = step / N
            to_c[y[i], k] -= step / (1 + (y == y[i]).sum().item())
    return loss, to_z, to_c


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("weight", [0.01, 2.0])
def test_center_loss_equals_loops(chapter, power, weight):
    for seed in range(3):
        torch.manual_seed(seed)
        z = torch.randn(9, 4, dtype=torch.float64, requires_grad=True)
        c = torch.randn(6, 4, dtype=torch.float64, requires_grad=True)
        y = torch.tensor([0, 0, 0, 2, 2, 5, 1, 1, 1])
        value = chapter.center_loss(z, c, y, weight, power)
        loss, to_z, to_c = slow_center(z.detach(), c.detach(), y, power)
        got_z, got_c = torch.autograd.grad(3 * value, (z, c))
        assert value.item() == pytest.approx(weight * loss)
        torch.testing.assert_close(got_z, 3 * weight * to_z)
        torch.testing.assert_close(got_c, to_c)  # neither the weight nor what comes from above
        assert not got_c[[3, 4]].any()


def test_center_loss_defaults_are_the_released_ones(chapter):
    z = torch.tensor([[1.0, 2.0], [0.5, -1.0], [3.0, 0.0]])
    c = torch.tensor([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]], requires_grad=True)
    y = torch.tensor([0, 0, 2])
    value = chapter.center_loss(z, c, y)
    assert value.item() == pytest.approx(0.01 * 2.5)
    (to_c,) = torch.autograd.grad(value, c)
    expected = [[-2 / 3, 0], [0, 0], [-0.5, 0.5]]
    torch.testing.assert_close(to_c, torch.tensor(expected))
    slow = chapter.center_loss(z, c, y, own=0.25)
    torch.testing.assert_close(torch.autograd.grad(slow, c)[0], to_c / 4)


@pytest.mark.parametrize("power", [1, 2])
def test_the_older_layer_steps_once_for_each_frame(chapter, power):
    torch.manual_seed(0)
    z = torch.randn(7, 3, dtype=torch.float64, requires_grad=True)
    c = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    y = torch.tensor([0, 0, 0, 0, 2, 5, 5])
    values = [chapter.center_loss(z, c, y, 0.5, power, 0.25, older) for older in (False, True)]
    newer, older = (torch.autograd.grad(value, (z, c)) for value in values)
    assert values[0].item() == values[1].item()
    torch.testing.assert_close(newer[0], older[0])
    times = torch.tensor([4, 0, 1, 0, 0, 2])[:, None]
    torch.testing.assert_close(older[1], times * newer[1])
    torch.testing.assert_close(
        newer[1], slow_center(z.detach(), c.detach(), y, power)[2] / 4, rtol=1e-12, atol=1e-12
    )


def test_center_loss_refuses_what_does_not_fit(chapter):
    z, c, y = torch.zeros(3, 2), torch.zeros(6, 2), torch.zeros(3, dtype=torch.int64)
    for wrong in ((z[:2], c, y, 1), (z, c[:, :1], y, 1), (z, c, y, 3), (z[:0], c, y[:0], 1)):
        with pytest.raises(ValueError, match="center_loss: expected z"):
            chapter.center_loss(*wrong[:3], 0.01, wrong[3])


@pytest.mark.parametrize("wrong", [[0, -1, 2], [0, 6, 2], [0.0, 1.0, 2.0]])
def test_center_loss_refuses_levels_without_a_centre(chapter, wrong):
    with pytest.raises(ValueError, match="int64 from 0 to K - 1"):
        chapter.center_loss(torch.zeros(3, 2), torch.zeros(6, 2), torch.tensor(wrong))
    highest = torch.tensor([0, 5, 5])
    assert chapter.center_loss(torch.ones(3, 2), torch.zeros(6, 2), highest, 1.0).item() == 2


def test_the_loss_is_a_regression_loss_and_a_hundredth_of_the_pull(chapter):
    net = a_net(chapter).eval()
    x, y = torch.randn(8, 7, dtype=torch.float64), torch.tensor([0, 0, 5, 1, 2, 3, 4, 5])
    p, z = net(x)
    e, pull = (p - y).abs(), slow_center(z.detach(), net.centres.detach(), y, 1)[0]
    smooth = torch.where(e < 1, e**2 / 2, e - 0.5).mean().item()
    plain = chapter.pain_loss(net, (p, z), y, weight=0)
    assert plain.item() == pytest.approx(smooth)
    assert chapter.pain_loss(net, (p, z), y, False, 0).item() == pytest.approx(e.mean().item())
    assert chapter.pain_loss(net, (p, z), y).item() == pytest.approx(smooth + 0.01 * pull)
    other = y.flip(0)
    shuffled = slow_center(z.detach(), net.centres.detach(), other, 1)[0]
    found = chapter.pain_loss(net, (p, z), y, False, 0.5, pulled=other)
    assert found.item() == pytest.approx(e.mean().item() + 0.5 * shuffled)
    chapter.pain_loss(net, (p, z), y, own=0.0).backward()
    assert not net.centres.grad.any()


def test_the_loss_hands_on_the_version_of_the_centres_step(chapter):
    net = a_net(chapter).eval()
    x, y = torch.randn(4, 7, dtype=torch.float64), torch.tensor([0, 0, 0, 5])
    steps = []
    for older in (False, True):
        net.zero_grad()
        chapter.pain_loss(net, net(x), y, older=older).backward()
        steps.append(net.centres.grad.clone())
    assert steps[0][0].abs().max() > 0.1
    torch.testing.assert_close(steps[1], torch.tensor([3, 0, 0, 0, 0, 1])[:, None] * steps[0])


def test_balanced_takes_labels_in_turn_and_refills(chapter):
    y = np.array([0] * 10 + [3] * 2 + [7] * 3)
    rows = chapter.balanced(y, 20, np.random.default_rng(0))
    assert y[rows].tolist() == [0, 3, 7] * 6 + [0, 3]
    of_three = rows[1::3]
    assert all(sorted(of_three[k : k + 2]) == [10, 11] for k in (0, 2, 4))
    assert sorted(rows[2::3][:3]) == [12, 13, 14] == sorted(rows[2::3][3:6])
    assert len(set(rows[::3])) == 7  # without replacement
    again = chapter.balanced(y, 20, np.random.default_rng(0))
    assert rows.tolist() == again.tolist()
    assert rows.tolist() != chapter.balanced(y, 20, np.random.default_rng(1)).tolist()


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 30])
def test_balanced_draws_as_many_as_are_wanted(chapter, n):
    y = torch.tensor([2, 2, 0, 0, 0, 1])
    rows = chapter.balanced(y, n, np.random.default_rng(0))
    assert rows.shape == (n,) and rows.dtype.kind == "i"
    assert y[rows].tolist() == ([0, 1, 2] * 10)[:n]


def test_balanced_refuses_nothing(chapter):
    for y, n in ((np.zeros(0), 3), (np.zeros((2, 2)), 3), (np.zeros(2), -1)):
        with pytest.raises(ValueError, match="balanced: expected labels"):
            chapter.balanced(y, n, np.random.default_rng(0))


def slow_scores(p, g):
    """The six measures with sums of Python numbers."""
    N = len(g)
    e = [abs(a - b) for a, b in zip(p, g, strict=True)]
    levels = sorted(set(g))
    by = {k: [e[i] for i in range(N) if g[i] == k] for k in levels}
    mp, mg = sum(p) / N, sum(g) / N
    cov = sum((a - mp) * (b - mg) for a, b in zip(p, g, strict=True)) / (N - 1)
    vp, vg = (sum((a - m) ** 2 for a in v) / (N - 1) for v, m in ((p, mp), (g, mg)))
    return {
        "mae": sum(e) / N,
        "mse": sum(a * a for a in e) / N,
        "pcc": cov / math.sqrt(vp * vg) if vp * vg else math.nan,
        "icc": 2 * cov / (vp + vg) if vp + vg else 0.0,
        "wmae": sum(sum(v) / len(v) for v in by.values()) / len(levels),
        "wmse": sum(sum(a * a for a in v) / len(v) for v in by.values()) / len(levels),
    }


@pytest.mark.parametrize("levels", [(0, 5), (0, 1, 2, 3, 4, 5), (2,), (0, 3)])
def test_scores_equal_loops(chapter, levels):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        g = np.concatenate([levels, rng.choice(levels, 20)]).tolist()
        p = rng.uniform(0, 5, len(g)).tolist()
        assert chapter.scores(p, g) == pytest.approx(slow_scores(p, g), nan_ok=True)


def test_scores_of_constants(chapter):
    flat = chapter.scores([1.0, 1.0, 1.0], [0, 0, 3])
    assert math.isnan(flat["pcc"]) and flat["icc"] == 0
    assert flat["wmae"] == 1.5 and flat["mae"] == pytest.approx(4 / 3)
    both = chapter.scores([2.0, 2.0], [2, 2])
    assert math.isnan(both["pcc"]) and [both[k] for k in ("mae", "icc", "wmse")] == [0, 0, 0]
    assert chapter.scores([0.0, 1.0], [0, 5])["pcc"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("p", "g"), [([1.0], [1]), ([1.0, 2.0], [1]), ([math.nan, 1], [0, 1]), ([[1, 2]], [[1, 2]])]
)
def test_scores_refuse_what_does_not_fit(chapter, p, g):
    with pytest.raises(ValueError, match="scores: expected finite p and g"):
        chapter.scores(p, g)


def test_weights_have_mean_one_and_equal_sums(chapter):
    g = np.array([0, 0, 0, 4, 4, 5])
    w = chapter.weights(g)
    assert w.mean() == pytest.approx(1)
    assert [w[g == k].sum() for k in (0, 4, 5)] == pytest.approx([2, 2, 2])
