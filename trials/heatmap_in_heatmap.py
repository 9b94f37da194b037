"""Which answer finds landmarks best inside their cells?

    make trials CH=heatmap_in_heatmap MISSING=1

Every seed has its own faces, its own start and its own order. Rates are chosen first, then the
weight of the second loss, both at the length that is judged and on a seed that is not; `longer`
doubles the length at the same rates. At four times the length the rates are chosen anew, on two
seeds, and at these rates offset regression and nested maps with CSC run eight times the length.

Rule, set before the runs of 32 epochs: nested maps with CSC beat offset regression if the paired
difference of NME at the greatest length that was tuned for, 32 epochs, is above 0 on the five
seeds that judge (95 % interval), and that of the same networks' cell centres is not. An arm is at
its plateau if twice the length gains less than the half interval of that difference.

Extended before the runs of 64 epochs: the same decides there, at the rates of 32. Offset regression
ahead leaves the claim undecided, since the head is not the paper's. Length closes the gap if the
gap at 64 epochs less that at 32, seed by seed, is below 0. CSC beats MSE if the paired difference
at 32 epochs is above 0, that of the same networks' cell centres is not, and the seeds that choose
agree when each arm takes its best of three weights, 0.5, 1 and 2. Of MSE that was 0.5, not the
judged 1; so, before it ran on the seeds that judge, the same was asked of that weight, too.

Heads that shrink the whole face, rule set before they ran for 64 epochs: next to nothing is learned
of the fraction if less than a tenth is saved, beside their own cell centres, of what CSC with the
head at the cell saves at that length; it is learned from a half on, and in part between.

Extended before these seeds ran. Both decimal maps at equal weights of 0.5, 32 epochs: CSC beats MSE
if two paired differences of NME, MSE less CSC, are above 0 on the five seeds that judge, and those
of the same networks' cell centres are not. The first has both at 0.5. In the second each arm has,
on each of these seeds, whichever of 0.5 and 1 was better in the mean of the other six, 100 and 101
among them (2 was far behind for both). With each arm at the weight of 100 and 101 the interval was
known to hold zero. MSE was best at the lowest weight; so, if both hold, both arms run at 0.25 on
100 and 101, too, and whoever is better there leaves the claim open. Otherwise it is open as well.
The head of the whole face, CSC, 64 epochs, rate 0.02: seeds 102 to 104, then 105 and 106 if there
is time (they ran later). On each seed, what it saves is divided by what the head at the cell saves
there. A word of the rule holds if the whole 95 % interval of these shares lies in its range; else
two words stay.

Set when all of the above was known, before the seeds 107 to 114 ran: three rules for one question
are two too many, so eight new seeds decide whether CSC beats MSE. Both have the weight 0.5, which
suited either best over the seven seeds before, their rates as before, and 32 epochs. CSC beats MSE
if the paired difference of NME is above 0 (95 % interval over the eight) and that of the same
networks' cell centres is not. Otherwise the claim is open, whatever the earlier seeds say.

The trained soft-argmax runs 64 epochs at its rate of 32, seeds 102 to 106: set before CSC ran at
0.5, cut for want of time before any run, and taken up after the new seeds. It is at its plateau if
that saves less than half the interval of the difference of offset regression and it at 64. It is
ahead of offset regression there if that difference is above 0 (95 % interval).

Set before the runs that follow, when all of the above was known (at 64 epochs CSC less offset
regression +0.38 on seeds 102 to 106, 0.03 more than at 32, and no arm at its plateau; at 32 MSE
less CSC +0.051 on seeds 107 to 114). If time runs out, whole trials are cut, the last first, or the
last seeds of one; a rule needs five seeds, and otherwise its question stays as it stands.

1. Offset regression and CSC, 128 epochs, rates of 32, weight 1, seeds 102 to 106. Who is nearer is
the sign of CSC less offset regression there, if its 95 % interval does not hold 0. An arm is at its
plateau if 64 to 128 epochs saves, in the mean, less than half that interval. The gap closes if that
at 128 less that at 64, seed by seed, is below 0 (95 % interval), and grows if it is above. The
claim stays undecided whatever comes, since the head is not the paper's, unless CSC is nearer: then
it is judged by the first rule, at 128. If offset regression is nearer and both arms are at the
plateau, the page says that length does not explain the gap with this head; else it does not.

2. Both decimal maps at the weight 0.5, 64 epochs, rates of 32, seeds 107 to 114. CSC keeps its lead
if MSE less CSC at 64 is above 0 (95 % interval over the eight), and that of the same networks' cell
centres is not. The claim on CSC needs the lead at the greatest length that both ran, which is then
64: if CSC does not keep it, the claim becomes undecided, and the page says that the lead of 32
epochs was lost or not shown at 64. The lead at 64 less that at 32, seed by seed, is shown, too, and
shrinks if it is below 0 (95 % interval); that decides nothing.

3. The map alone at 32 epochs, whose best rate stood at the end of its grid at 8: rates 0.02 to 0.16
on seeds 100 and 101, chosen by Newton's step with blur 1; there, at that rate, the blur of Newton's
step and the sharpness of the soft-argmax, too; seeds 102 to 106 judge, beside `table-32`. CSC less
Newton's step is above 0, below 0 or holds it (95 % interval): one map is nearer than nested maps at
32 as at 8, the lead at 8 was one of speed, or nothing is shown at 32.

4. The trained soft-argmax, 128 epochs, rate of 32, seeds 102 to 106. It is ahead of offset
regression there if offset regression less it is above 0 (95 % interval), and at its plateau if 64
to 128 epochs saves, in the mean, less than half of that interval.

For want of time 3 and 4 were first cut before any of their runs, and taken up, as they stand, when
the results of 1 and 2 were known. The first five seeds of 2 ran first, and the other three by the
clock alone, as was settled before any result of CSC was read.
"""

