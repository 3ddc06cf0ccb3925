"""Datasets: fetch, verify, and write one HDF5 file of images and labels per dataset.

The file holds `/{train,test}/images` (uint8, examples x height x width x 3) and `/{train,test}/labels` (uint8), and as
attributes the identity that it was made from and `dataset_sha256` over the arrays. `cifar10` and `digits` are built in;
a study may define more.
"""

import hashlib
import os
import pickle
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Self, TypeVar

import h5py
import numpy as np
from pydantic import Field, model_validator
from tqdm import tqdm

from uncrossed.common.errors import InputError
from uncrossed.common.files import hdf5, new_hdf5, sha256
from uncrossed.common.remote import whole
from uncrossed.study.trial import DatasetIdentity

CLASSES = 10
SPLITS = ("train", "test")
CIFAR10_FOLDER = "cifar-10-batches-py"
CIFAR10_FILES = {"train": [f"data_batch_{k}" for k in range(1, 6)], "test": ["test_batch"]}
# scikit-learn's digits have no split of their own: the last fifth are test examples.
DIGITS_TRAIN_EXAMPLES, DIGITS_TEST_EXAMPLES = 1437, 360

Arrays = dict[str, np.ndarray]
Result = TypeVar("Result")


class Definition(DatasetIdentity):
    """A dataset's identity and where its source can be had."""

    source: str | None = Field(default=None, description="a URL or a path of the cifar10 archive")

    @model_validator(mode="after")
    def _fetchable(self) -> Self:
        if self.format == "digits":
            if self.source is not None or self.sha256 is not None:
                raise InputError("format digits has no source of its own: leave out 'source' and 'sha256'")
            for key, limit in (("train_examples", DIGITS_TRAIN_EXAMPLES), ("test_examples", DIGITS_TEST_EXAMPLES)):
                if getattr(self, key) > limit:
                    raise InputError(f"{key}: found {getattr(self, key)}; allowed for format digits: 1 to {limit}")
        return self

    def check_source(self, where: str) -> None:
        """Refuse a definition from which the dataset cannot be made.

        Raises:
            InputError: it has no source, or nothing to check the source by.
        """
        if self.format == "cifar10" and (self.source is None or self.sha256 is None):
            raise InputError(f"{where}: format cifar10 needs both 'source' and 'sha256'")

    def identity(self) -> DatasetIdentity:
        """The definition without the source's place: a mirror or a moved file is the same dataset."""
        return DatasetIdentity(**self.model_dump(exclude={"source"}))


BUILT_IN = {
    "cifar10": Definition(
        name="cifar10",
        format="cifar10",
        source="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        train_examples=50_000,
        test_examples=10_000,
    ),
    "digits": Definition(
        name="digits", format="digits", train_examples=DIGITS_TRAIN_EXAMPLES, test_examples=DIGITS_TEST_EXAMPLES
    ),
}


@dataclass(frozen=True)
class Dataset:
    """A dataset in memory: `images[split]` uint8 NHWC, `labels[split]` uint8, its identity and `dataset_sha256`."""

    identity: DatasetIdentity
    images: Arrays
    labels: Arrays
    sha256: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
        return self.images["train"].shape[1:]

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return CLASSES


class OtherCodeError(InputError):
    """A dataset file that another version of this package made; only that version knows whether it is sound."""


def digest(images: Arrays, labels: Arrays) -> str:
    """`dataset_sha256`: SHA-256 over name, shape and bytes of each array; all are uint8."""
    total = hashlib.sha256()
    for split in SPLITS:
        for name, array in (("images", images[split]), ("labels", labels[split])):
            total.update(f"{split}/{name} {array.shape}\n".encode())
            total.update(np.ascontiguousarray(array))
    return total.hexdigest()


def build(definition: Definition, output: str | os.PathLike[str]) -> None:
    """Fetch, verify and write a dataset.

    Raises:
        InputError: a source that is missing, has another SHA-256, is truncated, has another layout or too few examples.
    """
    definition.check_source(f"dataset '{definition.name}'")
    images, labels = _digits() if definition.format == "digits" else _cifar10(definition)
    for split, wanted in (("train", definition.train_examples), ("test", definition.test_examples)):
        if wanted > len(labels[split]):
            raise InputError(
                f"dataset '{definition.name}': {split}_examples is {wanted}; allowed: 1 to {len(labels[split])}"
            )
        images[split], labels[split] = images[split][:wanted], labels[split][:wanted]
    write(output, definition.identity(), images, labels)


