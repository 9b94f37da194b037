"""Tests of the chapter heatmap_in_heatmap: its method against slow loops and second ways."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import repro


@pytest.fixture(scope="module")
def chapter():
    return repro.chapter("heatmap_in_heatmap")


def some_points(seed, n=40, low=1.5, high=14.5):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.uniform(low, high, (n, 2)))


def bump(x, y, side, sigma):
    """A map by two loops."""
    return [
        [math.exp(-((u - x) ** 2 + (v - y) ** 2) / (2 * sigma**2)) for u in range(side)]
        for v in range(side)
    ]


@pytest.mark.parametrize(("H", "D", "sigma", "sigma_d"), [(16, 8, 1.0, 0.7), (9, 3, 1.5, 1.0)])
def test_maps_are_bumps_on_the_two_digits_of_a_point(chapter, H, D, sigma, sigma_d):
    p = some_points(0, 30, 0, H)
    integer, decimal = chapter.encode(p, H, D, sigma, sigma_d)
    assert integer.shape == (30, H, H) and decimal.shape == (30, D, D)
    for (x, y), big, small in zip(p.tolist(), integer, decimal, strict=True):
        np.testing.assert_allclose(big, bump(int(x), int(y), H, sigma), atol=1e-12)
        parts = [int(D * (c - int(c))) for c in (x, y)]
        np.testing.assert_allclose(small, bump(*parts, D, sigma_d), atol=1e-12)


def test_defaults_are_the_released_sizes(chapter):
    p = torch.tensor([[10.3, 63.9]])
    integer, decimal = chapter.encode(p)
    assert integer.shape == (1, 64, 64) and decimal.shape == (1, 8, 8)
    assert integer[0, 63, 11].item() == pytest.approx(math.exp(-1 / 4.5))
    assert decimal[0, 7, 3].item() == pytest.approx(math.exp(-1 / 2))
    assert chapter.peak(decimal).tolist() == [[2, 7]]


@pytest.mark.parametrize("D", [1, 2, 8])
def test_decoding_returns_the_centre_of_the_right_part(chapter, D):
    p = some_points(1, 200, 0, 16)
    found = chapter.decode(*chapter.encode(p, 16, D))
    expected = [[math.floor(D * c) / D + 0.5 / D for c in row] for row in p.tolist()]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert (found - p).abs().max() <= 0.5 / D


def test_heads_of_the_whole_face_pool_three_by_three(chapter):
    pool = chapter.WholeFace(6, 4, 64).pool[1]
    x = torch.zeros(1, 1, 8, 8)
    x[0, 0, 4, 3] = 1  # in the windows of row 2 (rows 3 to 5), and of columns 1 and 2
    assert pool(x)[0, 0].nonzero().tolist() == [[2, 1], [2, 2]]
    assert pool(x).shape == (1, 1, 4, 4)


def test_the_last_cell_holds_the_far_border(chapter):
    q, f = chapter.split(torch.tensor([[16.0, 0.0]]), 16)
    assert q.tolist() == [[15, 0]] and f.tolist() == [[1.0, 0.0]] and q.dtype == torch.int64
    integer, decimal = chapter.encode(torch.tensor([16.0, 0.0]), 16)
    assert chapter.decode(integer, decimal).tolist() == [15.9375, 0.0625]
    assert integer[0, 15] == 1 and decimal[0, 7] == 1


@pytest.mark.parametrize("wrong", [[-0.01, 3], [3, 16.01], [math.nan, 3]])
def test_points_outside_are_refused(chapter, wrong):
    with pytest.raises(ValueError, match=r"\[0, 16\] cells"):
        chapter.encode(torch.tensor([wrong]), 16)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda c: c.split(torch.zeros(4, 3), 8), r"floats \(\.\.\., 2\), got .*\(4, 3\)"),
        (lambda c: c.split(torch.zeros(4, 2, dtype=torch.int64), 8), "floats .* got torch.int64"),
        (lambda c: c.split(torch.tensor(1.0), 8), "floats"),
        (lambda c: c.encode(torch.zeros(1, 2), 8, 0), "above 0, got 8, 0, 1.5, 1.0"),
        (lambda c: c.encode(torch.zeros(1, 2), 0), "above 0, got 0, 8, 1.5, 1.0"),
        (lambda c: c.encode(torch.zeros(1, 2), 8, 4, 0.0), "above 0, got 8, 4, 0.0, 1.0"),
        (lambda c: c.encode(torch.zeros(1, 2), 8, 4, math.nan), "above 0, got 8, 4, nan, 1.0"),
        (lambda c: c.encode(torch.zeros(1, 2), 8, sigma_d=0.0), "above 0, got 8, 8, 1.5, 0.0"),
        (lambda c: c.encode(torch.zeros(1, 2), 8, sigma_d=math.nan), "got 8, 8, 1.5, nan"),
        (lambda c: c.encode(torch.zeros(1, 2), 8, sigma_d=-1.0), "above 0, got 8, 8, 1.5, -1.0"),
        (lambda c: c.csc(torch.zeros(2, 4, 4), torch.zeros(1, 4, 4)), r"got \[2, 4, 4\] and \[1"),
        (lambda c: c.csc(torch.zeros(2, 2, 8), torch.zeros(2, 4, 4)), "D, D. twice"),
        (lambda c: c.csc(torch.zeros(4), torch.zeros(4)), r"twice, got \[4\] and \[4\]"),
        (lambda c: c.taylor(torch.rand(3, 4, 6)), r"square maps .* got \(3, 4, 6\)"),
        (lambda c: c.quarter(torch.rand(6, 4)), "square maps"),
        (lambda c: c.peak(torch.full((2, 3, 3), math.nan)), "a map holds NaN"),
        (lambda c: c.taylor(torch.full((4, 4), math.nan)), "a map holds NaN"),
        (lambda c: c.decode(torch.zeros(4, 4), torch.full((2, 2), math.nan)), "a map holds NaN"),
        (lambda c: c.Pointer("both"), "map, soft, offset, mse or csc, got 'both'"),
        (lambda c: c.Pointer("map")(torch.zeros(2, 1, 40, 64)), r"\(2, 1, 40, 64\): pad"),
        (lambda c: c.Pointer("map")(torch.zeros(2, 1, 64, 40)), r"\(2, 1, 64, 40\): pad"),
        (lambda c: c.Pointer("map")(torch.zeros(2, 3, 64, 64)), r"got \(2, 3, 64, 64\)"),
        (lambda c: c.Pointer("map")(torch.zeros(64, 64)), r"got \(64, 64\)"),
        (lambda c: c.Pointer("map")(torch.zeros(2, 1, 64, 0)), r"got \(2, 1, 64, 0\)"),
    ],
)
def test_bad_input_is_refused_by_what_was_expected(chapter, call, expected):
    with pytest.raises(ValueError, match=expected):
        call(chapter)


@pytest.mark.parametrize("kind", ["map", "soft", "offset", "mse", "csc"])
@pytest.mark.parametrize("wrong", [(1, 4, 2), (2, 3, 2), (2, 4, 3), (4, 2)])
def test_points_that_do_not_belong_to_the_maps_are_refused(chapter, kind, wrong):
    net = chapter.Pointer(kind, N=4, C=6, D=4)
    answer = net(torch.zeros(2, 1, 32, 32))
    with pytest.raises(ValueError, match=r"points \[2, 4, 2\] for these maps"):
        chapter.pointer_loss(net, answer, torch.ones(wrong))
    with pytest.raises(ValueError, match=r"finite points in cells, got nan to nan"):
        chapter.pointer_loss(net, answer, torch.full((2, 4, 2), math.nan))


def test_no_points_at_all(chapter):
    integer, decimal = chapter.encode(torch.zeros(0, 2), 16)
    assert chapter.decode(integer, decimal).shape == (0, 2)


def test_split_passes_gradients_to_the_fraction(chapter):
    p = torch.tensor([[3.25, 4.5]], requires_grad=True)
    chapter.split(p, 16)[1].sum().backward()
    assert p.grad.tolist() == [[1, 1]]


def test_the_first_of_equal_peaks_in_a_rectangle(chapter):
    maps = torch.zeros(2, 3, 5)
    maps[0, 1, 4] = maps[0, 2, 0] = 1
    assert chapter.peak(maps).tolist() == [[4, 1], [0, 0]]


@pytest.mark.parametrize("seed", range(3))
def test_csc_is_the_released_divergence(chapter, seed):
    torch.manual_seed(seed)
    z, V = torch.randn(2, 5, 4, 4, dtype=torch.float64), torch.rand(2, 5, 4, 4).double()
    released = F.kl_div(
        z.view(-1, 16).log_softmax(-1), V.view(-1, 16).softmax(-1), reduction="none"
    ).mean()  # over elements, as released; reduction="mean" does the same with a warning
    assert chapter.csc(z, V).shape == (2, 5)
    assert chapter.csc(z, V).mean().item() == pytest.approx(released.item(), rel=1e-12)


def test_released_targets(chapter):
    """Windows cut towards zero; a whole sigma rounds half to even."""
    point = torch.tensor([3.0, 20.0])
    big = chapter.released_map(point, 64, 1.5)
    # ul = int(-1.5), int(15.5); the window is ten wide and its peak the sixth
    assert chapter.peak(big).tolist() == [4, 20]
    assert (big > 0).nonzero().min(0).values.tolist() == [15, 0]
    assert (big > 0).nonzero().max(0).values.tolist() == [24, 7]
    small = chapter.released_map(torch.tensor([2.5, 3.5]), 8, 1)
    assert chapter.peak(small).tolist() == [3, 3]  # -0.5 rounds to 0, 0.5 as well
    assert small[3, 4].item() == pytest.approx(math.exp(-0.5))
    assert not chapter.released_map(torch.tensor([40.0, 2.0]), 8, 1).any()
    assert not chapter.released_map(torch.tensor([-40.0, 2.0]), 8, 1).any()


def test_released_decoding_has_no_centre_and_a_mask(chapter):
    integer, decimal = chapter.encode(torch.tensor([20.3, 30.6]))
    assert chapter.released_decode(integer, decimal).tolist() == [20.25, 30.5]
    assert chapter.released_decode(integer, decimal - 2).tolist() == [20, 30]
    assert chapter.released_decode(integer - 2, decimal).tolist() == [0.25, 0.5]


def test_released_encoding_clips_cells_and_keeps_the_rest(chapter):
    integer, decimal = chapter.released_encode(torch.tensor([20.9, 30.3]), 64, 8)
    assert chapter.peak(integer).tolist() == [20, 30]
    assert chapter.peak(decimal).tolist() == [7, 2]
    assert decimal.amax() == 1
    integer, decimal = chapter.released_encode(torch.tensor([20.95, 64.0]), 64, 8)
    assert chapter.peak(integer).tolist() == [20, 63]
    assert decimal.amax().item() == pytest.approx(math.exp(-1))  # one step beyond, twice


@pytest.mark.parametrize("reach", [1, 2])
def test_windows_are_cut_out_cell_by_cell(chapter, reach):
    torch.manual_seed(0)
    maps = torch.randn(2, 3, 6, 7)
    q = torch.tensor([[[0, 0], [6, 5], [3, 2]], [[6, 0], [0, 5], [1, 4]]])
    found = chapter.window(maps, q, reach)
    for b in range(2):
        for n in range(3):
            x, y = q[b, n].tolist()
            for j in range(-reach, reach + 1):
                for i in range(-reach, reach + 1):
                    inside = 0 <= x + i < 7 and 0 <= y + j < 6
                    value = maps[b, n, y + j, x + i].item() if inside else -math.inf
                    assert found[b, n, j + reach, i + reach].item() == value


def test_a_quarter_towards_the_larger_neighbour(chapter):
    maps = torch.zeros(3, 1, 5, 5)
    maps[0, 0, 2, 2], maps[0, 0, 2, 3], maps[0, 0, 1, 2] = 3, 2, 1
    maps[1, 0, 2, 0], maps[1, 0, 2, 1] = 3, 2  # at the border nothing moves
    maps[2, 0, 3, 3] = 3  # equal neighbours
    assert chapter.quarter(maps).tolist() == [[[2.75, 2.25]], [[0.5, 2.5]], [[3.5, 3.5]]]


@pytest.mark.parametrize("tilt", [0.0, 0.3])
def test_the_newton_step_solves_a_gaussian(chapter, tilt):
    """On any Gaussian, tilted and of two widths, one step is exact."""
    p = some_points(2)
    u = torch.arange(16, dtype=torch.float64) + 0.5
    x, y = (u - c[:, None] for c in p.unbind(-1))
    form = (x[:, None] / 1.2) ** 2 + (y[..., None] / 0.9) ** 2
    maps = torch.exp(-(form + 2 * tilt * x[:, None] * y[..., None]) / 2)
    np.testing.assert_allclose(chapter.taylor(maps), p, atol=1e-9)


def test_the_newton_step_is_limited_to_a_cell(chapter):
    maps = torch.full((1, 5, 5), 1e-4, dtype=torch.float64)
    maps[0, 2, 2], maps[0, 2, 3] = 1, 1 - 1e-9
    maps[0, 2, 1] = 1 - 1e-4  # nearly flat: the parabola's top is half a cell away
    found = chapter.taylor(maps)[0]
    assert found[1] == 2.5 and 2.9 < found[0] < 3.01
    flat = torch.ones(1, 5, 5)
    flat[0, 2, 2] = 1 + 1e-6
    assert chapter.taylor(flat * 0 + 1).tolist() == [[0.5, 0.5]]
    saddle = torch.tensor([[1.0, 0.9, 0.2], [0.9, 1.001, 1.0], [0.2, 1.0, 1.0]]).double()
    maps = F.pad(saddle[None], (2, 2, 2, 2), value=1e-3)
    assert ((chapter.taylor(maps) - 3.5).abs() <= 1).all()
    assert (chapter.taylor(torch.zeros(1, 4, 4)) == 0.5).all()
    # A ridge along the diagonal: the parabola's top lies two cells away, the answer stops at one.
    ridge = torch.tensor([[-0.05, -0.6, -1.95], [-0.6, 0.0, -0.4], [-1.95, -0.4, -0.05]])
    maps = F.pad(ridge.double().exp(), (2, 2, 2, 2), value=math.exp(-9.0))[None]
    assert (chapter.taylor(maps) == 4.5).all()


@pytest.mark.parametrize("sigma", [0.5, 1.0])
def test_blurring_is_a_convolution_with_a_gaussian(chapter, sigma):
    maps = torch.zeros(2, 1, 9, 11, dtype=torch.float64)
    maps[0, 0, 4, 5] = 1
    found = chapter.blurred(maps, sigma)
    k = np.exp(-(np.arange(-3, 4) ** 2) / (2 * sigma**2))
    expected = np.zeros((9, 11))
    expected[1:8, 2:9] = np.outer(k, k) / k.sum() ** 2
    np.testing.assert_allclose(found[0, 0], expected, atol=1e-15)
    assert not found[1].any() and chapter.blurred(maps, 0) is maps


def test_a_blurred_gaussian_keeps_its_centre(chapter):
    p = some_points(3, low=4, high=12)
    maps = chapter.gaussian(p - 0.5, 16, 1.0)
    assert (chapter.taylor(maps, 1.0) - p).abs().max() < 0.005


@pytest.mark.parametrize("beta", [1.0, 4.0])
def test_soft_argmax_by_loops(chapter, beta):
    torch.manual_seed(1)
    maps = torch.randn(2, 3, 5, 6, dtype=torch.float64)
    everywhere, near = chapter.soft_argmax(maps, beta), chapter.soft_argmax(maps, beta, 1)
    for b in range(2):
        for n in range(3):
            px, py = chapter.peak(maps[b, n]).tolist()
            for found, around in ((everywhere, 99), (near, 1)):
                total = x = y = 0
                for v in range(5):
                    for u in range(6):
                        if max(abs(u - px), abs(v - py)) <= around:
                            w = math.exp(beta * maps[b, n, v, u].item())
                            total, x, y = total + w, x + w * (u + 0.5), y + w * (v + 0.5)
                assert found[b, n].tolist() == pytest.approx([x / total, y / total])


class Fixed(torch.nn.Module):
    """A head that answers what it is given, and notes the cells it was asked for."""

    def __init__(self, answer):
        super().__init__()
        self.answer, self.seen = answer, []

    def forward(self, features, q):
        self.seen.append(q.tolist())
        return self.answer


KINDS = ("map", "soft", "offset", "mse", "csc")


@pytest.mark.parametrize("kind", KINDS)
def test_networks_answer_and_learn(chapter, kind):
    torch.manual_seed(0)
    x, p = torch.rand(3, 1, 32, 32), torch.rand(3, 4, 2) * 7.9
    net = chapter.Pointer(kind, N=4, C=6, D=4)
    answer = net(x)
    assert answer[0].shape == (3, 4, 8, 8) and answer[1].shape == (3, 6, 8, 8)
    chapter.pointer_loss(net, answer, p).backward()
    assert all(w.grad is not None and w.grad.isfinite().all() for w in net.parameters())
    found = net.eval().points(*net(x))
    assert found.shape == (3, 4, 2)
    if kind in ("mse", "csc"):
        assert torch.equal(found.floor(), chapter.peak(net(x)[0]).float())
        assert ((4 * found - 0.5) % 1 == 0).all()


@pytest.mark.parametrize("kind", ["offset", "mse", "csc"])
def test_heads_of_the_whole_face(chapter, kind):
    torch.manual_seed(0)
    net = chapter.Pointer(kind, N=4, C=6, whole_face=True)
    x, p = torch.rand(3, 1, 64, 64), torch.rand(3, 4, 2) * 15.9
    answer = net(x)
    out = net.head(answer[1], p.long())
    assert out.shape == (3, 4, 2 if kind == "offset" else 64)
    last = net.head.last[3] if kind == "offset" else net.head.last[1]
    assert 0.0005 < last.weight.std() < 0.002  # knows nothing at first but its biases
    start = last.bias.view(4, 2) + 0.5 if kind == "offset" else last.bias[:, None]
    assert (out - start).abs().max() < 0.02
    chapter.pointer_loss(net, answer, p).backward()
    assert all(w.grad is not None for w in net.parameters())


def test_a_perfect_answer_has_no_loss_and_a_flat_one_has_one(chapter):
    torch.manual_seed(0)
    p = torch.rand(2, 5, 2, dtype=torch.float64) * 7.9
    _, f = chapter.split(p, 8)
    features = torch.zeros(2, 6, 8, 8)
    for kind in ("map", "offset", "mse", "csc"):
        net = chapter.Pointer(kind, N=5, C=6, D=4)
        target, V = chapter.encode(p, 8, 4, 1.0)
        target = chapter.gaussian(p - 0.5, 8, 1.0) if kind == "map" else target
        right = {"offset": f, "mse": V.flatten(-2), "csc": V.flatten(-2) + 3}.get(kind)
        net.head = Fixed(right)
        assert chapter.pointer_loss(net, (target, features), p).item() == pytest.approx(0)
        flat = (torch.zeros_like(target), features)
        assert chapter.pointer_loss(net, flat, p).item() == pytest.approx(1)
        if kind == "map":
            continue
        start = {"offset": 0.5 + 0 * f, "csc": 0 * V.flatten(-2)}
        mean = V.flatten(-2).mean(-1, keepdim=True).expand(-1, -1, 16)
        net.head = Fixed(start.get(kind, mean))
        loss = chapter.pointer_loss(net, (target, features), p, weight=3.0).item()
        expected = 3 * ((f - 0.5).abs().mean().item() / 0.25 if kind == "offset" else 1)
        assert loss == pytest.approx(expected)


def test_soft_argmax_is_trained_by_its_distance(chapter):
    net = chapter.Pointer("soft", N=1, C=6)
    maps = torch.full((1, 1, 8, 8), -1e4)
    maps[0, 0, 2, 5] = 0
    p = torch.tensor([[[5.75, 2.0]]])
    assert chapter.pointer_loss(net, (maps, None), p).item() == pytest.approx((0.25 + 0.5) / 2)
    assert net.points(maps, None).tolist() == [[[5.5, 2.5]]]


def test_heads_read_the_features_of_their_own_cell(chapter):
    """By two loops: a hidden layer of all landmarks, then one linear map of each."""
    torch.manual_seed(0)
    head = chapter.AtCell(3, 4, 2, 0.5, hidden=5).double()
    head.weight.data.normal_()
    features = torch.randn(2, 3, 6, 6, dtype=torch.float64)
    q = torch.randint(0, 6, (2, 4, 2))
    found = head(features, q)
    for b in range(2):
        for n in range(4):
            x, y = q[b, n].tolist()
            hidden = head.hidden(features[b, :, y, x]).clamp(min=0)
            expected = hidden @ head.weight[n] + head.bias[n]
            torch.testing.assert_close(found[b, n], expected)
    assert (chapter.AtCell(3, 4, 2, 0.5).bias == 0.5).all()


@pytest.mark.parametrize("kind", ["offset", "csc"])
def test_points_read_the_predicted_cell(chapter, kind):
    net = chapter.Pointer(kind, N=1, C=6, D=4)
    maps = torch.zeros(1, 1, 8, 8)
    maps[0, 0, 6, 3] = 1
    answer = torch.tensor([[[0.25, 0.75]]]) if kind == "offset" else torch.eye(16)[None, 13:14]
    net.head = Fixed(answer)
    found = net.points(maps, None)
    assert net.head.seen == [[[[3, 6]]]]
    # class 13 of 16: column 1 of row 3
    assert found.tolist() == [[[3.25, 6.75] if kind == "offset" else [3.375, 6.875]]]


def test_the_map_alone_is_read_by_the_blurred_newton_step(chapter):
    net = chapter.Pointer("map", N=1, C=6)
    maps = torch.rand(1, 1, 8, 8)
    assert torch.equal(net.points(maps, None), chapter.taylor(maps, 1.0))


def test_the_trunk_keeps_a_quarter_of_the_side(chapter):
    torch.manual_seed(0)
    trunk = chapter.Trunk(5).eval()
    x = torch.rand(2, 1, 48, 64)
    assert trunk(x).shape == (2, 5, 12, 16)
    assert torch.allclose(trunk(x)[1:], trunk(x[1:]), atol=1e-6)
    assert sum(w.numel() for w in trunk.parameters()) == 5 * 16 + 6 * 25 * 9 + 7 * 2 * 5
    with torch.no_grad():  # a middle that says nothing leaves both detours
        for w in trunk.middle.parameters():
            w.zero_()
        a = trunk.stem(x)
        half = F.interpolate(trunk.up[0](trunk.down[0](a)), scale_factor=2)
        assert torch.allclose(trunk(x), trunk.up[1](a + half), atol=1e-6)
