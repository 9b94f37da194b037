"""Every family of compression on one trained network, and what a teacher is worth: the trials.

    make trials CH=compression_survey

Every seed has images, a random start and an order of its own, and one dense network trained for 20
epochs. Every arm starts from it and gets 10 more epochs; networks of another shape are trained from
scratch for 30. Normalization is re-estimated on the training images for all. `tuning` and its kin
choose rates at every strength on two seeds; all other trials use other seeds.

`twice`, rule set before its runs: 20 further epochs instead of 10, at the rates chosen for 10, for
every arm of the chart but STTN and PalQuant. An arm is at its plateau if the mean over the five
seeds then changes by less than a point. An order of two arms turns if the interval of their paired
difference, 95 % over the seeds, lies on one side of zero after 10 and on the other after 20; it is
lost if it holds zero after 20. No claim that stands is withdrawn by what is won after 20 only.
"""

import repro  # first: caps threads and instruction set

# isort: split
import copy
import sys
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from press.trials import Quantity, Trial, grid, main
from repro import trials
from repro.data import cluttered_digits
from repro.hardware.workloads import Convolution
from repro.quantize.calibration import reestimate_normalization
from repro.training import accuracy, fit, predict

survey = repro.chapter("compression_survey")
bwnh = repro.chapter("bwnh")
codebooks = repro.chapter("quantized_cnn")
factors = repro.chapter("fixed_point_factorization")
simd = repro.chapter("simd_pruning")
sttn = repro.chapter("sttn")
palquant = repro.chapter("palquant")
CALIBRATION = 200


@cache
def images(seed: int) -> tuple[Tensor, ...]:
    """Training and test images of a seed with their labels."""
    return cluttered_digits(seed=seed, **survey.TASK).torch()


@cache
def trained(seed: int) -> nn.Module:
    """The dense network of a seed."""
    torch.manual_seed(seed)
    net = survey.network()
    x, y, *_ = images(seed)
    fit(net, x, y, epochs=survey.EPOCHS, lr=1e-2, seed=seed, batch_size=survey.BATCH)
    return net


class Decoded(nn.Module):
    """Parametrization of a kernel: codebooks are trained, indices stay."""

    def __init__(self, q: Any) -> None:
        super().__init__()
        self.index, self.channels = q.index, q.channels

    def forward(self, books: Tensor) -> Tensor:
        """The kernel that codebooks (M, K, c) and the indices stand for."""
        return codebooks.decode(codebooks.Quantized(books, self.index, self.channels))


class Ready:
    """A compressed network, what it stores beside the common parts, and how it is trained on.

    bits: of the compressed layers. own: cycles on the machine made for it. after: called with the
    network after every step. scratch: whether it is trained from a random start. kept: channels of
    the two compressed layers, if filters are gone.
    """

    def __init__(
        self, net: nn.Module, bits: float, own: float | None = None, after: Any = None,
        scratch: bool = False, options: dict | None = None, macs: float | None = None,
        cycles: float | None = None, saved: float = 0,
    ) -> None:  # fmt: skip
        self.net, self.bits, self.own, self.after = net, bits, own, after
        self.scratch, self.options, self.macs, self.cycles = scratch, options or {}, macs, cycles
        self.saved = saved


