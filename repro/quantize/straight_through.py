"""Training through quantizers: fixed scales forward, the identity backward."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.utils import parametrize

from repro.quantize.uniform import mse_scale, quantize_symmetric


class StraightThrough(nn.Module):
    """Parametrization of a weight: Q(w) with fixed scales forward, the identity backward.

    Args:
        w: (K, ...) weight that sets the scales once, one per output channel, by `mse_scale`.
        bits: width of the codes, 2 to 24.

    Source:
        Y. Bengio et al., Estimating or Propagating Gradients Through Stochastic Neurons
        (arXiv:1308.3432).
    """

    def __init__(self, w: Tensor, bits: int) -> None:
        super().__init__()
        self.bits = bits
        self.register_buffer("scale", mse_scale(w.detach(), bits, axis=0))

    def forward(self, w: Tensor) -> Tensor:
        """The quantized weight.

        Args:
            w: (K, ...).

        Returns:
            (K, ...), on the grid but for the last digit of far clipped weights.
        """
        wide = w.to(self.scale.dtype)  # in a narrow type the two sums would leave the grid
        quantized = quantize_symmetric(wide.detach(), self.bits, scale=self.scale).dequantize()
        return (wide + (quantized - wide.detach())).to(w.dtype)


def with_quantized_weights(network: nn.Module, widths: Sequence[int]) -> nn.Module:
    """A copy that computes with quantized weights and can be trained, straight through.

    Args:
        network: any module with convolutions or linear layers.
        widths: bits of each of them, in the order of `network.modules()`.

    Raises:
        ValueError: as many widths as layers were expected.
    """
    network = copy.deepcopy(network)
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    if len(layers) != len(widths):
        raise ValueError(f"widths: expected {len(layers)}, one per layer, got {len(widths)}")
    for layer, bits in zip(layers, widths, strict=True):
        parametrize.register_parametrization(layer, "weight", StraightThrough(layer.weight, bits))
    return network
