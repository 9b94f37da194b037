"""Trials behind the verdicts of the chapter on mixed precision.

    make trials CH=mixed_precision_knapsack

`rates` and `accuracy`: a small MobileNet on digits, 3 bits a weight on average, fine-tuned. Each
seed gives another split of the data, another initialization and another order of batches.
`photographs`: EfficientNet-Lite0 at 4 bits, judged on one photograph with sensitivities from the
five others. Each seed cuts other crops; what the claim generalizes over is the photograph.
`images`: sensitivities from two disjoint sets of images: their ranks, the layers of which they rise
with the width, and the factors by which they fall from width to width.
"""

import repro  # first: caps threads and instruction set

# isort: split
import sys
from functools import cache

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import nn
from torch.nn import functional as F

from press.trials import Quantity, Trial, grid, main
from repro.data import digits, photograph_patches
from repro.pretrained.efficientnet_lite0 import (
    ConvNorm,
    efficientnet_lite0,
    fold_norms,
    normalize,
)
from repro.quantize.straight_through import with_quantized_weights
from repro.training import accuracy, fit, predict

chapter = repro.chapter("mixed_precision_knapsack")
WIDTHS = chapter.WIDTHS
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "china", "flower")
HELD_OUT, PRICED, JUDGED, PROBES = 200, 4, 16, 10


# ---- digits ----


def digit_network() -> nn.Module:
    """The chapter's MobileNet of 2,560 weights: (N, 1, 8, 8) -> (N, 10)."""
    early = [ConvNorm(1, 8, 3), ConvNorm(8, 8, 3, groups=8), ConvNorm(8, 16, 1)]
    late = [ConvNorm(16, 16, 3, groups=16), ConvNorm(16, 32, 1), ConvNorm(32, 32, 3, groups=32)]
    head = [ConvNorm(32, 32, 1), nn.MaxPool2d(4), nn.Flatten(), nn.Linear(32, 10)]
    return nn.Sequential(*early, nn.MaxPool2d(2), *late, *head)


@cache
def trained(seed: int) -> tuple:
    """A trained, folded network; images to train on, to price with and to test on; Q; scores."""
    x, y, x_test, y_test = digits(seed).torch()
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(x)))
    x, y = x[order], y[order]
    held, train, test = (x[:HELD_OUT], y[:HELD_OUT]), (x[HELD_OUT:], y[HELD_OUT:]), (x_test, y_test)
    torch.manual_seed(seed)
    model = digit_network()
    fit(model, *train, epochs=30, lr=0.02, batch_size=128, seed=seed)
    model = fold_norms(model)
    Q, w = chapter.quantized_weights(model), list(chapter.weights(model).values())
    products = chapter.gradient_products(model, *held, Q)
    errors = chapter.squared_errors(model, Q)
    rng = torch.Generator().manual_seed(seed)
    probes = [signs(w, rng) for _ in range(20)]
    trace = np.mean([chapter.hessian_form(model, *held, v) for v in probes], axis=0)
    count = np.array([v.numel() for v in w])
    scores = {
        "second order": chapter.sensitivity(products),
        "second order, training images": chapter.sensitivity(
            chapter.gradient_products(model, train[0][:128], train[1][:128], Q)
        ),
        "first order": np.abs(products.mean(axis=0)),
        "weight error": errors,
        "trace of Hessian": (np.abs(trace) / count)[:, None] * errors,
    }
    return model, train, test, Q, scores


def signs(w: list, rng: torch.Generator) -> list:
    """A Hutchinson probe: random signs in the shapes of the weights."""
    return [2.0 * torch.randint(2, v.shape, generator=rng) - 1 for v in w]


