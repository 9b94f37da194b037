"""Does a policy beat fixed networks at their own cost, and what else would?

    make trials CH=adasgn MISSING=1

Every seed has its own people, its own start and its own order. First four networks are trained
one by one: the fixed ones. Then other arms, and the small fixed networks once more, train a new
temporal network and classifier on their features, which stay as they are. Rates are chosen on
other seeds.
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

from press.trials import Quantity, Trial, main
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
EPOCHS, LONG = 60, 120  # of the second training, of 480 clips; the first is two thirds as long
BATCH, HEAD_BATCH = 32, 64
#: Of the first training, around the best known.
PAIRS = dict(
    zip(LABELS, ((0.016, 0.032), (0.008, 0.016), (0.008, 0.016), (0.004, 0.008)), strict=True)
)
HEAD_RATES = (0.002, 0.008, 0.032)
RELEASED, LIGHTER, EVERY = 4, 2, 2
OTHERS, RARELY = (1, 8, 16), (5, 10)
ALLOWED = (0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8)
SURE = tuple(round(0.05 * k, 2) for k in range(4, 20))
PARTS = {"train": (20, 0), "test": (20, 20), "held out": (10, 40)}  # people, and the first one


@lru_cache(maxsize=60)
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
        optimizer=partial(torch.optim.Adam, weight_decay=1e-4, fused=True),
        on_epoch=lambda done, *_: course.begin(done + 1),
    )  # fmt: skip


@lru_cache(maxsize=200)
def single(seed: int, action: int, lr: float, epochs: int) -> adasgn.Staged:
    """One fixed network, trained alone, two thirds of so many epochs."""
    torch.manual_seed(10 * seed + action)
    net, first = adasgn.Staged((ACTIONS[action],), **SIZE), epochs * 2 // 3
    course = adasgn.Course(net, CHARGED[[action]], first, asleep="averages")
    train(net, part(seed, "train"), course, seed, lr, first, BATCH)
    return net


def singles(seed: int, rates: str, epochs: int) -> list[adasgn.Staged]:
    """The four of them."""
    return [single(seed, k, float(lr), epochs) for k, lr in enumerate(rates.split())]


@lru_cache(maxsize=60)
def features(seed: int, name: str, rates: str, epochs: int) -> Tensor:
    """What the four trained spatial networks say, (N, 4, T, D)."""
    nets = singles(seed, rates, epochs)
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


@lru_cache(maxsize=400)
def trained(seed: int, arm: str, which: float, lr: float, epochs: int, rates: str) -> adasgn.Head:
    """A head of an arm on features that stay as they are.

    Arms are "AdaSGN" (`which`: alpha), "random" (the alpha whose actions are shuffled) and
    "mixture" (every so-manieth frame).
    """
    x, y = features(seed, "train", rates, EPOCHS), part(seed, "train")[1]
    choose = None
    if arm == "mixture":
        choose = partial(pattern, int(which))
    elif arm == "random":
        with torch.no_grad():
            choose = partial(
                shuffled, trained(seed, "AdaSGN", which, lr, epochs, rates)(x)[1].mean((0, 1))
            )
    torch.manual_seed(seed)
    head = adasgn.Head(x.shape[1], choose=choose, **SIZE)
    course = adasgn.Course(head, CHARGED, epochs, which if arm == "AdaSGN" else 0)
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


def alone(seed: int, arm: str, lr: float, epochs: int) -> dict[str, float]:
    """One spatial network with its own temporal network and classifier, the first training."""
    k = LABELS.index(arm)
    net = single(seed, k, lr, epochs)
    x, y = part(seed, "test")
    with torch.no_grad():
        return judge(net.head, net.features(x), y, "fixed", k)


def measure(
    seed: int, arm: str, which: float, lr: float, epochs: int, rates: str
) -> dict[str, float]:
    """An arm (see `trained`) on features that stay as they are, tested on other people."""
    head = trained(seed, arm, which, lr, epochs, rates)
    return judge(head, features(seed, "test", rates, EPOCHS), part(seed, "test")[1], arm, which)


def joint(
    seed: int, arm: str, which: float, lr: float, epochs: int, rates: str
) -> dict[str, float]:
    """AdaSGN whose averages and spatial networks rest for a quarter, as released, then learn."""
    torch.manual_seed(seed)
    model = adasgn.Staged(ACTIONS, **SIZE)
    for k, net in enumerate(singles(seed, rates, EPOCHS)):
        model.nets[k].load_state_dict(net.nets[0].state_dict())
        with torch.no_grad():
            model.M[k].copy_(net.M[0])
    course = adasgn.Course(model, CHARGED, epochs, which, asleep="networks")
    train(model, part(seed, "train"), course, seed, lr, epochs, HEAD_BATCH)
    x, y = part(seed, "test")
    with torch.no_grad():
        return judge(model.head, model.features(x), y, arm, which)


def again(seed: int, arm: str, lr: float, epochs: int, first: float) -> dict[str, float]:
    """A fixed network with a second training like AdaSGN's; `first`: the rate of its first one."""
    k = LABELS.index(arm)
    net = single(seed, k, first, EPOCHS)
    (x, y), (x_test, y_test) = part(seed, "train"), part(seed, "test")
    with torch.no_grad():
        f, f_test = net.features(x), net.features(x_test)
    torch.manual_seed(seed)
    head = adasgn.Head(1, **SIZE)
    train(head, (f, y), adasgn.Course(head, CHARGED[[k]], epochs), seed, lr, epochs, HEAD_BATCH)
    return judge(head, f_test, y_test, "fixed", k)


