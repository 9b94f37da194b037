"""Layer by layer on unlabelled images: columns, targets, delivered inputs, replacement."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from repro.quantize.calibration import LayerData, approximate, reestimate_normalization
from repro.quantize.columns import columns


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, stride=2, groups=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(72, 5),
    )


def images(count=6, seed=1):
    return torch.randn(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed))


def keep(data):
    return data.layer.weight


def halve(data):
    return data.layer.weight / 2


def test_layers_kept_give_the_network_and_original_inputs():
    net, seen = network().eval(), []

    def solve(data):
        seen.append(data)
        return keep(data)

    cheap = approximate(net, images(), solve)
    assert torch.equal(cheap(images()), net(images()))
    assert [data.name for data in seen] == ["0", "3", "6"]
    for data in seen:
        assert torch.equal(data.original, data.delivered)
    assert [tuple(d.original.shape) for d in seen] == [(1, 384, 27), (2, 54, 36), (1, 6, 72)]


def test_targets_are_the_original_responses_without_bias():
    net, x = network().eval(), images()
    data = {}
    approximate(net, x, lambda d: data.setdefault(d.name, d).layer.weight * 0)
    response = net[:4](x) - net[3].bias[:, None, None]
    targets = data["3"].targets.transpose(0, 1).reshape(6, 3, 3, 8).permute(0, 3, 1, 2)
    assert torch.allclose(targets, response, atol=1e-5)


def test_inputs_come_from_the_layers_approximated_before():
    net, x = network().eval(), images()
    delivered = {}

    def solve(data):
        delivered[data.name] = data.delivered
        return halve(data)

    cheap = approximate(net, x, solve)
    assert torch.allclose(delivered["3"], columns(net[3], cheap[:3](x)), atol=1e-6)
    assert torch.allclose(delivered["6"][0], cheap[:6](x), atol=1e-6)
    assert not torch.allclose(delivered["6"][0], net[:6](x), atol=1e-2)


def test_without_propagation_both_sides_see_the_original():
    def solve(data):
        assert data.delivered is data.original
        return halve(data)

    approximate(network(), images(), solve, propagate=False)


@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_sampled_positions_do_not_depend_on_the_batches(batch_size):
    seen = []
    arguments = {"positions": 17, "seed": 3}
    approximate(
        network(),
        images(),
        lambda d: seen.append(d) or halve(d),
        batch_size=batch_size,
        **arguments,
    )
    whole = []
    approximate(network(), images(), lambda d: whole.append(d) or halve(d), **arguments)
    for one, other in zip(seen, whole, strict=True):
        assert one.original.shape[1] == min(17, 6 if one.name == "6" else 17)
        assert torch.allclose(one.delivered, other.delivered, atol=1e-6)
        assert torch.allclose(one.original, other.original, atol=1e-6)


def test_only_the_named_layers_change():
    net = network()
    cheap = approximate(net, images(), halve, layers=["3"])
    assert torch.equal(cheap[3].weight, net[3].weight / 2)
    assert torch.equal(cheap[0].weight, net[0].weight)
    assert torch.equal(cheap[3].bias, net[3].bias)


def test_a_module_takes_the_layers_place():
    net = nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 1)), nn.Flatten(), nn.Linear(256, 2))
    new = nn.Sequential(nn.Conv2d(3, 2, 1), nn.Conv2d(2, 4, 1))
    cheap = approximate(net, images(), lambda data: new, layers=["0.0"])
    assert cheap[0][0] is new
    assert isinstance(net[0][0], nn.Conv2d)


def test_the_network_stays_as_it_is():
    net = network().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    approximate(net, images(), halve)
    reestimate_normalization(net, images())
    assert net.training
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])


def test_least_squares_on_delivered_inputs_undoes_a_disturbance():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 3)).double()
    x = torch.randn(40, 6).double()

    def solve(data):
        if data.name == "0":
            return data.layer.weight * 1.5 + 0.1
        with_bias = F.pad(data.delivered[0], (0, 1), value=1.0)
        return torch.linalg.lstsq(with_bias, data.targets[0]).solution[:-1].T

    mended = approximate(net, x, solve)
    spoilt = approximate(net, x, lambda d: solve(d) if d.name == "0" else keep(d))
    assert (mended(x) - net(x)).std(0).max() < 1e-9 < 0.1 < (spoilt(x) - net(x)).std(0).max()


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.idle = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return self.layer(self.layer(x))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: approximate(network(), images(0), keep), "images: expected one or more"),
        (lambda: approximate(network(), images(), keep, positions=0), "positions: expected 1"),
        (lambda: approximate(network(), images(), keep, layers=["1"]), r"expected conv.*got '1'"),
        (lambda: approximate(network(), images(), keep, layers="3"), "got the text '3'"),
        (lambda: approximate(Twice(), torch.ones(2, 4), keep), "'layer' runs more than once"),
        (
            lambda: approximate(Twice(), torch.ones(2, 4), keep, layers=["idle"]),
            "'idle' never ran",
        ),
        (
            lambda: approximate(network(), images(), lambda d: d.weight),
            r"layer '0': expected a weight of shape \(8, 3, 3, 3\), got \(1, 8, 27\)",
        ),
        (
            lambda: approximate(network(), images(), lambda d: d.layer.weight / 0),
            "layer '0': expected finite weights",
        ),
        (lambda: reestimate_normalization(network(), images(1)), "two or more in a batch, got 1"),
        (lambda: reestimate_normalization(network(), images(), 1), "in batches of 1"),
    ],
)
def test_what_cannot_be_done_is_said(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_solution_that_is_no_weight_is_refused():
    with pytest.raises(TypeError, match="expected a tensor or a module, got float"):
        approximate(network(), images(), lambda d: 1.0)


def test_statistics_are_those_of_the_images():
    net, x = network(), images(12)
    again = reestimate_normalization(net, x)
    y = net[0](x)
    assert torch.allclose(again[1].running_mean, y.mean((0, 2, 3)), atol=1e-6)
    assert torch.allclose(again[1].running_var, y.var((0, 2, 3)), atol=1e-5)
    assert again[1].momentum == net[1].momentum and not again.training
    halves = reestimate_normalization(net, x, 6)
    assert torch.allclose(halves[1].running_mean, y.mean((0, 2, 3)), atol=1e-6)
    odd = reestimate_normalization(net, x[:7], 6)  # the last image alone has no variance
    assert torch.allclose(odd[1].running_mean, net[0](x[:6]).mean((0, 2, 3)), atol=1e-6)


def test_layer_data_of_groups():
    layer = nn.Conv2d(4, 6, 1, groups=2)
    x = torch.randn(1, 4, 2, 2)
    data = LayerData("a", layer, columns(layer, x), columns(layer, x))
    assert data.weight.shape == (2, 3, 2) and data.targets.shape == (2, 4, 3)
