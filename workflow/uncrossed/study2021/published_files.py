"""Read the files of the dataset that was published in 2021: its tables, and the weights of single models.

Nothing in these files is ever executed: of a PyTorch file only tensors are read, of a TensorFlow SavedModel only the
checkpoint in `variables/`. Never read: the search's pickles (`optimizer_result*.pkl`), and its logs (`space*.csv`).
"""

import csv
import functools
import io
import math
import os
import pickle
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np

from uncrossed.common.errors import InputError, UnknownNameError, nearest
from uncrossed.common.remote import LocalFolder, MissingFileError, folder_at
from uncrossed.datasets.definition import BUILT_IN_DATASETS
from uncrossed.reading import models
from uncrossed.reading.cache import Cache, Local
from uncrossed.reading.selection import selected
from uncrossed.results.trials_table import need_pandas
from uncrossed.study.hyperparameters import ADAM_EPSILON, BATCH_SIZE, EPOCHS, HYPERPARAMETERS, LEARNING_RATE

if TYPE_CHECKING:
    import pandas as pd

    from uncrossed.study.trial import Trial

BUCKET = "gs://crossed-wires-dataset"
PREFIX = "dual_train_"
SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"
# What a checkpoint says of its objects.
GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
# What it has besides the model.
OTHERS = re.compile(r"optimizer/|save_counter$|keras_api/metrics/|.*/\.OPTIMIZER_SLOT/")


def open_published(place: str | os.PathLike[str] | None = None) -> "Published":
    """Open the dataset that was published in 2021; only its three tables are read.

    What comes over the network is kept in ~/.cache/uncrossed (or under XDG_CACHE_HOME), checked when it is read again,
    and used without the server where that cannot be reached.

    Args:
        place: its public bucket where it is None; or another https:// or gs:// URL, or a folder, of the same layout;
            or a folder with nothing but the three tables.

    Raises:
        InputError: the tables are not there, one has a value that cannot be parsed, or pandas is missing.
    """
    need_pandas()
    source = folder_at(BUCKET if place is None else place)
    files = Local(source) if isinstance(source, LocalFolder) else Cache(source)
    return Published(files, *_tables(files))


class Published:
    """The published trials, or some of them.

    Attributes:
        trials: one row per trial: `trial` (`vgg16-5e67eae2`, as `uncrossed manifest import-published` names it), `name`
            (`dual_train_5e67eae2`, as published), and the columns of `uncrossed.study2021.published_tables.read`.
        versions: for each architecture what its table is: `original`, the file of the 2021 repository; `cleaned`, the
            copy without keys and accounts; or `unknown`, another file, which need not be damaged.
    """

    def __init__(self, files: Local | Cache, trials: "pd.DataFrame", versions: dict[str, str]):
        """Take where files lie, the trials, and what the tables are."""
        self.files, self.trials, self.versions = files, trials, versions

    def __len__(self) -> int:
        """How many trials."""
        return len(self.trials)

    def __repr__(self) -> str:
        """Place and size."""
        return f"<published {self.files.source.root}: {len(self)} trials>"

    def select(self, **conditions: Any) -> "Published":
        """Fewer of the trials; takes and refuses conditions as `uncrossed.reading.built_study.BuiltStudy.select`."""
        chosen = selected(self.trials, self.files.source.root, conditions)
        return Published(self.files, chosen, self.versions)

    def find(
        self,
        *,
        learning_rate: float | None = None,
        batch_size: int | None = None,
        adam_epsilon: float | None = None,
        epochs: int | None = None,
        architecture: str | None = None,
    ) -> list[str]:
        """The trials of some hyperparameters, as names that `trial` takes; empty where there are none.

        Numbers match to a relative 1e-6, and to the ninth decimal where the table has no more: VGG16's was rounded.
        Where trials have exactly these numbers, only those are given.

        Raises:
            InputError: what is given is no number, or not an integer for batch size or epochs; an unknown architecture.
        """
        table = self.trials
        kept, exact = np.ones((2, len(table)), dtype=bool)
        for name, value in ((LEARNING_RATE, learning_rate), (ADAM_EPSILON, adam_epsilon)):
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
                raise InputError(f"{name}: found {value!r}; allowed: a number")
            column = table[name].to_numpy()
            rounded = np.where(np.round(column, 9) == column, 0.5e-9, 0)
            kept &= np.abs(column - float(value)) <= np.maximum(1e-6 * np.abs(column), rounded)
            exact &= column == float(value)
        for name, value in ((BATCH_SIZE, batch_size), (EPOCHS, epochs)):
            if value is None:
                continue
            if isinstance(value, bool) or not (isinstance(value, Integral) or value in range(10**6)):
                raise InputError(f"{name}: found {value!r}; allowed: an integer")
            kept &= table[name].to_numpy() == value
        if architecture is not None:
            if architecture not in self.versions:
                raise InputError(f"architecture: found {architecture!r}; {nearest(str(architecture), self.versions)}")
            kept &= (table["architecture"] == architecture).to_numpy()
        return list(table["trial"][kept & exact if (kept & exact).any() else kept])

    def trial(self, name: str) -> "PublishedPair":
        """One trial.

        Args:
            name: `vgg16-5e67eae2`; as published, `dual_train_5e67eae2`; or `5e67eae2`, where only one is so called.

        Raises:
            UnknownNameError: there is none of this name; the message has the nearest.
            InputError: there are several.
        """
        names = self.trials["name"]
        found = self.trials[(self.trials["trial"] == name) | (names == name) | (names == f"{PREFIX}{name}")]
        if len(found) > 1:
            raise InputError(f"{self.files.source.root}: several trials '{name}': {', '.join(found['trial'])}")
        if found.empty:
            # The nearest is looked for among names of the form that was asked for: `dual_train_5e67eae2`,
            # `vgg16-5e67eae2` or `5e67eae2`.
            asked = str(name)
            allowed = names if asked.startswith(PREFIX) else self.trials["trial"]
            if not asked.startswith((PREFIX, *self.versions)):
                allowed = names.str.removeprefix(PREFIX)
            raise UnknownNameError(f"{self.files.source.root}: no trial '{asked}'; {nearest(asked, set(allowed))}")
        return PublishedPair(self.files, found.iloc[0].to_dict())