def cascade(seed: int, arm: str, which: float, rates: str) -> dict[str, float]:
    """Fixed networks one after the other until one is sure; `which`: the cost allowed, in 10^6.

    Which networks, and how sure, is what is most accurate on held-out people at no more than that
    cost. Every network that runs pays for its temporal network, too.
    """
    y = {name: part(seed, name)[1].numpy() for name in ("held out", "test")}
    p = {}
    for name in y:
        with torch.no_grad():
            scores = [
                net(part(seed, name)[0])[0].softmax(-1) for net in singles(seed, rates, EPOCHS)
            ]
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


Finished = Mapping[str, Stored]


def firsts(finished: Finished) -> list[dict]:
    """Each network at the better of its rates."""
    return chosen(finished["alone"])


def per_network(finished: Finished) -> dict[str, str]:
    """These rates, with spaces between them."""
    return {"rates": " ".join(str(one["lr"]) for one in firsts(finished))}


def tuning(finished: Finished) -> list[dict]:
    """Rates of the second training."""
    arm = {"arm": "AdaSGN", "which": RELEASED}
    return [arm | {"lr": lr, "epochs": EPOCHS} | per_network(finished) for lr in HEAD_RATES]


def second(finished: Finished, *arms: tuple[str, int], epochs: int = EPOCHS) -> list[dict]:
    """Arms with a second training, at the rate that is best for the released alpha."""
    shared = {"lr": chosen(finished["rates"])[0]["lr"], "epochs": epochs} | per_network(finished)
    return [{"arm": arm, "which": which} | shared for arm, which in arms]


def front(finished: Finished) -> list[dict]:
    """AdaSGN as released, and its actions shuffled."""
    return second(finished, ("AdaSGN", RELEASED), ("random", RELEASED))


def cascades(finished: Finished) -> list[dict]:
    """The cascade over the costs allowed."""
    return [{"arm": "cascade", "which": most} | per_network(finished) for most in ALLOWED]


def longer(finished: Finished) -> list[dict]:
    """AdaSGN with a second training twice as long."""
    return second(finished, ("AdaSGN", RELEASED), epochs=LONG)


def beside(finished: Finished) -> list[dict]:
    """A lighter penalty, and 25 joints in every second frame."""
    return second(finished, ("AdaSGN", LIGHTER), ("mixture", EVERY))


def wider(finished: Finished) -> list[dict]:
    """Other penalties, and 25 joints in fewer frames."""
    return second(
        finished, *(("AdaSGN", alpha) for alpha in OTHERS), *(("mixture", n) for n in RARELY)
    )


