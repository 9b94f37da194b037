"""Trained networks approximated layer by layer, on images without labels.

Each layer is fitted to what the original network answers, from the inputs that the layers before
it, approximated already, really deliver. What a layer's approximation is, its chapter says.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from repro.quantize.columns import Layer, columns, matrices, out_sides


@dataclass(frozen=True)
class LayerData:
    """What one layer sees and should answer, at P sampled output positions.

    Attributes:
        name: the layer's, as in `network.named_modules()`.
        layer: the original layer, not to be changed.
        original: (G, P, D), inputs in the original network.
        delivered: (G, P, D), inputs in the network approximated so far, at the same positions.
    """

    name: str
    layer: Layer
    original: Tensor
    delivered: Tensor

    @property
    def weight(self) -> Tensor:
        """(G, K / G, D): the original weight, one row per output channel."""
        return matrices(self.layer)

    @property
    def targets(self) -> Tensor:
        """(G, P, K / G): responses of the original layer, without its bias."""
        return self.original @ self.weight.transpose(1, 2)


#: From what a layer sees to its new weight, of the same shape, or to a module in its place.
Solver = Callable[[LayerData], Tensor | nn.Module]


def approximate(
    network: nn.Module,
    images: Tensor,
    solve: Solver,
    *,
    layers: Sequence[str] | None = None,
    positions: int | None = None,
    propagate: bool = True,
    seed: int = 0,
    batch_size: int = 64,
) -> nn.Module:
    """A copy in which layer after layer is replaced, in the order in which the network runs them.

        def by_signs(data):
            w = data.layer.weight
            return w.sign() * w.abs().mean()

        cheap = approximate(network, images, by_signs, layers=["conv2", "conv3"])

    Args:
        network: runs in eval mode; stays as it is.
        images: (N, ...) what the network takes; no labels.
        solve: called once for each layer.
        layers: names of convolutions and linear layers; default: all that run.
        positions: output positions drawn for each layer, out of all images; default: all.
        propagate: give `solve` the inputs that the approximated layers deliver; False: those of
            the original network on both sides.
        seed: of the positions.
        batch_size: images in memory at a time.

    Returns:
        The approximated network in eval mode, without gradients recorded so far.

    Raises:
        ValueError: no images, no layer of that name, a layer that never runs or runs twice, another
            shape, or weights that are not finite.
        TypeError: `solve` returns neither a tensor nor a module.
    """
    if not len(images):
        raise ValueError(f"images: expected one or more, got shape {tuple(images.shape)}")
    if positions is not None and positions < 1:
        raise ValueError(f"positions: expected 1 or more, or None for all, got {positions}")
    original, cheap = (copy.deepcopy(network).eval() for _ in range(2))
    names = _named(original, layers)
    with torch.no_grad():
        recorder = _Recorder(original, names, positions, seed, len(images))
        with recorder.listening():
            for part in images.split(batch_size):
                original(part)
        for name in recorder.order(names, needed=layers is not None):
            seen = recorder.columns(name)
            delivered = seen
            if propagate:
                again = _Recorder(cheap, [name], positions, seed, len(images), stop=True)
                with again.listening():
                    for part in images.split(batch_size):
                        with suppress(_Stop):
                            cheap(part)
                delivered = again.columns(name)
            data = LayerData(name, original.get_submodule(name), seen, delivered)
            _install(cheap, name, solve(data))
    return cheap


def reestimate_normalization(
    network: nn.Module, images: Tensor, batch_size: int | None = None
) -> nn.Module:
    """A copy whose batch normalization has the means and variances of these images.

    Weights that have been replaced shift and stretch what follows them; this needs no labels.

    Args:
        network: stays as it is.
        images: (N, ...) what the network takes, two or more.
        batch_size: images a batch; the statistics are means over batches. Default: all at once.

    Returns:
        The copy in eval mode.

    Raises:
        ValueError: fewer than two images in a batch.
    """
    size = len(images) if batch_size is None else batch_size
    if len(images) < 2 or size < 2:
        raise ValueError(
            f"images: expected two or more in a batch, got {len(images)} in batches of {size}"
        )
    network = copy.deepcopy(network).eval()
    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
        norm.train()
    with torch.no_grad():
        for part in images.split(size):
            if len(part) > 1:
                network(part)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
    return network


def _named(network: nn.Module, layers: Sequence[str] | None) -> list[str]:
    """Names of the layers to replace, checked."""
    known = [name for name, module in network.named_modules() if isinstance(module, Layer)]
    if layers is None:
        return known
    if isinstance(layers, str):
        raise ValueError(f"layers: expected a list of names, got the text {layers!r}")
    if unknown := [name for name in layers if name not in known]:
        raise ValueError(
            f"layers: expected convolutions and linear layers ({', '.join(known)}), got "
            f"{', '.join(map(repr, unknown))}"
        )
    return list(layers)


class _Stop(Exception):
    """No error: the forward pass has come far enough."""


class _Recorder:
    """Collects the inputs of layers at sampled positions while a network runs."""

    def __init__(
        self,
        network: nn.Module,
        names: Sequence[str],
        positions: int | None,
        seed: int,
        images: int,
        stop: bool = False,
    ) -> None:
        self.layers = {name: network.get_submodule(name) for name in names}
        self.positions, self.seed, self.images, self.stop = positions, seed, images, stop
        self.parts: dict[str, list[Tensor]] = {}
        self.seen: dict[str, int] = {}

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Record for as long as the context lasts."""
        hooks = [
            layer.register_forward_pre_hook(lambda _, inputs, name=name: self._take(name, *inputs))
            for name, layer in self.layers.items()
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _take(self, name: str, x: Tensor) -> None:
        layer, before = self.layers[name], self.seen.get(name, 0)
        if before + len(x) > self.images:
            raise ValueError(f"layer {name!r} runs more than once for an image; leave it out")
        if isinstance(layer, nn.Linear):
            each = x[0].numel() // x.shape[-1]
        else:
            height, width = out_sides(layer, x.shape[-2:])
            each = height * width
        total = self.images * each
        drawn = torch.arange(total)
        if self.positions is not None and self.positions < total:
            generator = torch.Generator().manual_seed(self.seed)
            drawn = torch.randperm(total, generator=generator)[: self.positions].sort().values
        here = drawn[(drawn >= before * each) & (drawn < (before + len(x)) * each)] - before * each
        self.parts.setdefault(name, []).append(columns(layer, x.detach(), here.to(x.device)))
        self.seen[name] = before + len(x)
        if self.stop:
            raise _Stop

    def order(self, names: Sequence[str], needed: bool) -> list[str]:
        """The recorded layers in the order in which they ran."""
        if needed and (idle := [name for name in names if name not in self.parts]):
            raise ValueError(f"layers: {', '.join(map(repr, idle))} never ran on these images")
        return list(self.parts)

    def columns(self, name: str) -> Tensor:
        """(G, P, D): what was recorded of a layer."""
        return torch.cat(self.parts[name], dim=1)


def _install(network: nn.Module, name: str, new: Tensor | nn.Module) -> None:
    """Put a layer's approximation in its place."""
    if isinstance(new, nn.Module):
        parent, _, child = name.rpartition(".")
        setattr(network.get_submodule(parent), child, new.eval())
        return
    if not isinstance(new, Tensor):
        raise TypeError(f"layer {name!r}: expected a tensor or a module, got {type(new).__name__}")
    weight = network.get_submodule(name).weight
    if new.shape != weight.shape:
        raise ValueError(
            f"layer {name!r}: expected a weight of shape {tuple(weight.shape)}, got "
            f"{tuple(new.shape)}"
        )
    if not new.isfinite().all():
        raise ValueError(f"layer {name!r}: expected finite weights, got NaN or infinity")
    weight.copy_(new)
