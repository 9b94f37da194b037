"""Which cells are accurate under differential privacy, and do searched ones beat a hand-made one?

    make trials CH=dpnas MISSING=1

Real digits of 8x8 pixels, each a record by itself: 1297 to train on and 500 to test, split anew by
every seed. Networks train with (3, 1e-4)-DP, 40 or 80 steps, unless it is said otherwise. Rates and
clipping norms are chosen on two seeds, others judge. Searched cells are of the 125 with three edges
and five operations. A search has the training images only: 60 % for weights, 40 % for rewards.

Three searches of one epsilon ("screened", set before its runs): shared weights and a controller, as
in "searched"; four cells drawn by chance; all 125. Each of the four, or of the 125, is trained once
alone, 20 steps on the 60 %, with random numbers of its own, as composition asks. Its noise is such
that the whole, with a final training of 20 steps, spends what the shared weights and that final
training do, by the improved conversion. The held-out 40 % choose, without noise in all three. The
chosen cell is judged on "table": the best cell's accuracy less its own, mean of both splits. For
random search this is the exact mean over all sets of four of the 125 cells that were trained at its
noise. Rates: the highest mean held-out accuracy of three cells on two seeds, one grid for both.
Rule: the three paired differences of regret over splits 120 to 125, t-intervals that hold 95 % for
the three together; one that leaves out 0 says which search has less regret here, others decide
nothing.
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
from repro.trials import Stored, chosen

dpnas = repro.chapter("dpnas")
EPSILON, DELTA, STEPS, CLIP = 3.0, 1e-4, 40, 0.1
Q = 256 / 1297
MADE = "tanh CNN"


@cache
def sigma(steps: int) -> float:
    """The noise multiplier of a training."""
    return dpnas.noise_for(EPSILON, Q, steps, DELTA)


@cache
def images(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images and labels, to train on and to test."""
    return digits(seed).torch()


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
    net = dpnas.cnn() if arm == MADE else dpnas.small([(int(o),) for o in arm])
    private = {} if clip is None else {"C": clip, "sigma": noise}
    return dpnas.train(net, x, y, steps=steps, q=Q, lr=lr, seed=seed, **private).eval()


def measure(seed: int, arm: str, lr: float, clip: float | None, steps: int) -> dict[str, float]:
    """Test accuracy of one training; an ordinary one without a clipping norm."""
    x, y, x_test, y_test = images(seed)
    net = trained(arm, x, y, seed, lr, clip, steps, sigma(steps))
    return {"accuracy": 100 * accuracy(net, x_test, y_test)}


# ---- the search ----

SPACE = (1, 2, 4, 5, 6)  # max-pool, avg-pool, ReLU, SELU, tanh
CELLS = list(itertools.product(SPACE, repeat=3))
NAMES = ["".join(map(str, cell)) for cell in CELLS]
SHARED_STEPS, SHARED_CLIP, UPDATES = 160, 1.0, 400


