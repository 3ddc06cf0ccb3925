"""The views of a trial file: what its training has carried for rows of other evaluation mechanisms."""

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from uncrossed.common.errors import InputError, UnknownNameError, nearest
from uncrossed.common.remote import LocalFolder, MissingFileError, RemoteFolder
from uncrossed.reading.arrays_file import ArraysFile
from uncrossed.results import trial_file, views_file
from uncrossed.training.result import TEST_CURVES


class Views(ArraysFile, Mapping):
    """Views by name, as `batchnorm_momentum=pytorch;batchnorm_variance=tensorflow`; each is read when asked for."""

    def __init__(self, source: LocalFolder | RemoteFolder, path: str, side: Any):
        """Take the place, and the trial file's side; nothing is opened."""
        super().__init__(source, path, views_file.SCHEMA, "views")
        self._side = side

    def __repr__(self) -> str:
        """The file."""
        return f"<views {self._where}>"

    def _check(self) -> None:
        with self._guarded():
            theirs = self._file.attrs[views_file.TRIAL]
        if theirs != self._side.attributes["content_sha256"]:
            raise InputError(f"{self._where}: of another result than {self._side._where}")

    @functools.cached_property
    def _names(self) -> tuple[str, ...]:
        try:
            with self._reading() as file:
                return tuple(file)
        except MissingFileError:
            return ()

    def __getitem__(self, name: str) -> "View":
        """One view.

        Raises:
            UnknownNameError: there is none of this name; the message has the nearest.
        """
        if name not in self._names:
            raise UnknownNameError(f"{self._where}: no view '{name}'; {nearest(str(name), self._names)}")
        return View(self, name)

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._names)

    def __len__(self) -> int:
        """How many."""
        return len(self._names)


class View:
    """The model with other running statistics, tested; everything else is the trial file's."""

    def __init__(self, views: Views, name: str):
        """Take the views and the name; nothing is read."""
        self._views, self.name = views, name

    def __repr__(self) -> str:
        """Name and file."""
        return f"<view {self.name}, {self._views._where}>"

    @property
    def curves(self) -> dict[str, np.ndarray]:
        """`test_loss` and `test_accuracy`: float64, one value per epoch; NaN after divergence."""
        return {curve: self._views._array(f"{self.name}/curves/{curve}") for curve in TEST_CURVES}

    @property
    def test_accuracy(self) -> float:
        """After the last epoch."""
        curves = self.curves
        return float(curves["test_accuracy"][trial_file.epochs_trained(curves) - 1])

    @property
    def logits(self) -> np.ndarray:
        """float32, test examples x classes, after the last epoch."""
        return self._views._array(f"{self.name}/predictions/logits")

    def statistics_at(self, epoch: int) -> dict[str, np.ndarray]:
        """The running statistics after a kept epoch, by the framework's own names; all other weights are shared."""
        self._views._side.weights_at(epoch)
        group = f"{self.name}/{trial_file.weights_group(epoch)}"
        with self._views._reading() as file:
            names = trial_file.names(file, group)
        return {name: self._views._array(f"{group}/{name}") for name in names}
