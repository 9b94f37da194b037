"""What `repro.training.fit` steps with: parameter groups, optimizer, schedule, clipping."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

#: One set of parameters with options of its own; see `parameter_groups`.
Group = Mapping[str, Any]
Groups = Sequence[Group] | Callable[["nn.Module"], Sequence[Group]]
Optimizer = Callable[..., "torch.optim.Optimizer"]


def parameter_groups(model: nn.Module, lr: float, groups: Groups | None) -> list[dict[str, Any]]:
    """The trainable parameters of a model in groups, each with its options.

    Args:
        model: whose parameters that require a gradient are trained.
        lr: rate of parameters for which no other is given.
        groups: dictionaries with `"params"`, a parameter or several, and options of the
            optimizer such as `"lr"` and `"weight_decay"`; or a callable that takes the model and
            returns such dictionaries. Parameters in none of them form a last group of their own.

    Returns:
        The groups as torch's optimizers take them, each with an `"lr"`.

    Raises:
        TypeError: `groups` or a group's `"params"` are of another kind.
        ValueError: nothing to train, in the model or in a group; a parameter named twice or not
            of the model; a rate that is not a finite number above 0.
    """
    names = {id(p): name for name, p in model.named_parameters()}
    given = groups(model) if callable(groups) else groups or ()
    made = [_group(number, group, lr, names) for number, group in enumerate(given)]
    count = Counter(id(p) for group in made for p in group["params"])
    twice = [names[p] for p, times in count.items() if times > 1]
    if twice:
        raise ValueError(f"groups: each parameter stands once, but {', '.join(twice)} twice")
    rest = [p for p in model.parameters() if p.requires_grad and id(p) not in count]
    if rest:
        made.append({"params": rest, "lr": lr})
    if not made:
        raise ValueError("model: has no parameter that requires a gradient, nothing to train")
    for group in made:
        rate = group["lr"]
        if not (isinstance(rate, Real) and math.isfinite(rate) and rate > 0):
            raise ValueError(f"lr must be a finite rate above 0, got {rate}")
    return made


def _group(number: int, group: Group, lr: float, names: Mapping[int, str]) -> dict[str, Any]:
    """One group, its parameters checked; those that are frozen are left out."""
    from torch import nn

    where = f"groups[{number}]"
    if not isinstance(group, Mapping) or "params" not in group:
        raise TypeError(f'{where}: expected a dictionary with "params", got {group!r}')
    chosen = group["params"]
    chosen = [chosen] if isinstance(chosen, nn.Parameter) else chosen
    if not isinstance(chosen, Iterable):
        raise TypeError(f"{where}: params must be parameters, got {type(chosen).__name__}")
    chosen = list(chosen)
    for p in chosen:
        if not isinstance(p, nn.Parameter):
            raise TypeError(
                f"{where}: params must be parameters, got {type(p).__name__}; "
                "use `module.parameters()`"
            )
        if id(p) not in names:
            raise ValueError(f"{where}: a parameter of shape {tuple(p.shape)} is not the model's")
    trained = [p for p in chosen if p.requires_grad]
    if not trained:
        raise ValueError(f"{where}: holds no parameter that requires a gradient")
    return {"lr": lr, **group, "params": trained}


def build(optimizer: str | Optimizer, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """The optimizer of the groups.

    Args:
        optimizer: `"adam"`, or a callable that takes parameters or groups, and `lr`.
        groups: from `parameter_groups`.

    Raises:
        ValueError: another optimizer, or a group with an option that it does not have.
    """
    optimizer = adam if optimizer == "adam" else optimizer
    if not callable(optimizer):
        raise ValueError(
            f'optimizer: expected "adam" or a callable (parameters, lr=...), got {optimizer!r}'
        )
    # A single plain group goes as parameters, which is all that a simple callable takes.
    plain = len(groups) == 1 and set(groups[0]) == {"params", "lr"}
    made = optimizer(groups[0]["params"] if plain else groups, lr=groups[0]["lr"])
    for group in groups:
        unknown = set(group) - set(made.defaults) - {"params"}
        if unknown:
            raise ValueError(
                f"groups: {type(made).__name__} has no option {', '.join(sorted(unknown))}; "
                f"it has {', '.join(made.defaults)}"
            )
    return made


def adam(parameters: list[Any], lr: float) -> torch.optim.Adam:
    """Adam, with an epsilon that is not 0 in the parameters' type.

    The usual 1e-8 is below the smallest float16, and 0 / 0 would follow.

    Args:
        parameters: parameters or groups of them.
        lr: learning rate of parameters for which no other is given.
    """
    import torch

    flat = [p for g in parameters for p in (g["params"] if isinstance(g, Mapping) else [g])]
    narrow = any(p.dtype == torch.float16 for p in flat)
    return torch.optim.Adam(parameters, lr=lr, eps=1e-4 if narrow else 1e-8)


def schedule(
    name: str | None, optimizer: torch.optim.Optimizer, steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """A scheduler, to be stepped after every optimizer step, that scales each group's own rate.

    Args:
        name: `"cosine"`, `"onecycle"` or None, as for `repro.training.fit`.
        optimizer: its groups hold their peak rates.
        steps: number of steps in all, 0 or more.

    Raises:
        ValueError: another name.
    """
    from torch.optim import lr_scheduler

    if name not in ("cosine", "onecycle", None):
        raise ValueError(f'schedule: expected "cosine", "onecycle" or None, got {name!r}')
    if name is None or steps == 0:
        return lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)
    if name == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    peaks = [group["lr"] for group in optimizer.param_groups]
    # of the rate alone: momenta stay those of the recipe
    return lr_scheduler.OneCycleLR(optimizer, peaks, total_steps=steps, cycle_momentum=False)


def clip_gradients(parameters: Iterable[Tensor], most: float | None) -> float:
    """The norm of all gradients together, which are then scaled down to a largest norm.

    Squares are summed in float32 or wider, so that narrow types neither overflow nor vanish.

    Args:
        parameters: those without a gradient do not count.
        most: the largest norm allowed, above 0; None leaves gradients as they are.

    Returns:
        The Euclidean norm before; 0 if there is no gradient.
    """
    import torch

    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients:
        return 0.0
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    norm = flat.to(torch.promote_types(flat.dtype, torch.float32)).norm().item()
    if most is not None and most < norm < math.inf:
        for gradient in gradients:
            gradient.mul_(most / norm)
    return norm