def gaps(mask: Tensor) -> int:
    """Entries of 4-bit relative indices: kept weights, and fillers for gaps above 15 zeros."""
    at = np.flatnonzero(mask.flatten().numpy())
    return len(at) + int(((np.diff(np.concatenate([[-1], at])) - 1) // 16).sum())


def score(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> Tensor:
    """The kernel with its normalization folded in, by whose size groups are compared."""
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return (conv.weight * scale[:, None, None, None]).detach()


def pruned(net: nn.Module, arm: str, share: float, seed: int) -> Ready:
    """The smallest groups of two layers set to zero, in percent of the groups of each."""
    kind, _, how = arm.partition(", ")
    net, masks, bits = copy.deepcopy(net), {}, 0.0
    draw = torch.Generator().manual_seed(seed)
    for k in survey.places(net):
        w = score(net[k], net[k + 1])
        if how == "random":
            w = torch.rand(w.shape, generator=draw)
            for axis in survey.SHARED[kind]:
                w = w.mean(axis, keepdim=True).expand(net[k].weight.shape)
        if how == "columns":
            mask = survey.prune(w.mT, kind, share / 100).mT
        else:
            mask = survey.prune(w, kind, share / 100)
        masks[k] = mask
    live = {k: masks[k].any(dim=(1, 2, 3)) for k in masks}
    first, second = masks
    taken = (
        masks[first],
        masks[second]
        & (live[first][None, :, None, None] if kind == "filter" else torch.tensor(True)),
    )
    for mask in taken:
        kept, groups = int(mask.sum()), mask.numel()
        for axis in survey.SHARED[kind]:
            groups //= mask.shape[axis]
        if kind == "fine":
            bits += min(32 * kept + groups, 36 * gaps(mask))
        else:
            bits += 32 * kept + groups

    def after(net: nn.Module) -> None:
        for k, mask in masks.items():
            net[k].weight *= mask
            if kind == "filter":
                net[k + 1].weight *= live[k]
                net[k + 1].bias *= live[k]

    with torch.no_grad():
        after(net)
    K1, K2 = (int(live[k].sum()) for k in masks)
    plain, own, macs = 0, 0, 0
    for k, (_, K, n, P) in enumerate(survey.work(net, torch.zeros(1, 1, 12, 12))):
        rows, terms = K, n
        if kind == "filter":
            rows = (K, K1, K2, K)[k]
            terms = (n, n, 9 * K1, K2)[k]
        if kind == "group" and k in (1, 2):
            terms = int(taken[k - 1].flatten(1).any(0).sum())
        plain += survey.array_cycles(rows, terms, P)
        if k in (1, 2):
            mask = taken[k - 1].flatten(1)
            macs += int(mask.sum()) * P
            own += survey.skipping_cycles(mask[mask.any(1)] if kind == "filter" else mask, P)
        else:
            macs += rows * terms * P
            own += survey.array_cycles(rows, terms, P)
    lost = (net[second].out_channels - K2) * 10 * 32 if kind == "filter" else 0
    return Ready(net, bits, own, after, macs=macs, cycles=plain, saved=lost)


def rank(per: float, full: int, share: float) -> int:
    """The largest rank whose kernels hold at most this share, in percent, of the weights."""
    return max(1, int(share / 100 * full / per))


def factored(net: nn.Module, arm: str, share: float, seed: int) -> Ready:
    """Two layers as rows of convolutions that hold a share of their weights, in percent."""
    bits = []

    def make(conv: nn.Conv2d) -> nn.Module:
        w = conv.weight.detach()
        K, C, R, S = w.shape
        full = w.numel()
        if arm == "channel":
            kernels = survey.channel(w, rank(C * R * S + K, full, share))
        elif arm == "spatial":
            kernels = survey.spatial(w, rank(C * R + K * S, full, share))
        elif arm == "CP":
            kernels = survey.cp(w, rank(C + R + S + K, full, share))
        else:
            fits = [
                (q, K * i // C)
                for q, i in ((max(1, i * K // C), i) for i in range(1, C + 1))
                if C * i + q * i * R * S + q * K <= share / 100 * full
            ]
            r_out = fits[-1][0] if fits else 1
            kernels = survey.tucker(w, r_out, max(1, r_out * C // K))
        bits.append(32 * sum(part.numel() for part in kernels))
        return survey.stack(kernels)

    return Ready(survey.replaced(net, make), sum(bits))


def serial(net: nn.Module, bits: float) -> float:
    """Cycles if terms of the two layers take bits / 8 of a cycle on the array."""
    total = 0.0
    for k, (_, K, n, P) in enumerate(survey.work(net, torch.zeros(1, 1, 12, 12))):
        whole = survey.array_cycles(K, n, P)
        total += whole * bits / 8 if k in (1, 2) else whole
    return total


def scalar(net: nn.Module, arm: str, strength: float, seed: int) -> Ready:
    """Levels of two layers: k-means, even, or of equal counts; fixed, or trained."""
    net, bits, stored = copy.deepcopy(net), int(strength), 0
    for k in survey.places(net):
        w = net[k].weight.detach().numpy().ravel()
        levels, index = survey.kmeans(w, 2**bits)
        if arm == "uniform":
            levels = survey.evenly(w, 2**bits)
        if arm == "equal counts":
            levels = np.quantile(w, (np.arange(2**bits) + 0.5) / 2**bits)
        stored += bits * w.size + 32 * (2 if arm == "uniform" else 2**bits)
        if arm == "k-means, trained":
            net[k].weight.data = torch.tensor(levels[index]).float().view_as(net[k].weight)
            how = survey.Shared(index, net[k].weight.shape)
        else:
            how = survey.Nearest(levels)
        parametrize.register_parametrization(net[k], "weight", how)
    return Ready(net, stored, serial(net, bits))


def earlier(net: nn.Module, arm: str, strength: float, seed: int) -> Ready:
    """The methods of earlier chapters on the same two layers."""
    x = images(seed)[0]
    names = [str(k) for k in survey.places(net)]
    kernels = [net[k].weight for k in survey.places(net)]
    sizes = [(len(w), w[0].numel()) for w in kernels]
    if arm in ("BWN", "BWNH"):
        codes = bwnh.bwnh if arm == "BWNH" else bwnh.bwn
        made = bwnh.binarize(net, x[:CALIBRATION], codes, names, positions=2000)
        made = bwnh.trainable(made, net, names)
        return Ready(made, sum(m * n + 32 * m for m, n in sizes), serial(made, 1))
    if arm == "ternary filters":
        made = copy.deepcopy(net)
        for name in names:
            parametrize.register_parametrization(
                made.get_submodule(name), "weight", factors.Ternarized()
            )
        return Ready(made, sum(2 * m * n + 32 * m for m, n in sizes), serial(made, 2))
    if arm == "fixed-point factors":
        make = lambda W: factors.sdd(W, factors.equal_bits(*W.shape))  # noqa: E731
        made = factors.factorize(net, x[:CALIBRATION], make, layers=names)
        ks = [len(made.get_submodule(name).d) for name in names]
        made = factors.trainable(made, net)
        pixels, plain, own, macs = (144, 36), 0.0, 0.0, 0.0
        for _, K, n, P in survey.work(made, torch.zeros(1, 1, 12, 12)):
            plain, macs = plain + survey.array_cycles(K, n, P), macs + K * n * P
            own += survey.array_cycles(K, n, P)
        for (m, n), k, P in zip(sizes, ks, pixels, strict=True):
            both = survey.array_cycles(k, n, P) + survey.array_cycles(m, k, P)
            plain, own, macs = plain + both, own + both * 2 / 8, macs + k * (n + m) * P
        bits = sum(factors.bits(m, n, k) for (m, n), k in zip(sizes, ks, strict=True))
        return Ready(made, bits, own, macs=macs, cycles=plain)
    if arm == "product codebooks":
        made, kept = codebooks.quantize_network(
            net, x[:CALIBRATION], (4, int(strength)), (4, 4), layers=names
        )
        made, bits, operations = copy.deepcopy(made), 0, 0
        for name, side in zip(names, (12, 6), strict=True):
            conv, q = made.get_submodule(name), kept[name]
            conv.weight = nn.Parameter(q.codebooks.detach().clone())
            parametrize.register_parametrization(conv, "weight", Decoded(q), unsafe=True)
            layer = Convolution(conv.in_channels, conv.out_channels, 3, 1, 1, side, side)
            cost = codebooks.cost(layer, 4, int(strength))
            bits += cost.codebook_bits + cost.index_bits
            operations += cost.table + cost.lookups
        return Ready(made, bits, serial(made, 0) + operations / 64)
    c = simd.inverse_energies([net[0].weight, *kernels])
    shapes = ((8, 9, 144), (16, 72, 144), (32, 144, 36))
    top = sum(simd.dense_cycles(*shape) for shape in shapes)
    nearest = partial(simd.project, T=simd.tables(shapes), tau=strength / 100 * top, c=c)
    return Ready(copy.deepcopy(net), 0, options={"projection": nearest})


def compact(net: nn.Module, arm: str, strength: float, seed: int) -> Ready:
    """Networks of another shape, from a random start."""
    torch.manual_seed(seed + 500)
    if arm == "narrow":
        made = survey.network((1, *(round(c * strength) for c in survey.CHANNELS[1:])))
    else:
        scale = strength if arm == "separable" else 1
        made = survey.network((1, *(round(c * scale) for c in survey.CHANNELS[1:])))

        def make(conv: nn.Conv2d) -> nn.Module:
            C, K, G = conv.in_channels, conv.out_channels, int(strength)
            if arm == "separable":
                return survey.separable(C, K)
            return nn.Sequential(
                nn.Conv2d(C, K, 3, padding=1, groups=G, bias=False), survey.Shuffle(G)
            )

        made = survey.replaced(made, make)
    return Ready(made, sum(32 * layer.weight.numel() for layer, *_ in counted(made)), scratch=True)


def counted(net: nn.Module) -> list:
    """The convolutions that a network of another shape has in place of the two layers."""
    return [one for one in survey.work(net, torch.zeros(1, 1, 12, 12))[1:-1]]


def others(net: nn.Module, arm: str, strength: float, seed: int) -> Ready:
    """Networks of earlier chapters with an architecture of their own, from a random start."""
    torch.manual_seed(seed + 500)
    if arm == "STTN":
        made = sttn.network(sttn.Soft)
        shapes = ((16, 72, 36), (32, 144, 9), (32, 288, 9))
        rest = 32 * (8 * 25 + 32 * 10 + 8 + 16 + 32 + 32)  # slopes of the PReLUs, too
        stored = sum(2 * K * n + 32 * K for K, n, _ in shapes) + rest
        float_ = survey.array_cycles(8, 25, 36) + survey.array_cycles(10, 32, 1)
        ternary = sum(survey.array_cycles(*shape) for shape in shapes)
        operations = sum(K * n * P for K, n, P in shapes) + 8 * 25 * 36 + 320
        return Ready(made, stored, float_ + ternary * 2 / 8, scratch=True, macs=operations,
                     cycles=float_ + ternary, options={"own network": True})  # fmt: skip
    made = palquant.PalNet(int(strength), G=2, n=4)
    x = images(seed)[0]
    layers = survey.work(made, x[:1])
    stored = sum(
        (2 if isinstance(layer, palquant.QConv) else 32) * K * n for layer, K, n, _ in layers
    )
    stored += 32 * 5 * sum(isinstance(layer, palquant.QConv) for layer, *_ in layers)  # ranges
    own = 0.0
    for layer, K, n, P in layers:
        G = getattr(layer, "groups", 1)
        share = 2 / 8 if isinstance(layer, palquant.QConv) else 1
        own += G * survey.array_cycles(K // G, n, P) * share
    palquant.start(made, x[:256])
    return Ready(made, stored, own, scratch=True, options={"own network": True, "recipe": True})


def nothing(net: nn.Module, arm: str, strength: float, seed: int) -> Ready:
    """The dense network."""
    return Ready(copy.deepcopy(net), 32 * sum(net[k].weight.numel() for k in survey.places(net)))


PRUNING = ("fine", "vector", "kernel", "group", "filter")
FAMILY: dict[str, Callable[..., Ready]] = {
    **dict.fromkeys(PRUNING, pruned),
    **dict.fromkeys(("channel", "spatial", "Tucker", "CP"), factored),
    **dict.fromkeys(("k-means", "k-means, trained", "uniform", "equal counts"), scalar),
    **dict.fromkeys(("separable", "groups", "narrow"), compact),
    **dict.fromkeys(("STTN", "PalQuant"), others),
    **dict.fromkeys(("vector, columns", "fine, random", "filter, random"), pruned),
    "dense": nothing,
}


def alcs(ready: Ready, train: Callable[..., Any], epochs: int, n: int, seed: int) -> None:
    """Groups of four filters at one tap, by the ADMM of its chapter, half of the epochs."""
    draw = torch.Generator().manual_seed(seed)
    order = torch.stack([torch.randperm(n, generator=draw) for _ in range(epochs)])
    masks = simd.alcs(ready.net, train, ready.options["projection"], 1.0, order, epochs // 2)
    plain, own, macs, bits = 0.0, 0.0, 0.0, 0
    for k, (_, K, n_terms, P) in enumerate(survey.work(ready.net, torch.zeros(1, 1, 12, 12))):
        plain += survey.array_cycles(K, n_terms, P)
        if k < len(masks):
            mask = masks[k].flatten(1)
            own += survey.skipping_cycles(mask, P)
            macs += int(mask.sum()) * P
            bits += 32 * int(mask.sum()) + mask.numel() // 4
        else:
            own, macs = own + survey.array_cycles(K, n_terms, P), macs + K * n_terms * P
    ready.bits, ready.own, ready.macs, ready.cycles = bits - 32 * 72, own, macs, plain


def compress(seed: int, arm: str, strength: float, lr: float, epochs: int = 10) -> dict[str, float]:
    """Compress the dense network of a seed and train it on, or train another network.

    Args:
        seed: of images, start and order.
        arm: the method.
        strength: share of groups dropped or of weights left (%), bits, width or groups.
        lr: peak rate of Adam, cosine to 0 (PalQuant: of its own recipe).
        epochs: further epochs; networks of another shape get 20 more than that.

    Returns:
        Test accuracy in % after and before training on, kilobits of the whole network, thousands
        of multiply-adds, and thousands of cycles: on the systolic array, and on the machine made
        for the method.
    """
    x, y, *test = images(seed)
    dense = trained(seed)
    ready = FAMILY.get(arm, earlier)(dense, arm, strength, seed)
    before = 100 * accuracy(reestimate_normalization(ready.net, x), *test)
    train = partial(fit, x=x, y=y, lr=lr, seed=1000 + seed, batch_size=survey.BATCH)
    length = epochs + survey.EPOCHS * ready.scratch
    try:
        if arm == "ALCS":
            alcs(ready, train, epochs, len(x), 1000 + seed)
        elif arm == "STTN":
            train(ready.net, epochs=length, after_step=sttn.clamp)
        elif arm == "PalQuant":
            recipe = palquant.recipe(ready.net, lr)
            fit(ready.net, x, y, epochs=length, seed=1000 + seed, **recipe)
        else:
            train(ready.net, epochs=length, after_step=ready.after)
        after = 100 * accuracy(reestimate_normalization(ready.net, x), *test)
    except FloatingPointError:
        after = 10.0  # as good as chance
    one = torch.zeros(1, 1, 12, 12)
    plain = ready.cycles if ready.cycles is not None else survey.cycles(ready.net, one)
    bits = ready.bits
    if "own network" not in ready.options:
        first, last = ready.net[0].weight.numel(), ready.net[-1].weight.numel()
        norms = [m for m in ready.net.modules() if isinstance(m, nn.BatchNorm2d)]
        bits += 32 * (first + last + 10 + sum(len(m.weight) for m in norms)) - ready.saved
    else:
        norms = [m for m in ready.net.modules() if isinstance(m, nn.BatchNorm2d)]
        bits += 32 * (10 + sum(2 * len(m.weight) for m in norms))
    done = ready.macs if ready.macs is not None else survey.macs(ready.net, one)
    own = plain if ready.own is None else ready.own
    return {
        "accuracy": after, "before": before, "kilobits": bits / 1000, "MACs": done / 1000,
        "cycles": plain / 1000, "own": own / 1000,
    }  # fmt: skip


# ---- teacher and student ----

STUDENT, TEACHER, LABELLED = (1, 4, 8, 16), (1, 16, 32, 64), 250


@cache
def taught(seed: int) -> tuple[nn.Module, Tensor]:
    """The teacher of a seed, trained on all labels, and its scores of all training images."""
    x, y, *_ = images(seed)
    torch.manual_seed(seed + 700)
    net = survey.network(TEACHER)
    fit(net, x, y, epochs=12, lr=1e-2, seed=seed, batch_size=survey.BATCH)
    return net, predict(net, x)


def smoothed(entropy: float, y: Tensor) -> Tensor:
    """Logarithms of smoothed labels (N, 10) of this mean entropy, by bisection."""
    low, high = 0.0, 0.9
    for _ in range(60):
        e = (low + high) / 2
        p = torch.tensor([1 - e, *[e / 9] * 9])
        low, high = (e, high) if -(p * p.clamp(min=1e-30).log()).sum() < entropy else (low, e)
    return torch.where(F.one_hot(y, 10) > 0, 1 - e, e / 9).log()


def within(y: Tensor, draw: torch.Generator) -> Tensor:
    """A permutation of rows that stays within classes."""
    order = torch.arange(len(y))
    for k in range(10):
        rows = (y == k).nonzero().flatten()
        order[rows] = rows[torch.randperm(len(rows), generator=draw)]
    return order


def teach(
    seed: int, arm: str, labels: int, T: float, lr: float, steps: int = 400
) -> dict[str, float]:
    """Train a student with or without a teacher.

    Args:
        seed: of images, start and order.
        arm: what the student learns from.
        labels: training images whose labels it may use.
        T: temperature; 1 for arms without one.
        lr: peak rate of Adam, cosine to 0.
        steps: of 64 images, the same for every arm.

    Returns:
        Test accuracy of student and teacher in %.
    """
    x, y, *test = images(seed)
    teacher, scores = taught(seed)
    rows = torch.arange(labels)
    hard, share, t = y[rows], 0.0, scores[rows]
    if arm in ("distilled", "shuffled", "smoothed"):
        share = 0.9
    if arm == "shuffled":
        t = t[within(hard, torch.Generator().manual_seed(seed))]
    if arm == "smoothed":
        p = (t / T).softmax(1)
        t = T * smoothed(float(-(p * p.clamp(min=1e-30).log()).sum(1).mean()), hard)
    if arm in ("transfer", "pseudo-labels"):
        rows, t, share = torch.arange(len(x)), scores, float(arm == "transfer")
        hard = scores.argmax(1)
    torch.manual_seed(seed + 900)
    student = survey.network(STUDENT)
    draw = torch.Generator().manual_seed(seed)
    passes = [torch.randperm(len(rows), generator=draw) for _ in range(-(-steps * 64 // len(rows)))]
    order = torch.cat(passes)[: steps * 64].reshape(1, -1)
    target = torch.cat([hard[:, None].float(), t], 1)

    def loss(z: Tensor, both: Tensor) -> Tensor:
        return survey.distillation(z, both[:, 1:], both[:, 0].long(), T, share)

    fit(student, x[rows], target, epochs=1, order=order, lr=lr, seed=seed,
        batch_size=survey.BATCH, loss=loss)  # fmt: skip
    student = reestimate_normalization(student, x[rows])
    return {"accuracy": 100 * accuracy(student, *test), "teacher": 100 * accuracy(teacher, *test)}


RATES = [8e-3, 3.2e-2, 0.128]
TUNING, JUDGES, PUPILS = (100, 101), range(110, 115), range(110, 118)
FRESH = range(120, 132)
QUANTITIES = (
    Quantity("accuracy", "%", ".1f"),
    Quantity("before", "%", ".1f"),
    Quantity("kilobits", "", ".1f", "lower"),
    Quantity("MACs", "thousands", ".1f", "lower"),
    Quantity("cycles", "thousands", ".2f", "lower"),
    Quantity("own", "thousands of cycles", ".2f", "lower"),
)
SCHOOL = Quantity("accuracy", "%", ".1f"), Quantity("teacher", "%", ".1f")


def lessons() -> list[dict]:
    """What every way to teach is tried with, of 250 labels."""
    few, rates = {"labels": [LABELLED]}, [2e-3, *RATES]
    made = grid(arm=["plain"], **few, T=[1], lr=rates)
    made += grid(arm=["smoothed", "shuffled", "distilled", "transfer"], **few, T=[2, 4], lr=rates)
    made += grid(arm=["pseudo-labels"], **few, T=[1], lr=rates)
    made += grid(arm=["plain"], **few, T=[1], lr=[0.512])
    made += grid(arm=["smoothed", "shuffled", "distilled"], **few, T=[4], lr=[0.512])
    return made + grid(arm=["shuffled"], **few, T=[2], lr=[0.512])


def chosen(finished: Mapping[str, Any], tuned: str) -> list[dict]:
    """What a tuning trial chose, for the judging seeds."""
    return trials.chosen(finished[tuned])


CORE = [
    *grid(arm=PRUNING, strength=[90], lr=RATES),
    *grid(arm=["vector, columns"], strength=[90], lr=RATES),
    *grid(arm=["k-means", "uniform", "equal counts", "k-means, trained"], strength=[2], lr=RATES),
    *grid(arm=["filter"], strength=[90], lr=[2e-3]),
    *grid(arm=["k-means", "uniform", "equal counts", "k-means, trained"], strength=[2], lr=[2e-3]),
]
FAMILIES = [
    *grid(arm=["dense"], strength=[0], lr=RATES),
    *grid(arm=["BWN", "BWNH"], strength=[1], lr=RATES),
    *grid(arm=["channel", "spatial", "Tucker", "CP"], strength=[20], lr=RATES),
    *grid(arm=["ternary filters", "fixed-point factors"], strength=[2], lr=RATES),
    *grid(arm=["product codebooks"], strength=[8], lr=RATES),
    *grid(arm=["ALCS"], strength=[15], lr=RATES),
]
SHAPES = [
    *grid(arm=["separable"], strength=[1], lr=RATES),
    *grid(arm=["narrow"], strength=[0.375], lr=RATES),
]
OWN = [
    *grid(arm=["STTN"], strength=[2], lr=[2e-3, *RATES]),
    *grid(arm=["PalQuant"], strength=[4], lr=[0.01, 0.04, 0.16, 0.64]),
]
ALONE = ("orders", "families", "filters", "shapes")
FASTER = [*RATES[1:], 0.512]
LONGER = [
    one | {"steps": 800}
    for one in grid(arm=["plain", "pseudo-labels"], labels=[LABELLED], T=[1], lr=FASTER)
    + grid(arm=["smoothed", "distilled", "shuffled"], labels=[LABELLED], T=[4], lr=FASTER)
    + grid(arm=["transfer"], labels=[LABELLED], T=[2], lr=FASTER)
]


SOFT = grid(
    arm=["smoothed", "distilled"],
    labels=[LABELLED],
    T=[2, 4],
    lr=[2e-3, *RATES, 0.512],
    steps=[800],
)


def doubled(finished: Mapping[str, Any]) -> list[dict]:
    """Every arm of some trials for twice as many further epochs."""
    return [one | {"epochs": 20} for name in ALONE for one in trials.settings(finished[name])]


def rivals(finished: Mapping[str, Any], steps: int) -> list[dict]:
    """Soft answers at the temperature that suits them, and smoothing at both."""
    runs = finished["tuning-soft"]["runs"]

    def tuned(one: dict) -> float:
        return sum(run["measured"]["accuracy"] for run in runs if run["settings"] == one)

    best = sorted(chosen(finished, "tuning-soft"), key=tuned, reverse=True)
    soft = next(one for one in best if one["arm"] == "distilled")
    return [one | {"steps": steps} for one in best if one["arm"] == "smoothed" or one is soft]


def tuning(name: str, question: str, settings: list[dict]) -> Trial:
    """A trial that chooses a rate for every arm and strength."""
    return Trial(name, question, compress, QUANTITIES, settings, TUNING, ("lr",))


def judging(name: str, question: str, tuned: str) -> Trial:
    """A trial that judges what another one chose."""
    return Trial(name, question, compress, QUANTITIES, partial(chosen, tuned=tuned), JUDGES)


TRIALS = [
    Trial("tuning-few", "Which rate and temperature suit each way to teach, with 250 labels?",
          teach, SCHOOL, lessons(), TUNING, ("lr", "T")),
    Trial("few", "How good is the student then?", teach, SCHOOL,
          lambda finished: chosen(finished, "tuning-few"), PUPILS),
    tuning("tuning", "Which rate suits each arm of the two orders that are judged?", CORE),
    judging("orders", "How accurate is each of them?", "tuning"),
    Trial("tuning-few-twice", "Which suit the student, with twice as many steps?", teach, SCHOOL,
          LONGER, (*TUNING, 102), ("lr",)),
    Trial("few-twice", "How good is it then?", teach, SCHOOL,
          lambda finished: chosen(finished, "tuning-few-twice"), PUPILS),
    Trial("tuning-soft", "Which rate suits soft answers and smoothing over 800 steps?", teach,
          SCHOOL, SOFT, (*TUNING, 102), ("lr",)),
    Trial("soft", "How good is the student then, on seeds that no rule had seen?", teach, SCHOOL,
          partial(rivals, steps=800), FRESH),
    Trial("soft-twice", "And after 1600 steps?", teach, SCHOOL, partial(rivals, steps=1600),
          FRESH),
    tuning("tuning-families", "Which rate suits the other families, and earlier chapters?",
           FAMILIES),
    judging("families", "How accurate is each of them?", "tuning-families"),
    tuning("tuning-filters", "Which rate suits filters that leave a tenth of the weights?",
           grid(arm=["filter"], strength=[75], lr=RATES)),
    judging("filters", "How accurate are they?", "tuning-filters"),
    tuning("tuning-shapes", "Which rate suits networks of another shape?", SHAPES),
    judging("shapes", "How accurate is each of them?", "tuning-shapes"),
    tuning("tuning-own", "And which suits the networks of two other chapters?", OWN),
    judging("own", "How accurate are they?", "tuning-own"),
    Trial("twice", "Do twice as many further epochs change anything?", compress, QUANTITIES,
          doubled, JUDGES),
]  # fmt: skip

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
