"""Read a built study, from a folder or over the network: tables, curves, single arrays, whole models.

Every array that is read is checked against its hash in the trial file. Over the network one array costs its bytes and
at most 256 KiB. Needs pandas, and pyarrow for all but the table of trials; a framework only for `model()`.
"""

import errno
import functools
import hashlib
import importlib
import io
import itertools
import operator
import os
import re
import weakref
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from tqdm import tqdm

from uncrossed.common.errors import InputError, nearest
from uncrossed.common.files import complete, is_below, read_checksums, sha256
from uncrossed.common.remote import Folder, MissingFileError, RangeFile, Remote, opened
from uncrossed.results import trial_file

if TYPE_CHECKING:
    import pandas as pd

FRAMEWORKS = ("pytorch", "tensorflow")
SUMS = ("SHA256SUMS", "RELEASE_SHA256SUMS")
# Their bytes depend on nothing but the results; those of runs.parquet do.
DETERMINISTIC = ("study.json", "manifest.csv", "tables/trials.csv", "tables/trials.parquet", "tables/curves.parquet")
RUNS = "tables/runs.parquet"
OPERATORS = {">=": operator.ge, "<=": operator.le, "!=": operator.ne, ">": operator.gt, "<": operator.lt}
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
DAMAGE = (*trial_file.DAMAGE, MemoryError, OverflowError)


def trial_files(trials: Iterable[str]) -> list[str]:
    """The trial files of these trials, by the trials' names."""
    return [f"trials/{trial}/{framework}.h5" for trial in sorted(trials) for framework in FRAMEWORKS]


def listable(trials: Iterable[str]) -> list[str]:
    """What the SHA256SUMS of a study with these trials must list at least."""
    return [*DETERMINISTIC, *trial_files(trials)]


class UnknownNameError(InputError, KeyError):
    """A name that is not there; a KeyError, as mappings raise."""

    __str__ = Exception.__str__


def open_study(place: str | os.PathLike[str]) -> "Study":
    """Open a built study; only its table of trials is read.

    Args:
        place: its folder, or the folder's URL: `https://...`, or `gs://bucket/prefix` of a public bucket, which is read
            from storage.googleapis.com, or from STORAGE_EMULATOR_HOST where that is set.

    Raises:
        InputError: no study is there, its table is damaged, or pandas is missing.
    """
    source = opened(place)
    study = Study(source, source.root)
    try:
        study.trials  # noqa: B018 - it is read here, so that what is no study is refused
    except MissingFileError:
        there = "with tables/trials.parquet or tables/trials.csv"
        raise InputError(f"{place}: no built study there; allowed: results/STUDY, {there}, or its URL") from None
    return study


