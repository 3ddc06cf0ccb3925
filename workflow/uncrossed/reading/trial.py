"""One trial of a study: both sides' trial files, of which each array is read when it is asked for, and checked."""

import functools
import os
import posixpath
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import h5py
import numpy as np

from uncrossed.common.errors import InputError, UnknownNameError, nearest
from uncrossed.common.remote import LocalFolder, RemoteFolder, folder_at
from uncrossed.reading import models
from uncrossed.reading.arrays_file import ArraysFile
from uncrossed.reading.views import Views
from uncrossed.results import trial_file
from uncrossed.study import layout
from uncrossed.study.trial import FRAMEWORKS


class Pair:
    """One trial: `pytorch` and `tensorflow`.

    Attributes:
        row: its row of the table of trials.
        name: its name.
        pytorch: PyTorch's side.
        tensorflow: TensorFlow's.
    """

    def __init__(self, source: LocalFolder | RemoteFolder, row: dict[str, Any]):
        """Take the row; no file is opened."""
        self.row, self.name = row, row["trial"]
        self.pytorch, self.tensorflow = (Side(source, self.name, framework) for framework in FRAMEWORKS)

    def __repr__(self) -> str:
        """The name."""
        return f"<trial {self.name}>"


class Side(ArraysFile):
    """One framework's trial file."""

    def __init__(self, source: LocalFolder | RemoteFolder, trial: str, framework: str):
        """Take the place; nothing is opened."""
        super().__init__(source, layout.trial_file(trial, framework), trial_file.SCHEMA, "a trial file")
        self.trial, self.framework = trial, framework

    def __repr__(self) -> str:
        """The file."""
        return f"<{self.framework} {self._where}>"

    @functools.cached_property
    def _attributes(self) -> dict[str, Any]:
        with self._guarded():
            return trial_file.decoded(self._file)

    def _check(self) -> None:
        check_place(self._attributes, self.trial, self.framework, self._where)

    @property
    def attributes(self) -> dict[str, Any]:
        """Row, settings, dataset, versions, device, status and hashes, decoded."""
        self._check()
        return self._attributes

    @property
    def status(self) -> str:
        """`completed` or `diverged`."""
        return self.attributes["status"]

    @functools.cached_property
    def epochs(self) -> tuple[int, ...]:
        """The epochs whose weights are kept, in order; 0 is before training."""
        with self._reading() as file:
            return tuple(trial_file.kept_epochs(file))

    @property
    def weights(self) -> "Weights":
        """The weights of the last kept epoch."""
        return self.weights_at(self.epochs[-1])

    def weights_at(self, epoch: int) -> "Weights":
        """The weights after an epoch.

        Raises:
            UnknownNameError: they are not kept.
        """
        if epoch not in self.epochs:
            kept = ", ".join(map(str, self.epochs))
            raise UnknownNameError(f"{self._where}: no weights of epoch {epoch}; allowed: {kept}")
        return Weights(self, int(epoch))

    @property
    def logits(self) -> np.ndarray:
        """float32, test examples x classes, after the last epoch."""
        return self._array("predictions/logits")

    @property
    def labels(self) -> np.ndarray:
        """The test examples' classes: uint8 or, of more than 256 classes, uint16."""
        return self._array("predictions/labels")

    @property
    def curves(self) -> dict[str, np.ndarray]:
        """For each of `trial_file.CURVES` float64, one value per epoch; NaN after divergence."""
        return {name: self._array(f"curves/{name}") for name in trial_file.CURVES}

    @functools.cached_property
    def views(self) -> Views:
        """What its training has carried: tests with other running statistics, by the settings that act on these alone.

        Without such a file there are none; a row of the study has a trial file of its own, whatever it was made of.
        """
        return Views(self.source, layout.views_beside(PurePosixPath(self._path)).as_posix(), self)

    def model(self, architecture: str | os.PathLike[str] | None = None) -> Any:
        """The model with the weights of the last kept epoch, ready to evaluate.

        Args:
            architecture: the architecture's file, where it is not the package's. It is run: a study brings the file
                as a text, and whether to trust it is for you to say.

        Returns:
            PyTorch: a `torch.nn.Module` in evaluation mode for float images, examples x channels x height x width in
            [0, 1]. TensorFlow: a `keras.Model` for examples x height x width x channels. Both give logits, examples x
            classes.

        Raises:
            InputError: the framework is not installed, or the weights are not those of the row's model.
        """
        file = None if architecture is None else Path(architecture)
        return models.build(self.attributes, dict(self.weights.items()), self._where, file)


class TrialFile(Side):
    """A trial file wherever it lies, under any name."""

    def __init__(self, place: str | os.PathLike[str]):
        """Open it.

        Args:
            place: its path, or its URL.

        Raises:
            InputError: there is none, or it is damaged.
        """
        text = os.fspath(place)
        folder, name = posixpath.split(text) if "://" in text else os.path.split(text)
        if "://" in text and not text.startswith("gs://"):  # whose names are no URLs
            name = urllib.parse.unquote(name)
        ArraysFile.__init__(self, folder_at(folder or os.curdir), name, trial_file.SCHEMA, "a trial file")
        self.trial, self.framework = self._attributes["row"]["trial"], self._attributes["framework"]


class Weights(Mapping):
    """NumPy arrays by the framework's own names, in model order and the framework's layouts; read when asked for.

    One array is one small read. From the second on of arrays that are read in order, as by `dict(weights)`, a remote
    file is read in large steps.
    """

    def __init__(self, side: Side, epoch: int):
        """Take the side and the epoch."""
        self.side, self.epoch = side, epoch
        self._group, self._last = trial_file.weights_group(epoch), ""

    def __repr__(self) -> str:
        """File and epoch."""
        return f"<weights of epoch {self.epoch}, {self.side._where}>"

    @functools.cached_property
    def _names(self) -> dict[str, str]:
        """Each name, and the one before it."""
        with self.side._reading() as file:
            names = [str(name) for name in file[self._group].attrs["names"]]
        return dict(zip(names, ["", *names], strict=False))

    def __getitem__(self, name: str) -> np.ndarray:
        """One array, checked.

        Raises:
            UnknownNameError: there is none of this name; the message has the nearest.
            InputError: it does not match its hash, or cannot be read.
        """
        if name not in self:
            raise UnknownNameError(
                f"{self.side._where}: no array '{name}' in {self._group}; {nearest(name, self._names)}"
            )
        listed = self.__dict__.get("_names", {})
        bulk, self._last = bool(self._last) and listed.get(name) == self._last, name
        return self.side._array(f"{self._group}/{name}", bulk)

    def __contains__(self, name: object) -> bool:
        """Whether there is such an array."""
        if not isinstance(name, str) or not name or name != name.strip("/"):
            return False
        with self.side._reading() as file:
            return isinstance(file[self._group].get(name), h5py.Dataset)

    def __iter__(self) -> Iterator[str]:
        """The names in model order."""
        return iter(self._names)

    def __len__(self) -> int:
        """How many arrays."""
        return len(self._names)


def check_place(attributes: Mapping[str, Any], trial: str, framework: str, where: str) -> None:
    """Refuse a trial file that lies in the place of another.

    Args:
        attributes: the file's.
        trial: whose file it should be.
        framework: whose result of the trial.
        where: what the error calls the file.

    Raises:
        InputError: it is another trial's or another framework's.
    """
    for what, said, wanted in trial_file.misplaced(attributes, trial, framework):
        raise InputError(f"{where}: holds {what} '{said}'; allowed there: '{wanted}'")
