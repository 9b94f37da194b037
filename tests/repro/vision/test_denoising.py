"""Denoising: noise of the size announced, NAFNet's recipe, and scores of scikit-image."""

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from repro.data import grey_patches
from repro.vision import denoising


def test_loss_is_minus_the_mean_psnr():
    a, b = torch.rand(3, 1, 4, 5, dtype=torch.float64), torch.rand(3, 1, 4, 5, dtype=torch.float64)
    mean = np.mean(
        [
            peak_signal_noise_ratio(y.numpy(), x.numpy(), data_range=1)
            for x, y in zip(a, b, strict=True)
        ]
    )
    assert denoising.psnr_loss(a, b).item() == pytest.approx(-mean, abs=1e-5)
    assert denoising.psnr_loss(a, a).item() == pytest.approx(-80)


@pytest.mark.parametrize("shape", [(3, 1, 4, 1), (1, 4, 5), (2, 1, 4, 5)])
def test_loss_refuses_pictures_of_other_shapes(shape):
    with pytest.raises(ValueError, match=r"psnr_loss: expected pictures \(N, C, H, W\)"):
        denoising.psnr_loss(torch.zeros(shape), torch.zeros(3, 1, 4, 5))
    with pytest.raises(ValueError, match="psnr_loss"):
        denoising.psnr_loss(torch.zeros(3, 4, 5), torch.zeros(3, 4, 5))


def test_pairs_are_crops_and_noise_of_one_size():
    x, y = denoising.pairs(40, denoising.TEST, 5)
    assert x.shape == y.shape == (40, 1, 32, 32)
    assert np.array_equal(y.numpy(), grey_patches(40, 32, 5, denoising.TEST))
    assert (x - y).std().item() == pytest.approx(0.15, abs=0.002)
    assert abs((x - y).mean().item()) < 0.003
    assert not set(denoising.TRAIN) & set(denoising.TEST)
    assert not torch.equal(x, denoising.pairs(40, denoising.TEST, 6)[0])


def test_training_follows_the_recipe(monkeypatch):
    told = {}

    def fit(net, x, y, **options):
        told.update(options, n=len(x), y=y)

    monkeypatch.setattr(denoising, "fit", fit)
    denoising.train(torch.nn.Identity(), 3, 0.01, 9)
    assert told["n"] == 24
    assert np.array_equal(told["y"].numpy(), grey_patches(24, 32, 9, denoising.TRAIN))
    assert [told[key] for key in ("epochs", "lr", "seed", "batch_size", "clip")] == [
        *(1, 0.01, 9, 8, 0.01)
    ]
    assert told["loss"] is denoising.psnr_loss
    made = told["optimizer"]([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    assert isinstance(made, torch.optim.AdamW)
    assert (made.defaults["betas"], made.defaults["weight_decay"]) == ((0.9, 0.9), 0)


def test_scores_are_means_over_crops_clipped_to_the_range():
    net = torch.nn.Identity()
    found = denoising.scores(net, n=3)
    assert found.shape == (6, 2)
    for row, name in zip(found, denoising.TEST, strict=True):
        x, y = denoising.pairs(3, (name,), 0)
        crops = [(b.numpy(), a.clamp(0, 1).numpy()) for a, b in zip(x[:, 0], y[:, 0], strict=True)]
        psnr = np.mean([peak_signal_noise_ratio(b, a, data_range=1) for b, a in crops])
        ssim = np.mean([structural_similarity(b, a, data_range=1) for b, a in crops])
        assert row == pytest.approx([psnr, ssim], abs=1e-6)
    assert denoising.scores(net)[0, 0] != found[0, 0]


class Broken(torch.nn.Module):
    """Returns what it is given, cut at one side or divided by zero."""

    def __init__(self, cut, divisor):
        super().__init__()
        self.cut, self.divisor = cut, divisor

    def forward(self, x):
        return (x * 0 / self.divisor)[..., self.cut :]


@pytest.mark.parametrize("net", [Broken(1, 1), Broken(0, 0)])
def test_scores_refuse_other_sizes_and_nan(net):
    with pytest.raises(ValueError, match=r"scores: expected pictures \(2, 1, 32, 32\) without NaN"):
        denoising.scores(net, n=2)


def test_training_refuses_no_step():
    with pytest.raises(ValueError, match="1 crop or more"):
        denoising.train(torch.nn.Identity(), 0, 0.01, 0)