def pick_for(arm: str, sizes: np.ndarray, scores: dict, bits: int, seed: int) -> np.ndarray:
    """An arm's assignment (L,) at so many bits a weight."""
    budget = int(bits * sizes[:, 0].sum() // WIDTHS[0])
    if arm == "uniform":
        return np.full(len(sizes), WIDTHS.index(bits))
    if arm == "random assignment":
        return chapter.random_assignment(sizes, budget, seed)
    if arm == "integer programme":
        return chapter.integer_programme(sizes, scores["second order"], budget).argmax(axis=1)
    if arm == "reversed order":
        return chapter.greedy(sizes, scores["second order"], budget, key=lambda e: e)
    if arm == "random order":
        return shuffled(sizes, scores["second order"], budget, seed)
    return chapter.greedy(sizes, scores[arm], budget)


def shuffled(sizes: np.ndarray, costs: np.ndarray, budget: int, seed: int) -> np.ndarray:
    """Columns (L,) by the hull steps of all layers, shuffled, each of them taken while it fits."""
    hulls = [chapter.hull(size, cost) for size, cost in zip(sizes, costs, strict=True)]
    turns = np.repeat(np.arange(len(hulls)), [len(items) - 1 for items in hulls])
    np.random.default_rng(seed).shuffle(turns)
    pick = np.array([items[0] for items in hulls])
    for i in turns:
        (new := pick.copy())[i] = hulls[i][hulls[i].index(pick[i]) + 1]
        if chapter.total(sizes, new) <= budget:
            pick = new
    return pick


def finetune(seed: int, arm: str, lr: float, epochs: int) -> dict[str, float]:
    """Test accuracy and loss at 3 bits, after and before fine-tuning."""
    model, train, (x, y), Q, scores = trained(seed)
    if arm == "full precision":
        tuned, raw = model, model
    else:
        pick = pick_for(arm, chapter.layer_sizes(model), scores, 3, seed)
        raw = chapter.assign(model, Q, pick)
        tuned = with_quantized_weights(model, [WIDTHS[k] for k in pick])
        fit(tuned, *train, epochs=epochs, lr=lr, batch_size=128, seed=seed)
    return {
        "accuracy": 100 * accuracy(tuned, x, y),
        "loss": float(F.cross_entropy(predict(tuned, x), y)),
        "before": 100 * accuracy(raw, x, y),
    }


# ---- photographs ----


@cache
def lite0() -> tuple:
    """EfficientNet-Lite0, its quantized weights, sizes, and squared errors (L, M)."""
    net = efficientnet_lite0().to(memory_format=torch.channels_last)
    Q = chapter.quantized_weights(net)
    return net, Q, chapter.layer_sizes(net), chapter.squared_errors(net, Q)


def crops(n: int, seed: int, *names: str) -> torch.Tensor:
    """Normalized crops (n, 3, 128, 128) of photographs."""
    return normalize(torch.from_numpy(photograph_patches(n, 128, seed, names)))


@cache
def priced(name: str, seed: int) -> dict[str, np.ndarray]:
    """Products with the network's own and with drawn labels, traces of the Fisher matrix."""
    net, Q, _, _ = lite0()
    x = crops(PRICED, seed, name)
    logits, w = predict(net, x), list(chapter.weights(net).values())
    own = logits.argmax(1)
    drawn = torch.multinomial(logits.softmax(1), 1, generator=torch.Generator().manual_seed(seed))
    squares = np.empty((PRICED, len(w)))
    for m in range(PRICED):
        g = torch.autograd.grad(F.cross_entropy(net(x[m : m + 1]), own[m : m + 1]), w)
        squares[m] = [float(v.square().sum()) for v in g]
    return {
        "own": chapter.gradient_products(net, x, own, Q),
        "drawn": chapter.gradient_products(net, x, drawn[:, 0], Q),
        "fisher": squares,
    }


@cache
def hessian_traces(name: str) -> np.ndarray:
    """Traces (L,) of the Hessian's diagonal blocks by Hutchinson's estimate, on four crops."""
    net, *_ = lite0()
    x = crops(PRICED, 100, name)
    w, rng = list(chapter.weights(net).values()), torch.Generator().manual_seed(0)
    y = predict(net, x).argmax(1)
    first = torch.autograd.grad(F.cross_entropy(net(x), y), w, create_graph=True)
    traces = []
    for _ in range(PROBES):
        v = signs(w, rng)
        products = torch.autograd.grad(first, w, v, retain_graph=True)
        traces.append([float((a * b).sum()) for a, b in zip(v, products, strict=True)])
    return np.mean(traces, axis=0)


def photograph(seed: int, arm: str, photograph: str) -> dict[str, float]:
    """Divergence and agreement at 4 bits on a photograph that no sensitivity has seen."""
    net, Q, sizes, errors = lite0()
    others = [name for name in PHOTOGRAPHS if name != photograph]
    known = [priced(name, seed) for name in others]
    own, drawn, fisher = (
        np.concatenate([k[what] for k in known]) for what in ("own", "drawn", "fisher")
    )
    scores = {
        "second order": chapter.sensitivity(own),
        "second order, drawn labels": chapter.sensitivity(drawn),
        "first order": np.abs(own.mean(axis=0)),
        "weight error": errors,
        "trace of Fisher": fisher.mean(axis=0)[:, None] / sizes[:, :1] * errors,
    }
    if arm == "trace of Hessian":
        trace = np.mean([hessian_traces(name) for name in others], axis=0)
        scores[arm] = np.abs(trace)[:, None] / sizes[:, :1] * errors
    pick = pick_for(arm, sizes, scores, 4, seed)
    judged = crops(JUDGED, 1000 + seed, photograph)
    truth = predict(net, judged).log_softmax(1)
    kl, agree = chapter.damage(truth, predict(chapter.assign(net, Q, pick), judged).log_softmax(1))
    return {"log KL": float(np.log(kl)), "agreement": agree}


@cache
def draw(seed: int, half: int, first: int) -> np.ndarray:
    """Products of 32 crops of three photographs."""
    net, Q, *_ = lite0()
    order = np.random.default_rng(seed).permutation(PHOTOGRAPHS)
    x = crops(32, 10 * seed + half, *order[first : first + 3])
    return chapter.gradient_products(net, x, predict(net, x).argmax(1), Q)


def stability(seed: int, arm: str, images: int) -> dict[str, float]:
    """How sensitivities from two disjoint sets of so many images agree.

    `at 3 bits` and `all widths` are rank correlations. `rising` counts the layers of which the
    first set's sensitivity rises somewhere with the width, `in both` those of which both do.
    `factors` is the rank correlation over layers of the factors by which a step in the width
    divides them, relative to the weight error's; mean over the steps. `factors of the next step`
    sets those of one set against those of the other's next step.
    """
    one, errors = chapter.sensitivity(draw(seed, 0, 0)[:images]), lite0()[3]
    first = 0 if arm == "other crops" else 3
    two = chapter.sensitivity(draw(seed, 1, first)[:images])
    if arm == "bit width alone":
        two = np.broadcast_to(4.0 ** -np.array(WIDTHS), one.shape)
    if arm == "weight error":
        two = errors
    at, rises = WIDTHS.index(3), [(np.diff(v, axis=1) > 0).any(axis=1) for v in (one, two)]
    found = {
        "at 3 bits": 0.0 if arm == "bit width alone" else ranks(one[:, at], two[:, at]),
        "all widths": ranks(one.ravel(), two.ravel()),
        "rising": int(rises[0].sum()),
        "in both": int((rises[0] & rises[1]).sum()),
        "factors": 0.0,
        "factors of the next step": 0.0,
    }
    if arm.startswith("other"):
        a, b = (np.log(v[:, :-1] / v[:, 1:] * errors[:, 1:] / errors[:, :-1]).T for v in (one, two))
        found["factors"] = float(np.mean([ranks(*pair) for pair in zip(a, b, strict=True)]))
        shifted = [*zip(a[:-1], b[1:], strict=True), *zip(a[1:], b[:-1], strict=True)]
        found["factors of the next step"] = float(np.mean([ranks(*pair) for pair in shifted]))
    return found


def ranks(one: np.ndarray, two: np.ndarray) -> float:
    """Spearman's rank correlation."""
    return float(spearmanr(one, two).statistic)


SCORES = ["second order", "first order", "weight error", "trace of Hessian"]
ORDERS = ["reversed order", "random order", "random assignment"]
ARMS = ["uniform", *SCORES, "second order, training images", *ORDERS]
RATES = [0.001, 0.004, 0.016, 0.064]
TUNED = (
    Quantity("accuracy", "%", ".1f"),
    Quantity("loss", "nats", ".3f", better="lower"),
    Quantity("before", "%", ".1f"),
)


def best(finished: dict, arms: list, lengths: tuple) -> list[dict]:
    """Arms at their best rates, for several lengths of fine-tuning."""
    from repro.trials import chosen

    rates = {s["arm"]: s["lr"] for s in chosen(finished["rates"])}
    return [{"arm": a, "lr": rates[a], "epochs": epochs} for epochs in lengths for a in arms]


def at_two_lengths(finished: dict) -> list[dict]:
    """The network before quantization, and every arm."""
    return [
        {"arm": "full precision", "lr": RATES[0], "epochs": 20},
        *best(finished, ARMS, (20, 40)),
    ]


def at_a_third(finished: dict) -> list[dict]:
    """Greedy order, wrong orders and uniform widths."""
    return best(finished, ["second order", "uniform", "reversed order", "random order"], (60,))


TRIALS = [
    Trial(
        "photographs",
        "How far is EfficientNet-Lite0 at 4 bits from full precision on a new photograph?",
        photograph,
        (Quantity("log KL", "ln nats", ".2f", better="lower"), Quantity("agreement", "%", ".0f")),
        grid(
            arm=[
                "uniform",
                *SCORES,
                "second order, drawn labels",
                "trace of Fisher",
                "integer programme",
                *ORDERS,
            ],
            photograph=PHOTOGRAPHS,
        ),
        seeds=range(100, 103),
    ),
    Trial(
        "images",
        "Do sensitivities from two disjoint sets of images agree?",
        stability,
        (
            Quantity("at 3 bits", "", ".2f"),
            Quantity("all widths", "", ".2f"),
            Quantity("rising", "layers", ".1f", better="lower"),
            Quantity("in both", "layers", ".1f", better="lower"),
            Quantity("factors", "", ".2f"),
            Quantity("factors of the next step", "", ".2f"),
        ),
        grid(arm=["other crops", "other photographs"], images=[2, 4, 8, 16, 32])
        + grid(arm=["bit width alone", "weight error"], images=[32]),
    ),
    Trial(
        "rates",
        "Which rate suits the fine-tuning of each assignment?",
        finetune,
        TUNED,
        grid(arm=ARMS, lr=RATES, epochs=[20]),
        seeds=range(100, 104),
        choose=("lr",),
    ),
    Trial(
        "accuracy",
        "What does fine-tuning leave, at the best rate and at two lengths?",
        finetune,
        TUNED,
        at_two_lengths,
        seeds=range(104, 114),
    ),
    Trial(
        "longer",
        "Does an order, or uniform widths, catch up with more fine-tuning?",
        finetune,
        TUNED,
        at_a_third,
        seeds=range(104, 114),
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