class Study:
    """A built study, or some of its trials.

    Attributes:
        source: where its files lie.
    """

    def __init__(self, source: Folder | Remote, root: str | Path, trials: "pd.DataFrame | None" = None):
        """Take the source, its place for messages, and the trials where these are not all."""
        self.source, self.root = source, root
        self._all = trials is None
        if trials is not None:
            self.trials = trials

    def __len__(self) -> int:
        """How many trials."""
        return len(self.trials)

    def __repr__(self) -> str:
        """Place and size."""
        return f"<study {self.root}: {len(self)} trials>"

    @functools.cached_property
    def trials(self) -> "pd.DataFrame":
        """One row per trial: hyperparameters, status, accuracies and losses of both sides, `difference`.

        Raises:
            MissingFileError: there is no such table.
            InputError: it is damaged, or pandas is missing.
        """
        _pandas()
        with suppress(ImportError, MissingFileError):
            import pyarrow  # noqa: F401

            return self._parquet("tables/trials.parquet")
        return self._table("tables/trials.csv", read_trials)

    @functools.cached_property
    def curves(self) -> "pd.DataFrame":
        """One row per trial, framework and epoch: losses and accuracies on training and test examples.

        Raises:
            InputError: the table is missing or damaged, or pyarrow is missing.
        """
        return self._chosen(self._parquet("tables/curves.parquet"))

    @functools.cached_property
    def search(self) -> "pd.DataFrame":
        """The search's trajectory: one row per trial in the order of suggestions; see `uncrossed.search.trajectory`.

        Raises:
            InputError: the study is no search, or the table is damaged.
        """
        try:
            return self._chosen(self._table("tables/trajectory.csv", read_trials))
        except MissingFileError:
            raise InputError(f"{self.root}: no search: it has no tables/trajectory.csv") from None

    def select(self, **conditions: Any) -> "Study":
        """The study of fewer trials.

        Args:
            conditions: for columns of `trials` the value, a list or array of values, or a text that begins with < <= >
                >= or !=, as `difference=">0.3"`. Where a column is empty no condition holds.

        Raises:
            InputError: an unknown column, or no number where the column holds numbers.
        """
        return Study(self.source, self.root, selected(self.trials, self.root, conditions))

    def trial(self, name: str) -> "Pair":
        """One trial.

        Raises:
            UnknownNameError: there is none of this name; the message has the nearest.
        """
        found = self.trials[self.trials["trial"] == name]
        if found.empty:
            raise UnknownNameError(f"{self.root}: no trial '{name}'; {nearest(str(name), self.trials['trial'])}")
        return Pair(self.source, found.iloc[0].to_dict())

    def download(self, folder: str | os.PathLike[str], progress: bool = True) -> Path:
        """Copy tables, trial files and run records of these trials; what is there and right is not copied again.

        Of a whole study, not of a selection, all that its lists name is copied: `sha256sum -c` checks that copy, and a
        selection's with `--ignore-missing`. Files are checked against SHA256SUMS or RELEASE_SHA256SUMS, trial files in
        neither list against their own hashes. Any number of processes may download into the same folder.

        Args:
            folder: where to; can be opened as a study afterwards.
            progress: show a bar.

        Returns:
            The folder.

        Raises:
            InputError: a file is missing or damaged, or the disk is full; complete files stay.
        """
        folder, wanted = Path(folder), dict.fromkeys((*DETERMINISTIC, RUNS), False)
        # A release lists more than a build.
        lists = {name: self._sums(name) for name in SUMS}
        listed = lists[SUMS[1]][1] | lists[SUMS[0]][1]
        wanted |= {name: True for name in listed if self._all or name.startswith("tables/") or name == "manifest.csv"}
        for row in self.trials.to_dict("records"):
            for framework in FRAMEWORKS:
                stem = f"trials/{row['trial']}/{framework}"
                wanted |= {f"{stem}.h5": row.get(f"{framework}_status") != "missing", f"{stem}.json": False}
            if "tables/trajectory.csv" in listed:
                wanted[f"trials/{row['trial']}/row.json"] = False
        for name in SUMS:
            wanted.pop(name, None)
        done, pool = 0, ThreadPoolExecutor(4)
        try:
            with tqdm(total=len(wanted), desc="download", unit="file", disable=None if progress else True) as bar:
                jobs = ((folder, name, needed, listed.get(name)) for name, needed in wanted.items())
                for _ in pool.map(self._copy, *zip(*jobs, strict=True)):
                    done += 1
                    bar.update()
            # Those by which the files were checked, and only where all are there.
            for name, (content, _) in lists.items():
                if content:
                    with complete(folder / name) as temporary:
                        temporary.write_bytes(content)
        except OSError as error:
            if error.errno not in FULL:
                raise
            message = f"{os.strerror(error.errno)} after {done} of {len(wanted)} files, which stay"
            raise InputError(f"{folder}: {message}; make room and download again") from error
        finally:
            pool.shutdown(cancel_futures=True)
        return folder

    def _copy(self, folder: Path, name: str, needed: bool, listed: str | None) -> None:
        path = folder / name
        if not is_below(name):  # a trial's name comes from the table
            raise InputError(f"{self.source.where(name)}: leads out of the study; allowed: names below it")
        if listed and path.is_file() and sha256(path) == listed:
            return
        digest, chunks = hashlib.sha256(), self.source.chunks(name)
        try:
            first = next(chunks, b"")  # before anything is created: it may not be there
        except MissingFileError:
            if needed:
                self._forget(*SUMS)  # a damaged list names what is not there
                raise
            return
        with complete(path) as temporary:
            with open(temporary, "wb") as stream:
                for chunk in itertools.chain([first], chunks):
                    stream.write(chunk)
                    digest.update(chunk)
            if listed not in (None, digest.hexdigest()):
                raise self._unlisted(name)
            if listed is None and name.endswith(".h5"):
                _sound(temporary, self.source.where(name), name)

    @functools.cached_property
    def _listed(self) -> dict[str, str]:
        """The SHA-256 of files by name, from the first list that is there."""
        return next(filter(None, (self._sums(name)[1] for name in SUMS)), {})

    def _sums(self, name: str) -> tuple[bytes, dict[str, str]]:
        """A list, and what it says; both empty where there is none."""
        try:
            content = self.source.read(name)
        except MissingFileError:
            return b"", {}
        try:
            return content, read_checksums(content.decode(errors="replace"), self.source.where(name))
        except InputError:
            self._forget(name)
            raise

    def _forget(self, *names: str) -> None:
        for name in names:
            self.source.forget(name)

    def _unlisted(self, name: str) -> InputError:
        """A file is not what is listed: one of the two may have been damaged on its way."""
        self._forget(name, *SUMS)
        return InputError(f"{self.source.where(name)}: its SHA-256 is not the one in SHA256SUMS")

    def _parquet(self, name: str) -> "pd.DataFrame":
        try:
            import pyarrow  # noqa: F401
        except ImportError as error:
            raise InputError(f"{self.source.where(name)}: needs pyarrow: pip install 'uncrossed[reader]'") from error
        return self._table(name, _pandas().read_parquet)

    def _table(self, name: str, parse: Any) -> "pd.DataFrame":
        content = self.source.read(name)
        listed = self._listed.get(name)
        if listed and hashlib.sha256(content).hexdigest() != listed:
            raise self._unlisted(name)
        try:
            table = parse(io.BytesIO(content))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{self.source.where(name)}: damaged ({error})") from error
        if "trial" not in table and len(table):
            raise InputError(f"{self.source.where(name)}: has no column 'trial'")
        return table

    def _chosen(self, table: "pd.DataFrame") -> "pd.DataFrame":
        if self._all or table.empty:
            return table
        return table[table["trial"].isin(self.trials["trial"])].reset_index(drop=True)


