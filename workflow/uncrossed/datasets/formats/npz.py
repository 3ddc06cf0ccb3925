"""A user's own arrays in one file, as `numpy.savez` writes it; a study says their shape and number of classes.

The file holds `train_images` and `test_images`, uint8, examples x height x width or examples x height x width x
channels with 1 or 3 channels, and `train_labels` and `test_labels`, integers from 0, one for each image. Nothing in it
is ever unpickled.
"""

import zipfile
from pathlib import Path

import numpy as np

from uncrossed.common.errors import InputError
from uncrossed.datasets.formats import SPLITS, Arrays, Format

NAMES = [f"{split}_{kind}" for split in SPLITS for kind in ("images", "labels")]
CHANNELS = (1, 3)


def read(paths: list[Path]) -> tuple[Arrays, Arrays]:
    """The images, those without channels with one, and the labels.

    Raises:
        InputError: an array that is missing or not as it has to be.
    """
    (path,) = paths
    if not zipfile.is_zipfile(path):
        raise InputError("not a file that numpy.savez wrote, or truncated")
    with np.load(path, allow_pickle=False) as file:
        missing = [name for name in NAMES if name not in file]
        if missing:
            found = ", ".join(file.files) or "none"
            raise InputError(f"has no array {missing[0]}; allowed: the arrays {', '.join(NAMES)}; found: {found}")
        return (
            {split: _images(file, f"{split}_images") for split in SPLITS},
            {split: _labels(file, f"{split}_labels") for split in SPLITS},
        )


def _images(file: np.lib.npyio.NpzFile, name: str) -> np.ndarray:
    array = _array(file, name)
    if array.dtype != np.uint8:
        raise InputError(f"{name} is {array.dtype}; allowed: uint8, from 0 to 255")
    if array.ndim == 3:
        array = array[..., np.newaxis]
    if array.ndim != 4 or array.shape[3] not in CHANNELS:
        raise InputError(
            f"{name} is {_sizes(array)}; allowed: examples x height x width, or examples x height x width x channels "
            "with 1 or 3 channels"
        )
    return array


def _labels(file: np.lib.npyio.NpzFile, name: str) -> np.ndarray:
    array = _array(file, name)
    if not np.issubdtype(array.dtype, np.integer):
        raise InputError(f"{name} is {array.dtype}; allowed: integers from 0")
    if array.ndim != 1:
        raise InputError(f"{name} is {_sizes(array)}; allowed: one dimension, a label for each image")
    return array


def _array(file: np.lib.npyio.NpzFile, name: str) -> np.ndarray:
    try:
        return file[name]
    except ValueError as error:
        raise InputError(f"{name} cannot be read ({error}); allowed: an array of numbers") from error


def _sizes(array: np.ndarray) -> str:
    return " x ".join(map(str, array.shape)) or "one number"


FORMAT = Format(summary="a file that numpy.savez wrote", read=read)
