"""Does a policy beat fixed networks at their own cost, and what else would?

    make trials CH=adasgn MISSING=1

Every seed has its own people, its own start and its own order. First four spatial networks are
trained one by one. Then every arm trains a new temporal network and classifier on their features,
which stay as they are. Rates are chosen on another seed.
"""

import repro  # first: caps threads and instruction set

# isort: split
import itertools
import sys
from collections.abc import Mapping
from functools import lru_cache, partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from press.trials import Quantity, Trial, grid, main
from repro.training import fit
from repro.trials import Stored, chosen
from repro.vision.skeleton_actions import LEVEL, LEVELS, NAMES, clips

adasgn = repro.chapter("adasgn")
CHANNELS = {"T": 10, "D": 32, "hidden": 16}
SIZE = {"classes": len(NAMES), **CHANNELS}
ACTIONS = tuple(adasgn.ACTIONS[k] for k in (0, 2, 4, 5))  # of four, the small ones and the largest
SPATIAL = np.array([adasgn.spatial_operations(*action, **CHANNELS) for action in ACTIONS])
BESIDE = adasgn.temporal_operations(**CHANNELS)  # of every arm
POLICY = adasgn.policy_operations(len(ACTIONS), 10, 32)
#: In the paper's unit, so that alpha weighs as there: the largest network costs 0.154.
CHARGED = torch.tensor(SPATIAL / SPATIAL[-1] * adasgn.spatial_operations(25, True) / 1e9).float()
LABELS = [f"{J} {'big' if big else 'small'}" for J, big in ACTIONS]
FIRST, EPOCHS = 40, 60  # of 480 clips, in the batches below
BATCH, HEAD_BATCH = 32, 64
ALONE_RATES, HEAD_RATES = (0.008, 0.016, 0.032), (0.002, 0.008, 0.032)
ALPHAS, SHUFFLED, EVERY = (1, 2, 4, 8, 16), (4,), (2, 5)
ALLOWED = (0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8)
SURE = tuple(round(0.05 * k, 2) for k in range(4, 20))
PARTS = {"train": (20, 0), "test": (20, 20), "held out": (10, 40)}  # people, and the first one


@lru_cache(maxsize=20)
def part(seed: int, name: str) -> tuple[Tensor, Tensor]:
    """Clips of other people for each part, and their classes."""
    people, first = PARTS[name]
    return clips(people, seed, first)


def train(
    net: nn.Module, data: tuple[Tensor, Tensor], course: adasgn.Course, seed: int, lr: float,
    epochs: int, batch: int,
) -> None:  # fmt: skip
    """Adam with the released decay; its rate falls as a cosine."""
    fit(
        net, *data, epochs=epochs, lr=lr, seed=seed, batch_size=batch, loss=course.loss,
        optimizer=partial(torch.optim.Adam, weight_decay=1e-4),
        on_epoch=lambda done, *_: course.begin(done + 1),
    )  # fmt: skip


@lru_cache(maxsize=64)
def single(seed: int, action: int, lr: float) -> adasgn.Staged:
    """One fixed network, trained alone."""
    torch.manual_seed(10 * seed + action)
    net = adasgn.Staged((ACTIONS[action],), **SIZE)
    course = adasgn.Course(net, CHARGED[[action]], FIRST, asleep="averages")
    train(net, part(seed, "train"), course, seed, lr, FIRST, BATCH)
    return net


@lru_cache(maxsize=30)
def features(seed: int, name: str, rates: str) -> Tensor:
    """What the four trained spatial networks say, (N, 4, T, D)."""
    nets = [single(seed, k, float(lr)) for k, lr in enumerate(rates.split())]
    with torch.no_grad():
        return torch.cat([net.features(part(seed, name)[0]) for net in nets], 1)


