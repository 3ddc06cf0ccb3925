"""The trial file: one framework's result of one trial, in HDF5. Write, read, verify.

Nothing in it depends on clock, host or path, and it is written in two passes (all groups, datasets and attributes; then
the data), so equal results are equal bytes and the metadata lie together at the front.

    /weights/{epoch:04d}/{name}   the framework's dtypes, names and layouts; attribute `names` lists them in model order
    /curves/{curve}               float64, one value per epoch
    /predictions/logits           float32, test examples x classes; /predictions/labels: uint8,
                                  of more than 256 classes uint16
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import h5py
import numpy as np

from uncrossed.common.errors import InputError, UnreadableError
from uncrossed.common.files import explained, hdf5, new_hdf5
from uncrossed.training.checkpoint import Arrays
from uncrossed.training.result import CURVES, Result

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
            yield f"{weights_group(epoch)}/{name}", array


class ArrayError(InputError):
    """An array that does not match its hash."""


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


def content(result: Result) -> str:
    """The `content_sha256` that a result's trial file has."""
    return content_sha256(_entries(dict(arrays(result))))


def _entries(places: Mapping[str, np.ndarray]) -> dict[str, tuple[str, tuple[int, ...], str]]:
    return {place: (array.dtype.name, array.shape, array_sha256(array)) for place, array in places.items()}


def write(path: str | os.PathLike[str], result: Result) -> None:
    """Write a trial file, completely or not at all; fills in `schema` and `content_sha256`.

    Raises:
        OSError: the file system refused, for example because the disk is full; nothing is left behind.
    """
    write_arrays(
        path,
        {**result.attributes, "schema": SCHEMA},
        dict(arrays(result)),
        {weights_group(epoch): list(weights) for epoch, weights in result.weights.items()},
    )


def write_arrays(
    path: str | os.PathLike[str],
    attributes: Mapping[str, Any],
    places: Mapping[str, np.ndarray],
    groups: Mapping[str, list[str]],
) -> None:
    """Write a file of arrays in the way of a trial file, completely or not at all; fills in `content_sha256`.

    Args:
        path: where to.
        attributes: its root attributes.
        places: its arrays by their places.
        groups: the names of the arrays of some groups, by their places, for the attribute `names`.

    Raises:
        OSError: as `write`.
    """
    entries = _entries(places)
    attributes = {**attributes, "content_sha256": content_sha256(entries)}
    with new_hdf5(path) as file:
        for name in sorted(attributes):
            value = attributes[name]
            file.attrs[name] = json.dumps(value, sort_keys=True) if name in OBJECTS else value
        for place, array in places.items():
            dataset = file.create_dataset(place, array.shape, array.dtype.newbyteorder("<"))
            _, _, dataset.attrs["sha256"] = entries[place]
        for group, listed in groups.items():
            file.require_group(group).attrs["names"] = listed
        for place, array in places.items():
            file[place][...] = array


def weights_group(epoch: int) -> str:
    """The place of the weights after an epoch; four digits at least, so that names sort as texts up to epoch 9,999."""
    return f"weights/{epoch:04d}"


def kept_epochs(file: h5py.File) -> list[int]:
    """The epochs whose weights an open trial file holds, in order; 0 is before training."""
    return sorted(int(epoch) for epoch in file["weights"])