class Pair:
    """One trial: `pytorch` and `tensorflow`.

    Attributes:
        row: its row of the table of trials.
        name: its name.
        pytorch: PyTorch's side.
        tensorflow: TensorFlow's.
    """

    def __init__(self, source: Folder | Remote, row: dict[str, Any]):
        """Take the row; no file is opened."""
        self.row, self.name = row, row["trial"]
        self.pytorch, self.tensorflow = (Side(source, self.name, framework) for framework in FRAMEWORKS)

    def __repr__(self) -> str:
        """The name."""
        return f"<trial {self.name}>"


class Side:
    """One framework's trial file, opened when it is needed, in each process that it is sent to too.

    All errors are InputErrors that name file and array.
    """

    def __init__(self, source: Folder | Remote, trial: str, framework: str):
        """Take the place; nothing is opened."""
        self.source, self.trial, self.framework = source, trial, framework
        self._path = f"trials/{trial}/{framework}.h5"
        self._where = source.where(self._path)

    def __repr__(self) -> str:
        """The file."""
        return f"<{self.framework} {self._where}>"

    @functools.cached_property
    def _file(self) -> h5py.File:
        self._handle = self.source.hdf5(self._path)
        try:
            file = h5py.File(self._handle, "r")
            schema = file.attrs.get("schema")
        except DAMAGE as error:
            raise self._fault(f"not HDF5, or damaged ({error})") from error
        # h5py crashes where such a file is still open when the interpreter ends.
        weakref.finalize(self, _close, file, self._handle)
        if schema != trial_file.SCHEMA:
            raise InputError(f"{self._where}: schema {schema!r}; allowed: {trial_file.SCHEMA!r}")
        return file

    def _fault(self, message: str) -> InputError:
        return self._handle.fault or InputError(f"{self._where}: {message}")

    def __getstate__(self) -> dict[str, Any]:
        """All but what is open: another process opens the file again, when it is needed."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_file", "_handle")}

    @contextmanager
    def _reading(self) -> Iterator[h5py.File]:
        self.attributes  # noqa: B018 - it is read first, so that another trial's file is refused
        with self._guarded():
            yield self._file

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        if "_file" in self.__dict__:
            self._handle.fault = None  # an earlier read's
        try:
            yield
        except InputError:
            raise
        except DAMAGE as error:
            raise self._fault(f"damaged ({error})") from error

    def _array(self, name: str, bulk: bool = False) -> np.ndarray:
        with self._reading() as file:
            if isinstance(self._handle, RangeFile):
                self._handle.bulk = bulk
            array = np.asarray(file[name][()])
            if trial_file.array_sha256(array) != file[name].attrs["sha256"]:
                if isinstance(self._handle, RangeFile):
                    self._handle.forget()
                raise InputError(f"{self._where}: array '{name}' does not match its sha256")
        return array

    @functools.cached_property
    def attributes(self) -> dict[str, Any]:
        """Row, settings, dataset, versions, device, status and hashes, decoded."""
        with self._guarded():
            found = trial_file._attributes(self._file)
            _is_of(found, self.trial, self.framework, self._where)
        return found

    @property
    def status(self) -> str:
        """`completed` or `diverged`."""
        return self.attributes["status"]

    @functools.cached_property
    def epochs(self) -> tuple[int, ...]:
        """The epochs whose weights are kept, in order; 0 is before training."""
        with self._reading() as file:
            return tuple(sorted(int(epoch) for epoch in file["weights"]))

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
        """uint8, the test examples' classes."""
        return self._array("predictions/labels")

    @property
    def curves(self) -> dict[str, np.ndarray]:
        """For each of `store.CURVES` float64, one value per epoch; NaN after divergence."""
        return {name: self._array(f"curves/{name}") for name in trial_file.CURVES}

    def model(self) -> Any:
        """The model with the weights of the last kept epoch, ready to evaluate.

        Returns:
            PyTorch: a `torch.nn.Module` in evaluation mode for float images, examples x 3 x 32 x 32 in [0, 1].
            TensorFlow: a `keras.Model` for examples x 32 x 32 x 3. Both give logits, examples x 10.

        Raises:
            InputError: the framework is not installed, or the weights are not those of the row's model.
        """
        from uncrossed.common import environment
        from uncrossed.datasets.definition import DatasetIdentity
        from uncrossed.study.trial import Trial
        from uncrossed.training.architectures import load
        from uncrossed.training.mechanisms import effective

        row = Trial.check(self.attributes["row"], self._where)
        dataset = DatasetIdentity.check(self.attributes["dataset"], self._where)
        network = load(row.architecture).on(dataset.shape, dataset.classes)
        mechanisms = effective(row.semantics, self.framework, network.architecture.touching)
        try:
            # What a user has set stays as it is, and reaches no framework that is imported here first.
            with environment.dropped(KERAS_BACKEND=os.environ.get("KERAS_BACKEND") or "tensorflow"):
                backend = importlib.import_module(f"uncrossed.training.backends.{self.framework}")
        except ImportError as error:
            how = f"pip install 'uncrossed[{self.framework}]'"
            raise InputError(f"{self._where}: its model needs {self.framework} ({error}): {how}") from error
        if self.framework == "tensorflow" and (found := backend.keras.config.backend()) != "tensorflow":
            how = "set KERAS_BACKEND=tensorflow before Keras is imported"
            raise InputError(f"{self._where}: its model needs Keras on TensorFlow; found: Keras on {found}; {how}")
        build = _pytorch_model if self.framework == "pytorch" else _tensorflow_model
        precision = self.attributes["settings"].get("precision", "float32")
        try:
            return build(backend, network, mechanisms, dict(self.weights.items()), precision)
        except InputError:
            raise
        except (RuntimeError, ValueError) as error:
            raise InputError(f"{self._where}: its weights do not fit {row.architecture} ({error})") from error


