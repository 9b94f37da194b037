"""Tests of the chapter sata: TWIST against slow loops, its transformer and rivals a second way."""

import math
import pickle

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import repro


@pytest.fixture(scope="module")
def chapter():
    return repro.chapter("sata")


def rows(seed, n, spread=2.0, count=6):
    """Random rows of attention (count, n), float64."""
    logits = np.random.default_rng([seed, n]).normal(0, spread, (count, n))
    return torch.from_numpy(logits).softmax(-1)


def slow(A, T, s, eps):
    """TWIST of one row, weight by weight: new weights, trivial numbers, their sum."""
    largest = max(A)
    small = [j for j, a in enumerate(A) if a <= T * largest]
    S = sum(A[j] for j in small)
    new = [s * a / (S + eps) * a if j in small else a for j, a in enumerate(A)]
    return new, small, S


@pytest.mark.parametrize("T", [0.0, 0.05, 0.1, 0.4, 1.0])
@pytest.mark.parametrize("n", [1, 2, 9, 65])
@pytest.mark.parametrize("s", [0.0, 0.5, 1.3])
def test_twist_is_that_of_a_slow_loop(chapter, T, n, s):
    A = rows(0, n)
    got, (mask, S) = chapter.twist(A, T, s), chapter.trivial(A, T)
    found = chapter.accumulated(A, T, s)
    for i, row in enumerate(A.tolist()):
        new, small, total = slow(row, T, s, 1e-6)
        assert got[i].tolist() == pytest.approx(new, abs=1e-15)
        assert mask[i].nonzero().flatten().tolist() == small
        assert S[i].item() == pytest.approx(total, abs=1e-15)
        squares = sum(row[j] ** 2 for j in small)
        assert found.share[i].item() == pytest.approx(len(small) / n)
        assert found.mass[i].item() == pytest.approx(total, abs=1e-15)
        assert found.n_eff[i].item() == pytest.approx(total**2 / squares if squares else 0)
        assert found.left[i].item() == pytest.approx(sum(new[j] for j in small), abs=1e-15)


def test_defaults_are_the_released_ones(chapter):
    A = rows(1, 40)
    new = [slow(row, 0.1, 0.5, 1e-6)[0] for row in A.tolist()]
    assert torch.allclose(chapter.twist(A), torch.tensor(new, dtype=A.dtype), atol=1e-15, rtol=0)
    assert torch.equal(chapter.twist(A), chapter.twist(A, 0.1, 0.5, 1e-6))
    assert torch.equal(chapter.trivial(A)[0], chapter.trivial(A, 0.1)[0])
    assert torch.equal(chapter.accumulated(A).left, chapter.accumulated(A, 0.1, 0.5).left)
    layer = chapter.Twist()
    assert layer.T == 0.1 and layer.s.item() == 0.5 and layer.s.requires_grad
    assert chapter.Sharpened().tau == 0.5 and chapter.TopK().k == 16


def test_a_tie_with_the_threshold_is_trivial(chapter):
    A = torch.tensor([[0.5, 0.25, 0.125, 0.125]], dtype=torch.float64)
    assert chapter.trivial(A, 0.25)[0].tolist() == [[False, False, True, True]]
    assert chapter.trivial(A, 0.5)[0].tolist() == [[False, True, True, True]]
    assert chapter.trivial(A, 1.0)[0].all()
    assert chapter.twist(A, 0.25, 0.5, eps=0.0).tolist() == [[0.5, 0.25, 0.03125, 0.03125]]


def test_epsilon_saves_rows_without_a_trivial_mass(chapter):
    A = torch.tensor([[1.0, 0.0, 0.0]])
    assert chapter.twist(A).tolist() == A.tolist()
    assert chapter.accumulated(A).n_eff.tolist() == [0]
    bare = chapter.twist(torch.tensor([[0.9, 0.06, 0.04]]).double(), eps=0.1)
    assert bare[0, 1].item() == pytest.approx(0.5 * 0.06**2 / 0.2)