def read_attributes(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The root attributes of a trial file, JSON objects decoded.

    Raises:
        InputError: a missing, damaged or foreign file.
    """
    with opened(path) as file:
        return decoded(file)


def is_wanted(path: str | os.PathLike[str], attributes: Mapping[str, Any]) -> bool:
    """Whether a trial file is sound, as far as its root attributes go, and they are these.

    Raises:
        UnreadableError: the operating system does not give it, and it may be what is wanted.
    """
    try:
        found = read_attributes(path)
    except UnreadableError:
        raise
    except InputError:
        return False
    return all(found.get(name) == value for name, value in attributes.items())


def epochs_trained(curves: Mapping[str, np.ndarray]) -> int:
    """How many epochs have values: after divergence the curves are NaN."""
    return int(np.isfinite(curves["test_accuracy"]).sum())


def read_curves(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Root attributes and curves of a trial file: what tables need, whatever the weights' size.

    Raises:
        InputError: a missing, damaged or foreign file.
    """
    with opened(path) as file:
        return decoded(file), {name: file[f"curves/{name}"][:] for name in CURVES}


def read(path: str | os.PathLike[str]) -> Result:
    """Read a whole trial file and check every array against its hash.

    Raises:
        InputError: a missing, damaged or foreign file, naming the array that does not match.
    """
    with opened(path) as file:
        found = dict(_checked_arrays(file, path))
        weights = {
            epoch: {str(name): found[f"{weights_group(epoch)}/{name}"] for name in _names(file, epoch)}
            for epoch in kept_epochs(file)
        }
        curves = {name: found[f"curves/{name}"] for name in CURVES}
        return Result(decoded(file), curves, found["predictions/logits"], found["predictions/labels"], weights)


def check(file: h5py.File, where: object) -> None:
    """Check every array of an open trial file against its hash, one after another.

    Args:
        file: the open file.
        where: what errors call it.

    Raises:
        InputError: an array does not match; what h5py raises is left to `opened`.
    """
    for _ in _checked_arrays(file, where):
        pass


def read_array(file: h5py.File, name: str, where: object) -> np.ndarray:
    """One array of an open trial file.

    Args:
        file: the open file.
        name: the array's place in it.
        where: what errors call the file.

    Raises:
        ArrayError: it does not match its hash.
    """
    array = np.asarray(file[name][()])
    if array_sha256(array) != file[name].attrs["sha256"]:
        raise ArrayError(f"{where}: array '{name}' does not match its sha256")
    return array


def read_weights(file: h5py.File, epoch: int, where: object) -> Arrays:
    """The weights after a kept epoch by name, in model order; each array is checked.

    Args:
        file: an open trial file.
        epoch: one of `kept_epochs`.
        where: what errors call the file.

    Raises:
        ArrayError: an array does not match its hash.
    """
    group = weights_group(epoch)
    return {name: read_array(file, f"{group}/{name}", where) for name in _names(file, epoch)}


def misplaced(attributes: Mapping[str, Any], trial: str, framework: str) -> Iterator[tuple[str, Any, str]]:
    """Where a trial file's attributes are not of the place where it lies.

    Yields:
        `framework` or `trial`, what the file says, and what it should say.
    """
    said = {"framework": attributes["framework"], "trial": attributes["row"].get("trial")}
    for key, wanted in (("framework", framework), ("trial", trial)):
        if said[key] != wanted:
            yield key, said[key], wanted


def _checked_arrays(file: h5py.File, where: object) -> Iterator[tuple[str, np.ndarray]]:
    """Every array with its place, each checked; at the end of them their common hash is checked too."""
    places = [*(f"curves/{name}" for name in CURVES), "predictions/logits", "predictions/labels"]
    places += [f"{weights_group(epoch)}/{name}" for epoch in kept_epochs(file) for name in _names(file, epoch)]
    yield from check_arrays(file, places, where)


def check_arrays(file: h5py.File, places: Iterable[str], where: object) -> Iterator[tuple[str, np.ndarray]]:
    """Arrays with their places, each checked; at the end of them, which must be all, their common hash is checked too.

    Args:
        file: an open file of `write_arrays`.
        places: of all its arrays.
        where: what errors call the file.

    Raises:
        InputError: an array does not match its hash, or all of them theirs.
    """
    entries = {}
    for place in places:
        array = read_array(file, place, where)
        entries[place] = (array.dtype.name, array.shape, file[place].attrs["sha256"])
        yield place, array
    if content_sha256(entries) != file.attrs["content_sha256"]:
        raise InputError(f"{where}: its arrays do not match its content_sha256")


def names(file: h5py.File, group: str) -> list[str]:
    """The names of the arrays of a group, in model order."""
    return [str(name) for name in file[group].attrs["names"]]


def _names(file: h5py.File, epoch: int) -> list[str]:
    return names(file, weights_group(epoch))


@contextlib.contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """An `h5py.File` that is a trial file, while the block lasts; what it raises of the file becomes an InputError.

    Raises:
        UnreadableError: the operating system does not give the file, which may be sound.
        InputError: a missing, damaged or foreign file.
    """
    with explained(path, "no such trial file", "damaged, or not a trial file", ""), hdf5(path) as file:
        if (schema := file.attrs.get("schema")) != SCHEMA:
            raise InputError(f"{path}: schema {schema!r}; allowed: {SCHEMA!r}")
        yield file


def decoded(file: h5py.File) -> dict[str, Any]:
    """The root attributes of an open trial file, JSON objects decoded."""
    texts = {name: str(file.attrs[name]) for name in TEXTS}
    return texts | {name: json.loads(file.attrs[name]) for name in OBJECTS}
