"""Fine-tuning factorized networks: which of recovery, balancing and optimizer makes codes move.

Before training: how factors and ternary filters compare when both are fitted to responses.

    make trials CH=fixed_point_factorization

Each seed gives other images, another initialization and another order of the images. Every arm
starts from the same float network of its seed, normalization folded into its convolutions,
factorized with k = min(m, n) and three sweeps; the baseline trains ternary filters, with the float
weights for latents. In all arms the biases make up for mean errors before training. A run that
diverges counts as the accuracy of a constant answer, 10 %.
"""

import repro  # first: caps threads and instruction set

# isort: split
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from press.trials import Quantity, Trial, grid, main
from repro import trials
from repro.data import cluttered_digits
from repro.training import accuracy, fit

ffn = repro.chapter("fixed_point_factorization")
BATCH = 100
#: Arms that train factors: recovery, balancing, optimizer.
FACTORS = {
    "recovery and balancing": (True, True, "sgd"),
    "recovery alone": (True, False, "sgd"),
    "balancing alone": (False, True, "sgd"),
    "recovery alone, Adam": (True, False, "adam"),
}
ARMS = [*FACTORS, "ternary filters, Adam"]
RATES = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3]
#: Epochs after which the entries that have changed are counted.
WATCHED = (1, 3, 10, 30, 60)


@cache
def images(seed: int) -> tuple[Tensor, ...]:
    """800 training and 1000 test images with their labels."""
    split = cluttered_digits(800, 1000, size=16, digit=(12, 14), fragments=1, strokes=1, seed=seed)
    return split.torch()


@cache
def original(seed: int) -> nn.Module:
    """A float network trained on the images of its seed, without normalization layers."""
    x, y, _, _ = images(seed)
    torch.manual_seed(seed)
    network = ffn.digit_network()
    fit(network, x, y, seed=seed, **ffn.TRAINING)
    return ffn.folded(network)


@cache
def factorized(seed: int) -> nn.Module:
    """The float network of a seed, factorized."""

    def factors(W: Tensor) -> Any:
        return ffn.sdd(W, ffn.equal_rank(*W.shape))

    return ffn.factorize(original(seed), images(seed)[0][:200], factors)


def start(seed: int, arm: str) -> nn.Module:
    """The network of an arm before it is fine-tuned."""
    if arm in FACTORS:
        return ffn.trainable(factorized(seed), original(seed), *FACTORS[arm][:2])
    network = ffn.folded(original(seed))
    cheap = ffn.factorize(network, images(seed)[0][:200], ffn.ternary_filters)
    for part, other in zip(network, cheap, strict=True):
        if isinstance(part, nn.Conv2d | nn.Linear):
            part.bias.data.copy_(other.bias)  # it makes up for the mean error, as in all arms
            parametrize.register_parametrization(part, "weight", ffn.Ternarized())
    return network


def codes(network: nn.Module) -> Tensor:
    """All ternary entries of a network, in one row."""
    if any(isinstance(part, ffn.FactorizedLayer) for part in network):
        parts = [c for p in network if isinstance(p, ffn.FactorizedLayer) for c in p.codes()]
    else:
        parts = [part.weight.detach().sign() for part in network if hasattr(part, "weight")]
    return torch.cat([part.flatten() for part in parts])


def sgd(parameters: Any, lr: float) -> torch.optim.Optimizer:
    """Stochastic gradient descent with momentum 0.9."""
    return torch.optim.SGD(parameters, lr=lr, momentum=0.9)


def fine_tuned(seed: int, arm: str, lr: float, epochs: int) -> dict[str, float]:
    """Fine-tune an arm.

    Args:
        seed: of images, initialization and order.
        arm: one of `ARMS`.
        lr: peak rate.
        epochs: passes over the 800 images.

    Returns:
        `accuracy`: share of the 1000 test images that are classified right, in %; `loss`: mean
        training loss of the last epoch, in nats; `diverged`: 0 or 1; `flips1` to `flips60`: ternary
        entries that differ from the start after so many epochs, in 1000 of all.
    """
    x, y, x_test, y_test = images(seed)
    network = start(seed, arm)
    before, changed = codes(network), dict.fromkeys(WATCHED, 0.0)

    def watch(epoch: int, network: nn.Module, loss: float) -> None:
        share = 1000 * float((codes(network) != before).double().mean())
        changed.update({after: share for after in WATCHED if after > epoch})

    optimizer = "adam" if arm.endswith("Adam") else sgd
    found = {"accuracy": 10.0, "loss": 2.303, "diverged": 1.0}
    try:
        history = fit(
            network, x, y, epochs=epochs, lr=lr, seed=seed, batch_size=BATCH, optimizer=optimizer,
            on_epoch=watch,
        )  # fmt: skip
        found = {
            "accuracy": 100 * accuracy(network, x_test, y_test),
            "loss": history.loss[-1],
            "diverged": 0.0,
        }
    except FloatingPointError:
        changed = dict.fromkeys(WATCHED, 0.0)
    return found | {f"flips{after}": share for after, share in changed.items()}


