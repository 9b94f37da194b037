"""What blocks cost before and after fine-tuning: the trials behind the verdicts.

    make trials CH=block_convolution

Digits: the chapter's network and images, trained without blocks to its plateau, then fine-tuned
under each rule with the rate that suits it. Photographs: ImageNet's EfficientNet-Lite0 without any
training, and a small network for super-resolution; here each seed is another photograph.
"""

import repro  # first: caps threads and instruction set

# isort: split
import copy
import sys
from collections.abc import Mapping
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from press.trials import Quantity, Trial, grid, main
from repro import trials
from repro.data import cluttered_digits
from repro.data.photographs import PHOTOGRAPHS, photograph, photograph_patches
from repro.pretrained.efficientnet_lite0 import efficientnet_lite0, normalize
from repro.training import accuracy, fit

chapter = repro.chapter("block_convolution")
RULES = ("F0", "F12", "F6", "F3", "H8", "H2", "F6 replicate", "F6 reflect")
BASE, TUNE, RATE = 18, 8, 5e-3
RESULTS = range(110, 115)
PHOTOS = range(110, 110 + len(PHOTOGRAPHS))


@cache
def images(digit: int = 20) -> tuple[Tensor, ...]:
    """The chapter's images and labels, or others; digit: largest side in pixels."""
    split = cluttered_digits(
        1000, 2000, size=24, digit=(digit - 4, digit), fragments=1, strokes=1, seed=0
    )
    return split.torch()


def start(seed: int) -> nn.Module:
    """A network at its random start."""
    torch.manual_seed(seed)
    return chapter.Network().to(memory_format=torch.channels_last)


@cache
def trained(seed: int, base: int, digit: int) -> nn.Module:
    """A network trained without blocks for some epochs."""
    net = start(seed)
    fit(net, *images(digit)[:2], epochs=base, lr=RATE, seed=seed)
    return net


def score(net: nn.Module, digit: int = 20) -> float:
    """Test accuracy in %."""
    return 100 * accuracy(net, *images(digit)[2:], batch_size=200)


def tune(
    seed: int, arm: str, lr: float, epochs: int, base: int = BASE, digit: int = 20
) -> dict[str, float]:
    """Block a trained network by a rule, and fine-tune it.

    Args:
        seed: of the start and the order of the images.
        arm: rule, and padding unless it is zeros.
        lr: Adam's peak rate.
        epochs: of fine-tuning.
        base: epochs without blocks.
        digit: largest side of a digit in pixels.

    Returns:
        Test accuracies in % after fine-tuning and before it, and without blocks or fine-tuning.
    """
    net = trained(seed, base, digit)
    other = chapter.blocked(net, *arm.split())
    swapped = score(other, digit)
    fit(other, *images(digit)[:2], epochs=epochs, lr=lr, seed=100 + seed)
    return {"accuracy": score(other, digit), "swapped": swapped, "before": score(net, digit)}


def scratch(seed: int, arm: str, lr: float, epochs: int) -> dict[str, float]:
    """Train with blocks from the random start; arguments as for `tune`."""
    net = chapter.blocked(start(seed), arm)
    fit(net, *images()[:2], epochs=epochs, lr=lr, seed=seed)
    return {"accuracy": score(net)}


def at_best(finished: Mapping[str, Any], arms: tuple[str, ...], **more: Any) -> list[dict]:
    """Settings of arms at the rates that the trial `rates` chose."""
    best = {setting["arm"]: setting["lr"] for setting in trials.chosen(finished["rates"])}
    return [s for arm in arms for s in grid(arm=[arm], lr=[best[arm]], **more)]


@cache
def pretrained() -> nn.Module:
    """EfficientNet-Lite0 with ImageNet's weights."""
    return efficientnet_lite0()


