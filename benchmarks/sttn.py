"""What a packed ternary convolution costs in NumPy, against PyTorch's own kernels.

    python benchmarks/sttn.py

A user would otherwise run the merged kernel as a float32 convolution, or as an int8 one on the
quantized engine that PyTorch picks for this processor. The packed convolution of the book takes
four to sixteen times fewer bits, but NumPy runs each of its word operations as a pass over memory:
the ratio is that of this implementation, not of the arithmetic. It packs the weights in every call,
while the int8 ones are packed beforehand.
"""

import repro  # first: caps threads before torch loads

# isort: split
import numpy as np
import torch
from torch.nn import functional as F

from press.bench import Table, growth, report, seconds
from repro.arithmetic.bitplanes import packed_conv

CHANNELS, SIDE = 64, 14
chapter = repro.chapter("sttn")


def trits(*shape, seed=0):
    """Random trits as int8."""
    return np.random.default_rng(seed).integers(-1, 2, shape).astype(np.int8)


def int8_convolution(w):
    """The quantized 3x3 convolution of PyTorch with weights w (K, C, 3, 3), scale 1."""
    kernel = torch.quantize_per_tensor(torch.from_numpy(w).float(), 1.0, 0, torch.qint8)
    packed = torch.ops.quantized.conv2d_prepack(kernel, None, [1, 1], [1, 1], [1, 1], 1)
    return lambda x: torch.ops.quantized.conv2d(x, packed, 8.0, 64)


def ways(C, side):
    """Calls that convolve one image (C, side, side) with C filters, by name."""
    x, w = trits(1, C, side, side), trits(C, C, 3, 3, seed=1)
    b1 = np.where(w == 0, trits(*w.shape, seed=2) * 2 + 1, w).clip(-1, 1)
    float_x, float_w = torch.from_numpy(x).float(), torch.from_numpy(w).float()
    first, second = (torch.from_numpy(b).float() for b in (b1, 2 * w - b1))
    int8_x = torch.quantize_per_tensor(float_x, 1.0, 64, torch.quint8)
    int8 = int8_convolution(w)
    exact = F.conv2d(float_x, float_w, padding=1)
    assert np.array_equal(packed_conv(x, w, padding=1), exact.numpy())
    pair = F.conv2d(float_x, first, padding=1) + F.conv2d(float_x, second, padding=1)
    assert torch.equal(pair, 2 * exact)
    assert (int8(int8_x).dequantize() - exact).abs().max() <= 4  # half a step of its output
    return {
        "float32": lambda: F.conv2d(float_x, float_w, padding=1),
        "float32 pair": lambda: (
            F.conv2d(float_x, first, padding=1) + F.conv2d(float_x, second, padding=1)
        ),
        "int8": lambda: int8(int8_x),
        "packed": lambda: packed_conv(x, w, padding=1),
    }


def compare(shapes):
    """Rows: size, seconds of float32, and the ratios of the others; and all times by way."""
    rows, times = [], []
    for C, side in shapes:
        found = {name: seconds(call, 7) for name, call in ways(C, side).items()}
        base = found.pop("float32")
        times.append([base, *found.values()])
        rows.append([C, side, base, *(value / base for value in found.values())])
    return rows, list(zip(*times, strict=True))


def main():
    """Measure, print, write."""
    with torch.no_grad():
        sizes, by_size = compare([(CHANNELS, side) for side in (7, 14, 28, 56)])
        channels, by_channels = compare([(C, SIDE) for C in (64, 128, 256, 512)])
    names = ["float32 pair", "int8", "packed in NumPy"]
    columns = ["channels", "side", "float32 (s)", *names]
    pixels = [side**2 for _, side, *_ in sizes]
    exponents = [
        ["pixels", *(growth(pixels, times) for times in by_size)],
        ["channels", *(growth([row[0] for row in channels], times) for times in by_channels)],
    ]
    engine = torch.backends.quantized.engine
    report(
        "sttn",
        f"A ternary 3x3 convolution of one image, one thread: the two binary kernels of training, "
        f"PyTorch's int8 ({engine}), and packed words in NumPy, against PyTorch's float32, which "
        "is what a user would otherwise run.",
        [
            Table("Time relative to float32 (ratios), by side of the map", columns, sizes),
            Table("Time relative to float32 (ratios), by channels", columns, channels),
            Table("Growth of the time with the size", ["", "float32", *names], exponents),
        ],
    )


if __name__ == "__main__":
    main()