import repro  # first: caps threads and instruction set

# isort: split
import sys
from collections.abc import Mapping
from functools import lru_cache, partial

import torch
from torch import Tensor

from press.trials import Quantity, Trial, grid, main
from repro.data import faces
from repro.training import fit
from repro.trials import Stored, chosen
from repro.vision.landmarks import normalised_errors

hih = repro.chapter("heatmap_in_heatmap")
SIDE, H = 64, 16  # pixels of a picture, cells of a map
THIRD = slice(None, None, 3)  # 23 of 68 landmarks, outer corners of the eyes among them
EYES = (12, 15)  # there, points 36 and 45 of the 68
EPOCHS = 8  # of 2,000 pictures in batches of 32: 504 steps
LONG = 32
HEADS = ("offset", "mse", "csc")
BLURS, BETAS = (0.0, 0.5, 1.0, 1.5), (3.0, 5.0, 8.0, 12.0)


@lru_cache(maxsize=16)
def pictures(people: int, seed: int, first: int = 0) -> tuple[Tensor, Tensor]:
    """Five pictures of each of some people, and their landmarks in cells."""
    drawn = faces(people, 5, SIDE, seed, first=first)
    points = (torch.from_numpy(drawn.landmarks[:, THIRD]) + 0.5) * H / SIDE
    return torch.from_numpy(drawn.x), points


def train(seed: int, arm: str, lr: float, epochs: int, weight: float, whole: bool) -> hih.Pointer:
    """One network, trained on 400 people."""
    x, p = pictures(400, seed)
    torch.manual_seed(seed)
    net = hih.Pointer(arm, whole_face=whole)
    fit(
        net,
        x,
        p,
        epochs=epochs,
        batch_size=32,
        lr=lr,
        seed=seed,
        loss=lambda answer, truth: hih.pointer_loss(net, answer, truth, weight),
        optimizer=partial(torch.optim.AdamW, weight_decay=1e-4, fused=True),
        schedule="onecycle",
        clip=5,
    )
    return net


def errors(found: Tensor, truth: Tensor) -> tuple[float, float]:
    """NME in percent, and mean distance in cells."""
    nme = normalised_errors(found.numpy(), truth.numpy(), *EYES).mean()
    return 100 * float(nme), (found - truth).norm(dim=-1).mean().item()


