"""Pruning to a latency budget on cluttered digits: the trials behind the verdicts.

    make trials CH=simd_pruning

Every seed has images, a random start and an order of its own, and one dense network, trained for
400 steps. Every arm prunes that network and gets the same number of further steps. `tuning` chooses
rates and each arm's own constants on two seeds; all other trials use other seeds.

Rule for 800 steps at 10 %, the same as for 400, written when ALCS and gradual groups had run there
and before single weights, filters and one-shot were tuned and judged. Every arm gets the same four
rates on the two tuning seeds; where the best stands at an end, the next rate is tried until it does
not. The five judged seeds decide: ALCS leads, or is behind, if the paired 95 % interval of its
difference from the better of single weights and filters (that of higher mean) lies above, or below,
0; otherwise five seeds do not tell. One-shot and gradual groups are compared in the same way. What
the settings chosen for 800 steps gain over those of 400 is shown for each arm, and decides nothing.

Rule for "tuning-twice-more" and "twice-more", written before their runs: single weights by ADMM,
and ALCS with rho 1/16, as its best of two stood at the lower one. Both get the four rates, and then
rho 1/16, 1/4 and 1; where the best stands at an end of either, the next value is tried with the
others as they are, for both arms if it is rho, until it does not. ALCS is judged anew if the best
of all its settings at 800 steps is another one, which then stands for it in every comparison at 800
steps; the old one stays stored. Single weights by ADMM join the arms that ALCS is compared with:
the rule above holds for the better of filters and single weights, pruned gradually or by ADMM (that
of highest mean), and the paired interval of ALCS minus single weights by ADMM is told beside it.
Two judged runs of single weights by ADMM, at rate 0.128 and rho 1/16 (seeds 110 and 111: 96.3 and
98.2 %), were seen before rho was lowered further, as the rule asked, and were not kept.

Rule for "four-times", written before its runs: 1600 steps at 10 %, with the settings chosen for
800, every stage twice as long. An arm is at its plateau after 800 steps if 1600 move its mean by
less than 1 point; the paired interval is told beside it. ALCS leads, or is behind, at 1600 steps if
the paired 95 % interval of its difference from the better of filters and single weights, pruned
gradually or by ADMM (that of highest mean), leaves out 0; gradual and one-shot groups, and single
weights by ADMM, are compared in the same way beside it. No setting is chosen anew. Seed by seed, so
that the clock cuts the last seeds for all arms; with fewer than three, nothing is said.

Rule for "no-pull", written before its runs but for one (seed 110, single weights: 94.5 %): does
ADMM pull at the rho that 800 steps chose? Both arms by ADMM as judged there, with rho 0 in place of
theirs and nothing else changed. The penalty earns its place in an arm if the paired 95 % interval
of what it gains lies above 0; otherwise five seeds do not tell.
"""

import repro  # first: caps threads and instruction set

# isort: split
import copy
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from press.trials import Quantity, Trial, grid, main
from repro import trials
from repro.data import cluttered_digits
from repro.hardware.simd import dense_cycles, scattered_cycles
from repro.training import accuracy, fit

chapter = repro.chapter("simd_pruning")
ROUNDS = 16
GROUPS = chapter.tables()
SINGLES = [scattered_cycles(np.arange(M * K + 1), M, P) for M, K, P in chapter.SHAPES]
Projection = Callable[..., list[Tensor]]


@cache
def trained(seed: int) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """The dense network of a seed after 400 steps, and its images."""
    data = cluttered_digits(seed=seed, **chapter.TASK).torch()
    torch.manual_seed(seed)
    net, order = chapter.network(), chapter.rounds_of(ROUNDS, seed)
    fit(net, *data[:2], epochs=ROUNDS, order=order, lr=1e-2, seed=seed, batch_size=chapter.BATCH)
    return net, data


