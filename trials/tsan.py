"""Rates, losses and cascades of light brain-age networks: the trials behind the chapter's verdicts.

    make trials CH=tsan

Every seed has simulated subjects of its own (2000 to train, 1000 to test), an initialization and an
order of batches, so that seeds are independent runs and arms of one seed are paired.
"""

import repro  # first: caps threads and instruction set

# isort: split
import sys
from functools import cache
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from torch import nn

from press.trials import Quantity, Trial, grid, main
from repro import trials
from repro.data import Brains, brains
from repro.training import fit, predict

tsan = repro.chapter("tsan")
EPOCHS = 20
#: Weights of the losses; `both` is the released setting.
LOSSES = {
    "MSE": {"lam": 0.0},
    "rank": {"lam": 1000.0, "beta": 0.0},
    "difference": {"lam": 10.0, "rank": 0.0},
    "both, lambda 1": {"lam": 1.0},
    "both": {"lam": 10.0},
    "both, lambda 100": {"lam": 100.0},
}
#: Steps in years to which the second stage's rough age is rounded.
STEPS = {"stage 2, 1 year": 1.0, "stage 2, 5 years": 5.0, "stage 2, 10 years": 10.0}
FIVE = "stage 2, 5 years"
UNROUNDED, AVERAGED, LONG = "stage 2, unrounded", "two averaged", "both, twice as long"
LOUDER = "21 MSE"
OTHER = 5000  # added to a seed for another initialization and order
ALONE = ("mean age", "ridge")
#: Of the small ScaleDense: pixels of 16 mm, rates that rise before they fall, epochs.
PIXELS, CYCLE, SHORT = (3, 12, 10), {"schedule": "onecycle"}, 10
QUANTITIES = (
    Quantity("mae", "years", ".2f", better="lower"),
    Quantity("train", "years", ".2f", better="lower"),
    Quantity("pearson", "", ".4f"),
    Quantity("spearman", "", ".4f"),
)


@cache
def cohort(seed: int) -> tuple[Brains, Brains]:
    """Subjects to train, and to test."""
    return brains(2000, seed), brains(1000, seed, first=10_000)


