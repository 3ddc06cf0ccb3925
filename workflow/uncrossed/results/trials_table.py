"""The table of trials: what one line of it says, and how its CSV form is read with the types of its Parquet form."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from uncrossed.common.errors import InputError
from uncrossed.datasets.definition import DatasetIdentity
from uncrossed.results import diagnosis, trial_file
from uncrossed.study.trial import FRAMEWORKS, Trial

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

# Besides the columns of a manifest: PyTorch's test accuracy minus TensorFlow's, ...
DIFFERENCE = "difference"
# ... whether both sides completed, ...
BOTH_COMPLETED = "both_completed"
# ... and what became of the pair, as `results.diagnosis` says.
DIAGNOSIS = "diagnosis"
# In the table of 2021: which of the random points, that all architectures share, a random row belongs to.
POINT = "point"


def status_column(framework: str) -> str:
    """The column with the status of a framework's training: `completed`, `diverged` or `missing`."""
    return f"{framework}_status"


def curve_column(framework: str, curve: str) -> str:
    """The column with the last value of one of `training.result.CURVES`."""
    return f"{framework}_{curve}"


def diagnosis_column(framework: str) -> str:
    """The column with what became of a framework's training: one of `results.diagnosis.DIAGNOSES`."""
    return f"{framework}_diagnosis"


STATUSES = tuple(map(status_column, FRAMEWORKS))
ACCURACIES = tuple(curve_column(framework, "test_accuracy") for framework in FRAMEWORKS)
SIDE_DIAGNOSES = tuple(map(diagnosis_column, FRAMEWORKS))


class Side(NamedTuple):
    """What the table says of one framework's training.

    Attributes:
        status: `completed`, `diverged` or `missing`.
        last: of each of `trial_file.CURVES` the last epoch's value.
        diagnosis: one of `results.diagnosis.DIAGNOSES`.
    """

    status: str = "missing"
    last: Mapping[str, float] = MappingProxyType({})
    diagnosis: str = diagnosis.MISSING


def side(attributes: Mapping[str, Any], curves: Mapping[str, "np.ndarray"]) -> Side:
    """What the table says of a training, from its trial file.

    Args:
        attributes: the file's.
        curves: its curves, whole.
    """
    dataset, trained = DatasetIdentity.check(attributes["dataset"], "dataset"), trial_file.epochs_trained(curves)
    last = {name: float(values[trained - 1]) for name, values in curves.items()}
    found = diagnosis.of_side(
        last["test_accuracy"],
        curves["train_loss"][:trained],
        curves["train_accuracy"][:trained],
        dataset.classes,
        dataset.test_examples,
        diverged=attributes["status"] == "diverged",
    )
    return Side(attributes["status"], last, found)


def line(row: Trial, sides: Mapping[str, Side]) -> dict[str, Any]:
    """A line of the table.

    Args:
        row: the manifest's.
        sides: of each framework that is there.
    """
    values: dict[str, Any] = {**dict(row), "semantics": row.spelled()}
    both = [sides.get(framework, Side()) for framework in FRAMEWORKS]
    for framework, side in zip(FRAMEWORKS, both, strict=True):
        values[status_column(framework)] = side.status
        values |= {curve_column(framework, curve): float(side.last.get(curve, "nan")) for curve in trial_file.CURVES}
    first, second = (values[name] for name in ACCURACIES)
    completed = all(side.status == "completed" for side in both)
    values |= {DIFFERENCE: first - second, BOTH_COMPLETED: completed}
    values |= {diagnosis_column(framework): side.diagnosis for framework, side in zip(FRAMEWORKS, both, strict=True)}
    return {**values, DIAGNOSIS: diagnosis.of_pair(*(side.diagnosis for side in both))}


def read_csv(file: Any) -> "pd.DataFrame":
    """The table, or another that has some of its columns, from a CSV file.

    A trial or an architecture may be named `null` or `007`: names are text, and only an empty cell is no value.

    Raises:
        InputError: pandas is missing.
    """
    pandas = need_pandas()
    names = dict.fromkeys(("trial", "base", "architecture"), str)
    options: dict[str, Any] = {"keep_default_na": False, "na_values": [""], "dtype": names}
    if tuple(map(int, pandas.__version__.split(".")[:2])) < (3, 1):  # later ones always read floats exactly
        options["float_precision"] = "round_trip"
    table = pandas.read_csv(file, **options)
    return table.astype({name: "Int64" for name in ("space", POINT, "box") if name in table})


def need_pandas() -> Any:
    """The module `pandas`, which whoever reads trial files alone does not need.

    Raises:
        InputError: it is missing.
    """
    try:
        import pandas
    except ImportError as error:
        raise InputError("the tables need pandas: pip install 'uncrossed[reader]'") from error
    return pandas
