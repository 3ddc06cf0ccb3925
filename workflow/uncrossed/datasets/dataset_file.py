"""The one HDF5 file of images and labels that a dataset becomes.

The file holds `/{train,test}/images` (uint8, examples x height x width x channels) and `/{train,test}/labels` (uint8;
uint16 where there are more than 256 classes), and as attributes the identity that it was made from, the number of
`classes`, `dataset_sha256` over the arrays, and `schema`, the number of this layout.
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import h5py
import numpy as np

from uncrossed.common.errors import InputError, shown
from uncrossed.common.files import explained, hdf5, new_hdf5
from uncrossed.datasets.definition import FORMATS, DatasetIdentity
from uncrossed.datasets.formats import SPLITS, Arrays, Shape

# Files of the first layout have no number, no `classes`, and a hash of the code that made them.
SCHEMA = 2

Result = TypeVar("Result")


@dataclass(frozen=True)
class Dataset:
    """A dataset in memory: `images[split]` uint8 NHWC, `labels[split]`, its identity and `dataset_sha256`."""

    identity: DatasetIdentity
    images: Arrays
    labels: Arrays
    sha256: str

    @property
    def shape(self) -> Shape:
        """Height, width and channels of an image."""
        return self.identity.shape

    @property
    def classes(self) -> int:
        """The number of classes: labels are below it."""
        return self.identity.classes


class OtherVersionError(InputError):
    """A dataset file that another version of this package made; only that version knows whether it is sound."""


def digest(images: Arrays, labels: Arrays) -> str:
    """`dataset_sha256`: SHA-256 over name, shape, type if it is not uint8, and bytes of each array."""
    total = hashlib.sha256()
    for split in SPLITS:
        for name, array in (("images", images[split]), ("labels", labels[split])):
            kind = "" if array.dtype == np.uint8 else f" {array.dtype.str}"
            total.update(f"{split}/{name} {array.shape}{kind}\n".encode())
            total.update(np.ascontiguousarray(array))
    return total.hexdigest()


def write(output: str | os.PathLike[str], identity: DatasetIdentity, images: Arrays, labels: Arrays) -> None:
    """Write a dataset file of `images[split]`, uint8 NHWC, and `labels[split]` that stands for `identity`."""
    with new_hdf5(output) as file:
        file.attrs["schema"] = SCHEMA
        file.attrs["identity"] = identity.model_dump_json()
        file.attrs["classes"] = identity.classes
        file.attrs["dataset_sha256"] = digest(images, labels)
        for split in SPLITS:
            file[f"{split}/images"] = images[split]
            file[f"{split}/labels"] = labels[split]


def read_identity(path: str | os.PathLike[str]) -> DatasetIdentity:
    """The identity that a dataset file was made from.

    Raises:
        OtherVersionError: the file has a later layout, or is of a format that is not here.
        UnreadableError: the operating system does not give the file, which may be sound.
        InputError: the file is missing, damaged, or not a dataset file.
    """

    def made(file: h5py.File) -> DatasetIdentity:
        # First: what else is in a file of another version may have another form.
        schema = 1 if "code_sha256" in file.attrs else int(file.attrs["schema"])
        if schema > SCHEMA:
            raise _other_version(path, f"schema {schema}; this one knows {SCHEMA}")
        stated = json.loads(file.attrs["identity"])
        if stated["format"] not in FORMATS:
            raise _other_version(path, f"format {shown(stated['format'])}; this one knows {', '.join(FORMATS)}")
        return DatasetIdentity.model_validate(stated)

    return _open(path, made)


def _other_version(path: str | os.PathLike[str], why: str) -> OtherVersionError:
    made = f"made by another version of this package ({why}), which alone can check it"
    return OtherVersionError(f"{path}: {made}; delete it to build it again")


def read(path: str | os.PathLike[str], expected: DatasetIdentity | None = None) -> Dataset:
    """Read a dataset file and check its arrays against its `dataset_sha256`.

    Args:
        path: the file.
        expected: the identity that a study asks for, if any.

    Raises:
        InputError: as `read_identity`; or a file made from another definition, or whose arrays are damaged.
    """
    identity = read_identity(path)
    check_identity(path, identity, expected)

    def arrays(file: h5py.File) -> tuple[Arrays, Arrays, str]:
        images = {split: file[f"{split}/images"][:] for split in SPLITS}
        labels = {split: file[f"{split}/labels"][:] for split in SPLITS}
        return images, labels, str(file.attrs["dataset_sha256"])

    images, labels, recorded = _open(path, arrays)
    if digest(images, labels) != recorded:
        raise InputError(f"{path}: its arrays do not match its dataset_sha256; delete the file and build it again")
    if any(array.shape[1:] != identity.shape for array in images.values()):
        raise InputError(f"{path}: its images do not have the shape of its identity; delete it and build it again")
    return Dataset(identity, images, labels, recorded)


def check_identity(path: str | os.PathLike[str], found: DatasetIdentity, expected: DatasetIdentity | None) -> None:
    """Refuse a file that stands for something else than a study asks for.

    Raises:
        InputError: naming the first key that differs.
    """
    if expected is None or expected == found:
        return
    for key in DatasetIdentity.model_fields:
        if getattr(found, key) != getattr(expected, key):
            raise InputError(
                f"{path}: made with {key}={getattr(found, key)}, but the study defines {key}={getattr(expected, key)}; "
                "a dataset's name stands for one definition: give the other one another name"
            )


def _open(path: str | os.PathLike[str], use: Callable[[h5py.File], Result]) -> Result:
    missing = "no such dataset file; `uncrossed dataset` or the build makes it"
    damaged = "damaged, or not a dataset file"
    with explained(path, missing, damaged, "delete it and build it again"), hdf5(path) as file:
        return use(file)