class Weights(Mapping):
    """NumPy arrays by the framework's own names, in model order and the framework's layouts; read when asked for.

    One array is one small read. From the second on of arrays that are read in order, as by `dict(weights)`, a remote
    file is read in large steps.
    """

    def __init__(self, side: Side, epoch: int):
        """Take the side and the epoch."""
        self.side, self.epoch = side, epoch
        self._group, self._last = f"weights/{epoch:04d}", ""

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


def read_trials(file: Any) -> "pd.DataFrame":
    """The table of trials, or another that has some of its columns, from a CSV file, with the Parquet table's types.

    A trial may be named `null` or `007`: names are text, and only an empty cell is no value.
    """
    pandas = _pandas()
    options: dict[str, Any] = {"keep_default_na": False, "na_values": [""], "dtype": {"trial": str, "base": str}}
    if tuple(map(int, pandas.__version__.split(".")[:2])) < (3, 1):  # later ones always read floats exactly
        options["float_precision"] = "round_trip"
    table = pandas.read_csv(file, **options)
    return table.astype({"space": "Int64"}) if "space" in table else table


def selected(trials: "pd.DataFrame", place: str | Path, conditions: Mapping[str, Any]) -> "pd.DataFrame":
    """The rows for which the conditions hold, as `Study.select` takes and refuses them."""
    kept = np.ones(len(trials), dtype=bool)
    for name, value in conditions.items():
        if name not in trials:
            raise InputError(f"{place}: no column '{name}'; {nearest(name, trials.columns)}")
        column, compare = trials[name], operator.eq
        if isinstance(value, Iterable) and not isinstance(value, str):
            kept &= (column.notna() & column.isin(list(value))).to_numpy(dtype=bool)
            continue
        if isinstance(value, str):
            sign = re.match(r"[<>]=?|!=", value)
            compare = OPERATORS[sign.group()] if sign else operator.eq
            value = _typed(value[sign.end() if sign else 0 :].strip(), column, name)
        kept &= (column.notna() & compare(column, value)).to_numpy(dtype=bool, na_value=False)
    return trials[kept].reset_index(drop=True)