def measure(
    seed: int, arm: str, lr: float, epochs: int, weight: float = 1.0, whole: bool = False
) -> dict[str, float]:
    """Train, then find the landmarks of 60 other people."""
    net = train(seed, arm, lr, epochs, weight, whole)
    x, truth = pictures(60, seed, first=5000)
    with torch.no_grad():
        maps, features = net(x)
        nme, cells = errors(net.points(maps, features), truth)
        centre = errors(hih.peak(maps) + 0.5, truth)[0]
    hit = (hih.peak(maps) == truth.floor()).all(-1).double().mean().item()
    return {"nme": nme, "cells": cells, "centre": centre, "hit": 100 * hit}


def read(seed: int, arm: str, lr: float, epochs: int) -> dict[str, float]:
    """Train the map alone, then read it in every way."""
    net = train(seed, arm, lr, epochs, 1.0, False)
    x, truth = pictures(60, seed, first=5000)
    with torch.no_grad():
        maps = net(x)[0]
    ways = {f"taylor {blur:g}": hih.taylor(maps, blur) for blur in BLURS}
    ways |= {f"soft {beta:g}": hih.soft_argmax(maps, beta, 2) for beta in BETAS}
    ways |= {"quarter": hih.quarter(maps), "centre": hih.peak(maps) + 0.5}
    return {name: errors(found, truth)[0] for name, found in ways.items()}


def rates(finished: Mapping[str, Stored]) -> dict[str, float]:
    """The best rate of each arm."""
    return {setting["arm"]: setting["lr"] for setting in chosen(finished["rates"])}


def weighing(finished: Mapping[str, Stored]) -> list[dict]:
    """Arms with a second loss at their best rates, over its weight."""
    rate = rates(finished)
    return [
        {"arm": arm, "lr": rate[arm], "epochs": EPOCHS, "weight": weight}
        for arm in HEADS
        for weight in (0.3, 1.0, 3.0)
    ]


def best(epochs: int, finished: Mapping[str, Stored]) -> list[dict]:
    """All arms at their best rates and weights."""
    rate, weight = rates(finished), {"soft": 1.0}
    weight |= {setting["arm"]: setting["weight"] for setting in chosen(finished["weights"])}
    return [
        {"arm": arm, "lr": rate[arm], "epochs": epochs, "weight": weight[arm]}
        for arm in (*HEADS, "soft")
    ]


def judge(seed: int, arm: str, lr: float, epochs: int, weight: float) -> dict[str, float]:
    """As `measure`; besides, every answer moved to the centre of its part of 8x8 of a cell."""
    net = train(seed, arm, lr, epochs, weight, False)
    x, truth = pictures(60, seed, first=5000)
    with torch.no_grad():
        maps, features = net(x)
        found = net.points(maps, features)
    nme, cells = errors(found, truth)
    parts = hih.decode(*hih.encode(found.clamp(0, H), H, net.D))
    centre = errors(hih.peak(maps) + 0.5, truth)[0]
    return {"nme": nme, "cells": cells, "centre": centre, "parts": errors(parts, truth)[0]}


def best_long(finished: Mapping[str, Stored]) -> list[dict]:
    """All arms at their best rates of 32 epochs."""
    return [{**setting, "weight": 1.0} for setting in chosen(finished["rates-32"])]


def beside(finished: Mapping[str, Stored]) -> list[dict]:
    """Both kinds of decimal map at their best rates of 32 epochs, weights beside 1."""
    arms = [setting for setting in best_long(finished) if setting["arm"] in ("mse", "csc")]
    return [{**setting, "weight": weight} for setting in arms for weight in (0.5, 2.0)]


def half(finished: Mapping[str, Stored]) -> list[dict]:
    """The decimal map by MSE at the better of the weights beside 1, which is better than 1."""
    return [setting for setting in chosen(finished["weights-32"]) if setting["arm"] == "mse"]


