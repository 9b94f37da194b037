"""What block convolution costs in PyTorch on a processor, and what the order of execution saves.

    python benchmarks/block_convolution.py

A user would otherwise run a stack of `conv2d` layers, one layer after the other over whole maps.
Blocks are run in the two orders of the chapter: layer by layer (all blocks of a layer as one batch)
and depth first (every block through all layers before the next one). A processor has caches where
the paper's accelerator has buffers, so the second order may gain where maps outgrow them.
"""

import repro  # first: caps threads before torch loads

# isort: split
import torch
from torch.nn import functional as F

from press.bench import Table, growth, report, seconds

CHANNELS, DEPTH = 32, 6
chapter = repro.chapter("block_convolution")


def network(seed=0):
    """Weights of DEPTH layers of 3x3."""
    torch.manual_seed(seed)
    return [torch.randn(CHANNELS, CHANNELS, 3, 3) / (9 * CHANNELS) ** 0.5 for _ in range(DEPTH)]


def dense(x, weights):
    """Layer by layer on whole maps: what a user would otherwise run."""
    for weight in weights:
        x = F.relu(F.conv2d(x, weight, padding=1))
    return x


def by_layers(x, weights, b):
    """Blocks, one layer after the other."""
    for weight in weights:
        x = F.relu(chapter.block_conv2d(x, weight, b))
    return x


def by_blocks(x, weights, b):
    """Blocks, one block after the other."""
    blocks = [dense(block, weights) for block in chapter.to_blocks(x, b, b).split(1)]
    return chapter.from_blocks(torch.cat(blocks), *(side // b for side in x.shape[2:]))


def by_overlap(x, weights, b):
    """Exact tiles with a rim of one pixel a layer, cut off again: fused layers, recomputed."""
    padded, side = F.pad(x, (DEPTH,) * 4), x.shape[2]
    inside = F.pad(torch.ones(1, 1, side, side), (DEPTH,) * 4)
    result = torch.empty_like(x)
    for r in range(0, side, b):
        for c in range(0, side, b):
            part = slice(r, r + b + 2 * DEPTH), slice(c, c + b + 2 * DEPTH)
            tile, mask = padded[:, :, *part], inside[:, :, *part]
            for weight in weights:  # zeros outside the image stay zeros
                mask = mask[:, :, 1:-1, 1:-1]
                tile = F.relu(F.conv2d(tile, weight)) * mask
            result[:, :, r : r + b, c : c + b] = tile
    return result


def by_size(sides=(56, 112, 224, 448), b=28):
    """Rows: times of the four ways, for growing maps; and the growth of each."""
    weights, rows = network(), []
    # The allocator gives large maps back to the system until it has seen larger ones: without this
    # call, fresh pages take as long as the convolutions, at one size and not at the next.
    dense(torch.randn(1, CHANNELS, max(sides), max(sides)), weights)
    for side in sides:
        x = torch.randn(1, CHANNELS, side, side)
        assert torch.equal(by_layers(x, weights, b), by_blocks(x, weights, b))
        assert torch.allclose(by_overlap(x, weights, b), dense(x, weights), atol=1e-5)
        base = seconds(lambda x=x: dense(x, weights), 5)
        ways = (by_layers, by_blocks, by_overlap)
        rows.append(
            [side, base, *(seconds(lambda x=x, w=w: w(x, weights, b)) / base for w in ways)]
        )
    pixels = [side**2 for side, *_ in rows]
    times = [[row[1] * (row[k] if k > 1 else 1) for row in rows] for k in range(1, 5)]
    exponents = [growth(pixels, column) for column in times]
    return rows, [["exponent in pixels", *exponents]]


def by_block(side=224, blocks=(7, 14, 28, 56, 112)):
    """Rows: times of the blocked ways relative to whole maps, for growing blocks."""
    weights, x, rows = network(), torch.randn(1, CHANNELS, side, side), []
    base = seconds(lambda: dense(x, weights), 5)
    for b in blocks:
        ways = (by_layers, by_blocks, by_overlap)
        rows.append([b, *(seconds(lambda w=w, b=b: w(x, weights, b), 5) / base for w in ways)])
    return rows


def main():
    """Measure, print, write."""
    with torch.no_grad():
        sizes, exponents = by_size()
        blocks = by_block()
    ways = ["blocks by layer", "blocks depth first", "overlapping tiles"]
    report(
        "block_convolution",
        f"{DEPTH} layers of 3x3, {CHANNELS} channels, float32, one thread, in PyTorch: blocks in "
        "both orders and exact overlapping tiles, against conv2d on whole maps, which is what a "
        "user would otherwise run.",
        [
            Table(
                "Time relative to whole maps (ratios), blocks of 28, by side of the map",
                ["side", "whole maps (s)", *ways],
                sizes,
            ),
            Table("Growth of the time with the pixels", ["", "whole maps", *ways], exponents),
            Table("Time relative to whole maps of 224 (ratios)", ["block", *ways], blocks),
        ],
    )


if __name__ == "__main__":
    main()