@pytest.mark.parametrize("seed", range(4))
def test_gradients_are_those_of_finite_differences(chapter, seed):
    A = rows(seed, 7, 2.0, 2).requires_grad_()
    s = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a, t: chapter.twist(a, 0.1, t), (A, s), eps=1e-8)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_narrow_types_stay_as_they_are(chapter, dtype):
    A = rows(3, 30).to(dtype)
    exact = chapter.twist(A.double())
    assert chapter.twist(A).dtype == dtype
    assert torch.allclose(chapter.twist(A).double(), exact, atol=2 * torch.finfo(dtype).eps)
    assert all(part.dtype == dtype for part in chapter.accumulated(A))


def test_more_axes_and_one_row_are_the_same(chapter):
    A = rows(4, 12)
    many = chapter.twist(A.reshape(2, 3, 12))
    assert torch.equal(many.reshape(6, 12), chapter.twist(A))
    assert torch.equal(chapter.twist(A[0]), chapter.twist(A)[0])
    assert chapter.accumulated(A[0]).share.shape == ()


@pytest.mark.parametrize(
    ("A", "T", "message"),
    [
        (
            torch.zeros(2, 0),
            0.1,
            r"rows \(\.\.\., n\) of n >= 1 weights, got torch.float32 \(2, 0\)",
        ),
        (torch.tensor(1.0), 0.1, r"got torch.float32 \(\)"),
        (torch.ones(2, 3, dtype=torch.int64), 0.1, "got torch.int64"),
        (torch.ones(2, 3), -0.01, "T from 0 to 1, relative to the maximum, got -0.01"),
        (torch.ones(2, 3), 1.01, "got 1.01"),
        (torch.ones(2, 3), math.nan, "got nan"),
    ],
)
def test_rows_that_are_none_are_refused(chapter, A, T, message):
    for call in (chapter.trivial, chapter.twist, chapter.accumulated):
        with pytest.raises(ValueError, match=message):
            call(A, T)


def test_nan_stays_in_its_row(chapter):
    A = rows(5, 8)
    A[1, 2] = math.nan
    got = chapter.twist(A)
    assert torch.equal(got[[0, 2]], chapter.twist(A[[0, 2]]))
    assert got[1, 2].isnan()


def test_a_layer_of_twist_learns_its_factor_or_has_none(chapter):
    logits = torch.randn(3, 20, generator=torch.Generator().manual_seed(0)).double() * 2
    layer = chapter.Twist(0.2, 0.25).double()
    expected = chapter.twist(logits.softmax(-1), 0.2, 0.25)
    assert torch.allclose(layer(logits), expected)
    layer(logits).sum().backward()
    mask, S = chapter.trivial(logits.softmax(-1), 0.2)
    squares = (logits.softmax(-1) ** 2 * mask / (S + 1e-6)).sum()
    assert layer.s.grad.item() == pytest.approx(squares.item())
    bare = chapter.Twist(suppress=0)
    assert bare.s is None and not list(bare.parameters())
    assert torch.equal(bare(logits), logits.softmax(-1))


@pytest.mark.parametrize("tau", [0.25, 0.5, 2.0])
def test_a_temperature_is_a_power_of_the_weights(chapter, tau):
    A = rows(6, 10)
    power = A ** (1 / tau)
    expected = power / power.sum(-1, keepdim=True)
    assert torch.allclose(chapter.Sharpened(tau)(A.log()), expected)


@pytest.mark.parametrize("k", [1, 3, 10, 50])
def test_top_k_keeps_the_largest(chapter, k):
    logits = rows(7, 10).log()
    got = chapter.TopK(k)(logits)
    for row, weights in zip(logits.tolist(), got.tolist(), strict=True):
        kept = sorted(range(10), key=lambda j: -row[j])[:k]
        total = sum(math.exp(row[j]) for j in kept)
        for j in range(10):
            assert weights[j] == pytest.approx(math.exp(row[j]) / total if j in kept else 0)
    tied = chapter.TopK(1)(torch.tensor([[1.0, 1.0, 0.0]]))
    assert tied.tolist() == [[0.5, 0.5, 0.0]]


