"""Training through quantizers."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from repro.quantize.straight_through import StraightThrough, with_quantized_weights
from repro.quantize.uniform import code_range, mse_scale, quantize_symmetric


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_straight_through_forwards_values_and_passes_gradients():
    w = numbers(4, 6).requires_grad_()
    values = StraightThrough(w, 3)(w)
    assert torch.equal(values, quantize_symmetric(w.detach(), 3, axis=0).dequantize())
    values.backward(g := numbers(4, 6, seed=1))
    assert torch.equal(w.grad, g)


def test_a_network_with_quantized_weights_computes_with_them_and_learns():
    network = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2))
    before = [p.detach().clone() for p in network.parameters()]
    quantized = with_quantized_weights(network, [3, 8])
    x, copy = numbers(2, 1, 4, 4), [network[0], network[3]]
    conv, linear = (
        quantize_symmetric(layer.weight.detach(), bits, axis=0).dequantize()
        for layer, bits in zip(copy, (3, 8), strict=True)
    )
    by_hand = F.linear(F.conv2d(x, conv, network[0].bias).relu().flatten(1), linear, copy[1].bias)
    assert torch.allclose(quantized(x), by_hand, atol=1e-6)
    quantized(x).sum().backward()
    assert all(p.grad is not None for p in quantized.parameters())
    assert all(torch.equal(p, q) for p, q in zip(network.parameters(), before, strict=True))


def test_a_width_for_every_layer_is_expected():
    with pytest.raises(ValueError, match="widths: expected 1, one per layer, got 2"):
        with_quantized_weights(nn.Linear(2, 2), [4, 4])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_scales_stay_when_the_weights_move(dtype):
    """Fixed at the first weights; scales found anew would follow these."""
    layer = with_quantized_weights(nn.Linear(6, 4).to(dtype), [3])
    first = mse_scale(layer.parametrizations.weight.original.detach(), 3, axis=0)
    with torch.no_grad():
        layer.parametrizations.weight.original.mul_(7).add_(0.1)
    moved = layer.parametrizations.weight.original.detach()
    expected = quantize_symmetric(moved, 3, scale=first)
    assert torch.allclose(layer.weight, expected.dequantize(), rtol=1e-6)
    if dtype in (torch.float16, torch.bfloat16):  # summed in float32
        assert torch.equal(layer.weight, expected.dequantize())
    assert expected.codes.abs().max() == code_range(3)[1]
    assert not torch.allclose(mse_scale(moved, 3, axis=0), first)
    assert torch.equal(layer.state_dict()["parametrizations.weight.0.scale"], first)


def test_scales_stay_while_a_network_trains():
    layer, x = with_quantized_weights(nn.Linear(3, 2), [4]), numbers(8, 3)
    scale = layer.parametrizations.weight[0].scale.clone()
    stepper = torch.optim.SGD(layer.parameters(), lr=0.5)
    before = layer.weight.detach().clone()
    for _ in range(5):
        stepper.zero_grad()
        (layer(x) - 1).square().mean().backward()
        stepper.step()
    assert torch.equal(layer.parametrizations.weight[0].scale, scale)
    codes = layer.weight.detach() / scale
    assert torch.allclose(codes, codes.round(), atol=1e-5)
    assert not torch.equal(layer.weight, before)