def by_hand_rates(finished: Finished) -> list[dict]:
    """Rates of the choices by hand."""
    return [
        one | {"arm": "mixture", "which": n} for n in (*RARELY, EVERY) for one in tuning(finished)
    ]


def learning(finished: Finished) -> list[dict]:
    """AdaSGN as released, all of it learning."""
    return second(finished, ("AdaSGN", RELEASED))


def again_rates(label: str, finished: Finished) -> list[dict]:
    """Rates of a fixed network's second training."""
    first = next(one["lr"] for one in firsts(finished) if one["arm"] == label)
    return [{"arm": label, "lr": lr, "epochs": EPOCHS, "first": first} for lr in HEAD_RATES]


def doubled(finished: Finished) -> list[dict]:
    """Each network trained alone twice as long."""
    return [one | {"epochs": LONG} for one in firsts(finished)]


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


TUNED, JUDGED = (110, 111), range(100, 107)
OBJECTIVE, ACCURACY = quantities("objective"), quantities("accuracy")
TRIALS = [
    Trial(
        "alone",
        "Which rate suits each spatial network, trained alone?",
        alone,
        OBJECTIVE,
        [{"arm": label, "lr": lr, "epochs": EPOCHS} for label in LABELS for lr in PAIRS[label]],
        seeds=TUNED,
        choose=("lr",),
    ),
    Trial(
        "rates",
        "Which rate suits the second training?",
        measure,
        OBJECTIVE,
        tuning,
        seeds=TUNED,
        choose=("lr",),
    ),
    Trial(
        "first",
        "How accurate is each fixed network?",
        alone,
        ACCURACY,
        firsts,
        seeds=JUDGED,
    ),
    Trial(
        "front",
        "How accurate is AdaSGN as released, and at which cost?",
        measure,
        ACCURACY,
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
        "long",
        "How accurate is AdaSGN after a second training twice as long?",
        measure,
        ACCURACY,
        longer,
        seeds=JUDGED,
    ),
    Trial(
        "beside",
        "How accurate are a lighter penalty and a choice by hand?",
        measure,
        ACCURACY,
        beside,
        seeds=JUDGED,
    ),
]


def twice(label: str) -> list[Trial]:
    """Tuning and judging of one fixed network with a second training."""
    tuned = f"again-rates-{label.replace(' ', '-')}"
    return [
        Trial(
            tuned,
            f"Which rate suits a second training of the fixed network {label}?",
            again,
            OBJECTIVE,
            partial(again_rates, label),
            seeds=TUNED,
            choose=("lr",),
        ),
        Trial(
            f"again-{label.replace(' ', '-')}",
            f"How accurate is the fixed network {label} after a second training?",
            again,
            ACCURACY,
            lambda finished: chosen(finished[tuned]),
            seeds=JUDGED,
        ),
    ]


TRIALS += itertools.chain.from_iterable(map(twice, LABELS[:3]))
TRIALS += [
    Trial(
        "plateau",
        "Does a first training twice as long move the fixed networks?",
        alone,
        ACCURACY,
        doubled,
        seeds=(100, 101),
    )
]
TRIALS += twice(LABELS[3])
TRIALS += [
    Trial(
        "wider",
        "How accurate are other penalties and other choices by hand?",
        measure,
        ACCURACY,
        wider,
        seeds=JUDGED,
    ),
    Trial(
        "joint",
        "How accurate is AdaSGN whose spatial networks learn on?",
        joint,
        ACCURACY,
        learning,
        seeds=JUDGED,
    ),
    Trial(
        "by-hand-rates",
        "Which rate suits the choices by hand?",
        measure,
        OBJECTIVE,
        by_hand_rates,
        seeds=TUNED,
        choose=("lr",),
    ),
    Trial(
        "by-hand",
        "How accurate are choices by hand at rates of their own?",
        measure,
        ACCURACY,
        lambda finished: chosen(finished["by-hand-rates"]),
        seeds=JUDGED,
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
