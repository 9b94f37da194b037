"""One short deterministic training loop, and runs over paired seeds with live progress."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from repro.progress import progress

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

BATCH = 500


@dataclass
class History:
    """What :func:`fit` saw.

    Attributes:
        loss: mean training loss of each epoch, weighted by batch size.
    """

    loss: list[float] = field(default_factory=list)


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and torch's global generators.

    Args:
        seed: 0 to 2**32 - 1.
    """
    import random

    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def fit(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    epochs: int,
    lr: float,
    seed: int,
    batch_size: int = 64,
    loss: Callable[[Tensor, Tensor], Tensor] | None = None,
    optimizer: str | Callable = "adam",
    schedule: str | None = "cosine",
    after_step: Callable[[nn.Module], Any] | None = None,
    on_epoch: Callable[[int, nn.Module, float], Any] | None = None,
) -> History:
    """Train ``model`` in place, in an order of batches that depends on ``seed`` alone.

    The model trains in train mode and is left in eval mode. Batches are drawn without
    replacement; the last one of an epoch may be smaller, and is skipped if it holds one image
    only, which batch normalization cannot use.

    Args:
        model: maps a batch of ``x`` to what ``loss`` takes.
        x: (N, ...) inputs, floating point.
        y: (N,) int64 class numbers for the default loss, otherwise (N, ...) as ``loss`` wants.
        epochs: passes over the data, 0 or more.
        lr: peak learning rate, above 0.
        seed: seeds the order of the images, and torch's global generator for models that draw.
        batch_size: images a step, 1 or more.
        loss: ``loss(model(x), y)``, a scalar; default cross-entropy.
        optimizer: ``"adam"``, or a callable ``(parameters, lr=...)`` such as ``torch.optim.SGD``.
        schedule: of the learning rate, set before every step: ``"cosine"`` (to 0), ``"onecycle"``
            (up during the first 30 %, then down) or None (constant).
        after_step: called with the model after every step, without gradients: to clamp latents.
        on_epoch: called with epoch (from 0), model (in eval mode) and mean loss.

    Returns:
        The mean loss of every epoch.

    Raises:
        ValueError: arguments that do not fit together.
        FloatingPointError: the loss is NaN or infinite; names epoch and learning rate.
    """
    import torch

    _check_fit(x, y, epochs, batch_size, lr, loss is None)
    torch.manual_seed(seed)
    order = torch.Generator().manual_seed(seed)
    loss = loss or torch.nn.functional.cross_entropy
    stepper = _optimizer(optimizer, model, lr)
    steps = epochs * len(_batches(torch.arange(len(x)), batch_size))
    rate = _schedule(schedule, stepper, lr, steps)
    history = History()
    for epoch in range(epochs):
        batches = _batches(torch.randperm(len(x), generator=order), batch_size)
        mean = _train(model.train(), x, y, batches, loss, stepper, rate, after_step)
        if not math.isfinite(mean):
            raise FloatingPointError(
                f"the loss became {mean} in epoch {epoch} at peak learning rate {lr}: "
                "lower the learning rate, or look for a division by zero in the model"
            )
        history.loss.append(mean)
        model.eval()
        if on_epoch is not None:
            with torch.no_grad():
                on_epoch(epoch, model, mean)
    model.eval()
    return history


def _batches(order: Tensor, batch_size: int) -> list[Tensor]:
    """The order cut into batches; a last batch of one image is left out."""
    batches = list(order.split(batch_size))
    return batches[:-1] if len(batches) > 1 and len(batches[-1]) == 1 < batch_size else batches


def _train(model, x, y, batches, loss, stepper, rate, after_step) -> float:
    """One pass over the batches; the mean loss of an image."""
    import torch

    total = 0.0
    for batch in batches:
        stepper.zero_grad(set_to_none=True)
        value = loss(model(x[batch]), y[batch])
        value.backward()
        stepper.step()
        rate.step()
        total += value.item() * len(batch)
        if after_step is not None:
            with torch.no_grad():
                after_step(model)
    return total / sum(len(batch) for batch in batches)


