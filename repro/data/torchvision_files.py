"""MNIST, Fashion-MNIST and CIFAR from files that torchvision has fetched, checked first."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import Any

import numpy as np

from repro.data.split import Split

NAMES = ("MNIST", "FashionMNIST", "CIFAR10", "CIFAR100")
CLASSES = 10
SIDE = 28
IMAGES, LABELS = 0x803, 0x801  # first four bytes of an idx file: uint8 in 3 axes, in 1 axis


def load(name: str, root: str | Path) -> Split:
    """A standard dataset from files on this computer; nothing is downloaded.

    The files are checked first: that all are there, that they are whole, and that they hold
    what they should. Then torchvision's own class reads them.

    Args:
        name: `"MNIST"` (Y. LeCun et al., 1998; CC BY-SA 3.0), `"FashionMNIST"` (H. Xiao et
            al., 2017; MIT), `"CIFAR10"` or `"CIFAR100"` (A. Krizhevsky, 2009; no licence
            stated).
        root: the folder given to torchvision, in which it makes a folder for the dataset.

    Returns:
        Images float32, multiples of 1/255 in [0, 1]: (N, 1, 28, 28) grey for the MNISTs, (N, 3,
        32, 32) red, green, blue for CIFAR; labels int64 (N,) in 0..9, for CIFAR100 in 0..99.

    Raises:
        ValueError: another name, or a file that is truncated or corrupted; names the file, what
            was expected, what came, and what to do.
        FileNotFoundError: files are missing; says which, where, and how to fetch them.
    """
    if name not in NAMES:
        raise ValueError(f"no dataset {name!r}; there are {', '.join(NAMES)}")
    from repro.torchvision_shim import ensure

    ensure()
    from torchvision import datasets

    kind = getattr(datasets, name)
    root = Path(root).expanduser()
    if name.startswith("CIFAR"):
        _check_cifar(kind, root)
    else:
        _check_idx(kind, root)
    train, test = (kind(root, train=part, download=False) for part in (True, False))
    return Split(*_arrays(train), *_arrays(test))


def _arrays(dataset: Any) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, C, H, W) and labels (N,) of a torchvision dataset."""
    images = np.asarray(dataset.data)
    images = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    x = images.astype(np.float32, order="C")
    x /= np.float32(255)
    return x, np.asarray(dataset.targets, dtype=np.int64)


def _present(kind: type, root: Path, folder: Path, names: list[str]) -> None:
    """Complain about missing files, all at once."""
    missing = [name for name in names if not (folder / name).is_file()]
    if not missing:
        return
    packed = [f"{name}.gz" for name in missing if (folder / f"{name}.gz").is_file()]
    fetch = (
        "from repro.torchvision_shim import ensure; ensure(); "
        f"from torchvision.datasets import {kind.__name__}; "
        f"{kind.__name__}({str(root)!r}, download=True)"
    )
    advice = (
        f"Unpack {', '.join(packed)} there with `gunzip -k`"
        if packed
        else f'With a network, fetch them once: python -c "{fetch}"'
    )
    raise FileNotFoundError(
        f"{kind.__name__}: {', '.join(missing)} missing in {folder}. Nothing is downloaded "
        f"by itself. {advice}"
    )


def _damaged(path: Path, expected: str, came: str) -> ValueError:
    """The error about a file that is not what was published."""
    return ValueError(
        f"{path} is truncated or corrupted: expected {expected}, got {came}. "
        "Delete it and fetch it again"
    )


def _check_idx(kind: type, root: Path) -> None:
    """The four idx files of an MNIST: there, whole, and consistent."""
    folder = root / kind.__name__ / "raw"
    names = [Path(packed).stem for packed, _ in kind.resources]
    _present(kind, root, folder, names)
    for part in ("train", "t10k"):
        images = folder / f"{part}-images-idx3-ubyte"
        labels = folder / f"{part}-labels-idx1-ubyte"
        n = _idx_count(images, IMAGES, (SIDE, SIDE))
        m = _idx_count(labels, LABELS, ())
        if n != m:
            raise _damaged(labels, f"{n} labels, as many as {images.name} has images", f"{m}")
        largest = max(labels.read_bytes()[8:], default=0)
        if largest >= CLASSES:
            raise _damaged(labels, f"labels 0 to {CLASSES - 1}", f"{largest}")


def _idx_count(path: Path, magic: int, shape: tuple[int, ...]) -> int:
    """Number of items in an idx file, after checking its header and its size.

    The header is big-endian: the magic number, the number of items, and the item's shape.
    """
    header = struct.Struct(f">{2 + len(shape)}I")
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(header.size)
    if len(start) < header.size:
        raise _damaged(path, f"a header of {header.size} bytes", f"{size} bytes in all")
    found, n, *item = header.unpack(start)
    if found != magic:
        raise _damaged(path, f"magic number {magic:#010x}", f"{found:#010x}")
    if tuple(item) != shape:
        raise _damaged(path, f"items of shape {shape}", f"{tuple(item)}")
    expected = header.size + n * int(np.prod(shape, dtype=np.int64))
    if size != expected:
        raise _damaged(path, f"{expected} bytes for {n} items of shape {shape}", f"{size} bytes")
    return n


def _check_cifar(kind: type, root: Path) -> None:
    """CIFAR's pickled batches: there, and with the published checksums.

    A pickle can run code when it is read, so nothing is unpickled before this check.
    """
    folder = root / kind.base_folder
    published = dict([*kind.train_list, *kind.test_list, (kind.meta["filename"], kind.meta["md5"])])
    _present(kind, root, folder, list(published))
    for name, md5 in published.items():
        path = folder / name
        content = path.read_bytes()
        found = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if found != md5:
            came = f"{len(content)} bytes with md5 {found}"
            raise _damaged(path, f"md5 {md5} (images are 3x32x32, 3072 bytes each)", came)