def uniform(V: list[Tensor], tau: float) -> list[Tensor]:
    """Masks of the largest groups of four: all of the first layer, one density for the others."""
    E = [chapter.energies(v.flatten(1)) for v in V]
    for share in np.linspace(1, 0, 1001):
        n = [E[0].numel(), *(int(share * e.numel()) for e in E[1:])]
        if sum(t[k] for t, k in zip(GROUPS, n, strict=True)) <= tau:
            break
    kept = [chapter.largest(e, k).repeat_interleave(4, dim=0) for e, k in zip(E, n, strict=True)]
    return [mask[: len(v)].reshape(v.shape) for mask, v in zip(kept, V, strict=True)]


@cache
def widths() -> tuple[np.ndarray, np.ndarray]:
    """All widths (n, 3) of the three layers, and the cycles of their dense kernels (n,)."""
    most = [M for M, _, _ in chapter.SHAPES]
    all_ = np.stack(np.meshgrid(*(np.arange(1, M + 1) for M in most), indexing="ij"), -1)
    all_ = all_.reshape(-1, 3)
    cost = {}
    for layer, (M, _, P) in enumerate(chapter.SHAPES):
        inputs = range(1, (most[layer - 1] if layer else 1) + 1)
        cost[layer] = np.array(
            [[dense_cycles(m, 9 * c, P) for m in range(1, M + 1)] for c in inputs]
        )
    a, b, c = (all_ - 1).T
    return all_, cost[0][0, a] + cost[1][a, b] + cost[2][b, c]


def filters(V: list[Tensor], tau: float, c: list[float], rule: str) -> list[Tensor]:
    """Masks of the filters with the largest norms, widths by kept energy or one share for all."""
    found, cost = widths()
    E = [
        c_l * v.detach().double().square().sum((2, 3)).numpy() for v, c_l in zip(V, c, strict=True)
    ]
    order = [np.argsort(-e.sum(1), kind="stable") for e in E]
    before = [np.arange(1), *order[:-1]]
    held = [
        e[o][:, b].cumsum(0).cumsum(1)[found[:, k] - 1, found[:, k - 1] - 1 if k else 0]
        for k, (e, o, b) in enumerate(zip(E, order, before, strict=True))
    ]
    share = found / found.max(axis=0)
    score = sum(held) if rule == "energy" else share.min(axis=1) + 1e-3 * share.sum(axis=1)
    best = found[np.argmax(np.where(cost <= tau, score, -1))]
    masks, inputs = [], np.arange(1)
    for v, o, m in zip(V, order, best, strict=True):
        mask = torch.zeros(v.shape, dtype=torch.bool)
        mask[np.ix_(o[:m], inputs)] = True
        masks.append(mask)
        inputs = o[:m]
    return masks


def gradual(
    net: nn.Module,
    train: Callable[..., Any],
    at: Projection,
    order: Tensor,
    stage: int,
    span: tuple[float, float],
) -> list[Tensor]:
    """Budgets that fall by a cubic to the last one during `stage` rounds, then fine-tuning.

    span: the cycles of everything, and the budget.
    """
    top, tau = span
    state = {}

    def lower(step: int) -> None:
        state["masks"] = at(chapter.weights(net), tau + (top - tau) * (1 - step / stage) ** 3)
        chapter.cut(net, state["masks"])

    lower(1)
    train(
        net,
        epochs=stage,
        order=order[:stage],
        schedule=None,
        after_step=lambda net: chapter.cut(net, state["masks"]),
        on_epoch=lambda epoch, *_: lower(min(epoch + 2, stage)),
    )
    chapter.fine_tune(net, train, state["masks"], order[stage:])
    return state["masks"]


