"""Fashion-MNIST: four compressed IDX files of 28 x 28 grey images and labels, padded with zeros to 32 x 32.

The two pixels of zeros on every side are of the colour of the background. MNIST and others that come in files of these
names and this layout are datasets of this format, too.
"""

import gzip
import math
import struct
from pathlib import Path

import numpy as np

from uncrossed.common.errors import InputError
from uncrossed.datasets.formats import Arrays, Format
from uncrossed.datasets.source import checksum_of_list

# The official files with their SHA-256.
OFFICIAL = {
    "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
}
SIDE, PADDING = 28, 2
UNSIGNED_BYTES = 8


def read(paths: list[Path]) -> tuple[Arrays, Arrays]:
    """The images with their padding, and the labels, in the files' order."""
    test_images, test_labels, train_images, train_labels = (read_idx(path) for path in paths)
    images = {"train": train_images, "test": test_images}
    for split, array in images.items():
        if array.shape[1:] != (SIDE, SIDE):
            shape = " x ".join(map(str, array.shape))
            raise InputError(f"its {split} images are {shape}; allowed: examples x {SIDE} x {SIDE}")
    sides = ((0, 0), (PADDING, PADDING), (PADDING, PADDING))
    padded = {split: np.pad(array, sides)[..., np.newaxis] for split, array in images.items()}
    return padded, {"train": train_labels, "test": test_labels}


def read_idx(path: Path) -> np.ndarray:
    """The array of unsigned bytes in a compressed IDX file.

    Raises:
        InputError: the file holds something else, or less or more than it says.
    """
    with gzip.open(path) as stream:
        content = stream.read()
    zeros, kind, dimensions = struct.unpack_from(">HBB", content)
    if zeros != 0 or kind != UNSIGNED_BYTES:
        raise InputError(f"{path.name} is not an IDX file of unsigned bytes")
    shape = struct.unpack_from(f">{dimensions}I", content, 4)
    start = 4 + 4 * dimensions
    if len(content) - start != math.prod(shape):
        raise InputError(f"{path.name} holds {len(content) - start} values, but says {' x '.join(map(str, shape))}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


FORMAT = Format(
    summary="the four compressed IDX files of Fashion-MNIST",
    read=read,
    shape=(SIDE + 2 * PADDING, SIDE + 2 * PADDING, 1),
    classes=10,
    files=tuple(OFFICIAL),
    built_in={
        "source": "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        "sha256": checksum_of_list(OFFICIAL),
        "train_examples": 60_000,
        "test_examples": 10_000,
    },
)
