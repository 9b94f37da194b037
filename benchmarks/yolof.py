"""How much faster one level is than a pyramid on the same backbone, on one processor.

    python benchmarks/yolof.py

The chapter's small detectors, one picture at a time, without suppression. The paper compares
RetinaNet on a GPU: 2.5 times. Multiply-adds are those of convolutions, counted from shapes.
"""

import repro  # first: caps threads before torch loads

# isort: split
import torch
from torch import nn

from press.bench import Table, report, seconds

chapter = repro.chapter("yolof")
DETECTORS = {
    "YOLOF": chapter.Encoder(24, 24, 8),
    "projection": chapter.Encoder(24, 24, 8, ()),
    "many in, many out": chapter.Pyramid(True, True),
    "one in, many out": chapter.Pyramid(False, True),
    "many in, one out": chapter.Pyramid(True, False),
    "one in, one out": chapter.Pyramid(False, False),
}


def multiply_adds(net: nn.Module, x: torch.Tensor) -> int:
    """Of all convolutions, for one picture."""
    total = []
    hooks = [
        layer.register_forward_hook(lambda m, _, y: total.append(y.numel() * m.weight[0].numel()))
        for layer in net.modules()
        if isinstance(layer, nn.Conv2d)
    ]
    net(x)
    for hook in hooks:
        hook.remove()
    return sum(total)


def compare() -> list[list]:
    """Rows: multiply-adds and time of each detector, and both relative to YOLOF's."""
    x, rows = torch.rand(1, 1, 128, 128), []
    for name, encoder in DETECTORS.items():
        net = chapter.Detector(encoder).eval()
        work = multiply_adds(net, x)
        net(x)
        time = seconds(lambda net=net: [net(x) for _ in range(20)], 7) / 20
        rows.append([name, work / 1e6, time])
    return [[*row, row[1] / rows[0][1], row[2] / rows[0][2]] for row in rows]


def main() -> None:
    """Measure, print, write."""
    with torch.no_grad():
        rows = compare()
    report(
        "yolof",
        "One picture of 128x128 pixels, float32, one thread: the chapter's single-level detector "
        "against pyramids of the same width on the same backbone, without suppression.",
        [
            Table(
                "Work and time, and both relative to YOLOF (ratios)",
                ["detector", "10⁶ multiply-adds", "time (s)", "work / YOLOF", "time / YOLOF"],
                rows,
            )
        ],
    )


if __name__ == "__main__":
    main()