def pattern(every: int, logits: Tensor) -> Tensor:
    """The small network of 25 joints on every so-manieth frame, that of 1 joint on the others."""
    a = torch.zeros_like(logits)
    a[..., 0] = 1
    a[:, every // 2 :: every] = F.one_hot(torch.tensor(2), logits.shape[-1]).to(a.dtype)
    return a


def shuffled(usage: Tensor, logits: Tensor) -> Tensor:
    """Actions drawn for every frame with the given frequencies, whatever the clip shows."""
    drawn = torch.multinomial(usage, logits[..., 0].numel(), replacement=True)
    return F.one_hot(drawn, logits.shape[-1]).to(logits.dtype).view_as(logits)


@lru_cache(maxsize=200)
def trained(seed: int, arm: str, which: float, lr: float, epochs: int, rates: str) -> adasgn.Head:
    """A head of an arm on features that stay as they are.

    Arms are "fixed" (`which`: the action), "AdaSGN" (alpha), "random" (the alpha whose actions are
    shuffled) and "mixture" (every so-manieth frame).
    """
    x, y = features(seed, "train", rates), part(seed, "train")[1]
    choose = None
    if arm == "fixed":
        x = x[:, [int(which)]]
    elif arm == "mixture":
        choose = partial(pattern, int(which))
    elif arm == "random":
        with torch.no_grad():
            choose = partial(
                shuffled, trained(seed, "AdaSGN", which, lr, epochs, rates)(x)[1].mean((0, 1))
            )
    torch.manual_seed(seed)
    head = adasgn.Head(x.shape[1], choose=choose, **SIZE)
    costs, alpha = CHARGED[: x.shape[1]], which if arm == "AdaSGN" else 0
    course = adasgn.Course(head, costs, epochs, alpha)
    train(head, (x, y), course, seed, lr, epochs, HEAD_BATCH)
    return head


def prices(arm: str, which: float) -> tuple[np.ndarray, float]:
    """Operations of each action of an arm for a whole clip, and what it always pays."""
    if arm == "fixed":
        return SPATIAL[[int(which)]], BESIDE
    if arm == "AdaSGN":  # the features of action 0 are always needed
        return SPATIAL * (np.arange(len(SPATIAL)) > 0), BESIDE + POLICY + SPATIAL[0]
    return SPATIAL, BESIDE


def judge(head: adasgn.Head, f: Tensor, y: Tensor, arm: str, which: float) -> dict[str, float]:
    """Accuracy (%), cost (10^6 operations) of a head, in all and by level, by likeliest actions."""
    spatial, always = prices(arm, which)
    torch.manual_seed(0)  # of the sampled actions
    with torch.no_grad():
        scores, actions = head(f)
        head.sample = True
        drawn, sampled = head(f)
        head.sample = False
    hit, level = (scores.argmax(1) == y).numpy(), LEVEL[y.numpy()]
    spent, other = (
        (a.mean(1).double().numpy() @ spatial + always) / 1e6 for a in (actions, sampled)
    )
    loss = adasgn.classification_loss(scores, y)
    if arm == "AdaSGN":
        loss += adasgn.penalty(actions, CHARGED, which, 120)
    found = {
        "objective": loss,
        "accuracy": 100 * hit.mean(),
        "cost": spent.mean(),
        "accuracy sampled": 100 * (drawn.argmax(1) == y).double().mean(),
        "cost sampled": other.mean(),
    }
    for number, name in enumerate(LEVELS):
        found[f"accuracy {name}"] = 100 * hit[level == number].mean()
        found[f"cost {name}"] = spent[level == number].mean()
    return {name: float(value) for name, value in found.items()}


def alone(seed: int, arm: str, lr: float) -> dict[str, float]:
    """One spatial network with its own temporal network and classifier, the first stage."""
    k = LABELS.index(arm)
    net = single(seed, k, lr)
    x, y = part(seed, "test")
    with torch.no_grad():
        return judge(net.head, net.features(x), y, "fixed", k)


def measure(
    seed: int, arm: str, which: float, lr: float, epochs: int, rates: str
) -> dict[str, float]:
    """An arm (see `trained`) on features that stay as they are, tested on other people."""
    f, y = features(seed, "test", rates), part(seed, "test")[1]
    head = trained(seed, arm, which, lr, epochs, rates)
    return judge(head, f[:, [which]] if arm == "fixed" else f, y, arm, which)


def cascade(
    seed: int, arm: str, which: float, lr: float, epochs: int, rates: str
) -> dict[str, float]:
    """Fixed networks one after the other until one is sure; `which`: the cost allowed, in 10^6.

    Which networks, and how sure, is what is most accurate on held-out people at no more than that
    cost. Every network that runs pays for its temporal network, too.
    """
    y = {name: part(seed, name)[1].numpy() for name in ("held out", "test")}
    p = {}
    for name in y:
        f = features(seed, name, rates)
        heads = [trained(seed, "fixed", k, lr, epochs, rates) for k in range(len(ACTIONS))]
        with torch.no_grad():
            scores = [head(f[:, [k]])[0].softmax(-1) for k, head in enumerate(heads)]
        p[name] = torch.stack(scores).double().numpy()

    def outcome(name: str, order: tuple[int, ...], sure: float) -> tuple[float, float]:
        """Accuracy (%) and mean cost."""
        answer, spent, going = None, 0.0, np.ones(len(y[name]), dtype=bool)
        for k in order:
            answer = p[name][k].argmax(1) if answer is None else answer
            answer = np.where(going, p[name][k].argmax(1), answer)
            spent += going.mean() * (SPATIAL[k] + BESIDE) / 1e6
            going = going & (p[name][k].max(1) < sure)
        return 100 * float((answer == y[name]).mean()), float(spent)

    orders = [o for n in (1, 2, 3) for o in itertools.combinations(range(len(ACTIONS)), n)]
    ways = [(order, sure) for order in orders for sure in SURE]
    known = [(*outcome("held out", *way), way) for way in ways]
    allowed = [(accuracy, -spent, way) for accuracy, spent, way in known if spent <= which]
    accuracy, spent = outcome("test", *max(allowed)[2])
    return {"accuracy": accuracy, "cost": spent}


def per_network(finished: Mapping[str, Stored]) -> str:
    """The best rate of each spatial network, with spaces between them."""
    rate = {setting["arm"]: setting["lr"] for setting in chosen(finished["alone"])}
    return " ".join(str(rate[label]) for label in LABELS)


def tuning(finished: Mapping[str, Stored]) -> list[dict]:
    """Rates of the second stage: a fixed network, AdaSGN, and shuffled actions."""
    arms = [{"arm": "fixed", "which": 2}, {"arm": "AdaSGN", "which": 4}]
    arms += [{"arm": "mixture", "which": 2}]
    return [
        arm | {"lr": lr, "epochs": EPOCHS, "rates": per_network(finished)}
        for arm in arms
        for lr in HEAD_RATES
    ]


def rate_of(arm: str, finished: Mapping[str, Stored]) -> float:
    """The rate of an arm: shuffled actions take that of the mixture."""
    like = "mixture" if arm == "random" else arm
    return {setting["arm"]: setting["lr"] for setting in chosen(finished["rates"])}[like]


def front(finished: Mapping[str, Stored]) -> list[dict]:
    """Every arm at its best rate."""
    which = {"fixed": range(len(ACTIONS)), "AdaSGN": ALPHAS, "random": SHUFFLED, "mixture": EVERY}
    return [
        {"arm": arm, "which": one, "lr": rate_of(arm, finished), "epochs": EPOCHS}
        | {"rates": per_network(finished)}
        for arm, ones in which.items()
        for one in ones
    ]


def cascades(finished: Mapping[str, Stored]) -> list[dict]:
    """The cascade over the costs allowed."""
    setting = {"lr": rate_of("fixed", finished), "epochs": EPOCHS, "rates": per_network(finished)}
    return [{"arm": "cascade", "which": allowed} | setting for allowed in ALLOWED]


def heads_beyond(finished: Mapping[str, Stored]) -> list[dict]:
    """One rate more where the best was the last, and all four for the network of SGN."""
    pairs = [(2, 0.128), *((3, lr) for lr in (*HEAD_RATES, 0.128))]
    return [
        {"arm": "fixed", "which": k, "lr": lr, "epochs": EPOCHS, "rates": per_network(finished)}
        for k, lr in pairs
    ]


def retuned(finished: Mapping[str, Stored]) -> list[dict]:
    """The network of SGN at the better rates that were found past those grids."""
    rates = per_network(finished)
    return [{"arm": "fixed", "which": 3, "lr": 0.008, "epochs": EPOCHS, "rates": rates}]


def quantities(first: str) -> tuple[Quantity, ...]:
    """What `judge` returns, the one to choose by first."""
    levels = [f"{what} {level}" for what in ("accuracy", "cost") for level in LEVELS]
    names = ["objective", "accuracy", "cost", "accuracy sampled", "cost sampled", *levels]
    names.sort(key=lambda name: name != first)
    return tuple(
        Quantity(name, "", ".3f", "lower") if name == "objective"
        else Quantity(name, "%", ".1f") if name.startswith("accuracy")
        else Quantity(name, "10^6 operations", ".3f", "lower")
        for name in names
    )  # fmt: skip


TUNED, JUDGED = [110], range(100, 105)
TRIALS = [
    Trial(
        "alone",
        "Which rate suits each spatial network, trained alone?",
        alone,
        quantities("objective"),
        grid(arm=LABELS, lr=ALONE_RATES),
        seeds=TUNED,
        choose=("lr",),
    ),
    Trial(
        "rates",
        "Which rate suits the second stage?",
        measure,
        quantities("objective"),
        tuning,
        seeds=TUNED,
        choose=("lr",),
    ),
    Trial(
        "front",
        "How accurate is each arm, and at which cost?",
        measure,
        quantities("accuracy"),
        front,
        seeds=JUDGED,
    ),
    Trial(
        "cascade",
        "How accurate is a cascade at a cost?",
        cascade,
        (Quantity("accuracy", "%", ".1f"), Quantity("cost", "10^6 operations", ".3f", "lower")),
        cascades,
        seeds=JUDGED,
    ),
    Trial(
        "past",
        "Is a rate past the end of its grid better for a network trained alone?",
        alone,
        quantities("objective"),
        [{"arm": "1 small", "lr": 0.064}, {"arm": "25 big", "lr": 0.004}],
        seeds=TUNED,
    ),
    Trial(
        "heads",
        "Which rate of the second training suits the network of SGN?",
        measure,
        quantities("objective"),
        heads_beyond,
        seeds=TUNED,
    ),
    Trial(
        "retuned",
        "How accurate is the network of SGN at rates of its own?",
        measure,
        quantities("accuracy"),
        retuned,
        seeds=JUDGED,
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