@pytest.mark.parametrize("spread", [0.1, 1.0, 4.0])
def test_sparsemax_is_the_nearest_point_of_the_simplex(chapter, spread):
    """Its threshold found by bisection instead of sorting."""
    logits = torch.from_numpy(np.random.default_rng(8).normal(0, spread, (5, 12)))
    for row, got in zip(logits, chapter.Sparsemax()(logits), strict=True):
        low, high = row.min() - 1, row.max()
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (middle, high) if (row - middle).clamp(min=0).sum() > 1 else (low, middle)
        assert torch.allclose(got, (row - low).clamp(min=0), atol=1e-12)
        assert got.sum().item() == pytest.approx(1)
    x = logits.requires_grad_()
    assert torch.autograd.gradcheck(chapter.Sparsemax(), (x,))


def test_attention_is_that_of_a_slow_loop(chapter):
    torch.manual_seed(0)
    layer = chapter.Attention(6, 2, 4, chapter.Twist(0.3)).double()
    x, maps = 2 * torch.randn(2, 5, 6).double(), []
    got = layer(x, maps)
    q, k, v = layer.qkv(x).chunk(3, dim=-1)
    heads = []
    for h in range(2):
        part = slice(4 * h, 4 * h + 4)
        A = (q[..., part] @ k[..., part].transpose(1, 2) / 2).softmax(-1)
        assert torch.allclose(maps[0][:, h], A)
        heads.append(chapter.twist(A, 0.3, 0.5) @ v[..., part])
    assert torch.allclose(got, layer.out(torch.cat(heads, -1)))
    assert torch.equal(layer(x), got) and len(maps) == 1


def test_the_transformer_is_that_of_torch(chapter):
    """torch's pre-norm encoder layers with the same weights, on patches cut by hand."""
    torch.manual_seed(1)
    net = chapter.ViT(8, 4, 2, 3, 12, 2, 3, 4, weigh=lambda: chapter.Twist(suppress=0)).double()
    x = torch.randn(2, 2, 8, 8).double()
    patches = [
        x[:, :, 4 * i : 4 * i + 4, 4 * j : 4 * j + 4].flatten(1) for i in range(2) for j in range(2)
    ]
    tokens = torch.stack([net.first[0].expand(2, -1)[:, :], *map(net.embed, patches)], 1)
    tokens = tokens + net.position
    for block in net.blocks:
        theirs = nn.TransformerEncoderLayer(
            12, 3, 24, dropout=0, activation="gelu", batch_first=True, norm_first=True
        ).double()
        with torch.no_grad():
            theirs.self_attn.in_proj_weight.copy_(block.attention.qkv.weight)
            theirs.self_attn.in_proj_bias.zero_()
            for target, source in (
                (theirs.self_attn.out_proj, block.attention.out),
                (theirs.linear1, block.mlp[0]),
                (theirs.linear2, block.mlp[2]),
                (theirs.norm1, block.norm1),
                (theirs.norm2, block.norm2),
            ):
                target.load_state_dict(source.state_dict())
        tokens = theirs(tokens)
    assert torch.allclose(net(x), net.head(tokens[:, 0]))
    maps = []
    assert torch.equal(net(x, maps), net(x))
    assert [tuple(m.shape) for m in maps] == [(2, 3, 5, 5)] * 2


def test_weights_start_as_released(chapter):
    torch.manual_seed(2)
    net = chapter.ViT(16, 4, 3, 10, 96, 2, 4, 24)
    qkv = net.blocks[0].attention.qkv
    assert qkv.bias is None
    assert qkv.weight.std().item() == pytest.approx(math.sqrt(2 / (96 + 288)), rel=0.05)
    mlp = net.blocks[1].mlp[0]
    assert mlp.weight.std().item() == pytest.approx(math.sqrt(2 / (96 + 192)), rel=0.05)
    assert mlp.bias.abs().max() == 0 and net.embed.bias.abs().max() == 0
    assert net.position.std().item() == pytest.approx(1, rel=0.1)
    assert net.position.shape == (1, 17, 96) and net.first.shape == (1, 1, 96)


