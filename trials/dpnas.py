"""Which cells are good under differential privacy, who finds them, and do they beat made ones?

    make trials CH=dpnas MISSING=1

Real digits of 8x8 pixels, each a record by itself: 1297 to train on and 500 to test, split anew by
every seed. Private networks train with (3, 1e-4)-DP, 40 or 80 steps. The cells are the 125 of three
edges with five operations. `private` and `ordinary` train 25 of them in a run: those whose
operations, as numbers 0 to 4, add up to the seed, modulo 5. So every operation is used equally
often at every edge in every run, and five runs train each cell once. Rates are chosen on two seeds,
others judge. A search has the training images only: 60 % for weights, 40 % for rewards.
"""

import repro  # first: caps threads and instruction set

# isort: split
import itertools
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from press.trials import Quantity, Setting, Trial, grid, main
from repro.data import digits
from repro.training import accuracy
from repro.trials import Stored

dpnas = repro.chapter("dpnas")
EPSILON, DELTA, STEPS, CLIP = 3.0, 1e-4, 40, 0.1
Q = 256 / 1297
SPACE = (1, 2, 4, 5, 6)  # max-pool, avg-pool, ReLU, SELU, tanh
CELLS = list(itertools.product(SPACE, repeat=3))
NAMES = ["".join(map(str, cell)) for cell in CELLS]
MADE = {"tanh CNN": ("tanh", False), "ReLU CNN": ("ReLU", False), "normalized": ("tanh", True)}
ROUNDS = 4  # trainings of a random search, and what shared weights take in steps
UPDATES, CONTROLLER_RATE = 600, 3e-3


@cache
def sigma(steps: int, target: float = EPSILON) -> float:
    """The noise multiplier of a training."""
    return dpnas.noise_for(target, Q, steps, DELTA)


