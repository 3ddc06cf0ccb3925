"""The views file: what a training has carried for rows that differ from its own in evaluation mechanisms alone.

It lies beside the trial file, in HDF5, and holds of each view what is not in that file. A row's own trial file is made
of both, and then stands alone.

    /{view}/weights/{epoch:04d}/{name}   the running statistics; attribute `names` lists them in model order
    /{view}/curves/{curve}               test_loss and test_accuracy: float64, one value per epoch
    /{view}/predictions/logits           float32, test examples x classes
"""

import contextlib
import os
from collections.abc import Iterator

import h5py
import numpy as np

from uncrossed.common.errors import InputError
from uncrossed.common.files import explained, hdf5
from uncrossed.results import trial_file
from uncrossed.training.result import TEST_CURVES, Result, View

SCHEMA = "uncrossed-views-1"
# The attribute by which it belongs to a trial file: the `content_sha256` of that.
TRIAL = "trial_content_sha256"


def write(path: str | os.PathLike[str], result: Result) -> None:
    """Write a result's views, completely or not at all.

    Raises:
        OSError: the file system refused; nothing is left behind.
    """
    places: dict[str, np.ndarray] = {}
    names: dict[str, list[str]] = {}
    for name, view in result.views.items():
        places |= {f"{name}/curves/{curve}": view.curves[curve] for curve in TEST_CURVES}
        places[f"{name}/predictions/logits"] = view.logits
        for epoch, arrays in sorted(view.weights.items()):
            group = f"{name}/{trial_file.weights_group(epoch)}"
            names[group] = list(arrays)
            places |= {f"{group}/{array}": values for array, values in arrays.items()}
    trial_file.write_arrays(path, {"schema": SCHEMA, TRIAL: trial_file.content(result)}, places, names)


def read(path: str | os.PathLike[str], name: str) -> tuple[View, str]:
    """A view, each of its arrays checked, and the `content_sha256` of the trial file that it belongs to.

    Raises:
        InputError: the file is missing or damaged, or has no such view.
    """
    with opened(path) as file:
        if name not in file:
            raise InputError(f"{path}: no view '{name}'; allowed: {', '.join(file)}")
        found = {place: trial_file.read_array(file, place, path) for place in _places(file, name)}
        curves = {curve: found[f"{name}/curves/{curve}"] for curve in TEST_CURVES}
        weights = {
            epoch: {array: found[f"{group}/{array}"] for array in trial_file.names(file, group)}
            for epoch, group in _groups(file, name).items()
        }
        return View(curves, found[f"{name}/predictions/logits"], weights), str(file.attrs[TRIAL])


def check(file: h5py.File, where: object) -> None:
    """Check every array of an open file against its hash.

    Raises:
        InputError: an array does not match.
    """
    for _ in trial_file.check_arrays(file, [place for name in file for place in _places(file, name)], where):
        pass


@contextlib.contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """An `h5py.File` with views, while the block lasts; what it raises of the file becomes an InputError.

    Raises:
        UnreadableError: the operating system does not give the file, which may be sound.
        InputError: it is missing, damaged or foreign.
    """
    with explained(path, "no such views", "damaged, or no views", ""), hdf5(path) as file:
        if (schema := file.attrs.get("schema")) != SCHEMA:
            raise InputError(f"{path}: schema {schema!r}; allowed: {SCHEMA!r}")
        yield file


def _groups(file: h5py.File, name: str) -> dict[int, str]:
    """The places of a view's running statistics by kept epoch."""
    return {int(epoch): f"{name}/weights/{epoch}" for epoch in file[f"{name}/weights"]}


def _places(file: h5py.File, name: str) -> list[str]:
    """The places of a view's arrays."""
    places = [*(f"{name}/curves/{curve}" for curve in TEST_CURVES), f"{name}/predictions/logits"]
    groups = _groups(file, name).values()
    return [*places, *(f"{group}/{array}" for group in groups for array in trial_file.names(file, group))]