@pytest.mark.parametrize(("suppress", "parameters"), [(0, 2_709_796), (0.5, 2_709_805)])
def test_the_released_size(chapter, suppress, parameters):
    net = chapter.ViT(32, 4, 3, 100, 192, 9, 12, 16, weigh=lambda: chapter.Twist(suppress=suppress))
    assert sum(p.numel() for p in net.parameters()) == parameters


def test_every_layer_has_its_own_factor(chapter):
    net = chapter.ViT(8, 4, 1, 2, 8, 3, 2, 4)
    factors = [block.attention.weigh.s for block in net.blocks]
    assert len({id(s) for s in factors}) == 3
    assert all(isinstance(s, nn.Parameter) for s in factors)


def test_it_survives_pickling_and_refuses_odd_sizes(chapter):
    net = chapter.ViT(8, 4, 1, 2, 8, 1, 2, 4)
    copy = pickle.loads(pickle.dumps(net.state_dict()))
    other = chapter.ViT(8, 4, 1, 2, 8, 1, 2, 4)
    other.load_state_dict(copy)
    x = torch.rand(2, 1, 8, 8)
    assert torch.equal(net(x), other(x))
    with pytest.raises(ValueError, match="patches of 4 pixels fill, got 10"):
        chapter.ViT(10, 4, 1, 2, 8, 1, 2, 4)


@pytest.mark.parametrize("name", ["Twist", "Sharpened", "TopK", "Sparsemax"])
def test_all_ways_to_weigh_are_trained_through(chapter, name):
    torch.manual_seed(3)
    net = chapter.ViT(8, 2, 1, 4, 8, 1, 2, 4, weigh=getattr(chapter, name))
    x, y = torch.rand(16, 1, 8, 8), torch.arange(16) % 4
    first = F.cross_entropy(net(x), y)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(15):
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        assert all(p.grad is not None for p in net.parameters())
        optimizer.step()
    assert F.cross_entropy(net(x), y) < first


@pytest.mark.parametrize("lost", [math.nan, math.inf, -math.inf])
def test_pixels_that_are_lost_are_refused(chapter, lost):
    net = chapter.ViT(8, 4, 1, 2, 8, 1, 2, 4)
    x = torch.rand(2, 1, 8, 8)
    x[1, 0, 3, 3] = lost
    with pytest.raises(ValueError, match="ViT: 1 of 128 pixels are NaN or infinite: fill them in"):
        net(x)


@pytest.mark.parametrize(
    "x",
    [
        torch.rand(1, 8, 8),
        torch.rand(0, 1, 8, 8),
        torch.rand(1, 3, 8, 8),
        torch.rand(1, 1, 8, 12),
        torch.rand(1, 1, 12, 12),
        torch.zeros(1, 1, 8, 8, dtype=torch.int64),
    ],
)
def test_what_is_no_image_is_refused(chapter, x):
    with pytest.raises(ValueError, match=r"ViT: expected images \(N, 1, 8, 8\), one or more, in"):
        chapter.ViT(8, 4, 1, 2, 8, 1, 2, 4)(x)


@pytest.mark.parametrize("place", range(8))
@pytest.mark.parametrize("number", [0, -1, 2.0, math.nan])
def test_sizes_below_one_are_refused(chapter, place, number):
    sizes = [8, 4, 1, 2, 8, 1, 2, 4]
    sizes[place] = number
    with pytest.raises(ValueError, match="ViT: expected whole numbers of 1 or more, got"):
        chapter.ViT(*sizes)


