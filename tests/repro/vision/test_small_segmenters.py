"""Scenes with masks, the recipe of small segmenters, and perfect answers."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from repro.vision import small_segmenters
from repro.vision.small_segmenters import (
    fit_segmenter,
    halved,
    masked_scenes,
    segmenter_precision,
)


def test_scenes_have_masks_of_their_digits():
    x, truth, x_test, truth_test = masked_scenes(3, 20, 10)
    assert x.shape == (20, 1, 40, 40) and truth.shape == (20, 3, 20, 20)
    assert x_test.shape == (10, 1, 40, 40) and truth_test.shape == (10, 3, 20, 20)
    assert (x == x.round()).all() and x.min() >= 0 and 150 < x.max() <= 255
    assert set(truth.unique().tolist()) == {0, 1}
    there = truth.sum((2, 3)) > 0
    assert there[:, 0].all() and 1 < there.sum(1).float().mean() < 3
    inside, coarse = truth.sum(1) > 0, F.avg_pool2d(x, 2)[:, 0]
    assert coarse[inside].mean() > 2 * coarse[~inside].mean()
    assert truth.sum(1).max() == 1


def test_half_of_a_square_is_enough():
    masks = torch.tensor([[[1, 1, 1, 0], [0, 0, 0, 0]]], dtype=torch.bool)
    assert halved(masks).tolist() == [[[True, False]]]


def test_training_is_adamw_with_one_cycle(monkeypatch):
    seen = {}
    monkeypatch.setattr(small_segmenters, "fit", lambda *given, **named: seen.update(named))
    x = torch.zeros(64, 1, 40, 40)
    loss = nn.MSELoss()
    fit_segmenter(nn.Linear(1, 1), x, x, loss, lr=0.1, steps=12, seed=3)
    assert (seen["schedule"], seen["lr"], seen["seed"]) == ("onecycle", 0.1, 3)
    assert (seen["epochs"], seen["batch_size"]) == (3, 16) and seen["loss"] is loss
    stepper = seen["optimizer"](nn.Linear(1, 1).parameters(), lr=0.1)
    assert type(stepper) is torch.optim.AdamW and stepper.defaults["weight_decay"] == 1e-4


def test_training_takes_steps():
    x = torch.randn(32, 1, 4, 4)
    net = nn.Conv2d(1, 1, 1)
    before = net.weight.clone()
    history = fit_segmenter(net, x, 2 * x, nn.MSELoss(), lr=0.05, steps=10, seed=0)
    assert len(history.loss) == 5 and history.loss[-1] < history.loss[0]
    assert not torch.equal(before, net.weight) and not net.training


@pytest.mark.parametrize(
    ("pictures", "steps"), [(64, 13), (64, 2), (64, -4), (24, 3), (24, 24), (0, 4)]
)
def test_steps_that_are_no_whole_epochs_are_named(pictures, steps):
    x = torch.zeros(pictures, 1, 4, 4)
    with pytest.raises(ValueError, match=f"got {pictures} pictures and {steps} steps"):
        fit_segmenter(nn.Conv2d(1, 1, 1), x, x, nn.MSELoss(), lr=0.1, steps=steps, seed=0)


def test_perfect_answers_have_perfect_precision():
    _, _, x, truth = masked_scenes(4, 1, 6)
    there = (truth.sum((2, 3)) > 0).float()

    class Oracle(nn.Module):
        def forward(self, pictures):
            return truth

    def scored(answer, low=0.0):
        return answer.flatten(2) > 0, there * (0.9 - low) + low

    assert segmenter_precision(Oracle(), x, truth, scored) == {"ap": 100, "ap50": 100, "ap75": 100}
    # an empty mask with a score above the limit is a false alarm
    first = segmenter_precision(Oracle(), x, truth, lambda a: (scored(a)[0], 1.1 - scored(a)[1]))
    assert first["ap"] < 70
    unseen = segmenter_precision(Oracle(), x, truth, lambda a: (scored(a)[0], 0 * there + 0.005))
    assert unseen["ap"] == 0