def netadapt(
    net: nn.Module,
    train: Callable[..., Any],
    loss: Callable[[nn.Module], float],
    tau: float,
    order: Tensor,
    stage: int,
) -> list[Tensor]:
    """Sixteen reductions by one factor, each in the layer that hurts least after short training.

    Proposals of all layers are trained; the steps of those that lose are not counted. Where no
    layer alone can give so much, all give, as `chapter.project` says.
    """
    short, c = order[:stage].reshape(16, -1), chapter.inverse_energies(chapter.weights(net))
    E = [chapter.energies(w.flatten(1)) for w in chapter.weights(net)]
    n, top = [e.numel() for e in E], sum(float(t[-1]) for t in GROUPS)
    for step, rows in enumerate(short, 1):
        goal = top * (tau / top) ** (step / len(short))
        proposals = []
        for layer in range(len(n)):
            others = sum(GROUPS[k][n[k]] for k in range(len(n)) if k != layer)
            fits = np.flatnonzero(GROUPS[layer][: n[layer] + 1] + others <= goal)
            if len(fits) and fits[-1]:
                trial = copy.deepcopy(net)
                masks = of_counts(trial, [*n[:layer], int(fits[-1]), *n[layer + 1 :]])
                chapter.fine_tune(trial, train, masks, rows[None], schedule=None)
                proposals.append((loss(trial), layer, int(fits[-1]), trial))
        if not proposals:
            masks = chapter.project(chapter.weights(net), GROUPS, goal, c)
            n = [int(mask.sum()) // 4 for mask in masks]
            chapter.fine_tune(net, train, masks, rows[None], schedule=None)
            continue
        _, layer, kept, best = min(proposals, key=lambda one: one[:2])
        n[layer] = kept
        net.load_state_dict(best.state_dict())
    masks = of_counts(net, n)
    chapter.fine_tune(net, train, masks, order[stage:])
    return masks


def of_counts(net: nn.Module, n: list[int]) -> list[Tensor]:
    """Masks of the n_l largest groups of each layer."""
    W = chapter.weights(net)
    E = [chapter.energies(w.flatten(1)) for w in W]
    kept = [chapter.largest(e, k).repeat_interleave(4, dim=0) for e, k in zip(E, n, strict=True)]
    return [mask.reshape(w.shape) for mask, w in zip(kept, W, strict=True)]


def spent(masks: list[Tensor], pattern: str) -> float:
    """Cycles of the kernel that a pattern needs, by the machine's closed forms."""
    if pattern == "filters":
        inputs = [1, *(int(mask.any(dim=(1, 2, 3)).sum()) for mask in masks)]
        return sum(dense_cycles(m, 9 * c, P) for c, m, (_, _, P) in zip(
            inputs, inputs[1:], chapter.SHAPES, strict=False))  # fmt: skip
    if pattern == "unstructured":
        cycles = zip(masks, chapter.SHAPES, strict=True)
        return sum(float(scattered_cycles(int(mask.sum()), M, P)) for mask, (M, _, P) in cycles)
    cycles = zip(masks, chapter.SHAPES, strict=True)
    return sum(float(chapter.simd_cycles(int(m.sum()) // 4, M, P)) for m, (M, _, P) in cycles)


def prune(
    seed: int, arm: str, budget: float, lr: float, rho: float = 0, stage: int = 8,
    rule: str = "-", rounds: int = ROUNDS,
) -> dict[str, float]:  # fmt: skip
    """Prune the dense network of a seed to a share of its cycles.

    Args:
        seed: of images, start and order.
        arm: pattern and how it is pruned, such as "groups, ADMM"; "dense" prunes nothing.
        budget: cycles, as a share of those of the dense kernel.
        lr: Adam's rate, constant while the masks move, then a cosine to 0.
        rho: of ADMM.
        stage: rounds in which the masks move.
        rule: how filters get their widths.
        rounds: of 25 steps, in all.

    Returns:
        Test accuracy in %, that of the dense network, cycles in % of the dense kernel, and kept
        weights of the three layers in %.
    """
    dense, (x, y, *test) = trained(seed)
    net, tau = copy.deepcopy(dense), budget * chapter.DENSE
    pattern, _, way = arm.partition(", ")
    c = chapter.inverse_energies(chapter.weights(net))
    at = {
        "groups": partial(chapter.project, T=GROUPS, c=c),
        "uniform groups": uniform,
        "unstructured": partial(chapter.project, T=SINGLES, c=c, g=1),
        "filters": partial(filters, c=c, rule=rule),
    }.get(pattern)
    top = sum(float(t[-1]) for t in (SINGLES if pattern == "unstructured" else GROUPS))
    order = chapter.rounds_of(rounds, 1000 + seed)
    train = partial(fit, x=x, y=y, lr=lr, seed=1000 + seed, batch_size=chapter.BATCH)
    if way == "ADMM":
        nearest = lambda V: at(V, tau=tau)  # noqa: E731
        masks = chapter.alcs(net, train, nearest, rho, order, stage)
    elif way == "gradual":
        span = (chapter.DENSE if pattern == "filters" else top), tau
        move = lambda V, tau: at(V, tau=tau)  # noqa: E731
        masks = gradual(net, train, move, order, stage, span)
    elif way == "NetAdapt":
        loss = lambda net: F.cross_entropy(net(x[:500]), y[:500]).item()  # noqa: E731
        masks = netadapt(net, train, loss, tau, order, stage)
    else:
        V = chapter.weights(net)
        masks = at(V, tau=tau) if at else [torch.ones_like(w, dtype=torch.bool) for w in V]
        chapter.fine_tune(net, train, masks, order)
    cycles = spent(masks, pattern) if at else chapter.DENSE
    kept = {f"layer {k}": 100 * m.double().mean().item() for k, m in enumerate(masks, 1)}
    scores = {
        "accuracy": 100 * accuracy(net, *test),
        "before": 100 * accuracy(dense, *test),
        "cycles": 100 * cycles / chapter.DENSE,
    }
    return scores | kept


RATES = [8e-3, 1.6e-2, 3.2e-2, 6.4e-2]
FASTER = [0.128, 0.256]  # for arms that want it
LOWER, LOWEST = [0.0625], [0.015625, 0.00390625, 0.0009765625]  # of rho
LATER = range(110, 115)
ARMS = (
    "groups, ADMM",
    "groups, gradual",
    "groups, one-shot",
    "unstructured, gradual",
    "filters, gradual",
)
OTHERS = "groups, NetAdapt", "uniform groups, ADMM", "unstructured, ADMM"
QUANTITIES = (
    Quantity("accuracy", "%", ".1f"),
    Quantity("before", "%", ".1f"),
    Quantity("cycles", "%", ".2f"),
    *(Quantity(f"layer {k}", "%", ".1f") for k in (1, 2, 3)),
)


def options(
    arm: str,
    lr: Sequence[float] = RATES,
    rho: Sequence[float] = (0,),
    stage: Sequence[int] = (8,),
    rule: Sequence[str] = ("-",),
    budget: float = 0.1,
) -> list[dict]:
    """What an arm is tried with: rates, and constants of its own where it has any."""
    return grid(arm=[arm], budget=[budget], lr=lr, rho=rho, stage=stage, rule=rule)


def at_best(
    finished: Mapping[str, Any],
    budget: float,
    arms: tuple[str, ...],
    tuned: str = "tuning",
    rounds: int = ROUNDS,
) -> list[dict]:
    """Arms with what a trial chose; the stage grows with the length."""
    made = []
    for best in trials.chosen(finished[tuned]):
        if best["arm"] in arms:
            one = {**best, "budget": budget, "stage": best["stage"] * rounds // ROUNDS}
            made.append(one | ({"rounds": rounds} if rounds != ROUNDS else {}))
    return made


def tuning(name: str, question: str, settings: Sequence[dict]) -> Trial:
    """A trial that chooses rates and constants of arms on two seeds that judge nothing."""
    choose = ("lr", "rho", "stage", "rule")
    return Trial(name, question, prune, QUANTITIES, settings, (100, 101), choose)


def by_both(finished: Mapping[str, Any]) -> list[dict]:
    """The arms by ADMM at their best of both trials at 800 steps, where not yet judged."""
    first, more = (finished[name] for name in ("tuning-twice", "tuning-twice-more"))
    best = trials.chosen({**first, "runs": [*first["runs"], *more["runs"]]})
    known = trials.settings(finished["twice-tuned"])
    return [one for one in best if one["arm"].endswith("ADMM") and one not in known]


def at_800(finished: Mapping[str, Any]) -> list[dict]:
    """The arms as they were judged at 800 steps."""
    return [s for name in ("twice-tuned", "twice-more") for s in trials.settings(finished[name])]


def doubled(finished: Mapping[str, Any]) -> list[dict]:
    """These arms, all their stages twice as long."""
    return [
        one | {"stage": 2 * one["stage"], "rounds": 2 * one["rounds"]} for one in at_800(finished)
    ]


def unpulled(finished: Mapping[str, Any]) -> list[dict]:
    """Those by ADMM, without a penalty."""
    return [one | {"rho": 0} for one in at_800(finished) if one["arm"].endswith("ADMM")]


def judging(name: str, question: str, pick: Callable[[Mapping[str, Any]], list[dict]]) -> Trial:
    """A trial that judges arms with what another one chose."""
    return Trial(name, question, prune, QUANTITIES, pick, LATER)


TRIALS = [
    tuning(
        "tuning",
        "Which rate, and which constants of its own, suit each arm at 10 % of the cycles?",
        [
            *options("groups, ADMM", rho=[0.25, 1, 4]),
            *options("groups, gradual", stage=[4, 8]),
            *options("groups, one-shot"),
            *options("unstructured, gradual", stage=[4, 8]),
            *options("filters, gradual", rule=["uniform"]),
            *options("filters, gradual", lr=RATES[1:3], rule=["energy"]),
            *options("groups, ADMM", lr=FASTER[:1], rho=[0.0625, 0.25, 1]),
            *options("groups, ADMM", lr=RATES[-1:], rho=[0.0625]),
            *options("groups, gradual", lr=FASTER),
            *options("unstructured, gradual", lr=FASTER),
            *options("filters, gradual", lr=FASTER, rule=["uniform"]),
            *options("groups, one-shot", lr=FASTER[:1]),
        ],
    ),
    *(
        judging(
            name,
            f"How accurate is each arm at {percent} % of the dense cycles?",
            partial(at_best, budget=percent / 100, arms=ARMS),
        )
        for name, percent in {"ten": 10, "five": 5, "thirty": 30}.items()
    ),
    tuning(
        "tuning-five",
        "Which settings suit each arm at 5 %, if they are chosen there?",
        [
            *options("groups, ADMM", lr=[*RATES[1:], FASTER[0]], rho=[0.25, 1, 4], budget=0.05),
            *options("groups, gradual", lr=[RATES[-1], *FASTER], budget=0.05),
            *options("groups, gradual", lr=FASTER[:1], stage=[4], budget=0.05),
            *options("groups, one-shot", lr=[*RATES[2:], FASTER[0]], budget=0.05),
            *options("unstructured, gradual", lr=[*RATES[2:], FASTER[0]], budget=0.05),
            *options("filters, gradual", lr=[*RATES[2:], FASTER[0]], rule=["uniform"], budget=0.05),
            *options("groups, ADMM", lr=FASTER[1:], rho=[0.25, 1], budget=0.05),
            *options("groups, ADMM", lr=FASTER[:1], rho=[0.0625], budget=0.05),
            *options("groups, gradual", lr=RATES[2:3], budget=0.05),
            *options("groups, one-shot", lr=RATES[:2], budget=0.05),
            *options("unstructured, gradual", lr=FASTER[1:], budget=0.05),
            *options("filters, gradual", lr=FASTER[1:], rule=["uniform"], budget=0.05),
        ],
    ),
    judging(
        "five-tuned",
        "And how accurate are they then?",
        lambda finished: at_best(finished, 0.05, ARMS, "tuning-five"),
    ),
    tuning(
        "tuning-others",
        "And which suit other allocations of groups, and single weights by ADMM?",
        [
            *options("groups, NetAdapt", lr=[*RATES, FASTER[0]]),
            *options("uniform groups, ADMM", lr=[*RATES, FASTER[0]], rho=[0.25, 1]),
            *options("unstructured, ADMM", lr=[*RATES, FASTER[0]], rho=[0.25, 1]),
        ],
    ),
    judging(
        "others",
        "How accurate are they at 10 % of the dense cycles?",
        lambda finished: at_best(finished, 0.1, OTHERS, "tuning-others"),
    ),
    judging(
        "twice",
        "And at 10 %, with twice as many further steps?",
        lambda finished: at_best(finished, 0.1, ARMS, rounds=2 * ROUNDS),
    ),
    tuning(
        "tuning-thirty",
        "Which settings suit each arm at 30 %, if they are chosen there?",
        [
            *options("groups, ADMM", lr=[*RATES[1:], FASTER[0]], rho=[0.25, 1], budget=0.3),
            *options("groups, gradual", lr=[*RATES[1:], FASTER[0]], budget=0.3),
            *options("groups, one-shot", lr=[*RATES[1:], FASTER[0]], budget=0.3),
            *options("unstructured, gradual", lr=[*RATES[1:], FASTER[0]], budget=0.3),
            *options("filters, gradual", lr=[*RATES[1:], FASTER[0]], rule=["uniform"], budget=0.3),
            *options("groups, ADMM", lr=RATES[:1], rho=[0.25, 1], budget=0.3),
            *options("groups, ADMM", lr=RATES[1:3], rho=[0.0625], budget=0.3),
        ],
    ),
    judging(
        "thirty-tuned",
        "And how accurate are they then?",
        lambda finished: at_best(finished, 0.3, ARMS, "tuning-thirty"),
    ),
    tuning(
        "tuning-twice",
        "Which settings suit each arm after twice as many steps, if they are chosen there?",
        [
            one | {"rounds": 2 * ROUNDS}
            for arm, own in {
                "groups, ADMM": {"rho": [0.25, 1]},
                "groups, gradual": {},
                "groups, one-shot": {},
                "unstructured, gradual": {},
                "filters, gradual": {"rule": ["uniform"]},
            }.items()
            for one in options(arm, lr=[*RATES[1:], FASTER[0]], stage=[ROUNDS], **own)
        ]
        + [
            one | {"rounds": 2 * ROUNDS}  # the best of the filters stood at the end
            for one in options("filters, gradual", lr=FASTER[1:], stage=[ROUNDS], rule=["uniform"])
        ],
    ),
    judging(
        "twice-tuned",
        "And how accurate are they then?",
        lambda finished: at_best(finished, 0.1, ARMS, "tuning-twice"),
    ),
    tuning(
        "tuning-twice-more",
        "And which suit single weights by ADMM, and does a lower rho suit ALCS?",
        [
            one | {"rounds": 2 * ROUNDS}
            for arm, rho in (("groups, ADMM", LOWER), ("unstructured, ADMM", [*LOWER, 0.25, 1]))
            for one in options(arm, lr=[*RATES[1:], FASTER[0]], stage=[ROUNDS], rho=rho)
        ]
        + [
            one | {"rounds": 2 * ROUNDS}  # the best of single weights stood at both ends
            for arm, lr, rho in (
                ("unstructured, ADMM", FASTER[1], LOWER[0]),
                *(("unstructured, ADMM", FASTER[0], rho) for rho in LOWEST),
                *(("groups, ADMM", RATES[-1], rho) for rho in LOWEST),
            )
            for one in options(arm, lr=[lr], stage=[ROUNDS], rho=[rho])
        ],
    ),
    judging("twice-more", "And how accurate are these?", by_both),
    judging("four-times", "And at 10 %, with twice as many steps again?", doubled),
    judging("no-pull", "How accurate are the arms by ADMM after 800 without a penalty?", unpulled),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
