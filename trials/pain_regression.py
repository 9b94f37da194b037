"""What do center loss, balanced sampling and the start of the network do to errors of pain?

    make trials CH=pain_regression MISSING=1

All people are synthetic. Run `100 + k` leaves subject k out, trains on the 24 others and tests on
k; each run has a start and an order of its own. Rates are chosen on another 25 subjects, on seeds
110 and 111. The starts are compared in five runs, `100 + f` of which tests the subjects f, f + 5,
... One step that stood out there is judged again on 25 further people, in the runs 120 to 124. Two
starts of a network whose layers all learn are compared with one subject left out, too: run `200 +
k` leaves out subject k. A third, from expression, joined them as a positive control. Rule, set
before it ran: the control is seen if the whole 95 % interval over 25 subjects of the MSE from
scratch less that from expression lies above 0. If so, the same comparison of scratch and
verification could have seen an effect of that size; if not, it is undecided what it could see.

Longer runs on frozen features, rule set before them. Known by then: 8 epochs on all 25 subjects,
and 32 at the rates of 8 in five runs, since replaced, where balanced sampling still moved and its
gain in wMAE was not beyond chance. Now rates are chosen anew for 32 epochs, in the same way (where
the best stands at an end, the next one is tried, too), and each subject is left out once, after 32
epochs and, at these rates, after 64. The two claims about balanced sampling need the 95 % interval
over 25 subjects on their side of 0 after 32 and after 64 epochs, and the sampler by permuted levels
(32 epochs, the rate of the balanced arm) must move neither measure so. Otherwise they are not
decided. They are at their plateau if the step from 32 to 64 moves the mean difference by less than
half of its interval after 32. Center loss with smooth L1 is judged after 32 epochs against no
center loss and, as before, against shuffled levels at its rate; with any of these two intervals on
both sides of 0 it stays undecided. If the clock cuts, whole trials go from the end.
"""

import repro  # first: caps threads and instruction set

# isort: split
import copy
import sys
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache, partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from press.trials import Quantity, Trial, grid, main
from repro.data import faces
from repro.training import fit
from repro.trials import Stored, chosen
from repro.vision.pain_subjects import archive, real_features, standard
from repro.vision.verification_metrics import eer

pain = repro.chapter("pain_regression")
EPOCHS = 8  # of 2,880 frames in batches of 64: 360 steps
MEASURES = ("mae", "mse", "pcc", "icc", "wmae", "wmse")
#: Smooth L1 or L1; center loss; what the sampler balances.
ARMS = {
    "smooth": (True, False, None),
    "smooth+center": (True, True, None),
    "smooth+center+balanced": (True, True, "level"),
    "l1": (False, False, None),
    "l1+center": (False, True, None),
    "l1+center+balanced": (False, True, "level"),
    "released centres": (True, True, None),
    "slow centres": (True, True, None),
    "shuffled levels": (True, True, None),
    "permuted sampling": (False, True, "permuted"),
}
MAIN = (
    "smooth",
    "smooth+center",
    "smooth+center+balanced",
    "l1",
    "l1+center",
    "l1+center+balanced",
    "released centres",
)
#: Arms with one step disturbed, and which they disturb.
DISTURBED = {
    "slow centres": "smooth+center",
    "shuffled levels": "smooth+center",
    "permuted sampling": "l1+center+balanced",
}
LASTING = ("smooth", "smooth+center", "l1+center", "l1+center+balanced")
STARTS = ("scratch", "identity", "expression", "early layers", "permuted identity", "landmarks")


def sgd(parameters: list, lr: float) -> torch.optim.SGD:
    """Momentum and decay as released."""
    return torch.optim.SGD(parameters, lr=lr, momentum=0.9, weight_decay=5e-4, fused=True)


