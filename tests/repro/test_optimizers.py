"""Parameter groups, schedules and clipping."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from repro.optimizers import adam, build, clip_gradients, parameter_groups, schedule


def network():
    return nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))


def test_the_rest_is_a_group_of_its_own():
    model = network()
    model[1].bias.requires_grad_(False)
    made = parameter_groups(model, 0.1, [{"params": model[1].weight, "lr": 1, "momentum": 0.5}])
    assert [group["lr"] for group in made] == [1, 0.1]
    assert [p is model[1].weight for p in made[0]["params"]] == [True]
    assert [list(p.shape) for p in made[1]["params"]] == [[3, 2], [3]]
    assert made[0]["momentum"] == 0.5
    (only,) = parameter_groups(model, 0.1, None)
    assert len(only["params"]) == 3
    (only,) = parameter_groups(model, 0.1, lambda m: [{"params": m.parameters()}])
    assert (len(only["params"]), only["lr"]) == (3, 0.1)


@pytest.mark.parametrize(
    ("groups", "error", "why"),
    [
        (lambda m: [{"params": m[0].weight}] * 2, ValueError, "0.weight twice"),
        (lambda m: [{"params": [m[0].bias] * 2}], ValueError, "0.bias twice"),
        (lambda m: [{"params": network().parameters()}], ValueError, r"\(3, 2\) is not the model"),
        (lambda m: [{"params": []}], ValueError, r"groups\[0\]: holds no parameter"),
        (lambda m: [{"params": m[0].weight, "lr": 0}], ValueError, "finite rate above 0, got 0"),
        (lambda m: [{"params": m[0].weight, "lr": "big"}], ValueError, "got big"),
        (lambda m: [{"lr": 1}], TypeError, r'groups\[0\]: expected a dictionary with "params"'),
        (lambda m: [m[0]], TypeError, "expected a dictionary"),
        (lambda m: [{"params": 3}], TypeError, "params must be parameters, got int"),
        (lambda m: [{"params": m.named_parameters()}], TypeError, r"tuple; use `module\.param"),
    ],
)
def test_groups_that_do_not_fit_are_named(groups, error, why):
    with pytest.raises(error, match=why):
        parameter_groups(network(), 0.1, groups)


def test_unknown_options_are_named():
    model = network()
    groups = parameter_groups(model, 0.1, [{"params": model[0].weight, "weight_dekay": 1}])
    with pytest.raises(ValueError, match="SGD has no option weight_dekay; it has lr, momentum"):
        build(torch.optim.SGD, groups)
    with pytest.raises(ValueError, match='expected "adam" or a callable'):
        build("sgd", groups)


def test_a_simple_callable_gets_plain_parameters():
    seen = []

    def optimizer(parameters, lr):
        seen.extend(parameters)
        return torch.optim.SGD(parameters, lr=lr)

    model = network()
    build(optimizer, parameter_groups(model, 0.1, None))
    assert all(a is b for a, b in zip(seen, model.parameters(), strict=True))


def test_adams_epsilon_does_not_vanish_in_float16():
    assert adam(list(network().parameters()), 0.1).defaults["eps"] == 1e-8
    half = network().half()
    made = adam([{"params": list(half.parameters())}], 0.1)
    assert torch.tensor(made.defaults["eps"]).half() > 0


@pytest.mark.parametrize("name", ["cosine", "onecycle"])
def test_schedules_scale_every_groups_own_rate_and_nothing_else(name):
    model = network()
    groups = [{"params": model[0].parameters(), "lr": 2.0, "momentum": 0.9}]
    made = build(torch.optim.SGD, parameter_groups(model, 0.5, groups))
    rate = schedule(name, made, 10)
    seen = []
    for _ in range(9):
        made.step()
        rate.step()
        seen.append([(g["lr"], g["momentum"]) for g in made.param_groups])
    rates, momenta = np.array(seen).transpose(2, 1, 0)
    assert np.allclose(rates[0], 4 * rates[1]) and np.ptp(rates[0]) > 1
    assert (momenta == [[0.9], [0]]).all()


def test_unknown_schedules_are_named():
    made = build("adam", parameter_groups(network(), 0.1, None))
    with pytest.raises(ValueError, match="got 'linear'"):
        schedule("linear", made, 0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_norm_is_summed_wide_enough(dtype):
    model = network().to(dtype)
    for p in model.parameters():
        p.grad = torch.full_like(p, 300)  # 300**2 is infinite in float16
    n = sum(p.numel() for p in model.parameters())
    assert clip_gradients(model.parameters(), None) == pytest.approx(300 * math.sqrt(n), rel=1e-6)
    assert clip_gradients(model.parameters(), 30.0) == pytest.approx(300 * math.sqrt(n), rel=1e-6)
    assert clip_gradients(model.parameters(), 31.0) == pytest.approx(30, rel=1e-2)
    assert all((p.grad == p.grad.flatten()[0]).all() for p in model.parameters())


def test_parameters_without_a_gradient_do_not_count():
    model = network()
    assert clip_gradients(model.parameters(), 1.0) == 0
    model[0].bias.grad = torch.tensor([3.0, 4.0, 0.0])
    assert clip_gradients(model.parameters(), 1.0) == 5
    assert model[0].bias.grad.norm().item() == pytest.approx(1)
