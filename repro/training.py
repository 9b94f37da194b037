"""One short deterministic training loop, and runs over paired seeds with live progress."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from repro import optimizers
from repro.optimizers import Groups, Optimizer
from repro.progress import progress

if TYPE_CHECKING:
    from torch import Tensor, nn

BATCH = 500


@dataclass
class History:
    """What `fit` saw.

    Attributes:
        loss: mean training loss of each epoch, weighted by batch size.
        gradient_norm: Euclidean norm of the gradient of all parameters at each step, before
            clipping.
        clipped: share of the steps of each epoch whose gradient was clipped, in [0, 1].
    """

    loss: list[float] = field(default_factory=list)
    gradient_norm: list[float] = field(default_factory=list)
    clipped: list[float] = field(default_factory=list)


def fit(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    epochs: int,
    lr: float,
    seed: int,
    groups: Groups | None = None,
    batch_size: int = 64,
    loss: Callable[[Tensor, Tensor], Tensor] | None = None,
    optimizer: str | Optimizer = "adam",
    schedule: str | None = "cosine",
    clip: float | None = None,
    order: Tensor | None = None,
    after_step: Callable[[nn.Module], Any] | None = None,
    on_epoch: Callable[[int, nn.Module, float], Any] | None = None,
) -> History:
    """Train `model` in place, in an order of batches that depends on `seed` alone.

    The model trains in train mode and is left in eval mode. Batches are drawn without
    replacement; the last one of an epoch may be smaller, and is skipped if it holds one image
    only, which batch normalization cannot use. Each batch is moved to the model's device and
    floating point type, those of its first parameter; the order is drawn on the CPU, so that it
    is the same for every device.

    A released recipe with a rate and a decay for each part of a network:

        fit(net, x, y, epochs=90, lr=1e-3, seed=0, optimizer=torch.optim.AdamW, clip=5.0,
            groups=[{"params": net.thresholds.parameters(), "lr": 1e-4, "weight_decay": 0.0}])

    Args:
        model: maps a batch of `x` to what `loss` takes.
        x: (N, ...) inputs, floating point.
        y: (N,) int64 class numbers for the default loss, otherwise (N, ...) as `loss` wants.
        epochs: passes over the data, 0 or more.
        lr: peak learning rate, above 0.
        seed: seeds the order of the images, and torch's global generator for models that draw.
        groups: parameters with a rate, a decay or other options of their own, as dictionaries
            for torch's optimizers, or a callable from the model to such dictionaries.
            Parameters in none of them train with `lr` and the optimizer's own options.
        batch_size: images a step, 1 or more.
        loss: `loss(model(x), y)`, a scalar; default cross-entropy.
        optimizer: `"adam"`, or a callable `(parameters, lr=...)` such as `torch.optim.SGD`.
        schedule: of the learning rate, set before every step, as a share of each group's peak
            rate: `"cosine"` (to 0), `"onecycle"` (up during the first 30 %, then down) or None
            (constant).
        clip: largest norm of the gradient of all parameters together, above 0; larger ones are
            scaled down to it. None: no clipping.
        order: int64 (epochs, M), the rows of `x` that each epoch takes, in this order: for
            samplers. None: all rows in a random order, each epoch anew.
        after_step: called with the model after every step, without gradients: to clamp latents.
        on_epoch: called with epoch (from 0), model (in eval mode) and mean loss.

    Returns:
        Loss and share of clipped steps of every epoch, gradient norm of every step.

    Raises:
        TypeError: tensors or groups of another kind.
        ValueError: arguments out of range or that do not fit together.
        FloatingPointError: the loss or a gradient is NaN or infinite; names epoch and rate.
    """
    import torch

    _check_fit(x, y, epochs, batch_size, clip, loss is None)
    made = optimizers.parameter_groups(model, lr, groups)
    stepper = optimizers.build(optimizer, made)
    rows = torch.arange(len(x)) if order is None else _ordered(order, epochs, len(x))[0]
    steps = epochs * len(_batches(rows, batch_size))
    rate = optimizers.schedule(schedule, stepper, steps)
    loss = loss or torch.nn.functional.cross_entropy
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    history = History()

    def step(batch: Tensor) -> float:
        """One step on the images numbered in `batch`; the sum of their losses."""
        stepper.zero_grad(set_to_none=True)
        value = loss(model(_like(model, x[batch])), _like(model, y[batch]))
        value.backward()
        history.gradient_norm.append(optimizers.clip_gradients(model.parameters(), clip))
        stepper.step()
        rate.step()
        if after_step is not None:
            with torch.no_grad():
                after_step(model)
        return value.item() * len(batch)

    for epoch in range(epochs):
        model.train()
        drawn = torch.randperm(len(x), generator=generator) if order is None else order[epoch]
        batches = _batches(drawn, batch_size)
        mean = sum(map(step, batches)) / sum(map(len, batches))
        norms = history.gradient_norm[-len(batches) :]
        _check_finite(mean, norms, epoch, lr)
        history.loss.append(mean)
        history.clipped.append(sum(clip is not None and n > clip for n in norms) / len(norms))
        model.eval()
        if on_epoch is not None:
            with torch.no_grad():
                on_epoch(epoch, model, mean)
    model.eval()
    return history


def _ordered(order: Tensor, epochs: int, n: int) -> Tensor:
    """The rows that each epoch takes, checked."""
    whole = not order.dtype.is_floating_point
    if not whole or order.ndim != 2 or not 1 <= epochs == len(order):
        raise ValueError(
            f"fit: order: expected whole numbers ({epochs}, M), one row for each of 1 epoch or "
            f"more, got {order.dtype} {tuple(order.shape)}"
        )
    if not order.numel() or not 0 <= order.min() <= order.max() < n:
        raise ValueError(f"fit: order: expected rows of x, numbers from 0 to {n - 1}, one or more")
    return order


def _batches(order: Tensor, batch_size: int) -> list[Tensor]:
    """The order cut into batches; a last batch of one image is left out."""
    batches = list(order.split(batch_size))
    return batches[:-1] if len(batches) > 1 and len(batches[-1]) == 1 < batch_size else batches


def _like(model: nn.Module, x: Tensor) -> Tensor:
    """A batch on the model's device, and in its floating point type if it is floating point."""
    first = next(model.parameters(), None)
    if first is None:
        return x
    floating = x.is_floating_point() and first.is_floating_point()
    return x.to(first.device, first.dtype if floating else None)