class PublishedPair:
    """One published trial.

    Attributes:
        row: its row of the table of trials.
        name: `vgg16-5e67eae2`.
        pytorch: PyTorch's model.
        tensorflow: TensorFlow's.
    """

    def __init__(self, files: Local | Cache, row: dict[str, Any]):
        """Take the row; no file is opened."""
        self.row, self.name = row, row["trial"]
        self.pytorch, self.tensorflow = PublishedPyTorch(files, row), PublishedTensorFlow(files, row)

    def __repr__(self) -> str:
        """The name."""
        return f"<published trial {self.name}>"


class PublishedPyTorch:
    """PyTorch's model of a trial: its state dict, downloaded when it is needed."""

    def __init__(self, files: Local | Cache, row: dict[str, Any]):
        """Take the row; nothing is read."""
        self.files, self.row, self._arrays = files, row, None
        self._name = f"{_folder(row)}/{row['name']}.pt_model.pt"

    def __repr__(self) -> str:
        """The file."""
        return f"<pytorch {self.files.source.where(self._name)}>"

    @property
    def weights(self) -> "Arrays":
        """NumPy arrays by the names of the state dict, in its order; all of them are read at once.

        Raises:
            InputError: PyTorch is missing, the file is missing or cannot be downloaded, or it is something else than
                tensors by name, such as a pickle that would run code: none is ever run.
        """
        # No cached_property: Python 3.11 has one lock for that of all trials, so that two could not be read at once.
        if self._arrays is None:
            self._arrays = self._read()
        return self._arrays

    def _read(self) -> "Arrays":
        where = self.files.source.where(self._name)
        try:
            import torch
        except ImportError as error:
            raise _needs(where, "pytorch", error) from error
        path = self.files.path(self._name)
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            if not isinstance(state, Mapping) or not state:
                raise TypeError(f"it holds a {type(state).__name__}")
            arrays = {name: _array(name, tensor) for name, tensor in state.items()}
        # torch raises errors of any type where a file is no state dict.
        except Exception as error:
            raise InputError(
                f"{where}: not a state dict of tensors ({_reason(error)}); nothing in it was run"
            ) from None
        return Arrays(where, arrays, lambda name: arrays[name].copy())

    def model(self) -> Any:
        """The model with these weights, ready to evaluate.

        Returns:
            A `torch.nn.Module` in evaluation mode for float images, examples x 3 x 32 x 32 in [0, 1], to logits.

        Raises:
            InputError: as `weights`; or the weights are not those of the architecture.
        """
        from uncrossed.common import environment
        from uncrossed.training.architectures import load

        where, row = self.files.source.where(self._name), trained_by(self.row)
        weights, like = dict(self.weights), BUILT_IN_DATASETS["cifar10"]
        network = load(row.architecture).on(like.shape, like.classes)
        try:
            with environment.dropped():
                from uncrossed.training.backends import pytorch as backend
        except ImportError as error:
            raise _needs(where, "pytorch", error) from error
        try:
            return models.load_pytorch(backend, row, network, weights, "float32")
        except (RuntimeError, ValueError) as error:
            raise InputError(f"{where}: its weights do not fit {row.architecture} ({error})") from error


