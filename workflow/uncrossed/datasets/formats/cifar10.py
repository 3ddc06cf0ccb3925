"""CIFAR-10: the official archive. Its pickles are opened only after its SHA-256 matched the one that a user trusts."""

import pickle
import tarfile
from pathlib import Path

import numpy as np

from uncrossed.datasets.formats import Arrays, Format

FOLDER = "cifar-10-batches-py"
BATCHES = {"train": [f"data_batch_{k}" for k in range(1, 6)], "test": ["test_batch"]}
SHAPE = (32, 32, 3)


def read(paths: list[Path]) -> tuple[Arrays, Arrays]:
    """The images and labels of all batches, in the archive's order."""
    return read_archive(paths[0], FOLDER, BATCHES, b"labels")


def read_archive(path: Path, folder: str, batches: dict[str, list[str]], labels: bytes) -> tuple[Arrays, Arrays]:
    """The images and labels of an archive in the layout that the CIFAR datasets share.

    Args:
        path: the archive, a compressed tar file.
        folder: where in it the batches are.
        batches: the names of the batches of each split.
        labels: the key of a batch's labels.
    """
    found: dict[str, list[dict]] = {}
    with tarfile.open(path, "r:gz") as archive:
        for split, names in batches.items():
            found[split] = []
            for name in names:
                stream = archive.extractfile(f"{folder}/{name}")
                if stream is None:
                    raise KeyError(f"{name} is not a file")
                found[split].append(pickle.loads(stream.read(), encoding="bytes"))
    height, width, channels = SHAPE
    images = {}
    for split, parts in found.items():
        # A row holds one image: all of its red, then of its green, then of its blue.
        rows = np.concatenate([part[b"data"] for part in parts])
        images[split] = np.ascontiguousarray(rows.reshape(-1, channels, height, width).transpose(0, 2, 3, 1))
    return images, {split: np.concatenate([part[labels] for part in parts]) for split, parts in found.items()}


FORMAT = Format(
    summary="an archive of cifar-10-batches-py/ in the official layout",
    read=read,
    shape=SHAPE,
    classes=10,
    built_in={
        "source": "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        "sha256": "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        "train_examples": 50_000,
        "test_examples": 10_000,
    },
)
