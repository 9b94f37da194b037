"""Columns of inputs and rows of weights give what the layers give."""

import pytest
import torch
from torch import nn

from repro.pretrained.efficientnet_lite0 import SameConv2d
from repro.quantize.columns import columns, matrices, out_sides

LAYERS = [
    nn.Conv2d(4, 6, 3, padding=1),
    nn.Conv2d(4, 6, (3, 1), padding=(1, 0), stride=(1, 2)),
    nn.Conv2d(4, 6, 3, dilation=2, padding="same", groups=2),
    nn.Conv2d(4, 4, (1, 3), padding="same", groups=4),
    nn.Conv2d(4, 6, 2, padding="valid"),
    SameConv2d(4, 6, 3, stride=2),
    SameConv2d(4, 4, 5, stride=2, groups=4),
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_columns_times_weights_are_the_convolution(layer):
    x = torch.randn(2, 4, 7, 10)
    outputs = columns(layer, x) @ matrices(layer).transpose(1, 2)
    height, width = out_sides(layer, x.shape[-2:])
    outputs = outputs.transpose(0, 1).reshape(2, height, width, -1).permute(0, 3, 1, 2)
    assert torch.allclose(outputs + layer.bias[:, None, None], layer(x), atol=1e-5)


def test_columns_of_a_linear_layer_are_its_rows():
    x = torch.randn(2, 3, 4)
    assert torch.equal(columns(nn.Linear(4, 5), x), x.reshape(1, 6, 4))
    assert torch.equal(columns(nn.Linear(4, 5), x, torch.tensor([4])), x[1, 1].reshape(1, 1, 4))


def test_chosen_columns_are_those_of_all():
    layer, x, at = LAYERS[2], torch.randn(3, 4, 5, 6), torch.tensor([0, 31, 89])
    assert torch.equal(columns(layer, x, at), columns(layer, x)[:, at])


def test_a_border_that_is_not_zeros_is_refused():
    with pytest.raises(ValueError, match="expected zeros at the border, got 'reflect'"):
        columns(nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"), torch.zeros(1, 1, 4, 4))