def test_attention_refuses_no_heads_and_what_are_no_tokens(chapter):
    for sizes in ((8, 0, 4), (8, 2, 0), (0, 2, 4), (8, 2.0, 4)):
        with pytest.raises(ValueError, match="expected D, heads and d of 1 or more, got"):
            chapter.Attention(*sizes, chapter.Twist())
        with pytest.raises(ValueError, match="expected D, heads and d of 1 or more, got"):
            chapter.Block(*sizes, chapter.Twist())
    layer = chapter.Attention(8, 2, 4, chapter.Twist())
    for shape in ((5, 8), (2, 5, 4), (2, 0, 8), (0, 5, 8), (1, 2, 5, 8)):
        with pytest.raises(ValueError, match=r"expected tokens \(N, L, 8\), one or more, got"):
            layer(torch.zeros(shape))


@pytest.mark.parametrize("tau", [0, -0.5, math.nan, math.inf])
def test_temperatures_that_are_none_are_refused(chapter, tau):
    with pytest.raises(ValueError, match=f"Sharpened: expected a temperature above 0, got {tau}"):
        chapter.Sharpened(tau)


@pytest.mark.parametrize("k", [0, -3, 2.0, 1.5, math.nan, None])
def test_numbers_of_logits_that_are_none_are_refused(chapter, k):
    with pytest.raises(ValueError, match=f"TopK: expected a whole number k of 1 or more, got {k}"):
        chapter.TopK(k)


def test_top_k_of_more_than_there_are_is_softmax(chapter):
    logits = rows(9, 10).log()
    assert torch.equal(chapter.TopK(np.int64(11))(logits), logits.softmax(-1))


@pytest.mark.parametrize(
    ("T", "suppress"), [(-0.1, 0.5), (1.1, 0.5), (math.nan, 0.5), (0.1, -1), (0.1, math.nan)]
)
def test_thresholds_and_factors_that_are_none_are_refused(chapter, T, suppress):
    with pytest.raises(ValueError, match=f"T from 0 to 1 and s of 0 or more, got {T} and"):
        chapter.Twist(T, suppress)
    with pytest.raises(ValueError, match="T from 0 to 1 and s of 0 or more"):
        chapter.Twist(0.1, math.inf)


def test_logits_in_the_place_of_weights_are_refused(chapter):
    for call in (chapter.trivial, chapter.twist, chapter.accumulated):
        with pytest.raises(ValueError, match=r"expected weights of 0 or more, got -2; logits\?"):
            call(torch.tensor([0.5, -2.0]))
    for eps in (-1e-6, math.nan, math.inf):
        with pytest.raises(ValueError, match=f"expected eps of 0 or more, got {eps}"):
            chapter.twist(torch.tensor([0.5, 0.5]), eps=eps)


def test_sparsemax_takes_masked_logits_and_refuses_rows_without_a_largest(chapter):
    weigh = chapter.Sparsemax()
    assert weigh(torch.tensor([0.2, -math.inf, 0.0])).tolist() == pytest.approx([0.6, 0.0, 0.4])
    for row in ([0.0, math.nan], [0.0, math.inf], [-math.inf, -math.inf]):
        with pytest.raises(
            ValueError, match="Sparsemax: the largest logit of 1 rows is NaN or inf"
        ):
            weigh(torch.tensor([row, [0.0, 1.0]]))
    for x in (torch.zeros(2, 0), torch.tensor(1.0), torch.tensor([1, 2])):
        with pytest.raises(
            ValueError, match=r"Sparsemax: expected floating point rows \(\.\.\., n"
        ):
            weigh(x)


def test_networks_without_numbers_have_shapes(chapter):
    x = torch.empty(3, 1, 8, 8, device="meta")
    for weigh in (chapter.Twist, chapter.Sharpened, chapter.TopK, chapter.Sparsemax):
        net = chapter.ViT(8, 4, 1, 2, 8, 1, 2, 4, weigh=weigh).to("meta")
        assert net(x).shape == (3, 2)
