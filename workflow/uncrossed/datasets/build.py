"""From a dataset's definition to its file: fetch the source, verify it, read it by its format, and check the arrays."""

import os
import pickle
import struct
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path

import numpy as np

from uncrossed.common.errors import InputError
from uncrossed.common.files import DAMAGE
from uncrossed.datasets.dataset_file import write
from uncrossed.datasets.definition import FORMATS, Definition
from uncrossed.datasets.formats import Arrays
from uncrossed.datasets.source import checksum, fetch

# What the readers of formats raise of bytes that are not what they should be.
MALFORMED = (
    *DAMAGE,
    EOFError,
    ImportError,
    struct.error,
    tarfile.TarError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    zlib.error,
)


def build(definition: Definition, output: str | os.PathLike[str]) -> None:
    """Fetch, verify and write a dataset.

    Raises:
        InputError: a source that is missing, has another SHA-256, is truncated, has another layout or too few examples.
    """
    where = f"dataset '{definition.name}'"
    definition.check_source(where)
    images, labels = _from_source(definition, where)
    for split, wanted in (("train", definition.train_examples), ("test", definition.test_examples)):
        _check_split(definition, split, images[split], labels[split], where)
        if wanted > len(labels[split]):
            raise InputError(f"{where}: {split}_examples is {wanted}; allowed: 1 to {len(labels[split])}")
        images[split] = images[split][:wanted]
        labels[split] = labels[split][:wanted].astype(label_type(definition.classes))
    write(output, definition.identity(), images, labels)


def label_type(classes: int) -> np.dtype:
    """The type of a label: uint8 as long as that is enough, else uint16, little-endian on every machine."""
    return np.dtype(np.uint8) if classes <= 256 else np.dtype("<u2")


def _from_source(definition: Definition, where: str) -> tuple[Arrays, Arrays]:
    """All images and labels of the source, which is read only after its SHA-256 matched."""
    format_ = FORMATS[definition.format]
    if not format_.has_source:
        return format_.read([])
    source = definition.source
    with tempfile.TemporaryDirectory() as folder:
        paths = fetch(source, format_.files, Path(folder))
        found = checksum(paths, several=bool(format_.files))
        if found != definition.sha256:
            what = f"{source}, as the list of its files," if format_.files else source
            size = sum(path.stat().st_size for path in paths)
            raise InputError(
                f"{where}: {what} has SHA-256 {found} ({size} bytes); expected {definition.sha256}: "
                "truncated, damaged or another file"
            )
        try:
            return format_.read(paths)
        except InputError as error:
            raise InputError(f"{where}: {source}: {error}") from error
        except MALFORMED as error:
            reason = f"{type(error).__name__}: {error}"
            raise InputError(f"{where}: {source}: not {format_.summary}, or truncated ({reason})") from error


def _check_split(definition: Definition, split: str, images: np.ndarray, labels: np.ndarray, where: str) -> None:
    """Refuse arrays of a source that are not what its definition says."""
    if images.dtype != np.uint8 or images.shape[1:] != definition.shape:
        found, allowed = (" x ".join(map(str, shape)) for shape in (images.shape[1:], definition.shape))
        sides = "height x width x channels"
        raise InputError(f"{where}: {split} images are {images.dtype}, {found}; allowed: uint8, {allowed} ({sides})")
    if not np.issubdtype(labels.dtype, np.integer) or labels.ndim != 1:
        raise InputError(
            f"{where}: {split} labels are {labels.dtype}, {labels.ndim}-dimensional; allowed: one row of integers"
        )
    if len(images) != len(labels):
        raise InputError(f"{where}: {split} has {len(images)} images and {len(labels)} labels; allowed: one for each")
    if not len(labels):
        raise InputError(f"{where}: {split} has no images; allowed: at least one")
    if labels.min() < 0 or labels.max() >= definition.classes:
        raise InputError(
            f"{where}: {split} labels go from {labels.min()} to {labels.max()}; "
            f"allowed: 0 to {definition.classes - 1}, as there are {definition.classes} classes"
        )
