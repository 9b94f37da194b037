"""Tests of the chapter adasgn: networks against slow loops, choices against formulas."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import repro
from repro.data.skeletons import JOINTS
from repro.training import fit
from repro.vision.skeleton_actions import clips


@pytest.fixture(scope="module")
def chapter():
    return repro.chapter("adasgn")


def stirred(module, seed=0):
    """Weights and statistics that all matter, in float64 and evaluation mode."""
    torch.manual_seed(seed)
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Conv1d):
            nn.init.normal_(part.weight, 0, 0.5)
        if isinstance(part, nn.BatchNorm1d):
            nn.init.normal_(part.running_mean, 0, 0.3)
            nn.init.uniform_(part.running_var, 0.5, 2)
            nn.init.uniform_(part.weight, 0.5, 2)
            nn.init.normal_(part.bias, 0, 0.3)
    return module.double().eval()


def small(chapter, actions=None, seed=0):
    """AdaSGN for clips of 6 frames with 8 features, of 5 classes; its policy uses all actions."""
    model = stirred(chapter.AdaSGN(actions or chapter.ACTIONS, 5, 6, 8, 4), seed)
    x = torch.from_numpy(np.random.default_rng(seed).normal(size=(3, 3, 25, 6)))
    with torch.no_grad():
        f = model.nets[0](*model.inputs(x, 0))
        model.head.policy.weight.div_(f.std())
        model.head.policy.bias.sub_(model.head.logits(f).mean((0, 1)))
    return model, x


def two_layers(net, z):
    """A row through an embedding, in NumPy."""
    for k in (0, 2):
        weight, bias = (p.detach().numpy() for p in (net[k].weight, net[k].bias))
        z = np.maximum(weight @ z + bias, 0)
    return z


def normalised(norm, z, channel):
    """One number through a batch norm in evaluation mode."""
    mean, var, weight, bias = (
        v[channel].item() for v in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    )
    return (z - mean) / math.sqrt(var + norm.eps) * weight + bias


def slow_spatial(net, x, v, J):
    """One frame (3, J) at a time, one joint at a time."""
    h = []
    for j in range(J):
        both = 0
        for z, norm, embed in zip((x, v), net.norms, net.embeddings, strict=True):
            both = both + two_layers(
                embed, np.array([normalised(norm, z[c, j], c * J + j) for c in range(3)])
            )
        h.append(np.concatenate([both, two_layers(net.index, np.eye(J)[j])]))
    theta, phi = (
        [p.weight.detach().numpy() @ one + p.bias.detach().numpy() for one in h]
        for p in (net.theta, net.phi)
    )
    G = np.exp([[a @ b for b in phi] for a in theta])
    G = G / G.sum(1, keepdims=True)
    for layer in net.layers:
        W, W_1, b = (p.detach().numpy() for p in (layer.W.weight, layer.W_1.weight, layer.W_1.bias))
        heard = [sum(G[i, j] * h[j] for j in range(J)) for i in range(J)]
        y = [W @ heard[i] + W_1 @ h[i] + b for i in range(J)]
        h = [
            np.array([max(normalised(layer.norm, one[c], c), 0) for c in range(len(one))])
            for one in y
        ]
    return np.max(h, 0)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("J", [1, 2, 5])
def test_spatial_network_is_the_slow_loop(chapter, J, big):
    net = stirred(chapter.SpatialNet(J, big, 8, 4), J)
    x, v = (torch.randn(2, 3, J, 3, dtype=torch.float64) for _ in range(2))
    found = net(x, v).detach().numpy()
    assert found.shape == (2, 3, 8) and (found > 0).any()
    for n in range(2):
        for t in range(3):
            slow = slow_spatial(net, x[n, :, :, t].numpy(), v[n, :, :, t].numpy(), J)
            np.testing.assert_allclose(found[n, t], slow, atol=1e-10)


def test_rows_of_the_graph_sum_to_one(chapter):
    net = stirred(chapter.SpatialNet(4, False, 8, 4))
    G = net.graph(torch.randn(6, 4, 4, dtype=torch.float64))
    torch.testing.assert_close(G.sum(-1), torch.ones(6, 4, dtype=torch.float64))
    assert G.std() > 0.01


def test_sizes_of_the_networks(chapter):
    widths = {
        big: [(one.W.in_features, one.W.out_features) for one in net.layers]
        for big in (False, True)
        for net in [chapter.SpatialNet(3, big)]
    }
    assert widths == {False: [(128, 256)], True: [(128, 128), (128, 256), (256, 256)]}
    parameters = [
        sum(p.numel() for p in chapter.SpatialNet(*a).parameters()) for a in chapter.ACTIONS
    ]
    assert parameters == [145484, 310476, 146092, 311084, 147308, 312300]
    assert sum(p.numel() for p in chapter.TemporalNet(20).parameters()) == 347968
    assert sum(p.numel() for p in chapter.AdaSGN().parameters()) == 1757856
    assert sum(p.numel() for p in chapter.AdaSGN().head.policy.parameters()) == 4614


def test_start_of_the_weights(chapter):
    torch.manual_seed(0)
    net, temporal = chapter.SpatialNet(25, True), chapter.TemporalNet(20)
    assert all((layer.W.weight == 0).all() for layer in net.layers)
    assert net.theta.weight.std().item() == pytest.approx(math.sqrt(2 / 256), rel=0.03)
    assert net.index[0].weight.std().item() == pytest.approx(math.sqrt(2 / 64), rel=0.06)
    assert net.index[0].weight.mean().abs() < 0.02
    assert temporal.conv.weight.std().item() == pytest.approx(math.sqrt(2 / (3 * 256)), rel=0.01)
    assert temporal.wide.weight.std().item() == pytest.approx(math.sqrt(2 / 512), rel=0.01)
    assert temporal.index[2].weight.std().item() == pytest.approx(math.sqrt(2 / 256), rel=0.03)


def test_temporal_network_is_the_slow_loop(chapter):
    T, D = 4, 3
    net = stirred(chapter.TemporalNet(T, D, 5))
    f = torch.randn(2, T, D, dtype=torch.float64)
    conv, wide = (layer.weight.detach().numpy() for layer in (net.conv, net.wide))
    for n in range(2):
        z = np.array([f[n, t].numpy() + two_layers(net.index, np.eye(T)[t]) for t in range(T)])
        padded = np.vstack([np.zeros(D), z, np.zeros(D)])
        best = np.zeros(2 * D)
        for t in range(T):
            y = net.conv.bias.detach().numpy() + sum(
                conv[:, :, k] @ padded[t + k] for k in range(3)
            )
            y = np.array([max(normalised(net.norm, y[c], c), 0) for c in range(D)])
            y = wide[:, :, 0] @ y + net.wide.bias.detach().numpy()
            y = [max(normalised(net.norm_wide, y[c], c), 0) for c in range(2 * D)]
            best = np.maximum(best, y)
        np.testing.assert_allclose(net(f)[n].detach().numpy(), best, atol=1e-10)
    assert net.drop.p == 0.2


def test_averages(chapter):
    assert [sorted(j for g in groups for j in g) for groups in chapter.GROUPS.values()] == [
        list(range(25))
    ] * 3
    assert {J: len(groups) for J, groups in chapter.GROUPS.items()} == {1: 1, 9: 9, 25: 25}
    hands = {JOINTS[j] for j in chapter.NINE[4]}
    assert hands == {"left wrist", "left hand", "left finger", "left thumb"}
    assert torch.equal(chapter.averages(chapter.GROUPS[25]), torch.eye(25))
    M = chapter.averages(((0, 2), (1,), (3, 4, 5)))
    expected = torch.tensor([[3, 0, 0], [0, 6, 0], [3, 0, 0], [0, 0, 2], [0, 0, 2], [0, 0, 2]]) / 6
    torch.testing.assert_close(M, expected)


def test_velocity_follows_the_averages(chapter):
    x = torch.tensor([[1.0, 4.0, 2.0]])
    assert torch.equal(chapter.velocity(x), torch.tensor([[0.0, 3.0, -2.0]]))
    model, x = small(chapter)
    z, v = model.inputs(x, 2)
    M = model.M[2].detach()
    torch.testing.assert_close(z[1, 2, 3, 4], (x[1, 2, :, 4] * M[:, 3]).sum())
    torch.testing.assert_close(v[..., 1:], z[..., 1:] - z[..., :-1])
    assert (v[..., 0] == 0).all() and z.shape == v.shape == (3, 3, 9, 6)


@pytest.mark.parametrize("tau", [0.1, 1.0, 5.0])
@pytest.mark.parametrize("seed", range(4))
def test_straight_through(chapter, seed, tau):
    torch.manual_seed(seed)
    logits = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    g, up = torch.randn(5, 4, dtype=torch.float64), torch.randn(5, 4, dtype=torch.float64)
    a = chapter.straight_through(logits, g, tau)
    scores = logits.log_softmax(-1).detach() + g
    assert torch.equal(a.detach().round(), nn.functional.one_hot(scores.argmax(-1), 4).double())
    torch.testing.assert_close(a.detach(), a.detach().round(), atol=1e-15, rtol=0)
    a.backward(up)
    twin = logits.detach().clone().requires_grad_()
    ((twin.log_softmax(-1) + g) / tau).softmax(-1).backward(up)
    torch.testing.assert_close(logits.grad, twin.grad)


def test_rare_actions_keep_a_chance(chapter):
    """Log-probabilities stop at ln 1e-8: noise of 19 lifts an action of e^-50 over a sure one."""
    logits = torch.tensor([0.0, -50.0])
    assert chapter.straight_through(logits, torch.tensor([0.0, 19.0]), 1.0).argmax() == 1
    assert chapter.straight_through(logits, torch.tensor([0.0, 18.0]), 1.0).argmax() == 0


@pytest.mark.parametrize("tau", [0.0, -1.0, math.nan])
def test_temperatures_that_are_none(chapter, tau):
    with pytest.raises(ValueError, match="tau must be above 0"):
        chapter.straight_through(torch.zeros(2), 0, tau)


def test_gumbel_noise(chapter):
    torch.manual_seed(0)
    g = chapter.gumbel((200, 1000), torch.zeros(1, dtype=torch.float64))
    assert g.dtype == torch.float64 and g.shape == (200, 1000)
    assert g.mean().item() == pytest.approx(np.euler_gamma, abs=0.01)
    assert g.var().item() == pytest.approx(math.pi**2 / 6, abs=0.02)


def test_schedules(chapter):
    assert chapter.temperature(0) == 5
    assert chapter.temperature(1) == pytest.approx(5 * math.exp(-0.045))
    assert chapter.temperature(120) == pytest.approx(0.02258290)
    actions = nn.functional.one_hot(torch.tensor([[0, 1], [2, 2]]), 3).double()
    costs = torch.tensor([7.0, 3.0, 5.0], dtype=torch.float64)  # (0 + 3 + 5 + 5) / 4
    for epoch, factor in ((0, 0), (1, 0.2), (2.5, 0.5), (5, 1), (6, 1), (100, 1)):
        assert chapter.penalty(actions, costs, 2, epoch).item() == pytest.approx(6.5 * factor)


def test_classification_loss(chapter):
    scores, y = torch.randn(6, 4, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 0, 1])
    target = torch.full((6, 4), 0.1 / 3, dtype=torch.float64)
    target[range(6), y] = 0.9
    slow = -(target * scores.log_softmax(-1)).sum(1).mean()
    torch.testing.assert_close(chapter.classification_loss(scores, y), slow)


def test_head_chooses_fuses_and_classifies(chapter):
    head = stirred(chapter.Head(3, 5, 6, 8, 4))
    assert head.tau == pytest.approx(5 * math.exp(-0.045)) and not head.sample
    f = torch.randn(4, 3, 6, 8, dtype=torch.float64)
    scores, a = head(f)
    assert scores.shape == (4, 5) and a.shape == (4, 6, 3)
    logits = head.policy(f[:, 0].transpose(1, 2)).transpose(1, 2)
    assert torch.equal(a.argmax(-1), logits.argmax(-1))
    fused = torch.stack([f[n, a[n].argmax(-1), range(6)] for n in range(4)])
    torch.testing.assert_close(scores, head.classifier(head.temporal(fused)))


def test_noise_in_training_and_where_asked(chapter):
    head = stirred(chapter.Head(3, 5, 6, 8, 4))
    f = torch.randn(40, 3, 6, 8, dtype=torch.float64)
    assert torch.equal(head(f)[1], head(f)[1])
    head.sample = True
    assert not torch.equal(head(f)[1], head(f)[1])
    head.sample = False
    head.train()
    assert not torch.equal(head(f)[1].round(), head(f)[1].round())
    logits = torch.tensor([1.0, 0.0, -1.0], dtype=torch.float64)
    torch.manual_seed(0)
    often = head.draw(logits.expand(4000, 10, 3)).mean((0, 1))
    torch.testing.assert_close(often, logits.softmax(0), atol=0.01, rtol=0)


def test_another_choice(chapter):
    first = nn.functional.one_hot(torch.zeros(2, 6, dtype=torch.int64), 3).double()
    head = stirred(chapter.Head(3, 5, 6, 8, 4, choose=lambda logits: first))
    f = torch.randn(2, 3, 6, 8, dtype=torch.float64)
    torch.testing.assert_close(head(f)[0], head.classifier(head.temporal(f[:, 0])))


@pytest.mark.parametrize("seed", range(4))
def test_conditional_inference_is_the_masked_graph(chapter, seed):
    model, x = small(chapter, seed=seed)
    calls = []
    for k, net in enumerate(model.nets):
        net.register_forward_hook(lambda m, given, out, k=k: calls.append((k, out.shape[:2])))
    with torch.no_grad():
        (scores, a), calls = model(x), []
        for k, net in enumerate(model.nets):
            net._forward_hooks.clear()
            net.register_forward_hook(lambda m, given, out, k=k: calls.append((k, len(out))))
        lean, b = chapter.infer(model, x)
    assert torch.equal(a, b) and len(set(a.argmax(-1).flatten().tolist())) >= 3
    torch.testing.assert_close(scores, lean, atol=1e-12, rtol=0)
    used = a.sum((0, 1))[1:].int().tolist()
    assert calls == [(0, 3), *((k, n) for k, n in enumerate(used, 1) if n)]


def test_features_are_those_of_each_network(chapter):
    model, x = small(chapter)
    f = model.features(x)
    assert f.shape == (3, 6, 6, 8)
    for k, net in enumerate(model.nets):
        z = torch.einsum("ncjt,jk->nckt", x, model.M[k])
        torch.testing.assert_close(f[:, k], net(z, chapter.velocity(z)))
    torch.testing.assert_close(model(x)[0], model.head(f)[0])


def test_one_action_is_a_fixed_network(chapter):
    model, x = small(chapter, ((9, True),))
    scores, a = model(x)
    assert (a == 1).all() and a.shape == (3, 6, 1)
    torch.testing.assert_close(
        scores, model.head.classifier(model.head.temporal(model.features(x)[:, 0]))
    )
    assert torch.equal(chapter.infer(model, x)[0], scores)


@pytest.mark.parametrize("shape", [(2, 3, 24, 6), (2, 25, 3, 6), (3, 25, 6), (0, 3, 25, 6)])
def test_other_clips_are_refused(chapter, shape):
    model, x = small(chapter)[0], torch.zeros(shape, dtype=torch.float64)
    for way in (model, lambda clips: chapter.infer(model, clips)):
        with pytest.raises(ValueError, match=r"expected clips \(N, 3, 25, T\), N > 0, got \("):
            way(x)


@pytest.mark.parametrize("frames", [1, 5, 7])
def test_clips_of_another_length_are_refused(chapter, frames):
    model, x = small(chapter)[0], torch.zeros(2, 3, 25, frames, dtype=torch.float64)
    for way in (model, lambda clips: chapter.infer(model, clips)):
        with pytest.raises(ValueError, match=f"1 clip or more of 6 frames, got 2 of {frames}"):
            way(x)
    with pytest.raises(ValueError, match="1 clip or more of 6 frames, got 0 of 6"):
        model.head.temporal(torch.zeros(0, 6, 8, dtype=torch.float64))


def test_a_policy_that_diverged(chapter):
    logits = torch.zeros(2, 3)
    logits[1, 2] = math.nan
    with pytest.raises(ValueError, match="logits hold NaN"):
        chapter.straight_through(logits, 0, 1.0)
    logits[1, 2] = -math.inf
    assert chapter.straight_through(logits, 0, 1.0).argmax(-1).tolist() == [0, 0]


def test_operations(chapter):
    six = [2843696, 6151216, 25597872, 55365552, 71130800, 153818800]
    assert [chapter.spatial_operations(*a) for a in chapter.ACTIONS] == six
    assert all(isinstance(chapter.spatial_operations(*a), int) for a in chapter.ACTIONS)
    assert chapter.temporal_operations() == 6986240
    assert chapter.policy_operations() == 92280
    assert [chapter.product_operations(25, big) for big in (False, True)] == [4800000, 9600000]
    assert chapter.product_operations(3, True, 5, 8) == 9 * 5 * (8 + 4 + 4 + 8)
    assert chapter.layer(3, 4, 5) == 80 and chapter.layer(3, 4, 5, bias=False) == 60
    assert chapter.embedding_operations(2, 3, 4, 5) == 45 + 15 + 80 + 20


@pytest.mark.parametrize("asleep", ["", "averages", "networks"])
def test_what_sleeps_in_the_first_quarter(chapter, asleep):
    x, y = clips(1, 0)
    costs = torch.tensor([0.1, 0.2])

    def moved(epochs):
        torch.manual_seed(0)
        net = chapter.Staged(((1, False), (9, False)), 12, 10, 8, 4)
        before = {name: p.detach().clone() for name, p in net.named_parameters()}
        seen = []
        net.head.temporal.register_forward_hook(lambda *_: seen.append((net.head.tau, net.asleep)))
        follow(chapter.Course(net, costs, epochs, 1.0, asleep), net, x, y, 0.01, epochs)
        changed = {
            n.split(".")[0] for n, p in net.named_parameters() if not torch.equal(p, before[n])
        }
        return changed, seen

    changed, seen = moved(4)
    assert changed == {"M", "nets", "head"}
    assert [state for _, state in seen] == [asleep, "", "", ""]
    taus = [chapter.temperature(30 * e) for e in (1, 2, 3, 4)]
    assert [tau for tau, _ in seen] == pytest.approx(taus)


def test_sleeping_parts_get_no_gradient(chapter):
    x, y = clips(1, 0)
    for asleep, awake in (("averages", {"nets", "head"}), ("networks", {"head"}),
                          ("", {"M", "nets", "head"})):  # fmt: skip
        net = chapter.Staged(((1, False), (9, False)), 12, 10, 8, 4)
        net.asleep = asleep
        chapter.classification_loss(net(x)[0], y).backward()
        assert {n.split(".")[0] for n, p in net.named_parameters() if p.grad is not None} == awake


def follow(course, net, x, y, lr, epochs):
    """Train along a course."""
    fit(
        net, x, y, epochs=epochs, lr=lr, seed=0, batch_size=24, loss=course.loss,
        on_epoch=lambda done, *_: course.begin(done + 1),
    )  # fmt: skip


def test_training_learns_and_the_penalty_saves(chapter):
    y = clips(1, 0)[1]
    f = torch.randn(len(y), 2, 10, 8, generator=torch.Generator().manual_seed(0))
    shares = []
    for alpha in (0, 30):
        torch.manual_seed(0)
        head = chapter.Head(2, 12, 10, 8, 4)
        follow(chapter.Course(head, torch.tensor([0.1, 0.1]), 60, alpha), head, f, y, 0.05, 60)
        head.sample = True
        shares.append(head(f)[1][..., 1].mean().item())
    assert shares[1] < 0.25 < 0.4 < shares[0]


def test_the_loss_of_a_course(chapter):
    """The penalty warms up over 5 of 120 epochs, so over an epoch of 24."""
    head = chapter.Head(2, 4, 6, 8, 4)
    course = chapter.Course(head, torch.tensor([0.0, 2.0]), 24, 3.0)
    scores, y = torch.randn(5, 4), torch.tensor([0, 1, 2, 3, 0])
    a = nn.functional.one_hot(torch.ones(5, 6, dtype=torch.int64), 2).float()
    plain = chapter.classification_loss(scores, y).item()
    for epoch, factor in ((0, 0), (1, 1), (9, 1)):
        course.begin(epoch)
        assert course.loss((scores, a), y).item() == pytest.approx(plain + 6 * factor, rel=1e-5)
        assert head.tau == pytest.approx(chapter.temperature(5 * epoch + 5))


def test_a_course_without_a_penalty(chapter):
    head = chapter.Head(2, 4, 6, 8, 4)
    course = chapter.Course(head, torch.tensor([0.0, 2.0]), 24)
    scores, y = torch.randn(5, 4), torch.tensor([0, 1, 2, 3, 0])
    a = nn.functional.one_hot(torch.ones(5, 6, dtype=torch.int64), 2).float()
    course.begin(9)
    assert course.loss((scores, a), y) == chapter.classification_loss(scores, y)
    assert head.asleep == ""