@lru_cache(maxsize=2)
def subjects(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """The 25 subjects of a seed: images, levels, who."""
    return archive(seed)


@lru_cache(maxsize=2)
def described(seed: int) -> Tensor:
    """Real pretrained features of their images."""
    return real_features(subjects(seed)[0])


def trunk() -> nn.Sequential:
    """Grey faces (N, 1, 32, 32) to features (N, 512): three strided convolutions."""
    layers = []
    for C, K, side in ((1, 8, 5), (8, 16, 3), (16, 32, 3)):
        conv = nn.Conv2d(C, K, side, 2, side // 2, bias=False)
        pain.xavier(conv.weight)
        layers += [conv, nn.BatchNorm2d(K), nn.PReLU(K)]
    return nn.Sequential(*layers, nn.Flatten()).to(memory_format=torch.channels_last)


@cache
def pretrained(task: str, seed: int) -> nn.Sequential:
    """A trunk trained on 4,000 images of 200 other people, the same images for every task."""
    drawn = faces(200, 20, 32, 10_000 + seed, pose=0.7, place=0.0, expression=2.0, noise=6)
    x = torch.from_numpy((255 * drawn.x - 128) / 128)
    target = {"landmarks": drawn.landmarks.reshape(len(x), -1), "expression": drawn.expression}
    if "identity" in task:
        y, loss, out = torch.from_numpy(drawn.identity), F.cross_entropy, 200
        if task != "identity":
            y = y[torch.from_numpy(np.random.default_rng(seed).permutation(len(y)))]
    else:
        y, loss = torch.from_numpy(target[task]).float(), F.mse_loss
        y, out = (y - y.mean(0)) / y.std(0), y.shape[1]
    torch.manual_seed(seed)
    net = nn.Sequential(trunk(), nn.Linear(512, out))
    fit(net, x, y, epochs=10, lr=0.02, seed=seed, loss=loss, optimizer=sgd, clip=5,
        schedule="onecycle")  # fmt: skip
    return net[0]


def begin(start: str, seed: int) -> nn.Module:
    """The trunk of a run before it is fine-tuned."""
    if start == "imagenet":
        return nn.Identity()
    if start == "early layers":  # two convolutions of the verification network, a fresh third
        fresh = trunk()
        fresh[:6].load_state_dict(pretrained("identity", seed)[:6].state_dict())
        return fresh
    return trunk() if start == "scratch" else copy.deepcopy(pretrained(start, seed))


def rows(kind: str | None, y: Tensor, epochs: int, seed: int) -> Tensor | None:
    """The order of frames of a run; None leaves it to the training loop."""
    if kind is None:
        return None
    rng = np.random.default_rng(seed)
    of = y if kind == "level" else y[torch.from_numpy(rng.permutation(len(y)))]
    return torch.from_numpy(pain.balanced(of, epochs * len(y), rng)).view(epochs, len(y))


def run(
    people: int, test: Tensor, seed: int, arm: str, lr: float, epochs: int, start: str
) -> list[dict[str, float]]:
    """Train without the subjects of `test`, and the measures of each of them."""
    smooth, center, kind = ARMS[arm]
    x, y, who = subjects(people)
    out = torch.isin(who, test)
    x = standard(described(people), ~out) if start == "imagenet" else x
    torch.manual_seed(seed)
    net = pain.PainNet(begin(start, seed), x.shape[1] if start == "imagenet" else 512)
    pulled = y[torch.randperm(len(y))] if arm == "shuffled levels" else y
    own, older = 0.01 if arm == "slow centres" else 1.0, arm == "released centres"
    fit(
        net,
        x[~out],
        torch.stack([y, pulled], 1)[~out],
        epochs=epochs,
        lr=lr,
        seed=seed,
        loss=lambda answer, t: pain.pain_loss(
            net, answer, t[:, 0], smooth, 0.01 * center, own, t[:, 1], older
        ),
        optimizer=sgd,
        groups=[{"params": [net.centres], "weight_decay": 1e-3}],
        schedule="onecycle",
        order=rows(kind, y[~out], epochs, seed),
    )
    with torch.no_grad():
        p = net(x[out])[0]
    return [pain.scores(p[who[out] == k], y[who == k]) for k in test.tolist()]


def mean(found: list[dict[str, float]]) -> dict[str, float]:
    """Means over subjects; a correlation that is not defined is left out, as in the paper."""
    return {measure: float(np.nanmean([one[measure] for one in found])) for measure in MEASURES}


def five(seed: int) -> Tensor:
    """The subjects that run `seed` leaves out where five runs test every subject once."""
    return torch.arange(seed % 5, 25, 5)


def tune(seed: int, arm: str, lr: float, epochs: int, start: str = "imagenet") -> dict[str, float]:
    """Means over five of 25 other subjects."""
    return mean(run(200, five(seed), seed, arm, lr, epochs, start))


def judge(seed: int, arm: str, lr: float, epochs: int) -> dict[str, float]:
    """The measures of one subject left out; a correlation that is not defined counts 0."""
    (found,) = run(100, torch.tensor([seed - 100]), seed, arm, lr, epochs, "imagenet")
    return {measure: float(np.nan_to_num(value)) for measure, value in found.items()}


def judge_five(
    seed: int, arm: str, lr: float, epochs: int, start: str = "imagenet"
) -> dict[str, float]:
    """Means over five subjects left out, and every subject alone (0: not defined)."""
    found = run(100, five(seed), seed, arm, lr, epochs, start)
    each = {
        f"{measure} {j}": float(np.nan_to_num(one[measure]))
        for j, one in enumerate(found)
        for measure in ("pcc", "mae", "mse", "wmae")
    }
    return mean(found) | each


def judge_fresh(seed: int, arm: str, lr: float, epochs: int, start: str) -> dict[str, float]:
    """Five subjects left out of 25 further people (0: not defined)."""
    found = run(300, five(seed), seed, arm, lr, epochs, start)
    return {q.name: float(np.nan_to_num(found[int(q.name[-1])][q.name[:3]])) for q in FRESH}


def judge_one(
    seed: int, arm: str, lr: float, epochs: int, start: str, subject: int
) -> dict[str, float]:
    """One subject left out; start, order and people of verification are this subject's own."""
    (found,) = run(100, torch.tensor([subject]), seed + subject, arm, lr, epochs, start)
    return {measure: float(np.nan_to_num(value)) for measure, value in found.items()}


def verify(seed: int, arm: str) -> dict[str, float]:
    """Equal error rate of a start, by cosines, on 480 images of 60 people it has not seen."""
    drawn = faces(60, 8, 32, 10_000 + seed, first=500, pose=0.7, place=0.0, expression=2.0, noise=6)
    torch.manual_seed(seed)
    net = begin(arm, seed).eval()
    with torch.no_grad():
        z = F.normalize(net(torch.from_numpy((255 * drawn.x - 128) / 128)))
    return {"eer": 100 * eer((z @ z.T).numpy(), drawn.identity)}


def at_best(
    name: str, arms: Sequence[str], epochs: int, finished: Mapping[str, Stored]
) -> list[dict]:
    """Arms at the best rates of a trial, disturbed ones at the rate of the arm they disturb."""
    rate = {setting["arm"]: setting["lr"] for setting in chosen(finished[name])}
    return [{"arm": arm, "lr": rate[DISTURBED.get(arm, arm)], "epochs": epochs} for arm in arms]


def started(finished: Mapping[str, Stored]) -> list[dict]:
    """Starts and arms at their best rates, and levels shuffled at the rates of the center loss."""
    found = chosen(finished["start rates"])
    same = {"arm": "smooth+center", "start": "identity"}
    return [*({**one, "arm": "shuffled levels"} for one in found if one == {**one, **same}), *found]


def one_by_one(order: Sequence[int], finished: Mapping[str, Stored]) -> list[dict]:
    """From scratch, verification and expression, subject after subject."""
    all_three = [
        one
        for start in STARTS[:3]
        for one in chosen(finished["start rates"])
        if (one["arm"], one["epochs"], one["start"]) == ("smooth+center", 2 * EPOCHS, start)
    ]
    return [{**one, "subject": subject} for subject in order for one in all_three]


def lasting_starts(finished: Mapping[str, Stored]) -> list[dict]:
    """What center loss does on the verification start after twice the length."""
    arms = ("smooth", "smooth+center", "shuffled levels")
    same = {"start": "identity", "epochs": 4 * EPOCHS}
    return [one for one in started(finished) if one["arm"] in arms and one == {**one, **same}]


def start_rates() -> list[dict]:
    """Starts with center loss, arms on the identity start, twice the length, frozen features.

    Whoever was best at an end of the three rates gets one more beyond it; with the people permuted
    a run diverges there.
    """
    lr, low, high = [0.02, 0.05, 0.12], [0.008], [0.3]
    short, long = [2 * EPOCHS], [4 * EPOCHS]
    return [
        *grid(arm=["smooth"], lr=lr, epochs=short, start=["identity"]),
        *grid(arm=["smooth+center"], lr=lr, epochs=short, start=STARTS[:2]),
        *grid(
            arm=["smooth+center"],
            lr=[0.004, 0.008, 0.016],
            epochs=short,
            start=["imagenet"],
        ),
        *grid(arm=["smooth+center"], lr=lr, epochs=long, start=STARTS[:2]),
        *grid(arm=["smooth+center"], lr=lr, epochs=short, start=STARTS[2:]),
        *grid(arm=["l1", "l1+center", "released centres"], lr=lr, epochs=short, start=STARTS[1:2]),
        *grid(arm=["smooth"], lr=lr, epochs=long, start=["identity"]),
        *grid(
            arm=["smooth+center"],
            lr=high,
            epochs=short,
            start=["scratch", "early layers"],
        ),
        *grid(arm=["released centres"], lr=high, epochs=short, start=["identity"]),
        *grid(arm=["smooth+center"], lr=low, epochs=short, start=["identity", "landmarks"]),
        *grid(arm=["smooth", "l1+center"], lr=low, epochs=short, start=["identity"]),
        *grid(arm=["smooth+center"], lr=low, epochs=long, start=["scratch"]),
        *grid(arm=["smooth"], lr=low, epochs=long, start=["identity"]),
        *grid(arm=["l1+center+balanced"], lr=lr, epochs=short, start=["identity"]),
    ]


SIX = tuple(
    Quantity(name, "", ".3f", "higher" if name in ("pcc", "icc") else "lower")
    for name in ("pcc", "mae", "mse", "icc", "wmae", "wmse")
)
EACH = tuple(
    Quantity(f"{name} {j}", "", ".3f", "higher" if name == "pcc" else "lower")
    for j in range(5)
    for name in ("pcc", "mae", "mse", "wmae")
)
#: All 25 subjects, in an order that lets the first of them stand for all.
SHUFFLED = np.random.default_rng(200).permutation(25).tolist()
FRESH = tuple(q for q in EACH if q.name[:3] in ("pcc", "mse"))
TRIALS = [
    Trial(
        "start rates",
        "Which rate suits each start?",
        tune,
        SIX,
        start_rates(),
        seeds=[110, 111],
        choose=("lr",),
    ),
    Trial(
        "rates",
        "Which rate suits each arm?",
        tune,
        SIX,
        grid(arm=MAIN, lr=[0.002, 0.004, 0.008, 0.016], epochs=[EPOCHS]),
        seeds=[110, 111],
        choose=("lr",),
    ),
    Trial(
        "table",
        "How far from the level are predictions for a subject left out?",
        judge,
        SIX,
        partial(at_best, "rates", MAIN, EPOCHS),
        seeds=range(100, 125),
    ),
    Trial(
        "misses",
        "And with one step disturbed?",
        judge,
        SIX,
        partial(at_best, "rates", tuple(DISTURBED), EPOCHS),
        seeds=range(100, 125),
    ),
    Trial(
        "verification",
        "Can a start tell people apart?",
        verify,
        (Quantity("eer", "%", ".1f", "lower"),),
        grid(arm=STARTS[:2]),
        seeds=range(100, 105),
    ),
    Trial("starts", "Which start helps?", judge_five, SIX + EACH, started, seeds=range(100, 105)),
    Trial(
        "fresh",
        "Does center loss lower the error after 32 epochs on other people, too?",
        judge_fresh,
        FRESH,
        lasting_starts,
        seeds=range(120, 125),
    ),
    Trial(
        "one by one",
        "Does verification help where one subject is left out?",
        judge_one,
        SIX,
        partial(one_by_one, SHUFFLED),
        seeds=[200],
    ),
    Trial(
        "lasting rates",
        "Which rate suits four arms on frozen features at four times the length?",
        tune,
        SIX,
        grid(arm=LASTING, lr=[0.001, 0.002, 0.004, 0.008], epochs=[4 * EPOCHS]),
        seeds=[110, 111],
        choose=("lr",),
    ),
    Trial(
        "lasting",
        "What does balanced sampling do at that length, by subject?",
        judge,
        SIX,
        partial(
            at_best,
            "lasting rates",
            ("l1+center", "l1+center+balanced", "permuted sampling"),
            4 * EPOCHS,
        ),
        seeds=range(100, 125),
    ),
    Trial(
        "lasting twice",
        "And at twice that?",
        judge,
        SIX,
        partial(at_best, "lasting rates", ("l1+center", "l1+center+balanced"), 8 * EPOCHS),
        seeds=range(100, 125),
    ),
    Trial(
        "lasting center",
        "And center loss with smooth L1?",
        judge,
        SIX,
        partial(
            at_best, "lasting rates", ("smooth", "smooth+center", "shuffled levels"), 4 * EPOCHS
        ),
        seeds=range(100, 125),
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