def _check_finite(loss: float, norms: list[float], epoch: int, lr: float) -> None:
    """Complain about an epoch that diverged."""
    wrong = [norm for norm in norms if not math.isfinite(norm)]
    what, value = ("gradient", wrong[0]) if wrong and math.isfinite(loss) else ("loss", loss)
    if not math.isfinite(value):
        raise FloatingPointError(
            f"the {what} became {value} in epoch {epoch} at peak learning rate {lr}: lower the "
            "learning rate, clip the gradient, or look for a division by zero in the model"
        )


def _check_fit(
    x: Tensor, y: Tensor, epochs: int, batch_size: int, clip: float | None, classes: bool
) -> None:
    """Complain about arguments of `fit`; `classes`: the default loss is used."""
    import torch

    _check_inputs("fit", x)
    _check_tensor("fit", "y", y)
    problems = [
        (len(x) != len(y), f"x and y: equally many rows, got {len(x)} and {len(y)}"),
        (
            classes and (y.ndim != 1 or y.dtype != torch.int64),
            f"y: int64 (N,) class numbers for cross-entropy, got {y.dtype} {tuple(y.shape)}",
        ),
        (epochs < 0, f"epochs must be 0 or more, got {epochs}"),
        (batch_size < 1, f"batch_size must be 1 or more, got {batch_size}"),
        (clip is not None and not clip > 0, f"clip must be a norm above 0, or None, got {clip}"),
    ]
    for wrong, message in problems:
        if wrong:
            raise ValueError(f"fit: {message}")


def _check_tensor(caller: str, name: str, value: Any) -> None:
    """Complain about what is no tensor."""
    import torch

    if not isinstance(value, torch.Tensor):
        raise TypeError(
            f"{caller}: {name} must be a torch tensor, got {type(value).__name__}: "
            "use `Split.torch()` or `torch.from_numpy`"
        )