def equal(finished: Mapping[str, Stored]) -> list[dict]:
    """The decimal map by CSC at the weight that suits MSE."""
    (other,) = half(finished)
    return [
        {**setting, "weight": other["weight"]}
        for setting in best_long(finished)
        if setting["arm"] == "csc"
    ]


def both_at_half(finished: Mapping[str, Stored]) -> list[dict]:
    """Both kinds of decimal map at the weight that suits either best."""
    return half(finished) + equal(finished)


def longest(finished: Mapping[str, Stored]) -> list[dict]:
    """Offset regression, CSC and the trained soft-argmax at their rates of 32 epochs, for 64."""
    arms = [setting for setting in best_long(finished) if setting["arm"] != "mse"]
    return [{**setting, "epochs": 2 * LONG} for setting in arms]


def doubled(arms: tuple[str, ...], finished: Mapping[str, Stored]) -> list[dict]:
    """Arms at their rates of 32 epochs, for 128."""
    return [{**one, "epochs": 4 * LONG} for one in best_long(finished) if one["arm"] in arms]


def half_longer(finished: Mapping[str, Stored]) -> list[dict]:
    """Both kinds of decimal map at the weight that suits either best, for 64 epochs."""
    return [{**setting, "epochs": 2 * LONG} for setting in both_at_half(finished)]


def best_map_long(finished: Mapping[str, Stored]) -> list[dict]:
    """The map alone at its best rate of 32 epochs."""
    return chosen(finished["reading-32"])


def best_map(finished: Mapping[str, Stored]) -> list[dict]:
    """The map alone at its best rate."""
    (setting,) = chosen(finished["reading"])
    return [{"arm": "map", "lr": setting["lr"], "epochs": EPOCHS}]


