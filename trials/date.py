"""Does a second branch with many positives help the branch with one positive an object?

    make trials CH=date MISSING=1

Every seed has its own scenes, its own start and its own order; all arms share them. Scenes are few
pictures of many digits, and pictures of one digit of one class. Many pictures, DeFCN's auxiliary
loss and the released start can be asked for, but were not trained.

Rules, set when neither 2,000 steps nor two one-to-one branches at 1,000 had been run. The second
branch *helps* if DATE leads `o2o` after 1,000 steps by an interval above 0, at its best rate and at
its second best, while `two o2o` does not. It makes *faster* if DATE after 1,000 steps leads `o2o`
after 2,000 by an interval above 0, while `two o2o` after 1,000 does not. Shorter lengths were known
by then, and are shown.

Set later, when `o2o` after 2,000 steps and `two o2o` after 1,000 were known at one rate and on six
and five seeds: every arm is tuned at the length at which it is judged, and a best rate at the end
of its grid is followed until it is not; the two rules above stay. DATE after 2,000 steps is shown
and decides nothing; it was first run at its rate of 1,000. For want of time 3D max filtering kept
the rates of the arms without it; that it *adds* would ask for an interval above 0 at its own.
"""

import repro  # first: caps threads and instruction set

# isort: split
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from press.trials import Quantity, Trial, grid, main
from repro.data import scenes
from repro.data.scenes import Scenes
from repro.training import predict
from repro.trials import Stored, chosen
from repro.vision.detection_metrics import average_precision
from repro.vision.small_detectors import detections, fit_detector

date = repro.chapter("date")
SIZE, TESTED = 128, 100
SCENES = {
    "few": {"pictures": 80, "objects": (3, 8), "K": 10},
    "many": {"pictures": 400, "objects": (3, 8), "K": 10},
    "single": {"pictures": 200, "objects": (1, 1), "K": 1},
}
BOTH = ("o2o", "o2m")
ARMS = {
    "o2o": {"branches": ("o2o",)},
    "DATE": {"branches": BOTH},
    "FCOS": {"branches": ("o2m",)},
    "two o2o": {"branches": ("o2o",), "twin": True},
    "o2o + aux": {"branches": ("o2o",), "aux": True},
    "o2o, zero start": {"branches": ("o2o",), "start": 0},
    "DATE, zero start": {"branches": BOTH, "start": 0},
    "o2o, 3DMF": {"branches": ("o2o",), "filtering": True},
    "DATE, 3DMF": {"branches": BOTH, "filtering": True},
}


def drawn(name: str, seed: int) -> tuple[Scenes, Scenes]:
    """Scenes to learn from and to be tested on."""
    kind = SCENES[name]
    found = scenes(
        kind["pictures"], TESTED, SIZE, seed, side=(20, 100), objects=kind["objects"], overlap=0.3
    )
    if kind["K"] > 1:
        return found
    train, test = (replace(part, labels=[0 * one for one in part.labels]) for part in found)
    return train, test


def aux_loss(
    logits: Tensor, boxes: Tensor, point: Tensor, stride: Tensor, truth: Tensor, label: Tensor
) -> Tensor:
    """DeFCN's auxiliary loss: many positives for the same logits, chosen by their quality."""
    fit = date.quality(logits.detach(), boxes.detach(), truth, label)
    levels = [stride == s for s in stride.unique()]
    best = [fit[:, on].topk(min(9, int(on.sum())), dim=1).values for on in levels]
    candidates = torch.cat(best, 1)
    least = candidates.mean(1, keepdim=True) + candidates.std(1, keepdim=True)
    fit = torch.where(date.prior(point, stride, truth, torch.inf) & (fit >= least), fit, -1)
    fit, owner = F.pad(fit, (0, 1), value=-1).max(-1)
    owner = torch.where(fit < 0, -1, owner)
    return date.focal_loss(logits, label, owner) / (owner >= 0).sum().clamp(min=1)


def precision(logits: Tensor, boxes: Tensor, test: Scenes, overlap: float | None) -> list[float]:
    """AP and AP50 (%) of answers (T, N, K) and (T, N, 4)."""
    pairs = zip(logits, boxes, strict=True)
    found = [detections(z, box, threshold=0.01, overlap=overlap) for z, box in pairs]
    result = average_precision(found, test.boxes, test.labels)
    return [result["ap"], result["ap50"]]