def _check_inputs(caller: str, x: Any) -> None:
    """Complain about inputs that are no batch of real numbers."""
    _check_tensor(caller, "x", x)
    came = f"got {x.dtype} {tuple(x.shape)}"
    if x.ndim < 2 or not x.is_floating_point():
        raise ValueError(f"{caller}: x must be floating point (N, ...), {came}")
    if len(x) == 0:
        raise ValueError(f"{caller}: x holds no input, expected 1 image or more, {came}")


def predict(model: nn.Module, x: Tensor, batch_size: int = BATCH) -> Tensor:
    """Outputs of the model in eval mode, without gradients; its mode is restored.

    Batches are moved to the model's device and floating point type, as in `fit`.

    Args:
        model: maps (N, ...) to (N, ...).
        x: (N, ...) inputs, floating point, N 1 or more.
        batch_size: inputs at a time, 1 or more.

    Returns:
        (N, ...) outputs.

    Raises:
        TypeError: `x` is no tensor.
        ValueError: it is not floating point with a batch axis, or holds nothing.
    """
    import torch

    _check_inputs("predict", x)
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            return torch.cat([model(_like(model, part)) for part in x.split(batch_size)])
    finally:
        model.train(training)


def accuracy(model: nn.Module, x: Tensor, y: Tensor, batch_size: int = BATCH) -> float:
    """Share of inputs whose largest output is the right class, in [0, 1].

    Args:
        model: maps (N, ...) to scores (N, K).
        x: (N, ...) inputs, floating point, N 1 or more.
        y: (N,) int64 class numbers.
        batch_size: inputs at a time, 1 or more.

    Raises:
        ValueError: `x` and `y` differ in length, or the scores are not (N, K).
    """
    scores = predict(model, x, batch_size)
    if scores.ndim != 2 or y.shape != scores.shape[:1]:
        raise ValueError(
            "accuracy: expected scores (N, K) and labels (N,), "
            f"got {tuple(scores.shape)} and {tuple(y.shape)}"
        )
    return (scores.argmax(dim=1) == y.to(scores.device)).sum().item() / len(y)


def paired(
    run: Callable[[int], Any], seeds: Iterable[int], executor: Executor | None = None
) -> list[Any]:
    """Call `run(seed)` for every seed, with live progress (`repro.progress.progress`).

    Args:
        run: everything that one seed decides, for all the variants compared, so that their
            results are paired. An executor of processes must be able to pickle it.
        seeds: different integers.
        executor: a `concurrent.futures` executor, or one that follows its interface, as
            those of Dask and Ray do; default: one seed after the other in this process.

    Returns:
        The results in the order of the seeds.

    Raises:
        ValueError: no seed, or one twice.
        Exception: what `run` raised, with a note that names the seed; seeds that have not
            started are cancelled.
    """
    seeds = list(seeds)
    if not seeds or len(set(seeds)) != len(seeds):
        raise ValueError(f"paired: expected different seeds, at least one, got {seeds}")
    with progress(len(seeds), "seeds") as advance:
        if executor is None:
            return [_serial(run, seed, advance) for seed in seeds]
        return _spread(run, seeds, executor, advance)


def _serial(run: Callable[[int], Any], seed: int, advance: Callable[[], None]) -> Any:
    """The result of one seed, in this process."""
    with _named(seed):
        result = run(seed)
    advance()
    return result


def _spread(
    run: Callable[[int], Any], seeds: list[int], executor: Executor, advance: Callable[[], None]
) -> list[Any]:
    """The results of all seeds, from an executor."""
    futures = {executor.submit(run, seed): seed for seed in seeds}
    try:
        for future in as_completed(futures):
            with _named(futures[future]):
                future.result()
            advance()
    finally:
        for future in futures:
            future.cancel()
    return [future.result() for future in futures]


@contextmanager
def _named(seed: int) -> Iterator[None]:
    """Adds the seed to an exception that passes."""
    try:
        yield
    except Exception as error:
        error.add_note(f"in run(seed={seed})")
        raise