QUANTITIES = (
    Quantity("nme", "%", ".2f", "lower"),
    Quantity("cells", "cells", ".3f", "lower"),
    Quantity("centre", "%", ".2f", "lower"),
    Quantity("hit", "%", ".1f"),
)
READ = tuple(
    Quantity(name, "%", ".2f", "lower")
    for name in (
        *("taylor 1", "taylor 0", "taylor 0.5", "taylor 1.5"),
        *("soft 3", "soft 5", "soft 8", "soft 12", "quarter", "centre"),
    )
)
JUDGED = (*QUANTITIES[:3], Quantity("parts", "%", ".2f", "lower"))
TRIALS = [
    Trial(
        "rates",
        "Which rate suits each arm?",
        measure,
        QUANTITIES,
        grid(arm=(*HEADS, "soft"), lr=[0.01, 0.02, 0.04], epochs=[EPOCHS]),
        seeds=[100],
        choose=("lr",),
    ),
    Trial(
        "weights",
        "Which weight suits the second loss?",
        measure,
        QUANTITIES,
        weighing,
        seeds=[100],
        choose=("weight",),
    ),
    Trial(
        "reading",
        "Which rate suits the map alone, and which way of reading it?",
        read,
        READ,
        grid(arm=["map"], lr=[0.01, 0.02, 0.04], epochs=[EPOCHS]),
        seeds=[100],
        choose=("lr",),
    ),
    Trial(
        "table",
        "How far from the truth are landmarks after 8 epochs?",
        measure,
        QUANTITIES,
        partial(best, EPOCHS),
        seeds=range(102, 107),
    ),
    Trial(
        "readers",
        "And those read from the map alone?",
        read,
        READ,
        best_map,
        seeds=range(102, 107),
    ),
    Trial(
        "longer",
        "Does twice the length change the order?",
        measure,
        QUANTITIES,
        partial(best, 2 * EPOCHS),
        seeds=range(102, 107),
    ),
    Trial(
        "heads",
        "Do heads that shrink the whole face learn the fraction?",
        measure,
        QUANTITIES,
        grid(arm=HEADS, lr=[0.02], epochs=[2 * EPOCHS], whole=[True]),
        seeds=[100],
    ),
    Trial(
        "heads-rates",
        "Which rate suits the head that shrinks the whole face, in four times the length?",
        measure,
        QUANTITIES,
        grid(arm=["csc"], lr=[0.005, 0.02, 0.08], epochs=[2 * LONG], whole=[True]),
        seeds=[100],
        choose=("lr",),
    ),
    Trial(
        "faster",
        "The best rate was the highest offered: what do higher rates give?",
        measure,
        QUANTITIES,
        grid(arm=(*HEADS, "soft"), lr=[0.08], epochs=[EPOCHS])
        + grid(arm=["soft"], lr=[0.16, 0.32], epochs=[EPOCHS]),
        seeds=[100],
    ),
    Trial(
        "rates-32",
        "Which rate suits each arm at 32 epochs?",
        measure,
        QUANTITIES,
        grid(arm=("offset", "csc", "mse", "soft"), lr=[0.02, 0.04, 0.08], epochs=[LONG])
        + grid(arm=["soft"], lr=[0.16, 0.32], epochs=[LONG]),
        seeds=[100, 101],
        choose=("lr",),
    ),
    Trial(
        "faster-32",
        "Two arms were best at the highest rate offered: what does twice that give?",
        measure,
        QUANTITIES,
        grid(arm=["offset"], lr=[0.16], epochs=[LONG])
        + grid(arm=["soft"], lr=[0.64], epochs=[LONG]),
        seeds=[100, 101],
    ),
    Trial(
        "table-32",
        "How far from the truth are landmarks after 32 epochs?",
        judge,
        JUDGED,
        best_long,
        seeds=range(102, 107),
    ),
    Trial(
        "weights-32",
        "What do weights beside 1 give at 32 epochs?",
        measure,
        QUANTITIES,
        beside,
        seeds=[100, 101],
        choose=("weight",),
    ),
    Trial(
        "table-32-half",
        "And MSE at half the weight, which was better on the seeds that choose?",
        judge,
        JUDGED,
        half,
        seeds=range(102, 107),
    ),
    Trial(
        "table-64",
        "Does twice that length change the order?",
        judge,
        JUDGED,
        longest,
        seeds=range(102, 107),
    ),
    Trial(
        "table-32-equal",
        "And CSC at the weight that suits MSE?",
        judge,
        JUDGED,
        equal,
        seeds=range(102, 107),
    ),
    Trial(
        "table-32-new",
        "Is CSC ahead of MSE on eight new seeds, both at the weight that suits them?",
        judge,
        JUDGED,
        both_at_half,
        seeds=range(107, 115),
    ),
    Trial(
        "weights-32-low",
        "MSE was best at the lowest weight: what does half of that give?",
        measure,
        QUANTITIES,
        grid(arm=["mse", "csc"], lr=[0.04], epochs=[LONG], weight=[0.25]),
        seeds=[100, 101],
    ),
    Trial(
        "heads-64",
        "What does the head that shrinks the whole face save on seeds that judge?",
        measure,
        QUANTITIES,
        grid(arm=["csc"], lr=[0.02], epochs=[2 * LONG], whole=[True]),
        seeds=range(102, 107),
    ),
    Trial(
        "table-128",
        "Does the gap last at twice 64 epochs, and do both arms reach their plateaus?",
        judge,
        JUDGED,
        partial(doubled, ("offset", "csc")),
        seeds=range(102, 107),
    ),
    Trial(
        "table-64-new",
        "Does CSC keep its lead over MSE at 64 epochs on the new seeds?",
        judge,
        JUDGED,
        half_longer,
        seeds=range(107, 115),
    ),
    Trial(
        "soft-128",
        "And the trained soft-argmax at 128 epochs?",
        judge,
        JUDGED,
        partial(doubled, ("soft",)),
        seeds=range(102, 107),
    ),
    Trial(
        "reading-32",
        "Which rate suits the map alone at 32 epochs, and which way of reading it?",
        read,
        READ,
        grid(arm=["map"], lr=[0.02, 0.04, 0.08, 0.16], epochs=[LONG]),
        seeds=[100, 101],
        choose=("lr",),
    ),
    Trial(
        "readers-32",
        "How far from the truth are landmarks read from the map alone after 32 epochs?",
        read,
        READ,
        best_map_long,
        seeds=range(102, 107),
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
