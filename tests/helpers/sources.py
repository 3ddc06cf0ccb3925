"""Sources of datasets in the layouts of their formats."""

import gzip
import hashlib
import io
import pickle
import subprocess
import tarfile
from pathlib import Path

import numpy as np

from uncrossed.common.files import sha256
from uncrossed.datasets import dataset_file
from uncrossed.datasets.build import build
from uncrossed.datasets.definition import Definition

CIFAR10 = {"train": [f"data_batch_{k}" for k in range(1, 6)], "test": ["test_batch"]}
IDX_FILES = [f"{kind}-ubyte.gz" for kind in ("t10k-images-idx3", "t10k-labels-idx1")]
IDX_FILES += [name.replace("t10k", "train") for name in IDX_FILES]


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a file to an archive."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def make_archive(
    path: Path,
    per_batch: int = 8,
    folder: str = "cifar-10-batches-py",
    batches: dict[str, list[str]] = CIFAR10,
    key: bytes = b"labels",
    classes: int = 10,
) -> dict[str, np.ndarray]:
    """Write an archive in the layout of CIFAR-10 or CIFAR-100; return its images, NHWC, and labels by split."""
    random = np.random.default_rng(0)
    arrays = {}
    with tarfile.open(path, "w:gz") as tar:
        add(tar, f"{folder}/batches.meta", pickle.dumps({b"num_vis": 3072}, protocol=2))
        for split, names in batches.items():
            images, labels = [], []
            for name in names:
                data = random.integers(0, 256, (per_batch, 3072), dtype=np.uint8)
                labels += (found := random.integers(0, classes, per_batch).tolist())
                # Channel first, row by row: the red plane, then green, then blue.
                images.append(np.stack([data[:, c * 1024 : (c + 1) * 1024] for c in range(3)], -1))
                batch = {b"data": data, b"coarse_labels": [0] * per_batch, key: found}
                add(tar, f"{folder}/{name}", pickle.dumps(batch, protocol=2))
            arrays[f"{split}/images"] = np.concatenate(images).reshape(-1, 32, 32, 3)
            arrays[f"{split}/labels"] = np.array(labels)
    return arrays


def idx(array: np.ndarray, shape: tuple[int, ...] | None = None) -> bytes:
    """A compressed IDX file of an array of bytes, which may lie about its shape."""
    shape = array.shape if shape is None else shape
    head = bytes([0, 0, 8, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)
    return gzip.compress(head + array.tobytes(), mtime=0)


def make_idx(folder: Path, side: int = 28) -> dict[str, np.ndarray]:
    """Write four files in the official layout of Fashion-MNIST; return their images and labels by split."""
    folder.mkdir(exist_ok=True)
    random, arrays = np.random.default_rng(0), {}
    for split, prefix, count in (("train", "train", 40), ("test", "t10k", 8)):
        arrays[f"{split}/images"] = random.integers(0, 256, (count, side, side), dtype=np.uint8)
        arrays[f"{split}/labels"] = random.integers(0, 10, count, dtype=np.uint8)
        (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(idx(arrays[f"{split}/images"]))
        (folder / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(idx(arrays[f"{split}/labels"]))
    return arrays


def idx_sha256(folder: Path) -> str:
    """What `sha256sum` says of its own list of the four files."""
    listed = subprocess.run(["sha256sum", *IDX_FILES], cwd=folder, capture_output=True, check=True).stdout
    return hashlib.sha256(listed).hexdigest()


def make_npz(path: Path, shape: tuple[int, ...] = (12, 20, 1), classes: int = 7, **changes: object) -> dict:
    """Write arrays of a user's own; `changes` replace arrays, or leave out those that are None."""
    random, arrays = np.random.default_rng(0), {}
    for split, count in (("train", 40), ("test", 8)):
        arrays[f"{split}_images"] = random.integers(0, 256, (count, *shape), dtype=np.uint8)
        arrays[f"{split}_labels"] = random.integers(0, classes, count)
    arrays = {name: array for name, array in (arrays | changes).items() if array is not None}
    np.savez(path, **arrays)
    return arrays


def define(
    path: object, sha: str, train: int = 30, test: int = 5, form: str = "cifar10", **facts: object
) -> Definition:
    """The definition of a small dataset."""
    facts |= {"train_examples": train, "test_examples": test}
    return Definition(name="mini", format=form, source=str(path), sha256=sha, **facts)


def make(path: Path, form: str = "cifar10", **facts: object) -> dataset_file.Dataset:
    """The dataset that a source becomes, written beside it and read."""
    sha = idx_sha256(path) if path.is_dir() else sha256(path)
    build(define(path, sha, form=form, **facts), path.parent / "mini.h5")
    return dataset_file.read(path.parent / "mini.h5")


def check_arrays(data: dataset_file.Dataset, arrays: dict[str, np.ndarray]) -> None:
    """Check that a dataset holds the first 30 and 5 examples of what its source was made of."""
    for split, count in (("train", 30), ("test", 5)):
        np.testing.assert_array_equal(data.images[split], arrays[f"{split}/images"][:count])
        np.testing.assert_array_equal(data.labels[split], arrays[f"{split}/labels"][:count])
        assert data.images[split].dtype == data.labels[split].dtype == np.uint8