def _optimizer(optimizer: str | Callable, model: nn.Module, lr: float) -> torch.optim.Optimizer:
    import torch

    if optimizer == "adam":
        optimizer = torch.optim.Adam
    if not callable(optimizer):
        raise ValueError(
            f'optimizer: expected "adam" or a callable (parameters, lr=...), got {optimizer!r}'
        )
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise ValueError("model: has no parameter that requires a gradient, nothing to train")
    return optimizer(parameters, lr=lr)


def _schedule(schedule: str | None, stepper, lr: float, steps: int):
    """A torch scheduler to be stepped after every optimizer step."""
    from torch.optim import lr_scheduler

    if schedule is None or steps == 0:
        return lr_scheduler.LambdaLR(stepper, lambda step: 1.0)
    if schedule == "cosine":
        return lr_scheduler.CosineAnnealingLR(stepper, T_max=steps)
    if schedule == "onecycle":
        return lr_scheduler.OneCycleLR(stepper, max_lr=lr, total_steps=steps)
    raise ValueError(f'schedule: expected "cosine", "onecycle" or None, got {schedule!r}')


def _check_fit(x, y, epochs: int, batch_size: int, lr: float, classes: bool) -> None:
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
        (not (lr > 0 and math.isfinite(lr)), f"lr must be a finite rate above 0, got {lr}"),
    ]
    for wrong, message in problems:
        if wrong:
            raise ValueError(f"fit: {message}")


def _check_tensor(caller: str, name: str, value: Any) -> None:
    import torch

    if not isinstance(value, torch.Tensor):
        raise TypeError(
            f"{caller}: {name} must be a torch tensor, got {type(value).__name__}: "
            "use `Split.torch()` or `torch.from_numpy`"
        )


def _check_inputs(caller: str, x: Tensor) -> None:
    _check_tensor(caller, "x", x)
    came = f"got {x.dtype} {tuple(x.shape)}"
    if x.ndim < 2 or not x.is_floating_point():
        raise ValueError(f"{caller}: x must be floating point (N, ...), {came}")
    if len(x) == 0:
        raise ValueError(f"{caller}: x holds no input, expected 1 image or more, {came}")


def predict(model: nn.Module, x: Tensor, batch_size: int = BATCH) -> Tensor:
    """Outputs of the model in eval mode, without gradients; its mode is restored.

    Args:
        model: maps (N, ...) to (N, ...).
        x: (N, ...) inputs, floating point, N 1 or more.
        batch_size: inputs at a time, 1 or more.

    Returns:
        (N, ...) outputs.

    Raises:
        TypeError, ValueError: ``x`` is no floating point tensor with a batch axis.
    """
    import torch

    _check_inputs("predict", x)
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            return torch.cat([model(part) for part in x.split(batch_size)])
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
        ValueError: ``x`` and ``y`` differ in length, or the scores are not (N, K).
    """
    scores = predict(model, x, batch_size)
    if scores.ndim != 2 or y.shape != scores.shape[:1]:
        raise ValueError(
            "accuracy: expected scores (N, K) and labels (N,), "
            f"got {tuple(scores.shape)} and {tuple(y.shape)}"
        )
    return (scores.argmax(dim=1) == y).double().mean().item()


def paired(
    run: Callable[[int], Any], seeds: Iterable[int], executor: Executor | None = None
) -> list[Any]:
    """Call ``run(seed)`` for every seed, with live progress (:func:`repro.progress.progress`).

    Args:
        run: everything that one seed decides, for all the variants compared, so that their
            results are paired. An executor of processes must be able to pickle it.
        seeds: different integers.
        executor: a ``concurrent.futures`` executor, or one that follows its interface, as
            those of Dask and Ray do; default: one seed after the other in this process.

    Returns:
        The results in the order of the seeds.

    Raises:
        ValueError: no seed, or one twice.
        Exception: what ``run`` raised, with a note that names the seed; seeds that have not
            started are cancelled.
    """
    seeds = list(seeds)
    if not seeds or len(set(seeds)) != len(seeds):
        raise ValueError(f"paired: expected different seeds, at least one, got {seeds}")
    with progress(len(seeds), "seeds") as advance:
        if executor is None:
            return [_serial(run, seed, advance) for seed in seeds]
        return _spread(run, seeds, executor, advance)


def _serial(run, seed, advance):
    with _named(seed):
        result = run(seed)
    advance()
    return result


def _spread(run, seeds, executor, advance):
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
