"""What a convolution by table and look-ups costs in PyTorch on a processor.

    python benchmarks/quantized_cnn.py

A user would otherwise run `conv2d` with the decoded weight. The look-ups here are indexed reads
of a table; each takes about as long as many multiply-adds of a blocked matrix product. Shapes and
settings are those of layers of AlexNet in the authors' files.
"""

import repro  # first: caps threads before torch loads

# isort: split
import torch
from torch.nn import functional as F

from press.bench import Table, report, seconds
from repro.hardware.workloads import ALEXNET, Convolution

chapter = repro.chapter("quantized_cnn")
LAYERS = {
    "conv2": (ALEXNET["conv2"], 8, 128),
    "conv3": (ALEXNET["conv3"], 8, 128),
    "conv5": (ALEXNET["conv5"], 8, 128),
    "fc7": (ALEXNET["fc7"], 4, 32),
}


def codes(layer: Convolution, c: int, K: int) -> chapter.Quantized:
    """Random codewords and indices: the time does not depend on them."""
    C, draw = layer.channels // layer.groups, torch.Generator().manual_seed(0)
    M = -(-C // c)
    index = torch.randint(K, (layer.filters, layer.kernel, layer.kernel, M), generator=draw)
    return chapter.Quantized(torch.randn(M, K, c, generator=draw), index, C)


def by_layer() -> list[list]:
    """Rows: counted speed-up, and times of the table alone and of all relative to `conv2d`."""
    rows = []
    for name, (layer, c, K) in LAYERS.items():
        q, x = codes(layer, c, K), torch.randn(1, layer.channels, layer.side, layer.side)
        options = {"padding": layer.kernel // 2, "groups": layer.groups}
        w = chapter.decode(q).contiguous()
        blocks = x.unflatten(1, (layer.groups, -1, c))
        assert torch.allclose(
            chapter.lookup_conv2d(x, q, **options), F.conv2d(x, w, **options), rtol=1e-3, atol=1e-3
        )
        dense = seconds(lambda x=x, w=w, o=options: F.conv2d(x, w, **o), 5)
        table = seconds(lambda b=blocks, q=q: torch.einsum("ngmchw,mkc->ngmkhw", b, q.codebooks), 5)
        whole = seconds(lambda x=x, q=q, o=options: chapter.lookup_conv2d(x, q, **o), 3)
        rows.append(
            [name, dense, 1 / chapter.cost(layer, c, K).speedup, table / dense, whole / dense]
        )
    return rows


def main() -> None:
    """Measure, print, write."""
    with torch.no_grad():
        rows = by_layer()
    report(
        "quantized_cnn",
        "One image, float32, one thread, in PyTorch: one table and look-ups against "
        "conv2d with the decoded weight, which is what a user would otherwise run. Indexed reads "
        "in PyTorch are no implementation for a phone; the authors' is in C++.",
        [
            Table(
                "Time relative to conv2d (ratios), and the ratio that the count of operations says",
                ["layer", "conv2d (s)", "counted", "table alone", "table and look-ups"],
                rows,
            )
        ],
    )


if __name__ == "__main__":
    main()
