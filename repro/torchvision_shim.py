"""Makes torchvision importable beside a CPU-only torch.

The registry has torchvision as a CUDA build only. Beside a CPU-only torch its compiled
operators do not load, and `import torchvision` fails because `torchvision::nms` and
`torchvision::qnms` are unknown. Declaring the two is enough for all the rest of it.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_kept = []  # a library's operators vanish with it


def ensure() -> bool:
    """Make `import torchvision` work; does nothing where its compiled operators load.

    Returns:
        Whether this call declared the operators. `torch.ops.torchvision.nms` then has a CPU
        kernel; `torchvision.ops` still refuses its other compiled functions, with its own
        message.

    Raises:
        ModuleNotFoundError: torchvision is not installed.
    """
    import torch

    spec = find_spec("torchvision")
    if spec is None:
        raise ModuleNotFoundError("torchvision is not installed: run `make book`")
    if hasattr(torch.ops.torchvision, "nms") or _compiled(Path(spec.origin).parent):
        return False
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.impl("nms", nms, "CPU")
    _kept.append(library)
    return True


def _compiled(folder: Path) -> bool:
    """Try to load torchvision's compiled operators, as torchvision itself would."""
    import torch

    for path in [*folder.glob("_C*.so"), *folder.glob("_C*.pyd")]:
        try:
            torch.ops.load_library(path)
        except OSError:  # built for another torch, such as one with CUDA
            continue
    return hasattr(torch.ops.torchvision, "nms")


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Greedy non-maximum suppression: repeatedly keep the best box, drop what overlaps it.

    Args:
        boxes: (N, 4) corners x1, y1, x2, y2.
        scores: (N,).
        iou_threshold: boxes whose intersection over union with a better one exceeds it go.

    Returns:
        int64 indices of the boxes kept, by descending score.
    """
    import torch

    area = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)
    order = scores.argsort(descending=True, stable=True)
    keep = []
    while len(order):
        best, order = order[0], order[1:]
        keep.append(best)
        low = torch.maximum(boxes[best, :2], boxes[order, :2])
        high = torch.minimum(boxes[best, 2:], boxes[order, 2:])
        shared = (high - low).clamp(min=0).prod(dim=1)
        order = order[shared <= iou_threshold * (area[best] + area[order] - shared)]
    return torch.stack(keep) if keep else torch.empty(0, dtype=torch.int64)