class PublishedTensorFlow:
    """TensorFlow's model of a trial: the variables of its SavedModel, downloaded when they are needed.

    There is no `model()`: the program in `saved_model.pb` is neither downloaded nor run.
    """

    def __init__(self, files: Local | Cache, row: dict[str, Any]):
        """Take the row; nothing is read."""
        self.files, self._arrays = files, None
        self._name = f"{_folder(row)}/{row['name']}tf_model/variables/variables"

    def __repr__(self) -> str:
        """The files."""
        return f"<tensorflow {self.files.source.where(self._name)}.*>"

    @property
    def weights(self) -> "Arrays":
        """NumPy arrays by the names of the checkpoint, each read when it is asked for, and checked by TensorFlow.

        Names are paths through the saved object, without `/.ATTRIBUTES/VARIABLE_VALUE`: in a Keras model
        `layer_with_weights-0/kernel`, in the order of the layers. They are the model's variables only, not the
        optimizer's and its moments, nor those of metrics, nor the counter of saves. Layouts are TensorFlow's.

        Raises:
            InputError: TensorFlow is missing, a file is missing or cannot be downloaded, or they are no checkpoint.
        """
        # No cached_property: Python 3.11 has one lock for that of all trials, so that two could not be read at once.
        if self._arrays is None:
            self._arrays = self._read()
        return self._arrays

    def keras_weights(self) -> "Arrays":
        """The same arrays by the paths that the variables of the architecture's Keras model have: `conv1_conv/kernel`.

        The checkpoint says what each variable was called. Layers whose names had a slash have an underscore today.

        Raises:
            InputError: as `weights`.
        """
        arrays, (where, checkpoint) = self.weights, self._checkpoint()
        called = _called(where, checkpoint)
        names = {_path(called.get(name, name)): name for name in arrays}
        return Arrays(where, names, lambda path: arrays[names[path]])

    def _read(self) -> "Arrays":
        where, checkpoint = self._checkpoint()
        found = [name.removesuffix(SUFFIX) for name in checkpoint.get_variable_to_shape_map() if SUFFIX in name]

        def read(name: str) -> np.ndarray:
            try:
                return np.asarray(checkpoint.get_tensor(name + SUFFIX))
            except Exception as error:
                raise InputError(f"{where}: array '{name}' is damaged ({_reason(error)})") from None

        return Arrays(where, sorted((name for name in found if not OTHERS.match(name)), key=_numbered), read)

    def _checkpoint(self) -> tuple[str, Any]:
        """What errors call the checkpoint, and its reader."""
        where = f"{self.files.source.where(self._name)}.index"
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        try:
            import tensorflow
        except ImportError as error:
            raise _needs(where, "tensorflow", error) from error
        self.files.path(f"{self._name}.data-00000-of-00001")
        prefix = str(self.files.path(f"{self._name}.index")).removesuffix(".index")
        try:
            checkpoint = tensorflow.train.load_checkpoint(prefix)
            checkpoint.get_variable_to_shape_map()
        except Exception as error:
            raise InputError(f"{where}: not a checkpoint of TensorFlow ({_reason(error)})") from None
        return where, checkpoint


def trained_by(run: Mapping[str, Any]) -> "Trial":
    """A published run as a row of a manifest.

    Args:
        run: of the table of trials.
    """
    from uncrossed.study.trial import Trial
    from uncrossed.study2021.published_study import SEMANTICS

    values = {name: run[name] for name in ("trial", "architecture", *HYPERPARAMETERS)}
    return Trial.check({**values, "semantics": SEMANTICS}, run["trial"])


