"""The trial file: one framework's result of one trial, in HDF5. Write, read, verify.

Nothing in it depends on clock, host or path, and it is written in two passes (all groups, datasets and attributes; then
the data), so equal results are equal bytes and the metadata lie together at the front.

    /weights/{epoch:04d}/{name}   the framework's dtypes, names and layouts; attribute `names` lists them in model order
    /curves/{curve}               float64, one value per epoch
    /predictions/logits           float32, test examples x classes; /predictions/labels: uint8
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import h5py
import numpy as np

from uncrossed.common.errors import InputError
from uncrossed.common.files import DAMAGE, hdf5, new_hdf5
from uncrossed.training.state import CURVES, Result

SCHEMA = "uncrossed-trial-1"
# Attributes that are JSON objects; the others are plain strings.
OBJECTS = ("row", "settings", "dataset", "versions")
TEXTS = ("schema", "framework", "status", "device", "dataset_sha256", "code_sha256", "content_sha256")


def arrays(result: Result) -> Iterator[tuple[str, np.ndarray]]:
    """Every array of a result with its place in the file, in the order of writing."""
    for name in CURVES:
        yield f"curves/{name}", result.curves[name]
    yield "predictions/logits", result.logits
    yield "predictions/labels", result.labels
    for epoch, weights in sorted(result.weights.items()):
        for name, array in weights.items():
            yield f"weights/{epoch:04d}/{name}", array


def array_sha256(array: np.ndarray) -> str:
    """The SHA-256 of an array's little-endian bytes in C order."""
    return hashlib.sha256(np.ascontiguousarray(array, array.dtype.newbyteorder("<"))).hexdigest()


def content_sha256(entries: dict[str, tuple[str, tuple[int, ...], str]]) -> str:
    """The identity of a result: SHA-256 over name, dtype, shape and SHA-256 of every array, sorted by name.

    Args:
        entries: for each array's place its dtype (as `float32`), shape and `array_sha256`.
    """
    lines = [f"{name} {dtype} {list(shape)} {sha}\n" for name, (dtype, shape, sha) in sorted(entries.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def write(path: str | os.PathLike[str], result: Result) -> None:
    """Write a trial file, completely or not at all; fills in `schema` and `content_sha256`.

    Raises:
        OSError: the file system refused, for example because the disk is full; nothing is left behind.
    """
    places = dict(arrays(result))
    hashes = {name: array_sha256(array) for name, array in places.items()}
    entries = {name: (array.dtype.name, array.shape, hashes[name]) for name, array in places.items()}
    attributes = {**result.attributes, "schema": SCHEMA, "content_sha256": content_sha256(entries)}
    with new_hdf5(path) as file:
        for name in sorted(attributes):
            value = attributes[name]
            file.attrs[name] = json.dumps(value, sort_keys=True) if name in OBJECTS else value
        for name, array in places.items():
            dataset = file.create_dataset(name, array.shape, array.dtype.newbyteorder("<"))
            dataset.attrs["sha256"] = hashes[name]
        for epoch, weights in result.weights.items():
            file[f"weights/{epoch:04d}"].attrs["names"] = list(weights)
        for name, array in places.items():
            file[name][...] = array


def read_attributes(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The root attributes of a trial file, JSON objects decoded.

    Raises:
        InputError: a missing, damaged or foreign file.
    """
    with opened(path) as file:
        return _attributes(file)


def epochs_trained(curves: Mapping[str, np.ndarray]) -> int:
    """How many epochs have values: after divergence the curves are NaN."""
    return int(np.isfinite(curves["test_accuracy"]).sum())


def read_curves(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Root attributes and curves of a trial file: what tables need, whatever the weights' size.

    Raises:
        InputError: a missing, damaged or foreign file.
    """
    with opened(path) as file:
        return _attributes(file), {name: file[f"curves/{name}"][:] for name in CURVES}


def read(path: str | os.PathLike[str]) -> Result:
    """Read a whole trial file and check every array against its hash.

    Raises:
        InputError: a missing, damaged or foreign file, naming the array that does not match.
    """
    with opened(path) as file:
        weights = {
            int(epoch): {str(name): np.asarray(group[name][()]) for name in group.attrs["names"]}
            for epoch, group in file["weights"].items()
        }
        curves = {name: file[f"curves/{name}"][:] for name in CURVES}
        predictions = file["predictions"]
        result = Result(_attributes(file), curves, predictions["logits"][:], predictions["labels"][:], weights)
        entries = {}
        for name, array in arrays(result):
            sha = array_sha256(array)
            if sha != file[name].attrs["sha256"]:
                raise InputError(f"{path}: array '{name}' does not match its sha256")
            entries[name] = (array.dtype.name, array.shape, sha)
    if content_sha256(entries) != result.attributes["content_sha256"]:
        raise InputError(f"{path}: its arrays do not match its content_sha256")
    return result


@contextlib.contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """An `h5py.File` that is a trial file, while the block lasts; what it raises of the file becomes an InputError.

    Raises:
        UnreadableError: the operating system does not give the file, which may be sound.
        InputError: a missing, damaged or foreign file.
    """
    what = "not HDF5, or damaged"
    try:
        with hdf5(path) as file:
            if (schema := file.attrs.get("schema")) != SCHEMA:
                raise InputError(f"{path}: schema {schema!r}; allowed: {SCHEMA!r}")
            what = "damaged"
            yield file
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such trial file") from error
    except DAMAGE as error:
        raise InputError(f"{path}: {what} ({error})") from error


def _attributes(file: h5py.File) -> dict[str, Any]:
    texts = {name: str(file.attrs[name]) for name in TEXTS}
    return texts | {name: json.loads(file.attrs[name]) for name in OBJECTS}