@torch.no_grad()
def lite0(seed: int, arm: str) -> dict[str, float]:
    """Block the stem and the depthwise layers of EfficientNet-Lite0, without training.

    Args:
        seed: which photograph; eight crops of 224x224 are cut from it.
        arm: rule, and padding unless it is zeros.

    Returns:
        `agreement`: crops with the same top-1 class as without blocks, in %; `cosine`: mean cosine
        between the logits.
    """
    name = list(PHOTOGRAPHS)[seed - PHOTOS.start]
    x = normalize(torch.from_numpy(photograph_patches(8, 224, seed, names=[name])))
    dense, other = pretrained()(x), copy.deepcopy(pretrained())
    for conv in [other.stem.conv, *(block.depthwise.conv for block in other.blocks)]:
        conv.forward = partial(alone, conv, copy.copy(conv), *arm.split())
    logits = other(x)
    same = (logits.argmax(1) == dense.argmax(1)).double().mean().item()
    return {"agreement": 100 * same, "cosine": F.cosine_similarity(logits, dense).mean().item()}


def alone(conv: nn.Conv2d, plain: nn.Conv2d, rule: str, mode: str, x: Tensor) -> Tensor:
    """A layer of the network on each block alone, padded as TensorFlow does, but by `mode`.

    Where a map is one block, or its stride does not divide a block, the layer stays as it is.
    """
    size = [chapter.block_side(side, rule) for side in x.shape[2:]]
    if size == list(x.shape[2:]) or any(side % conv.stride[0] for side in size):
        return plain(x)

    def layer(blocks: Tensor) -> Tensor:
        if mode == "constant":
            return plain(blocks)
        rows, columns = conv.pads(blocks.shape[2:])
        padded = F.pad(blocks, (*columns, *rows), mode)
        return F.conv2d(padded, conv.weight, conv.bias, conv.stride, groups=conv.groups)

    return chapter.in_blocks(layer, x, size)


