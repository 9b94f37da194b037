"""torchvision's datasets from small files in the real formats: whole, missing, damaged."""

import gzip
import hashlib
import pickle
import struct

import numpy as np
import pytest

from repro.data import load
from repro.torchvision_shim import ensure

ensure()

from torchvision import datasets  # noqa: E402  (after the shim)

TRAIN, TEST = 6, 4


def idx(array):
    """Bytes of an idx file: magic number, axes, then the pixels or labels."""
    header = struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def pictures(n, shape):
    return np.random.default_rng(n).integers(256, size=(n, *shape))


def write_mnist(root, name="MNIST"):
    folder = root / name / "raw"
    folder.mkdir(parents=True)
    for part, n in (("train", TRAIN), ("t10k", TEST)):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(pictures(n, (28, 28))))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(np.arange(n)))
    return folder


def write_cifar(root, kind, monkeypatch):
    """Batches of two images; their checksums take the place of the published ones."""
    folder = root / kind.base_folder
    folder.mkdir(parents=True)
    labels = "labels" if kind is datasets.CIFAR10 else "fine_labels"

    def write(name, content):
        (folder / name).write_bytes(pickle.dumps(content))
        return hashlib.md5((folder / name).read_bytes()).hexdigest()

    def batches(files):
        rows = {"data": pictures(2, (3072,)).astype(np.uint8), labels: [3, 9]}
        return [[name, write(name, rows)] for name, _ in files]

    monkeypatch.setattr(kind, "train_list", batches(kind.train_list))
    monkeypatch.setattr(kind, "test_list", batches(kind.test_list))
    names = {kind.meta["key"]: [str(i) for i in range(100)]}
    meta = kind.meta | {"md5": write(kind.meta["filename"], names)}
    monkeypatch.setattr(kind, "meta", meta)
    return folder


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST"])
def test_mnist_is_read(name, tmp_path):
    write_mnist(tmp_path, name)
    split = load(name, tmp_path)
    assert split.x_train.shape == (TRAIN, 1, 28, 28)
    assert np.array_equal(np.rint(split.x_test[:, 0] * 255), pictures(TEST, (28, 28)))
    assert split.y_train.tolist() == list(range(TRAIN))
    assert split.x_train.max() <= 1


@pytest.mark.parametrize("name", ["CIFAR10", "CIFAR100"])
def test_cifar_is_read(name, tmp_path, monkeypatch):
    kind = getattr(datasets, name)
    write_cifar(tmp_path, kind, monkeypatch)
    split = load(name, str(tmp_path))
    n = 2 * len(kind.train_list)
    assert split.x_train.shape == (n, 3, 32, 32)
    expected = pictures(2, (3072,)).reshape(2, 3, 32, 32)
    assert np.array_equal(np.rint(split.x_test * 255), expected)
    assert split.y_train.tolist() == [3, 9] * len(kind.train_list)


def test_unknown_name():
    with pytest.raises(ValueError, match="no dataset 'SVHN'; there are MNIST, FashionMNIST"):
        load("SVHN", ".")


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "CIFAR10", "CIFAR100"])
def test_absent_files_are_listed_with_a_way_to_fetch_them(name, tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        load(name, tmp_path)
    message = str(caught.value)
    first = "data_batch_1" if name == "CIFAR10" else "train"
    assert first in message
    assert str(tmp_path) in message
    assert f"{name}({str(tmp_path)!r}, download=True)" in message
    assert not list(tmp_path.iterdir())
    compile(message.split('python -c "')[1].rstrip('"'), "fetch", "exec")


def test_packed_files_are_to_be_unpacked(tmp_path):
    folder = write_mnist(tmp_path)
    labels = folder / "t10k-labels-idx1-ubyte"
    folder.joinpath(f"{labels.name}.gz").write_bytes(gzip.compress(labels.read_bytes()))
    labels.unlink()
    with pytest.raises(FileNotFoundError, match=r"Unpack t10k-labels-idx1-ubyte\.gz .*gunzip -k"):
        load("MNIST", tmp_path)


@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        ("train-images-idx3-ubyte", lambda b: b[:-1], "expected 4720 bytes for 6 items .*got 4719"),
        ("train-images-idx3-ubyte", lambda b: b + b"0", "got 4721 bytes"),
        ("t10k-images-idx3-ubyte", lambda b: b[:10], "a header of 16 bytes, got 10 bytes"),
        ("t10k-images-idx3-ubyte", lambda b: b"", "a header of 16 bytes, got 0 bytes"),
        ("t10k-images-idx3-ubyte", lambda b: b"PK" + b[2:], "magic number 0x00000803, got 0x504b"),
        (
            "t10k-images-idx3-ubyte",
            lambda b: idx(pictures(TEST, (32, 28))),
            r"items of shape \(28, 28\), got \(32, 28\)",
        ),
        ("t10k-labels-idx1-ubyte", lambda b: b[:-2], "12 bytes for 4 items .*got 10 bytes"),
        ("t10k-labels-idx1-ubyte", lambda b: idx(np.arange(5)), "4 labels, as many .* got 5"),
        ("train-labels-idx1-ubyte", lambda b: b[:-1] + b"\x0b", "labels 0 to 9, got 11"),
    ],
)
def test_damaged_mnist_files_are_named(file, damage, message, tmp_path):
    path = write_mnist(tmp_path) / file
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(
        ValueError, match=f"{file} is truncated or corrupted: .*{message}"
    ) as caught:
        load("MNIST", tmp_path)
    assert "Delete it and fetch it again" in str(caught.value)


@pytest.mark.parametrize("file", ["data_batch_3", "test_batch", "batches.meta"])
def test_damaged_cifar_files_are_named(file, tmp_path, monkeypatch):
    path = write_cifar(tmp_path, datasets.CIFAR10, monkeypatch) / file
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(ValueError, match=rf"{file} is truncated .* got {len(whole) - 100} bytes"):
        load("CIFAR10", tmp_path)
    path.write_bytes(whole[:50] + bytes([whole[50] ^ 1]) + whole[51:])
    with pytest.raises(ValueError, match=f"{file} is truncated or corrupted: expected md5"):
        load("CIFAR10", tmp_path)


def test_a_batch_with_another_checksum_is_never_unpickled(tmp_path, monkeypatch):
    path = write_cifar(tmp_path, datasets.CIFAR10, monkeypatch) / "data_batch_1"

    class Malicious:
        def __reduce__(self):
            return (tmp_path.joinpath("ran").touch, ())

    path.write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(ValueError, match="data_batch_1"):
        load("CIFAR10", tmp_path)
    assert not (tmp_path / "ran").exists()
