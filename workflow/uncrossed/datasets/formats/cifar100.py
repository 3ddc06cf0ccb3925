"""CIFAR-100 with its 100 fine labels: the official archive, which has one batch for each split."""

from pathlib import Path

from uncrossed.datasets.formats import Arrays, Format
from uncrossed.datasets.formats.cifar10 import SHAPE, read_archive

FOLDER = "cifar-100-python"
BATCHES = {"train": ["train"], "test": ["test"]}


def read(paths: list[Path]) -> tuple[Arrays, Arrays]:
    """The images and fine labels, in the archive's order."""
    return read_archive(paths[0], FOLDER, BATCHES, b"fine_labels")


FORMAT = Format(
    summary="an archive of cifar-100-python/ in the official layout",
    read=read,
    shape=SHAPE,
    classes=100,
    built_in={
        "source": "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        "sha256": "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
        "train_examples": 50_000,
        "test_examples": 10_000,
    },
)