@cache
def divided(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The training images of a search: those for weights, and those held out for rewards."""
    x, y, _, _ = images(seed)
    order = torch.from_numpy(np.random.default_rng([seed, 1]).permutation(len(x)))
    held, learned = order[: 2 * len(x) // 5], order[2 * len(x) // 5 :]
    return x[learned], y[learned], x[held], y[held]


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
        steps=SHARED_STEPS,
        q=Q,
        lr=lr,
        seed=seed,
        C=SHARED_CLIP if private else math.inf,
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
    """Mean accuracy of all cells with shared weights on held-out images, and that of the best."""
    rewards = 100 * shared(seed, arm == "DP-aware", lr).mean(axis=1)
    return {"accuracy": float(rewards.mean()), "best": float(rewards.max())}


@cache
def controlled(
    seed: int, private: bool, lr: float, controller_lr: float
) -> tuple[float, list[int]]:
    """What a trained controller expects above the mean cell, and ten cells that it draws.

    A reward is the accuracy on 64 held-out images.
    """
    right, rng = shared(seed, private, lr), np.random.default_rng([seed, 3])
    torch.manual_seed(seed)
    controller = dpnas.Controller(nodes=2, operations=len(SPACE))

    def place(drawn: list[int]) -> int:
        return CELLS.index(tuple(SPACE[o] for o in drawn))

    def reward(drawn: list[int]) -> float:
        return float(rng.choice(right[place(drawn)], 64, replace=False).mean())

    dpnas.learn(controller, reward, UPDATES, lr=controller_lr)
    with torch.no_grad():
        log_p = [dpnas.sample(controller, [SPACE.index(o) for o in c])[1].item() for c in CELLS]
        ten = [place(dpnas.sample(controller)[0]) for _ in range(10)]
    p = np.exp(log_p) / np.exp(log_p).sum()
    return float(100 * (p - 1 / len(p)) @ right.mean(axis=1)), ten


def control(seed: int, arm: str, lr: float, controller_lr: float) -> dict[str, float]:
    """What a controller expects above the mean cell."""
    return {"gain": controlled(seed, arm == "DP-aware", lr, controller_lr)[0]}


def judge(
    seed: int, arm: str, search_lr: float, controller_lr: float, lr: float, clip: float, steps: int
) -> dict[str, float]:
    """Test accuracy of the cell that a search on the same images ends with, trained anew.

    It is the best, on all held-out images, of ten that the controller draws.
    """
    private = arm == "DP-aware"
    gain, ten = controlled(seed, private, search_lr, controller_lr)
    rewards = shared(seed, private, search_lr).mean(axis=1)
    cell = NAMES[max(ten, key=lambda i: rewards[i])]
    return {**measure(seed, cell, lr, clip, steps), "cell": float(cell), "gain": gain}


def drawn(seed: int, arm: str, lr: float, clip: float, steps: int) -> dict[str, float]:
    """Mean test accuracy of three cells drawn by chance."""
    three = np.random.default_rng([seed, 4]).choice(len(NAMES), 3, replace=False)
    found = [measure(seed, NAMES[i], lr, clip, steps)["accuracy"] for i in three]
    return {"accuracy": float(np.mean(found))}


# ---- the table of all cells ----

SHORT = 20  # steps of a private training


def alone(cell: str, seed: int, noise: float, **training: float | None) -> float:
    """Test accuracy of one cell, trained with a noise that is given."""
    x, y, x_test, y_test = images(seed)
    net = trained(cell, x, y, seed, noise=noise, **training)
    return 100 * accuracy(net, x_test, y_test)


def tune(seed: int, arm: str, **training: float | None) -> dict[str, float]:
    """Mean test accuracy of three cells, which hold every operation, to choose a rate by."""
    return {"accuracy": float(np.mean([alone(c, seed, **training) for c in ("515", "642", "214")]))}


def tabulate(seed: int, arm: str, first: int, **training: float | None) -> dict[str, float]:
    """Test accuracies of 25 cells with one operation at their first edge, by the other two."""
    pairs = itertools.product(SPACE, repeat=2)
    return {f"{a}{b}": alone(f"{first}{a}{b}", seed, **training) for a, b in pairs}


# ---- searches of one epsilon ----


def held_out(cell: str, seed: int, noise: float, **training: float | None) -> float:
    """Accuracy of one cell on held-out images, trained on the others; random numbers of its own."""
    x, y, x_held, y_held = divided(seed)
    own = 1000 * seed + NAMES.index(cell)
    return 100 * accuracy(trained(cell, x, y, own, noise=noise, **training), x_held, y_held)


def tune_screen(seed: int, arm: str, **training: float | None) -> dict[str, float]:
    """Mean held-out accuracy of three cells, which hold every operation, to choose a rate by."""
    found = [held_out(cell, seed, **training) for cell in ("515", "642", "214")]
    return {"accuracy": float(np.mean(found))}


def screen(seed: int, arm: str, first: int, **training: float | None) -> dict[str, float]:
    """Held-out accuracies of 25 cells with one operation at their first edge, by the other two."""
    pairs = itertools.product(SPACE, repeat=2)
    return {f"{a}{b}": held_out(f"{first}{a}{b}", seed, **training) for a, b in pairs}


# ---- what is run ----

PERCENT = (Quantity("accuracy", "%", ".1f"),)
SHARES = (*PERCENT, Quantity("best", "%", ".1f"))
GAIN = (Quantity("gain", "points", ".1f"),)
JUDGED = (*PERCENT, Quantity("cell", "", ".0f"), *GAIN)
TUNE, JUDGE, SEARCHED = range(100, 102), range(120, 125), range(120, 126)
SEARCHES = ("DP-aware", "not DP-aware")
KINDS = ("515", "919", "414", "525", "616")  # SELU, sigmoid, ReLU; SELU and the average; tanh
RATES = (2.0, 4.0, 8.0, 16.0)
TABLED, SPLITS = range(110, 112), range(120, 126)
PAIRS = tuple(Quantity(f"{a}{b}", "%", ".1f") for a in SPACE for b in SPACE)
Finished = Mapping[str, Stored]


def tried(arms: Sequence[str]) -> list[Setting]:
    """Arms at all rates with the released clipping norm, and at some with larger ones."""
    large = grid(arm=arms, lr=[0.4, 0.8], clip=[1.0], steps=[STEPS])
    more = grid(arm=arms, lr=[0.2, 1.6], clip=[1.0], steps=[STEPS])
    largest = grid(arm=arms, lr=[0.2, 0.4], clip=[2.0], steps=[STEPS])
    return grid(arm=arms, lr=RATES, clip=[CLIP], steps=[STEPS]) + large + more + largest


def best(trial: str, arms: Sequence[str] = ()) -> Callable[[Finished], list[Setting]]:
    """Settings: the tuned arms at their best, or others at the best of the only tuned one."""

    def settings(finished: Finished) -> list[Setting]:
        found = chosen(finished[trial])
        return [{**found[0], "arm": arm} for arm in arms] or found

    return settings


def at_best_shared(finished: Finished) -> list[Setting]:
    """Controllers at three rates, on shared weights of the best rate."""
    return [
        {**setting, "controller_lr": lr}
        for setting in chosen(finished["rates of shared"])
        if setting["arm"] == "DP-aware"
        for lr in (3e-4, 1e-3, 3e-3)
    ]


def searches(final: str, arms: Sequence[str]) -> Callable[[Finished], list[Setting]]:
    """Searches, each at the best rate of its shared weights; one rate for controllers and cells."""

    def settings(finished: Finished) -> list[Setting]:
        rates = {found["arm"]: found["lr"] for found in chosen(finished["rates of shared"])}
        (controller,) = chosen(finished["rates of controllers"])
        last = {k: v for k, v in chosen(finished[final])[0].items() if k != "arm"}
        both = {"controller_lr": controller["controller_lr"], **last}
        return [{"arm": arm, "search_lr": rates[arm], **both} for arm in arms]

    return settings


def table_rates(finished: Finished) -> list[Setting]:
    """Rates for the tables of private and of ordinary trainings."""
    noise = {"private": sigma(SHORT), "ordinary": 0.0}
    private = grid(arm=["private"], lr=[0.4, 0.8, 1.6, 3.2], clip=[1.0], steps=[SHORT])
    ordinary = grid(arm=["ordinary"], lr=[0.025, 0.05, 0.1], clip=[None], steps=[STEPS])
    return [{**one, "noise": noise[one["arm"]]} for one in private + ordinary]


def table_of(arm: str) -> Callable[[Finished], list[Setting]]:
    """A table at its best rate, 25 cells a run."""
    return lambda finished: [
        {**found, "first": first}
        for found in chosen(finished["rates of tables"])
        if found["arm"] == arm
        for first in SPACE
    ]


def noise_of(cells: int) -> float:
    """The least noise, to 1e-9, at which a search by so many trainings spends what `shared` does.

    Both have a final training of 20 steps besides.
    """
    final = SHORT * dpnas.rdp(Q, sigma(SHORT))
    target = dpnas.epsilon(SHARED_STEPS * dpnas.rdp(Q, sigma(STEPS)) + final, DELTA)
    low, high = 0.3, 300.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        total = cells * SHORT * dpnas.rdp(Q, middle) + final
        enough = dpnas.epsilon(total, DELTA) <= target
        low, high = (low, middle) if enough else (middle, high)
    return high


SCREENED = {"random, 4": 4, "exhaustive, 125": 125}


def screen_rates(_: Finished) -> list[Setting]:
    """One grid of rates for both searches, each at its noise."""
    rates = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6]
    both = grid(arm=list(SCREENED), lr=rates, clip=[1.0], steps=[SHORT])
    noise = {arm: noise_of(cells) for arm, cells in SCREENED.items()}
    return [{**one, "noise": noise[one["arm"]]} for one in both]


def screened(finished: Finished) -> list[Setting]:
    """Both searches at their best rate, 25 cells a run."""
    return [{**one, "first": f} for one in chosen(finished["rates of screens"]) for f in SPACE]


TRIALS = [
    Trial(
        "rates",
        "Which rate and clipping norm suit the cell of SELU and maximum pooling?",
        measure,
        PERCENT,
        tried(KINDS[:1]),
        TUNE,
        ("lr", "clip"),
    ),
    Trial(
        "rates of made ones",
        "Which rate and clipping norm suit the hand-made network?",
        measure,
        PERCENT,
        tried(["tanh CNN"]),
        TUNE,
        ("lr", "clip"),
    ),
    Trial(
        "made",
        "How accurate is the hand-made network?",
        measure,
        PERCENT,
        best("rates of made ones"),
        SEARCHED,
    ),
    Trial(
        "rates of shared",
        "Which rate suits shared weights?",
        share,
        SHARES,
        grid(arm=SEARCHES[:1], lr=[0.1, 0.2, 0.4])
        + grid(arm=SEARCHES[1:], lr=[0.0125, 0.025, 0.05, 0.1]),
        TUNE,
        ("lr",),
    ),
    Trial(
        "rates of controllers",
        "Which rate suits controllers?",
        control,
        GAIN,
        at_best_shared,
        TUNE,
        ("controller_lr",),
    ),
    Trial(
        "searched",
        "How accurate are searched cells, trained anew?",
        judge,
        JUDGED,
        searches("rates", SEARCHES),
        SEARCHED,
    ),
    Trial(
        "random cells",
        "How accurate are cells drawn by chance?",
        drawn,
        PERCENT,
        best("rates", ["random cells"]),
        SEARCHED,
    ),
    Trial(
        "kinds",
        "How accurate are five kinds of cells?",
        measure,
        PERCENT,
        best("rates", KINDS),
        JUDGE,
    ),
    Trial(
        "ordinary rates",
        "Which rate suits that cell without privacy?",
        measure,
        PERCENT,
        grid(arm=KINDS[:1], lr=[0.05, 0.1, 0.2], clip=[None], steps=[STEPS]),
        TUNE,
        ("lr",),
    ),
    Trial(
        "kinds without privacy",
        "How accurate are five kinds of cells without privacy?",
        measure,
        PERCENT,
        best("ordinary rates", KINDS),
        JUDGE,
    ),
    Trial(
        "rates at 80 steps",
        "Which rate suits them with 80 steps?",
        measure,
        PERCENT,
        grid(arm=["515", "tanh CNN"], lr=[0.2, 0.4, 0.8], clip=[1.0], steps=[80]),
        TUNE,
        ("lr",),
    ),
    Trial(
        "at 80 steps",
        "How accurate are they after 80 steps?",
        measure,
        PERCENT,
        best("rates at 80 steps"),
        SEARCHED,
    ),
    Trial(
        "searched at 80 steps",
        "How accurate are searched cells after 80 steps?",
        judge,
        JUDGED,
        searches("rates at 80 steps", SEARCHES[:1]),
        SEARCHED,
    ),
    Trial(
        "rates of sigmoid",
        "Which rate suits the cell of sigmoid?",
        measure,
        PERCENT,
        grid(arm=["919"], lr=[0.2, 0.8, 1.6], clip=[1.0], steps=[STEPS]),
        TUNE,
        ("lr",),
    ),
    Trial(
        "sigmoid",
        "How accurate is the cell of sigmoid at a rate of its own?",
        measure,
        PERCENT,
        best("rates of sigmoid"),
        JUDGE,
    ),
    Trial(
        "rates of tables",
        "Which rates suit three cells, for the tables of all?",
        tune,
        PERCENT,
        table_rates,
        TUNE,
        ("lr",),
    ),
    Trial(
        "table",
        "How accurate is every private cell, by its second and third operation?",
        tabulate,
        PAIRS,
        table_of("private"),
        TABLED,
    ),
    Trial(
        "ordinary table",
        "How accurate is every cell without privacy?",
        tabulate,
        PAIRS,
        table_of("ordinary"),
        TABLED[:1],
    ),
    Trial(
        "rates of screens",
        "Which rates suit three cells, trained at the noise of a search?",
        tune_screen,
        PERCENT,
        screen_rates,
        TUNE,
        ("lr",),
    ),
    Trial(
        "screened",
        "How accurate on held-out images is every cell, trained at the noise of a search?",
        screen,
        PAIRS,
        screened,
        SPLITS,
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