@cache
def images(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images and labels, to train on and to test."""
    return digits(seed).torch()


@cache
def divided(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The training images of a search: those for weights, and those held out for rewards."""
    x, y, _, _ = images(seed)
    order = torch.from_numpy(np.random.default_rng([seed, 1]).permutation(len(x)))
    held, learned = order[: 2 * len(x) // 5], order[2 * len(x) // 5 :]
    return x[learned], y[learned], x[held], y[held]


def trained(
    arm: str,
    x: Tensor,
    y: Tensor,
    seed: int,
    lr: float,
    clip: float | None,
    steps: int,
    noise: float,
) -> nn.Module:
    """A hand-made network, or that of a cell such as "535", after its training."""
    torch.manual_seed(seed)
    if arm in MADE:
        net = dpnas.cnn(MADE[arm][0], norm=MADE[arm][1])
    else:
        net = dpnas.small([(int(o),) for o in arm])
    private = {} if clip is None else {"C": clip, "sigma": noise}
    return dpnas.train(net, x, y, steps=steps, q=Q, lr=lr, seed=seed, **private).eval()


def measure(
    seed: int, arm: str, lr: float, clip: float | None, steps: int, target: float = EPSILON
) -> dict[str, float]:
    """Test accuracy of one training; an ordinary one without a clipping norm."""
    x, y, x_test, y_test = images(seed)
    net = trained(arm, x, y, seed, lr, clip, steps, sigma(steps, target))
    return {"accuracy": 100 * accuracy(net, x_test, y_test)}


def tabulate(seed: int, arm: str, lr: float, clip: float | None) -> dict[str, float]:
    """Test accuracies of 25 cells, named by their first two operations."""
    mine = [c for c in CELLS if (sum(map(SPACE.index, c)) - seed) % len(SPACE) == 0]
    names = ["".join(map(str, cell)) for cell in mine]
    return {name[:2]: measure(seed, name, lr, clip, STEPS)["accuracy"] for name in names}


@cache
def shared(seed: int, private: bool, lr: float) -> np.ndarray:
    """Whether each cell, with shared weights, is right about each held-out image: bool (125, V)."""
    x, y, x_held, y_held = divided(seed)
    torch.manual_seed(seed)
    net, rng = dpnas.small([SPACE] * 3), np.random.default_rng([seed, 2])
    dpnas.train(
        net,
        x,
        y,
        steps=ROUNDS * STEPS,
        q=Q,
        lr=lr,
        seed=seed,
        C=CLIP if private else math.inf,
        sigma=sigma(STEPS) if private else 0.0,
        before=lambda: dpnas.choose(net, rng.choice(SPACE, 3).tolist()),
    )
    right = []
    with torch.no_grad():
        for cell in CELLS:
            dpnas.choose(net, cell)
            right.append((net(x_held).argmax(1) == y_held).numpy())
    return np.array(right)


def share(seed: int, arm: str, lr: float) -> dict[str, float]:
    """Mean accuracy of all cells with shared weights, on held-out images."""
    return {"accuracy": 100 * float(shared(seed, arm == "private", lr).mean())}


@cache
def controlled(seed: int, private: bool, lr: float, shuffled: bool) -> tuple[np.ndarray, list[int]]:
    """A trained controller: its probabilities of all cells, and ten cells that it draws.

    A reward is the accuracy on 64 held-out images; `shuffled` gives cells each other's.
    """
    right, rng = shared(seed, private, lr), np.random.default_rng([seed, 3])
    whose = rng.permutation(len(CELLS)) if shuffled else np.arange(len(CELLS))
    torch.manual_seed(seed)
    controller = dpnas.Controller(nodes=2, operations=len(SPACE))

    def place(drawn: list[int]) -> int:
        return CELLS.index(tuple(SPACE[o] for o in drawn))

    def reward(drawn: list[int]) -> float:
        return float(rng.choice(right[whose[place(drawn)]], 64, replace=False).mean())

    dpnas.learn(controller, reward, UPDATES, lr=CONTROLLER_RATE)
    with torch.no_grad():
        log_p = [dpnas.sample(controller, [SPACE.index(o) for o in c])[1].item() for c in CELLS]
        return np.exp(log_p), [place(dpnas.sample(controller)[0]) for _ in range(10)]


def search(seed: int, arm: str, lr: float) -> dict[str, float]:
    """What the controller expects above the mean of all cells, and the reward of every cell."""
    private = arm != "not DP-aware"
    rewards = 100 * shared(seed, private, lr).mean(axis=1)
    p, _ = controlled(seed, private, lr, arm == "shuffled rewards")
    gain = float((p / p.sum() - 1 / len(p)) @ rewards)
    return {"gain": gain, **dict(zip(NAMES, rewards.tolist(), strict=True))}


@cache
def found(seed: int, arm: str, lr: float) -> str:
    """The cell that a search ends with: the best of those it compares on the held-out images."""
    rng = np.random.default_rng([seed, 4])
    if arm == "random search":
        x, y, x_held, y_held = divided(seed)
        few = [NAMES[i] for i in rng.choice(len(NAMES), ROUNDS, replace=False)]
        nets = [trained(name, x, y, seed, lr, CLIP, STEPS, sigma(STEPS)) for name in few]
        return few[int(np.argmax([accuracy(net, x_held, y_held) for net in nets]))]
    private = arm != "not DP-aware"
    if arm == "without controller":
        ten = rng.choice(len(NAMES), 10, replace=False).tolist()
    else:
        _, ten = controlled(seed, private, lr, False)
    rewards = shared(seed, private, lr).mean(axis=1)
    return NAMES[max(ten, key=lambda i: rewards[i])]


def judge(
    seed: int, arm: str, search_lr: float, lr: float, clip: float, steps: int
) -> dict[str, float]:
    """Test accuracy of the cell that a search on the same images ends with, and that cell."""
    cell = found(seed, arm, search_lr)
    return {**measure(seed, cell, lr, clip, steps), "cell": float(cell)}


# ---- what is run ----

PERCENT = (Quantity("accuracy", "%", ".1f"),)
JUDGED = (*PERCENT, Quantity("cell", "", ".0f"))
PAIRS = tuple(Quantity(f"{a}{b}", "%", ".1f") for a in SPACE for b in SPACE)
FOUND = (Quantity("gain", "%", ".1f"), *(Quantity(name, "%", ".1f") for name in NAMES))
TUNE, TABLE, AGAIN, JUDGE = range(100, 102), range(110, 115), range(115, 120), range(120, 126)
FEW = range(120, 125)
KINDS = ("535", "636", "515")
RATES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
Finished = Mapping[str, Stored]


def best(tuned: Stored, arms: Sequence[str]) -> Setting:
    """The rate and clipping norm with the best mean over some arms."""
    means: dict[tuple, list[float]] = {}
    for run in tuned["runs"]:
        if run["settings"]["arm"] in arms:
            key = tuple((k, v) for k, v in run["settings"].items() if k != "arm")
            means.setdefault(key, []).append(run["measured"]["accuracy"])
    return dict(max(means, key=lambda key: np.mean(means[key])))


def tried(arms: Sequence[str], lrs: Sequence[float], steps: int = STEPS) -> list[Setting]:
    """Arms at all rates with the released clipping norm, and at two with one ten times larger."""
    large = grid(arm=arms, lr=[0.4, 0.8], clip=[1.0], steps=[steps])
    return grid(arm=arms, lr=lrs, clip=[CLIP], steps=[steps]) + large


def at_best(trial: str, pooled: Sequence[str], arms: Sequence[str]) -> Callable[[Finished], list]:
    """Settings: arms at the rate and norm that were best for the pooled ones."""
    return lambda finished: [{"arm": arm, **best(finished[trial], pooled)} for arm in arms]


def made_at_best(finished: Finished) -> list[Setting]:
    """Hand-made networks, each at its own best; the first also with what a search spends."""
    own = [{"arm": arm, **best(finished["rates of made ones"], [arm])} for arm in MADE]
    spent = (1 + ROUNDS) * STEPS * dpnas.rdp(Q, sigma(STEPS))
    return [*own, {**own[0], "target": dpnas.epsilon(spent, DELTA)}]


def searches(finished: Finished, names: Sequence[str], final: str) -> list[Setting]:
    """Searches at their best rates, and the rates of the final training."""
    last = best(finished[final], KINDS)
    rate = {arm: best(finished["rates of shared"], [arm])["lr"] for arm in ("private", "ordinary")}
    alone = best(finished["rates"], KINDS)["lr"]
    own = {"not DP-aware": rate["ordinary"], "random search": alone}
    return [{"arm": name, "search_lr": own.get(name, rate["private"]), **last} for name in names]


def sought(finished: Finished) -> list[Setting]:
    """Controllers at the best rates of their shared weights."""
    names = ("DP-aware", "not DP-aware", "shuffled rewards")
    found_at = searches(finished, names, "rates")
    return [{"arm": setting["arm"], "lr": setting["search_lr"]} for setting in found_at]


def tabulated(trial: str, arm: str) -> Callable[[Finished], list[Setting]]:
    """The settings of a table."""

    def settings(finished: Finished) -> list[Setting]:
        rate = best(finished[trial], KINDS)
        return [{"arm": arm, "lr": rate["lr"], "clip": rate["clip"]}]

    return settings


def extremes(finished: Finished) -> list[Setting]:
    """The cell that is best privately, the one that is best without, and the worst privately."""
    tables = {arm: means(finished[arm]) for arm in ("private", "ordinary")}
    private, ordinary = tables["private"], tables["ordinary"]
    cells = {max(private, key=private.get), max(ordinary, key=ordinary.get)}
    cells.add(min(private, key=private.get))
    return [{"arm": cell, **best(finished["rates"], KINDS)} for cell in sorted(cells)]


def means(table: Stored) -> dict[str, float]:
    """Accuracy of every cell above the mean of the run that trained it."""
    above = {}
    for run in table["runs"]:
        mean = np.mean(list(run["measured"].values()))
        for cell, name in zip(CELLS, NAMES, strict=True):
            if (sum(map(SPACE.index, cell)) - run["seed"]) % len(SPACE) == 0:
                above[name] = run["measured"][name[:2]] - mean
    return above


TRIALS = [
    Trial(
        "rates",
        "Which rate and clipping norm suit three cells, all together?",
        measure,
        PERCENT,
        tried(KINDS, RATES),
        TUNE,
        ("lr", "clip"),
    ),
    Trial(
        "rates of made ones",
        "Which rate and clipping norm suit hand-made networks?",
        measure,
        PERCENT,
        tried(list(MADE), RATES),
        TUNE,
        ("lr", "clip"),
    ),
    Trial(
        "rates of shared",
        "Which rate suits shared weights?",
        share,
        PERCENT,
        grid(arm=["private"], lr=[0.35, 0.7, 1.4]) + grid(arm=["ordinary"], lr=[0.01, 0.02, 0.04]),
        TUNE,
        ("lr",),
    ),
    Trial(
        "ordinary rates",
        "Which rate suits three cells without privacy, all together?",
        measure,
        PERCENT,
        grid(arm=KINDS, lr=[0.05, 0.1, 0.2], clip=[None], steps=[STEPS]),
        TUNE,
        ("lr",),
    ),
    Trial(
        "made",
        "How accurate are hand-made networks?",
        measure,
        PERCENT,
        made_at_best,
        JUDGE,
    ),
    Trial(
        "search",
        "Does the controller find cells of higher reward?",
        search,
        FOUND,
        sought,
        JUDGE,
    ),
    Trial(
        "searched",
        "How accurate are the cells that searches end with?",
        judge,
        JUDGED,
        lambda finished: searches(
            finished,
            ("DP-aware", "not DP-aware", "without controller", "random search"),
            "rates",
        ),
        JUDGE,
    ),
    Trial(
        "private",
        "How accurate is each cell under differential privacy?",
        tabulate,
        PAIRS,
        tabulated("rates", "private"),
        TABLE,
    ),
    Trial(
        "ordinary",
        "How accurate is each cell without privacy?",
        tabulate,
        PAIRS,
        tabulated("ordinary rates", "ordinary"),
        TABLE,
    ),
    Trial(
        "extremes",
        "How accurate are cells that the tables name, trained again?",
        measure,
        PERCENT,
        extremes,
        JUDGE,
    ),
    Trial(
        "activations",
        "How accurate are cells of one activation, with the identity at edge (0,2)?",
        measure,
        PERCENT,
        at_best("rates", KINDS, [f"{a}3{a}" for a in range(4, 10)]),
        FEW,
    ),
    Trial(
        "rates at 80 steps",
        "Which rate suits them with 80 steps?",
        measure,
        PERCENT,
        grid(arm=["535", "tanh CNN"], lr=[2.0, 4.0, 8.0], clip=[CLIP], steps=[2 * STEPS]),
        TUNE,
        ("lr",),
    ),
    Trial(
        "made at 80 steps",
        "How accurate is the hand-made network after 80 steps?",
        measure,
        PERCENT,
        at_best("rates at 80 steps", ["tanh CNN"], ["tanh CNN"]),
        JUDGE,
    ),
    Trial(
        "searched at 80 steps",
        "How accurate are searched cells after 80 steps?",
        judge,
        JUDGED,
        lambda finished: [
            {**searches(finished, ["DP-aware"], "rates")[0]}
            | best(finished["rates at 80 steps"], ["535"])
        ],
        JUDGE,
    ),
    Trial(
        "private again",
        "How accurate is each cell under differential privacy, on other images?",
        tabulate,
        PAIRS,
        tabulated("rates", "private"),
        AGAIN,
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