def measure(seed: int, arm: str, scene: str, lr: float, steps: int) -> dict[str, float]:
    """Train on some scenes, test on 100 others; a branch that an arm lacks has a precision of 0."""
    train, test = drawn(scene, seed)
    how, K = dict(ARMS[arm]), SCENES[scene]["K"]
    branches, twin, aux = how.pop("branches"), how.pop("twin", False), how.pop("aux", False)
    torch.manual_seed(seed)
    net = date.Detector(K, **how)
    if branches == ("o2o",) and not twin:
        net.head.drop()
    maps = [(SIZE // s, SIZE // s) for s in net.head.strides]
    point, stride = date.grid_points(maps, net.head.strides)

    def loss(answer: Tensor, truth: Tensor, label: Tensor) -> Tensor:
        total = date.dual_loss(answer, point, stride, truth, label, K, SIZE, branches)
        if twin:
            second = answer[..., K + 4 : -1]
            total = total + date.dual_loss(second, point, stride, truth, label, K, SIZE, branches)
        if aux:
            z, box = date.parts(answer, K)
            total = total + aux_loss(z, box, point, stride, truth, label)
        return total

    epochs = 8 * steps // len(train.x)
    history = fit_detector(net, train, loss, lr=lr, epochs=epochs, seed=seed)
    z, box, *other = date.parts(predict(net, torch.from_numpy(test.x), 50), K)
    result = dict.fromkeys((q.name for q in QUANTITIES), 0.0)
    result["clipped"] = 100 * sum(history.clipped) / epochs
    if "o2o" in branches:
        result["ap"], result["ap50"] = precision(z, box, test, None)
        result["nms"], result["nms50"] = precision(z, box, test, 0.5)
    if "o2m" in branches:
        z, box, ctr = other
        z = date.joint(z, ctr)
        result["many"], result["many50"] = precision(z, box, test, None)
        result["many_nms"], result["many_nms50"] = precision(z, box, test, 0.5)
    if "o2o" not in branches:
        result["ap"], result["ap50"] = result["many_nms"], result["many_nms50"]
    return result


#: AP and AP50 of what an arm is for: the branch with one positive an object, as it is, or FCOS with
#: suppression. Then the first with suppression, and the branch with many as it is and with it.
QUANTITIES = tuple(
    Quantity(name, "%", ".1f")
    for name in (
        *("ap", "ap50", "nms", "nms50", "many", "many50", "many_nms", "many_nms50"),
        "clipped",
    )
)


def best(
    trial: str, wanted: Sequence[tuple[str, int]], finished: Mapping[str, Stored]
) -> list[dict]:
    """Arms and lengths, each arm at its best rate of a trial.

    Lengths that the trial does not have take the rate of the next longer one that it has, or of
    its longest.
    """
    found = []
    for arm, steps in wanted:
        same = [one for one in chosen(finished[trial]) if one["arm"] == arm]
        known = sorted(same, key=lambda one: one["steps"])
        nearest = next((one for one in known if one["steps"] >= steps), known[-1])
        found.append({**nearest, "steps": steps})
    return found


def extended(add: str, arms: Sequence[str], finished: Mapping[str, Stored]) -> list[dict]:
    """Arms to which something is added, after 500 steps at the rates that suit them without."""
    known = best("rates", [(arm, 500) for arm in arms], finished)
    return [{**one, "arm": one["arm"] + add} for one in known]


TWO = ["o2o", "DATE"]
THREE = [*TWO, "two o2o"]
RATES = [0.006, 0.012, 0.024]
LENGTHS = [250, 500, 1000]
TUNED, JUDGED, MORE = range(100, 102), range(110, 115), range(110, 120)
TRIALS = [
    Trial(
        "rates-single",
        "200 pictures of one digit, one class: which rate suits each arm?",
        measure,
        QUANTITIES,
        grid(arm=THREE, scene=["single"], lr=[0.0015, 0.003, *RATES], steps=[250]),
        seeds=TUNED,
        choose=("lr",),
    ),
    Trial(
        "single",
        "200 pictures of one digit, one class: how precise is each arm after 250 steps?",
        measure,
        QUANTITIES,
        partial(best, "rates-single", [(arm, 250) for arm in THREE]),
        seeds=JUDGED,
    ),
    Trial(
        "rates",
        "80 pictures, ten classes: which rate suits each arm at each length?",
        measure,
        QUANTITIES,
        sorted(
            grid(arm=TWO, scene=["few"], steps=LENGTHS, lr=[*RATES, 0.048])
            + grid(arm=TWO, scene=["few"], steps=[1000], lr=[0.096])
            + grid(arm=["o2o"], scene=["few"], steps=[1000], lr=[0.192]),
            key=lambda one: (one["arm"], one["steps"], one["lr"]),
        ),
        seeds=TUNED,
        choose=("lr",),
    ),
    Trial(
        "few",
        "80 pictures of many digits, ten classes: how precise is each arm at each length?",
        measure,
        QUANTITIES,
        partial(best, "rates", [(arm, steps) for steps in LENGTHS for arm in TWO]),
        seeds=MORE,
    ),
    Trial(
        "rates-long",
        "80 pictures, ten classes: which rate suits each arm at 2,000 steps?",
        measure,
        QUANTITIES,
        grid(arm=["o2o"], scene=["few"], steps=[2000], lr=[0.048, 0.096, 0.192])
        + grid(arm=["DATE"], scene=["few"], steps=[2000], lr=[0.012, 0.024, 0.048, 0.096]),
        seeds=TUNED,
        choose=("lr",),
    ),
    Trial(
        "long",
        "80 pictures of many digits, ten classes: how precise is each arm after 2,000 steps?",
        measure,
        QUANTITIES,
        partial(best, "rates-long", [(arm, 2000) for arm in TWO]),
        seeds=range(110, 116),
    ),
    Trial(
        "long-first",
        "80 pictures, ten classes: DATE after 2,000 steps, at the rate that suits 1,000?",
        measure,
        QUANTITIES,
        partial(best, "rates", [("DATE", 2000)]),
        seeds=range(110, 116),
    ),
    Trial(
        "rates-control",
        "80 pictures, ten classes: which rate suits two branches with one positive an object?",
        measure,
        QUANTITIES,
        grid(arm=["two o2o"], scene=["few"], steps=[500], lr=[*RATES, 0.048]),
        seeds=TUNED,
        choose=("lr",),
    ),
    Trial(
        "control",
        "80 pictures of many digits, ten classes: how precise are those after 500 steps?",
        measure,
        QUANTITIES,
        partial(best, "rates-control", [("two o2o", 500)]),
        seeds=MORE,
    ),
    Trial(
        "rates-control-long",
        "80 pictures, ten classes: which rate suits those two branches at 1,000 steps?",
        measure,
        QUANTITIES,
        grid(arm=["two o2o"], scene=["few"], steps=[1000], lr=[0.024, 0.048, 0.096]),
        seeds=TUNED,
        choose=("lr",),
    ),
    Trial(
        "control-long",
        "80 pictures of many digits, ten classes: how precise are those after 1,000 steps?",
        measure,
        QUANTITIES,
        partial(best, "rates-control-long", [("two o2o", 1000)]),
        seeds=MORE,
    ),
    Trial(
        "second",
        "80 pictures of many digits, ten classes: and at the rate that was second best for o2o?",
        measure,
        QUANTITIES,
        grid(arm=["o2o"], scene=["few"], lr=[0.024], steps=[500])
        + grid(arm=["o2o"], scene=["few"], lr=[0.048], steps=[1000]),
        seeds=MORE,
    ),
    Trial(
        "rates-fcos",
        "80 pictures, ten classes: which rate suits FCOS alone?",
        measure,
        QUANTITIES,
        grid(arm=["FCOS"], scene=["few"], steps=[500], lr=[*RATES, 0.048]),
        seeds=TUNED,
        choose=("lr",),
    ),
    Trial(
        "fcos",
        "80 pictures of many digits, ten classes: how precise is FCOS alone after 500 steps?",
        measure,
        QUANTITIES,
        partial(best, "rates-fcos", [("FCOS", 500)]),
        seeds=MORE,
    ),
    Trial(
        "filtering",
        "80 pictures, ten classes: with 3D max filtering, at the rates that suit the arms without?",
        measure,
        QUANTITIES,
        partial(extended, ", 3DMF", TWO),
        seeds=JUDGED,
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
