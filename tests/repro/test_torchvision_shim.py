"""torchvision beside a CPU-only torch: with the shim, and where its operators load."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from repro import torchvision_shim


def python(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return done.returncode, done.stdout.strip(), done.stderr


COMPILED = "import repro.torchvision_shim as s, pathlib, importlib.util as u; " + (
    "found = s._compiled(pathlib.Path(u.find_spec('torchvision').origin).parent); "
)


def test_torchvision_imports_after_ensure():
    code = COMPILED + (
        "declared = s.ensure(); again = s.ensure(); "
        "import torchvision; from torchvision import models, datasets, transforms; "
        "print(found != declared, again)"
    )
    assert python(code)[1] == "True False"


def test_without_the_shim_a_mismatched_torchvision_fails():
    if python(COMPILED + "print(found)")[1] == "True":
        pytest.skip("this torchvision's compiled operators load: nothing to repair")
    code, _, errors = python("import torchvision")
    assert code != 0
    assert "torchvision::nms" in errors


def test_nothing_is_declared_where_compiled_operators_load():
    code = (
        "import torch, repro.torchvision_shim as s\n"
        "def load(path):\n"
        "    lib = torch.library.Library('torchvision', 'DEF'); s._kept.append(lib)\n"
        "    lib.define('nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')\n"
        "torch.ops.load_library = load\n"
        "print(s.ensure(), s.ensure(), hasattr(torch.ops.torchvision, 'qnms'))\n"
    )
    assert python(code)[1] == "False False False"


def test_in_this_process_too(tmp_path, monkeypatch):
    torchvision_shim.ensure()
    assert torchvision_shim.ensure() is False
    boxes = torch.tensor([[0.0, 0, 2, 2], [0, 0, 2, 1.9], [5, 5, 6, 6]])
    kept = torch.ops.torchvision.nms(boxes, torch.tensor([0.5, 0.9, 0.1]), 0.5)
    assert kept.tolist() == [1, 2]
    (tmp_path / "_C.so").write_bytes(b"not a library")
    assert isinstance(torchvision_shim._compiled(tmp_path), bool)
    monkeypatch.setattr(torchvision_shim, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="make book"):
        torchvision_shim.ensure()


def test_the_operators_are_declared_once(monkeypatch):
    declared = []

    class Library:
        def __init__(self, *names):
            declared.append(names)

        def define(self, schema):
            declared.append(schema.split("(")[0])

        def impl(self, name, kernel, device):
            declared.append((name, kernel, device))

    monkeypatch.setattr(torch.ops, "torchvision", SimpleNamespace())
    monkeypatch.setattr(torch.library, "Library", Library)
    monkeypatch.setattr(torchvision_shim, "_compiled", lambda folder: False)
    monkeypatch.setattr(torchvision_shim, "_kept", [])
    assert torchvision_shim.ensure() is True
    nms = torchvision_shim.nms
    assert declared == [("torchvision", "DEF"), "nms", "qnms", ("nms", nms, "CPU")]


def slow_nms(boxes, scores, threshold):
    """The definition, pair by pair."""
    kept = []
    for i in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        a = boxes[i]
        for b in (boxes[j] for j in kept):
            width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
            height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
            shared = width * height
            union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
            if shared > threshold * union:
                break
        else:
            kept.append(i)
    return kept


@pytest.mark.parametrize("n", [0, 1, 40])
@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.5, 1.0])
def test_nms_equals_its_definition(n, threshold):
    # Integer corners and distinct scores: every comparison is exact.
    draw = torch.Generator().manual_seed(n)
    corner = torch.randint(0, 20, (n, 2), generator=draw)
    boxes = torch.cat([corner, corner + torch.randint(1, 12, (n, 2), generator=draw)], dim=1)
    scores = torch.randperm(n, generator=draw).float()
    kept = torchvision_shim.nms(boxes.float(), scores, threshold)
    assert kept.dtype == torch.int64
    assert kept.tolist() == slow_nms(boxes.tolist(), scores.tolist(), threshold)