def unprepared(seed: int, arm: str, lr: float, epochs: int) -> dict[str, float]:
    """As `fine_tuned`, by gradient descent, for factors neither recovered nor balanced."""
    FACTORS[arm] = (False, False, "sgd")
    return fine_tuned(seed, arm, lr, epochs)


#: Ways to approximate weights without training, each with more or fewer terms; None: filters.
RANKS = {
    "ternary filters": None,
    "factors, equal bits": ffn.equal_bits,
    "factors, k = min(m, n)": ffn.equal_rank,
}


def untrained(seed: int, arm: str, passes: int) -> dict[str, float]:
    """Test accuracy, in %, without training, after passes over all terms or filters.

    With 0 passes nothing is fitted but the biases; otherwise codes and scales are fitted to the
    responses on 200 images without labels.
    """
    network, (x, _, x_test, y_test) = original(seed), images(seed)
    rank = RANKS[arm]
    if rank is None and passes:
        cheap = ffn.fitted_filters(network, x[:200], passes)
    else:

        def factors(W: Tensor) -> Any:
            return ffn.sdd(W, rank(*W.shape)) if rank else ffn.ternary_filters(W)

        cheap = ffn.factorize(network, x[:200], factors, passes=passes)
    return {"accuracy": 100 * accuracy(cheap, x_test, y_test)}


def lengths(finished: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every arm at its best rate, as long as in the choice and twice as long."""
    return [
        {"arm": setting["arm"], "lr": setting["lr"], "epochs": epochs}
        for setting in trials.chosen(finished["rates"])
        for epochs in (30, 60)
    ]


def lengths_of_neither(finished: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The same for the arm that has a trial of its own."""
    return lengths({"rates": finished["neither-rates"]})


ACCURACY = Quantity("accuracy", "%", ".1f")
LOSS = Quantity("loss", "nats", ".3f", better="lower")
DIVERGED = Quantity("diverged", "of runs", ".1f", better="lower")
FLIPS = tuple(Quantity(f"flips{after}", "of 1000", ".1f") for after in WATCHED)
TRIALS = [
    Trial(
        "rates",
        "Which rate suits each arm in thirty epochs?",
        fine_tuned,
        (ACCURACY, LOSS, DIVERGED, *FLIPS),
        grid(arm=ARMS, lr=RATES, epochs=[30])
        + grid(arm=[arm for arm in ARMS if arm.endswith("Adam")], lr=[1e-2], epochs=[30]),
        seeds=range(100, 103),
        choose=("lr",),
    ),
    Trial(
        "length",
        "Where do the arms stand on other seeds, at that length and twice that?",
        fine_tuned,
        (ACCURACY, LOSS, DIVERGED, *FLIPS),
        lengths,
        seeds=range(103, 108),
    ),
    Trial(
        "neither-rates",
        "Which rate suits factors that are neither recovered nor balanced, in thirty epochs?",
        unprepared,
        (ACCURACY, LOSS, DIVERGED, *FLIPS),
        grid(arm=["neither"], lr=RATES, epochs=[30]),
        seeds=range(100, 103),
        choose=("lr",),
    ),
    Trial(
        "neither",
        "Where do they stand on the other seeds, at that length and twice that?",
        unprepared,
        (ACCURACY, LOSS, DIVERGED, *FLIPS),
        lengths_of_neither,
        seeds=range(103, 108),
    ),
    Trial(
        "responses",
        "Without training: what do passes over terms or filters, fitted to responses, keep?",
        untrained,
        (ACCURACY,),
        grid(arm=list(RANKS), passes=[0, 1, 3, 10]),
        seeds=range(103, 108),
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