def write(output: str | os.PathLike[str], identity: DatasetIdentity, images: Arrays, labels: Arrays) -> None:
    """Write a dataset file of `images[split]`, uint8 NHWC, and `labels[split]`, uint8, that stands for `identity`."""
    with new_hdf5(output) as file:
        file.attrs["identity"] = identity.model_dump_json()
        file.attrs["code_sha256"] = "to be replaced by a schema"
        file.attrs["dataset_sha256"] = digest(images, labels)
        for split in SPLITS:
            file[f"{split}/images"] = images[split]
            file[f"{split}/labels"] = labels[split]


def read_identity(path: str | os.PathLike[str]) -> DatasetIdentity:
    """The identity that a dataset file was made from.

    Raises:
        OtherCodeError: the file was made by other code than this.
        UnreadableError: the operating system does not give the file, which may be sound.
        InputError: the file is missing, damaged, or not a dataset file.
    """

    def made(file: h5py.File) -> DatasetIdentity:
        # First: what else is in a file of other code may have another form.
        if str(file.attrs["code_sha256"]) != "to be replaced by a schema":
            raise OtherCodeError(f"{path}: made by another version of this package; delete it and build it again")
        return DatasetIdentity.model_validate_json(file.attrs["identity"])

    return _open(path, made)


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
    try:
        with hdf5(path) as file:
            return use(file)
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such dataset file; `uncrossed dataset` or the build makes it") from error
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise InputError(f"{path}: damaged, or not a dataset file ({error}); delete it and build it again") from error


def _digits() -> tuple[Arrays, Arrays]:
    from sklearn.datasets import load_digits

    raw = load_digits()
    # 8 x 8 pixels of 0..16, each enlarged to 4 x 4 pixels of 0..255 in three equal channels.
    small = np.round(raw.images * (255 / 16)).astype(np.uint8)
    large = np.repeat(small.repeat(4, axis=1).repeat(4, axis=2)[..., np.newaxis], 3, axis=3)
    labels = raw.target.astype(np.uint8)
    cut = DIGITS_TRAIN_EXAMPLES
    return {"train": large[:cut], "test": large[cut:]}, {"train": labels[:cut], "test": labels[cut:]}


def _cifar10(definition: Definition) -> tuple[Arrays, Arrays]:
    with tempfile.TemporaryDirectory() as folder:
        archive = _fetch(definition.source, Path(folder))
        found = sha256(archive)
        if found != definition.sha256:
            raise InputError(
                f"dataset '{definition.name}': {definition.source} has SHA-256 {found} "
                f"({archive.stat().st_size} bytes); expected {definition.sha256}: truncated, damaged or another file"
            )
        return _unpack(archive, definition.source)


def _fetch(source: str, folder: Path) -> Path:
    if "://" not in source:
        if not Path(source).is_file():
            raise InputError(f"dataset source {source}: no such file; allowed: a URL or the path of an archive")
        return Path(source)
    target = folder / "archive"
    try:
        with (
            whole(source) as response,
            open(target, "wb") as stream,
            tqdm.wrapattr(response, "read", total=response.length, desc=source, disable=None) as body,
        ):
            shutil.copyfileobj(body, stream)
    except (ValueError, HTTPException) as error:
        raise InputError(f"dataset source {source}: {error}; allowed: a URL or the path of an archive") from error
    except OSError as error:
        raise InputError(f"dataset source {source}: cannot be downloaded ({error})") from error
    return target


def _unpack(archive: Path, source: str) -> tuple[Arrays, Arrays]:
    # The archive holds pickles. They are opened only after its SHA-256 matched the one that the user trusts.
    images: Arrays = {}
    labels: Arrays = {}
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for split, names in CIFAR10_FILES.items():
                batches = []
                for name in names:
                    stream = tar.extractfile(f"{CIFAR10_FOLDER}/{name}")
                    if stream is None:
                        raise KeyError(name)
                    batches.append(pickle.loads(stream.read(), encoding="bytes"))
                pixels = np.concatenate([batch[b"data"] for batch in batches])
                images[split] = np.ascontiguousarray(pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
                labels[split] = np.concatenate([batch[b"labels"] for batch in batches]).astype(np.uint8)
    except (tarfile.TarError, OSError, EOFError, KeyError, ValueError, pickle.UnpicklingError) as error:
        raise InputError(
            f"{source}: not an archive of {CIFAR10_FOLDER}/ in the official layout, or truncated "
            f"({type(error).__name__}: {error})"
        ) from error
    return images, labels