class Arrays(Mapping):
    """NumPy arrays by name."""

    def __init__(self, where: str, names: Iterable[str], read: Callable[[str], np.ndarray]):
        """Take the file, for messages, the names in order, and what reads one."""
        self.where, self._names, self._read = where, dict.fromkeys(names), read

    def __getitem__(self, name: str) -> np.ndarray:
        """One array, the caller's own.

        Raises:
            UnknownNameError: there is none of this name; the message has the nearest.
            InputError: it is damaged.
        """
        if name not in self._names:
            raise UnknownNameError(f"{self.where}: no array '{name}'; {nearest(str(name), self._names)}")
        return self._read(name)

    def __contains__(self, name: object) -> bool:
        """Whether there is such an array."""
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        """The names in order."""
        return iter(self._names)

    def __len__(self) -> int:
        """How many arrays."""
        return len(self._names)


def _tables(files: Local | Cache) -> tuple["pd.DataFrame", dict[str, str]]:
    import pandas

    from uncrossed.study2021 import published_tables

    tables, versions = [], {}
    for source in published_tables.SOURCES:
        places = (f"wandb_exports/{source.name}", source.name)
        content, name = None, ""
        for name in places:
            clean = functools.partial(_cleaned, architecture=source.architecture, place=files.source.where(name))
            try:
                content, served = files.read(name, clean)
                break
            except MissingFileError:
                continue
        if content is None:
            root = files.source.root
            raise InputError(f"{root}: not the dataset of 2021; allowed: a folder or URL with {' or '.join(places)}")
        table = published_tables.parse(content, source.architecture, files.source.where(name))
        names = [line["Name"] for line in csv.DictReader(io.StringIO(content.decode(), newline=""))]
        table.insert(1, "name", names)
        tables.append(table)
        known = {source.original: "original", source.cleaned: "cleaned"}
        versions[source.architecture] = known.get(served, "unknown")
    return pandas.concat(tables, ignore_index=True), versions


def _cleaned(content: bytes, architecture: str, place: str) -> bytes:
    """A published table without all columns that are not read, among them keys and accounts; refused if not sound."""
    from uncrossed.study2021 import published_tables

    published_tables.parse(content, architecture, place)
    stream = io.StringIO()
    writer = csv.DictWriter(stream, published_tables.READ_COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for line in csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")):
        writer.writerow({name: line[name].strip() for name in published_tables.READ_COLUMNS})
    return stream.getvalue().encode()


def _folder(row: Mapping[str, Any]) -> str:
    """Where the weights of a trial's architecture lie: its table is named so too."""
    from uncrossed.study2021.published_tables import SOURCES

    source = next(source for source in SOURCES if source.architecture == row["architecture"])
    return f"cifar10/{source.name.partition('_')[0]}_lambda/model_weights"


def _array(name: Any, tensor: Any) -> np.ndarray:
    import torch

    if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
        raise TypeError(f"it holds a {type(tensor).__name__} named {str(name)[:40]!r}")
    return tensor.detach().numpy()


def _called(where: str, checkpoint: Any) -> dict[str, str]:
    """What each variable of a checkpoint was called in its model, as `conv1/conv/kernel`, by its path through it."""
    from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

    try:
        graph = TrackableObjectGraph.FromString(checkpoint.get_tensor(GRAPH))
    except Exception as error:
        raise InputError(f"{where}: its list of objects is missing or damaged ({_reason(error)})") from None
    attributes = [attribute for node in graph.nodes for attribute in node.attributes]
    return {one.checkpoint_key.removesuffix(SUFFIX): one.full_name for one in attributes}


def _path(called: str) -> str:
    """Keras' path of a variable that was once called so."""
    layer, _, name = called.rpartition("/")
    return f"{layer.replace('/', '_')}/{name}"


def _needs(where: str, framework: str, error: ImportError) -> InputError:
    return InputError(f"{where}: needs {framework} ({error}): pip install 'uncrossed[{framework}]'")


def _reason(error: Exception) -> str:
    """What went wrong, in one line, without torch's advice to load unsafely."""
    text = str(error)
    if isinstance(error, pickle.UnpicklingError):
        text = text.rpartition("WeightsUnpickler error:")[2].partition(" by default")[0]
    return (text.strip().splitlines() or [type(error).__name__])[0][:120]


def _numbered(name: str) -> list[tuple[int, str]]:
    """Sorts names by the numbers in them."""
    return [(int(part or 0), "") if k % 2 else (0, part) for k, part in enumerate(re.split(r"(\d+)", name))]