class Upscaler(nn.Sequential):
    """Five 3x3 layers that add detail to an enlarged picture, in the manner of VDSR."""

    def __init__(self) -> None:
        layers: list[nn.Module] = []
        for C, K in ((1, 12), (12, 12), (12, 12), (12, 12)):
            layers += [chapter.BlockConv2d(C, K), nn.ReLU()]
        super().__init__(*layers, chapter.BlockConv2d(12, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Enlarged grey pictures (N, 1, H, W) with detail added."""
        return x + super().forward(x)


def halved(x: Tensor) -> Tensor:
    """Pictures (N, 1, H, W) at half the size, enlarged again bicubically."""
    small = F.interpolate(x, scale_factor=0.5, mode="bicubic", antialias=True)
    return F.interpolate(small, scale_factor=2, mode="bicubic")


def psnr(net: nn.Module, x: Tensor, y: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of pictures in [0, 1]."""
    with torch.no_grad():
        return -10 * (net(x) - y).square().mean().log10().item()


@cache
def upscaler(seed: int) -> tuple[nn.Module, Tensor, Tensor]:
    """A network trained without blocks on five photographs, and its training patches."""
    others = [n for i, n in enumerate(PHOTOGRAPHS) if i != seed - PHOTOS.start]
    y = torch.from_numpy(photograph_patches(300, 48, seed, names=others)).mean(1, keepdim=True)
    torch.manual_seed(seed)
    net = Upscaler()
    fit(net, halved(y), y, epochs=4, lr=4e-3, seed=seed, batch_size=8, loss=F.mse_loss)
    return net, halved(y), y


def upscale(seed: int, arm: str) -> dict[str, float]:
    """Super-resolution by two of the photograph left out, blocked and fine-tuned.

    Args:
        seed: which photograph is left out, the start, and the order of the patches.
        arm: rule, and padding unless it is zeros.

    Returns:
        PSNR in dB after fine-tuning and before it, and of bicubic enlargement alone.
    """
    photo = torch.from_numpy(photograph(list(PHOTOGRAPHS)[seed - PHOTOS.start]))
    top, left = ((side - 288) // 2 for side in photo.shape[1:])
    y = photo.mean(0)[None, None, top : top + 288, left : left + 288]
    net, x_train, y_train = upscaler(seed)
    x, other = halved(y), chapter.blocked(net, *arm.split())
    swapped = psnr(other, x, y)
    fit(other, x_train, y_train, epochs=2, lr=2e-3, seed=100 + seed, batch_size=8, loss=F.mse_loss)
    return {"psnr": psnr(other, x, y), "swapped": swapped, "bicubic": psnr(nn.Identity(), x, y)}


SCORES = tuple(Quantity(name, "%", ".1f") for name in ("accuracy", "swapped", "before"))
TRIALS = [
    Trial(
        "rates",
        "Which rate of fine-tuning suits each rule?",
        tune,
        SCORES,
        grid(arm=[*RULES, "H4", "H3"], lr=[RATE * factor for factor in (0.5, 1, 2, 4)], epochs=[3]),
        seeds=(100, 101),
        choose=("lr",),
    ),
    Trial(
        "tuned",
        "How accurate is each rule after fine-tuning, at its best rate?",
        tune,
        SCORES,
        lambda finished: at_best(finished, (*RULES, "H4", "H3"), epochs=[TUNE]),
        seeds=RESULTS,
    ),
    Trial(
        "undertrained",
        "How do they fare from a network trained for a third of the time?",
        tune,
        SCORES,
        lambda finished: at_best(
            finished, ("F0", "F6", "F6 replicate"), epochs=[TUNE], base=[BASE // 3]
        ),
        seeds=RESULTS,
    ),
    Trial(
        "digit",
        "Is the gap smaller where digits are smaller, blocks of 6 staying as they are?",
        tune,
        SCORES,
        lambda finished: at_best(finished, ("F0", "F6", "F6 replicate"), epochs=[TUNE], digit=[12]),
        seeds=RESULTS,
    ),
    Trial(
        "padding",
        "Which padding is the worst after fine-tuning, on ten further seeds?",
        tune,
        SCORES,
        lambda finished: at_best(finished, ("F6", "F6 replicate", "F6 reflect"), epochs=[TUNE]),
        seeds=range(115, 125),
    ),
    Trial(
        "length",
        "Does the gap close with longer fine-tuning?",
        tune,
        SCORES,
        lambda finished: at_best(finished, ("F0", "F6", "F6 replicate"), epochs=[24]),
        seeds=RESULTS[:3],
    ),
    Trial(
        "scratch",
        "How accurate is training with blocks, in as many epochs as both stages together?",
        scratch,
        SCORES[:1],
        grid(arm=["F6"], lr=[2 * RATE, 4 * RATE, 8 * RATE], epochs=[BASE + TUNE]),
        seeds=RESULTS,
        choose=("lr",),
    ),
    Trial(
        "scratch-long",
        "And in three times as many, at the rate that won?",
        scratch,
        SCORES[:1],
        grid(arm=["F6"], lr=[4 * RATE], epochs=[3 * (BASE + TUNE)]),
        seeds=RESULTS[:3],
    ),
    Trial(
        "lite0",
        "How much do blocks change EfficientNet-Lite0 at 224 pixels, without training?",
        lite0,
        (Quantity("agreement", "%", ".0f"), Quantity("cosine", "", ".3f")),
        grid(
            arm=[f"{rule} constant" for rule in ("F112", "F56", "F28", "F14", "H8", "H4", "H2")]
            + ["F28 replicate", "F14 replicate"]
        ),
        seeds=PHOTOS,
    ),
    Trial(
        "photographs",
        "What do blocks cost in super-resolution by two, fine-tuned alike?",
        upscale,
        tuple(Quantity(name, "dB", ".2f") for name in ("psnr", "swapped", "bicubic")),
        grid(arm=["F0", "F24", "F12", "F24 replicate"]),
        seeds=PHOTOS[:5],
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