def _pytorch_model(backend: Any, network: Any, mechanisms: dict, weights: dict, precision: str) -> Any:
    import torch

    with backend.surroundings(precision):
        model = backend.structure(network, mechanisms)
        model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()}, strict=True)
    return model.eval()


def _tensorflow_model(backend: Any, network: Any, mechanisms: dict, weights: dict, precision: str) -> Any:
    with backend.surroundings(precision):
        model = backend.structure(network, mechanisms)
        paths = [variable.path for variable in model.weights]
        if paths != list(weights):
            raise ValueError(f"only on one side, or in another order: {sorted(set(paths) ^ set(weights))[:3]}")
        model.set_weights(list(weights.values()))
    return model


def _pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise InputError("the tables need pandas: pip install 'uncrossed[reader]'") from error
    return pandas


def _typed(text: str, column: Any, name: str) -> Any:
    """What a text stands for in a column: a number, true or false, or itself."""
    kind = column.dtype.kind if hasattr(column.dtype, "kind") else "O"
    if kind == "b":
        if text.lower() not in ("true", "false"):
            raise InputError(f"column '{name}': found '{text}'; allowed: true or false")
        return text.lower() == "true"
    if kind in "iuf":
        try:
            return float(text)
        except ValueError:
            raise InputError(
                f"column '{name}': found '{text}'; allowed: a number, alone or after {' '.join(OPERATORS)}"
            ) from None
    return text


def _close(*files: Any) -> None:
    for file in files:
        file.close()


def _sound(path: Path, where: str, name: str) -> None:
    try:
        attributes = trial_file.read(path).attributes
    except InputError as error:
        raise InputError(f"{where}: {str(error).removeprefix(f'{path}: ')}") from error
    _is_of(attributes, *name.removesuffix(".h5").split("/")[1:], where)


def _is_of(attributes: Mapping[str, Any], trial: str, framework: str, where: str) -> None:
    for what, is_, wanted in strange(attributes, trial, framework):
        raise InputError(f"{where}: holds {what} '{is_}'; allowed there: '{wanted}'")


def strange(attributes: Mapping[str, Any], trial: str, framework: str) -> Iterator[tuple[str, Any, str]]:
    """What a trial file in this place should not hold: what it is, its name, and the name wanted."""
    found = {"framework": (attributes["framework"], framework), "trial": (attributes["row"].get("trial"), trial)}
    return ((what, is_, wanted) for what, (is_, wanted) in found.items() if is_ != wanted)
