"""Longer simulations behind chapter gpu_scheduling: queueing theory, tuned limits, orderings."""

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

import repro
from press.trials import Quantity, Setting, Trial, grid, main
from repro.trials import Stored

chapter = repro.chapter("gpu_scheduling")

TICKS = 10_000  # a mean size in whole units of time
SIZES = chapter.Mixture((0.9, 0.1), (0.4, 6.4))
ONE = chapter.Mixture((1.0,), (1.0,))
QUEUES = {  # GPUs, sizes, policy
    "FIFO, exponential": (1, ONE, chapter.FIFO),
    "FIFO, exponential, 4 GPUs": (4, ONE, chapter.FIFO),
    "LAS, exponential, limit 1": (1, ONE, chapter.las((TICKS,))),
    "FIFO": (1, SIZES, chapter.FIFO),
    "SJF": (1, SIZES, chapter.SJF),
    "SRTF": (1, SIZES, chapter.SRTF),
    "LAS, limit 2": (1, SIZES, chapter.las((2 * TICKS,))),
    "LAS, limits 0.5, 1, 2, 4": (1, SIZES, chapter.las((5000, 10000, 20000, 40000))),
}
FIRST = (300, 1200, 4800, 19200, 76800, 307200)
LADDERS = [(first, rungs) for rungs in (1, 4) for first in FIRST]
LOADS, SIGMAS, COSTS = (0.6, 0.75, 0.9), (0.6, 1.2, 1.8, 2.4), (0, 60, 600)
TIMES = (Quantity("JCT", "h", ".3f", "lower"), Quantity("p99", "h", ".2f", "lower"))


def queue(arm: str, seed: int) -> dict[str, float]:
    """Mean completion time in mean sizes, over the middle of 20,000 jobs at load 0.7."""
    gpus, sizes, policy = QUEUES[arm]
    rng = np.random.default_rng(seed)
    means = rng.choice(sizes.means, 20_000, p=sizes.shares)
    seconds = np.maximum(1, np.rint(TICKS * rng.exponential(means))).astype(int)
    submit = np.cumsum(rng.exponential(TICKS / (0.7 * gpus), 20_000)).astype(int)
    jobs = [chapter.Job(a, 1, p) for a, p in zip(submit.tolist(), seconds.tolist(), strict=True)]
    times = chapter.completion(jobs, chapter.simulate(jobs, chapter.Pool(gpus), policy)[0])
    return {"time": times[5_000:18_000].mean() / TICKS}


def policy_of(arm: str, first: int, rungs: int) -> Any:
    """The policy of an arm, with limits first, 4 first, ... where it has any."""
    limits = [first * 4**k for k in range(rungs)]
    return {
        "FIFO": chapter.blocking(chapter.FIFO),
        "FIFO, backfill": chapter.FIFO,
        "SSF, backfill": chapter.SSF,
        "SRSF": chapter.SRSF,
        "LAS": chapter.las(limits, dimensions=1),
        "2D-LAS": chapter.las(limits),
    }[arm]


def served(
    arm: str, load: float, sigma: float, cost: int, seed: int, first: int = 0, rungs: int = 0
) -> dict[str, float]:
    """Mean and 99th percentile of completion times in hours, 2000 jobs on 64 GPUs."""
    jobs = chapter.trace(seed, load=load, sigma=sigma)
    policy = policy_of(arm, first, rungs)
    finish, _ = chapter.simulate(jobs, chapter.Pool(64), policy, cost)
    times = chapter.completion(jobs, finish) / 3600
    return {"JCT": times.mean(), "p99": np.percentile(times, 99)}


def tuned(finished: Mapping[str, Stored]) -> list[Setting]:
    """The policies, LAS with the limits that did best on other traces of the same kind."""
    groups = grid(arm=["LAS", "2D-LAS"], load=LOADS, sigma=SIGMAS, cost=COSTS)
    best = [best_ladder(finished["limits"], group) for group in groups]
    fixed = grid(arm=["FIFO", "FIFO, backfill", "SSF, backfill"], load=LOADS, sigma=SIGMAS)
    return [
        *({**setting, "cost": 0} for setting in fixed),
        *grid(arm=["SRSF"], load=LOADS, sigma=SIGMAS, cost=COSTS),
        *best,
    ]


def best_ladder(trial: Stored, group: Setting) -> Setting:
    """The settings with the least mean among those of a group."""
    totals = {}
    for run in trial["runs"]:
        if group.items() <= run["settings"].items():
            key = tuple(run["settings"].items())
            totals[key] = totals.get(key, 0) + run["measured"]["JCT"]
    return dict(min(totals, key=totals.get))


TRIALS = [
    Trial(
        "theory",
        "Does the simulator agree with queueing theory at load 0.7?",
        queue,
        (Quantity("time", "mean sizes", ".3f", "lower"),),
        settings=grid(arm=list(QUEUES)),
        seeds=range(100, 140),
    ),
    Trial(
        "limits",
        "Which limits suit LAS in seconds and in GPU seconds?",
        served,
        TIMES,
        settings=[
            {**setting, "first": first, "rungs": rungs}
            for setting in grid(arm=["LAS", "2D-LAS"], load=LOADS, sigma=SIGMAS, cost=COSTS)
            for first, rungs in LADDERS
        ],
        seeds=range(200, 204),
        choose=("first", "rungs"),
    ),
    Trial(
        "policies",
        "Which policy has the least mean completion time?",
        served,
        TIMES,
        settings=tuned,
        seeds=range(100, 110),
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