@cache
def columns(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """60 principal components of the training voxels, and sex, of both groups; training ages."""
    known, unknown = cohort(seed)
    flat = [tsan.zscore(b.x).reshape(len(b.x), -1) for b in (known, unknown)]
    pca = PCA(60, svd_solver="covariance_eigh").fit(flat[0])
    parts = [pca.transform(f) for f in flat]
    tables = [
        torch.tensor(np.column_stack([part / parts[0].std(), b.sex])).float()
        for part, b in zip(parts, (known, unknown), strict=True)
    ]
    return *tables, torch.tensor(known.age).float()


def trained(
    seed: int, loss: str, lr: float, epochs: int = EPOCHS, other: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Ages of training and test subjects from one network; `other`: another initialization."""
    x, x_test, y = columns(seed)
    net = tsan.light(x.shape[1] - 1, seed + other)
    fit(net, x, y, epochs=epochs, seed=seed + other, **tsan.recipe(lr, **LOSSES[loss]))
    return predict(net, x), predict(net, x_test)


@cache
def first_stage(seed: int, lr: float, other: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """The same with the released losses, kept for the stages above it."""
    return trained(seed, "both", lr, other=other)


def second_stage(
    seed: int, step: float, lr: float, first_lr: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Ages from a second network that sees the first one's, rounded to steps (0: unrounded)."""
    x, x_test, y = columns(seed)
    seen = [
        torch.column_stack([table, tsan.discretize(age, step) if step else age])
        for table, age in zip((x, x_test), first_stage(seed, first_lr), strict=True)
    ]
    net = tsan.light(x.shape[1] - 1, seed + 5000, rough=True)
    fit(net, seen[0], y, epochs=EPOCHS, seed=seed + 5000, **tsan.recipe(lr, **LOSSES["both"]))
    return predict(net, seen[0]), predict(net, seen[1])


@cache
def pixels(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Training and test slices averaged over 2 x 2 pixels, and sex, as columns; training ages."""
    tables = []
    for group in cohort(seed):
        x = nn.functional.avg_pool2d(torch.tensor(tsan.zscore(group.x)).float(), 2)
        tables.append(torch.column_stack([x.flatten(1), torch.tensor(group.sex).float()]))
    return *tables, torch.tensor(cohort(seed)[0].age).float()


def fit_dense(
    seed: int, tables: tuple[torch.Tensor, ...], loss: str, lr: float, epochs: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Ages from a small ScaleDense in two dimensions: 8 filters, 2 dense layers, 72 features.

    seed: of initialization and batches. tables: training and test subjects, columns of pixels, sex
    and, for a second stage, rough age; training ages.
    """
    x, x_test, y = tables
    rough = x.shape[1] > np.prod(PIXELS) + 1
    torch.manual_seed(seed)
    scales = tsan.ScaleDense(8, 2, dim=2, channels=3, reduction=4, stem=(3, 1, 1, 1))
    trunk = nn.Sequential(nn.Unflatten(1, PIXELS), scales)
    unit = (0.0, 5.0) if rough else (55.0, 20.0)
    net = tsan.Columns(tsan.initialised(tsan.BrainAge(trunk, scales.width, rough, unit)))
    net = net.to(memory_format=torch.channels_last)  # faster
    recipe = tsan.recipe(lr, **LOSSES[loss])
    adam = recipe.pop("optimizer")
    options = {**recipe, **CYCLE, "optimizer": lambda p, lr: adam(p, lr=lr, fused=True)}
    fit(net, x, y, epochs=epochs, seed=seed, **options)
    return predict(net, x), predict(net, x_test)


@cache
def dense_stage(
    seed: int, loss: str, lr: float, epochs: int = SHORT, other: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Ages of training and test subjects from one stage; `other`: another initialization."""
    return fit_dense(seed + other, pixels(seed), loss, lr, epochs)


def dense(seed: int, arm: str, lr: float, **setting: float) -> dict[str, float]:
    """A small ScaleDense with the loss of its arm, or what stands on one with the released losses.

    setting: epochs; first_lr, the rate of the first stage. A network whose ReLU on the age has died
    answers 0 years for everybody, so there are no correlations here.
    """
    ages = (
        above(seed, arm, lr, **setting)
        if "first_lr" in setting
        else dense_stage(seed, arm, lr, int(setting.get("epochs", SHORT)))
    )
    return {name: judged(seed, ages)[name] for name in ("mae", "train")}


def above(seed: int, arm: str, lr: float, first_lr: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Ages from a second stage behind a first one, or from two first ones averaged."""
    first = dense_stage(seed, "both", first_lr)
    if arm == AVERAGED:
        other = dense_stage(seed, "both", lr, other=OTHER)
        return tuple((a + b) / 2 for a, b in zip(first, other, strict=True))
    *tables, y = pixels(seed)
    seen = [
        torch.column_stack([table, tsan.discretize(age, STEPS[arm])])
        for table, age in zip(tables, first, strict=True)
    ]
    return fit_dense(seed + OTHER, (*seen, y), "both", lr, SHORT)


def above_longer(seed: int, arm: str, lr: float, first_lr: float, epochs: int) -> dict[str, float]:
    """What stands on first stages with the released losses, all of them of another length."""
    first = dense_stage(seed, "both", first_lr, epochs)
    if arm == AVERAGED:
        other = dense_stage(seed, "both", lr, epochs, OTHER)
        ages = tuple((a + b) / 2 for a, b in zip(first, other, strict=True))
    else:
        *tables, y = pixels(seed)
        seen = [
            torch.column_stack([table, tsan.discretize(age, STEPS[arm])])
            for table, age in zip(tables, first, strict=True)
        ]
        ages = fit_dense(seed + OTHER, (*seen, y), "both", lr, epochs)
    return {name: judged(seed, ages)[name] for name in ("mae", "train")}


def ridge(seed: int, penalty: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Ages from ridge regression on all voxels and sex."""
    known, unknown = cohort(seed)
    flat = [
        np.column_stack([tsan.zscore(b.x).reshape(len(b.x), -1), b.sex]) for b in (known, unknown)
    ]
    fitted = Ridge(alpha=penalty).fit(flat[0], known.age)
    return tuple(torch.tensor(fitted.predict(f)) for f in flat)


def judged(seed: int, ages: tuple[torch.Tensor, torch.Tensor]) -> dict[str, float]:
    """All quantities of predicted ages of training and test subjects."""
    known, unknown = cohort(seed)[:2]
    train, test = (age.double().numpy() for age in ages)
    return {
        "mae": np.abs(test - unknown.age).mean(),
        "train": np.abs(train - known.age).mean(),
        "pearson": np.corrcoef(test, unknown.age)[0, 1],
        "spearman": spearmanr(test, unknown.age).statistic,
    }


def penalties(seed: int, arm: str, penalty: float) -> dict[str, float]:
    """Ridge regression with one penalty."""
    return judged(seed, ridge(seed, penalty))


def rates(seed: int, arm: str, lr: float) -> dict[str, float]:
    """One network with one rate."""
    return scaled(seed, arm, lr) if arm == LOUDER else judged(seed, trained(seed, arm, lr))


def losses(seed: int, arm: str, lr: float, epochs: int) -> dict[str, float]:
    """One network with the loss of its arm."""
    return judged(seed, trained(seed, arm, lr, epochs))


def cascades(seed: int, arm: str, lr: float, first_lr: float) -> dict[str, float]:
    """A second network behind the first one, or something else that takes as long."""
    if arm == AVERAGED:
        one, two = (first_stage(seed, first_lr, other) for other in (0, 5000))
        return judged(seed, tuple((a + b) / 2 for a, b in zip(one, two, strict=True)))
    if arm == LONG:
        return judged(seed, trained(seed, "both", first_lr, 2 * EPOCHS))
    return judged(seed, second_stage(seed, STEPS.get(arm, 0.0), lr, first_lr))


def scaled(seed: int, arm: str, lr: float) -> dict[str, float]:
    """The MSE alone, 21 times: as much weight on the variance as the released losses give it."""
    x, x_test, y = columns(seed)
    net = tsan.light(x.shape[1] - 1, seed)
    options = {**tsan.recipe(lr), "loss": lambda pred, age: 21 * nn.functional.mse_loss(pred, age)}
    fit(net, x, y, epochs=EPOCHS, seed=seed, **options)
    return judged(seed, (predict(net, x), predict(net, x_test)))


def alone(seed: int, arm: str, penalty: float) -> dict[str, float]:
    """What takes no network: ridge regression, and the mean age of the training subjects."""
    if arm == "ridge":
        return {name: judged(seed, ridge(seed, penalty))[name] for name in ("mae", "train")}
    known, unknown = cohort(seed)
    mean = known.age.mean()
    return {"mae": np.abs(mean - unknown.age).mean(), "train": np.abs(mean - known.age).mean()}


def best(done: dict[str, Any], trial: str, name: str) -> dict[str, float]:
    """The best value of a setting by arm."""
    return {setting["arm"]: setting[name] for setting in trials.chosen(done[trial])}


def loss_settings(done: dict[str, Any]) -> list[dict[str, Any]]:
    """Losses without the difference term at the rate of MSE, others at that of both."""
    rate = best(done, "rates", "lr")
    return [
        {"arm": arm, "lr": rate["MSE" if arm in ("MSE", "rank") else "both"], "epochs": EPOCHS}
        for arm in LOSSES
    ]


def cascade_settings(done: dict[str, Any]) -> list[dict[str, Any]]:
    """Second stages that round at the rate of that with 5 years, rivals at that of one network."""
    first_lr, second = best(done, "rates", "lr")["both"], best(done, "second", "lr")
    lr = {**dict.fromkeys(STEPS, second["stage 2, 5 years"]), UNROUNDED: second[UNROUNDED]}
    return [
        {"arm": arm, "lr": lr.get(arm, first_lr), "first_lr": first_lr}
        for arm in [*STEPS, UNROUNDED, AVERAGED, LONG]
    ]


def dense_settings(done: dict[str, Any]) -> list[dict[str, Any]]:
    """Both losses, and what stands on the released ones, each at its tuned rate."""
    rate, second = best(done, "dense-rates", "lr"), best(done, "dense-second", "lr")
    above = {FIVE: second[FIVE], AVERAGED: rate["both"]}
    return [
        *({"arm": arm, "lr": rate[arm]} for arm in ("MSE", "both")),
        *({"arm": arm, "lr": above[arm], "first_lr": rate["both"]} for arm in above),
    ]


def long_settings(done: dict[str, Any]) -> list[dict[str, Any]]:
    """Once and twice the length, at the rates that were tuned for the former."""
    rate = best(done, "dense-rates", "lr")
    return [
        {"arm": arm, "lr": rate[arm], "epochs": epochs}
        for arm in ("MSE", "both")
        for epochs in (SHORT, 2 * SHORT)
    ]


def above_settings(done: dict[str, Any]) -> list[dict[str, Any]]:
    """The second stage at twice the length."""
    return [{**s, "epochs": 2 * SHORT} for s in dense_settings(done) if s["arm"] == FIVE]


def plateau_settings(done: dict[str, Any]) -> list[dict[str, Any]]:
    """Both losses at four times the length, at the rates that were tuned for the shortest."""
    return [{**s, "epochs": 4 * SHORT} for s in dense_settings(done) if "first_lr" not in s]


SEEDS = range(110, 116)
DENSE_SEEDS = range(110, 115)
TRIALS = [
    Trial(
        "penalty",
        "Which penalty suits ridge regression on the voxels?",
        penalties,
        QUANTITIES,
        grid(arm=["ridge"], penalty=[100.0, 200.0, 400.0, 800.0]),
        seeds=(100, 101),
        choose=("penalty",),
    ),
    # At a rate of 0.032 the ReLU on the age died with `both` on seed 100: 0 years for everybody.
    Trial(
        "rates",
        "Which rate suits each loss (20 epochs)?",
        rates,
        QUANTITIES,
        grid(arm=["MSE", "both"], lr=[0.002, 0.004, 0.008, 0.016])
        + grid(arm=[LOUDER], lr=[0.004, 0.008, 0.016]),
        seeds=(100, 101),
        choose=("lr",),
    ),
    Trial(
        "second",
        "Which rate suits a second stage (20 epochs)?",
        cascades,
        QUANTITIES,
        lambda done: grid(
            arm=["stage 2, 5 years", UNROUNDED],
            lr=[0.0005, 0.001, 0.002, 0.004],
            first_lr=[best(done, "rates", "lr")["both"]],
        ),
        seeds=(100, 101),
        choose=("lr",),
    ),
    Trial(
        "alone",
        "What takes no network?",
        alone,
        QUANTITIES[:2],
        lambda done: grid(arm=ALONE, penalty=[best(done, "penalty", "penalty")["ridge"]]),
        seeds=SEEDS,
    ),
    Trial("losses", "Do the ranking losses help?", losses, QUANTITIES, loss_settings, SEEDS),
    Trial("cascade", "Does a second stage help?", cascades, QUANTITIES, cascade_settings, SEEDS),
    Trial(
        "scale",
        "Is it the size of the loss beside the weight decay?",
        scaled,
        QUANTITIES,
        lambda done: grid(arm=[LOUDER], lr=[best(done, "rates", "lr")[LOUDER]]),
        SEEDS,
    ),
    Trial(
        "dense-rates",
        "Which peak rate suits a small ScaleDense with each loss (10 epochs)?",
        dense,
        QUANTITIES[:2],
        grid(arm=["MSE", "both"], lr=[0.004, 0.008, 0.016, 0.032]) + grid(arm=["both"], lr=[0.064]),
        seeds=(100,),
        choose=("lr",),
    ),
    Trial(
        "dense-second",
        "Which peak rate suits its second stage (10 epochs)?",
        dense,
        QUANTITIES[:2],
        lambda done: grid(
            arm=[FIVE],
            lr=[0.001, 0.004, 0.016],
            first_lr=[best(done, "dense-rates", "lr")["both"]],
        ),
        seeds=(100,),
        choose=("lr",),
    ),
    Trial(
        "dense",
        "Do ranking losses and a second stage help a small ScaleDense (10 epochs each)?",
        dense,
        QUANTITIES[:2],
        dense_settings,
        DENSE_SEEDS,
    ),
    Trial(
        "dense-length",
        "Is a small ScaleDense at its plateau?",
        dense,
        QUANTITIES[:2],
        long_settings,
        seeds=(100,),
    ),
    Trial(
        "dense-longer",
        "Which of its losses is better after 20 epochs, at the rates for 10?",
        dense,
        QUANTITIES[:2],
        lambda done: [s for s in long_settings(done) if s["epochs"] > SHORT],
        DENSE_SEEDS,
    ),
    Trial(
        "dense-above",
        "How does a second stage do (20 epochs each, at the rates for 10)?",
        above_longer,
        QUANTITIES[:2],
        above_settings,
        DENSE_SEEDS,
    ),
    Trial(
        "lengths",
        "How does a light network with the MSE do after 40 epochs, at the rate for 20?",
        losses,
        QUANTITIES,
        lambda done: grid(arm=["MSE"], lr=[best(done, "rates", "lr")["MSE"]], epochs=[2 * EPOCHS]),
        SEEDS,
    ),
    Trial(
        "dense-plateau",
        "Which of its losses is better after 40 epochs, at the rates for 10?",
        dense,
        QUANTITIES[:2],
        plateau_settings,
        DENSE_SEEDS,
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
