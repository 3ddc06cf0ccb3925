"""The table of trials: what one line of it says, and how its CSV form is read with the types of its Parquet form."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from uncrossed.common.errors import InputError
from uncrossed.results import trial_file
from uncrossed.study.mechanisms import spell
from uncrossed.study.trial import FRAMEWORKS, Trial

if TYPE_CHECKING:
    import pandas as pd

# Besides the columns of a manifest: PyTorch's test accuracy minus TensorFlow's, ...
DIFFERENCE = "difference"
# ... and whether both sides completed.
BOTH_COMPLETED = "both_completed"


def status_column(framework: str) -> str:
    """The column with the status of a framework's training: `completed`, `diverged` or `missing`."""
    return f"{framework}_status"


def curve_column(framework: str, curve: str) -> str:
    """The column with the last value of one of `training.result.CURVES`."""
    return f"{framework}_{curve}"


STATUSES = tuple(map(status_column, FRAMEWORKS))
ACCURACIES = tuple(curve_column(framework, "test_accuracy") for framework in FRAMEWORKS)


def line(row: Trial, sides: Mapping[str, tuple[str, Mapping[str, float]]]) -> dict[str, Any]:
    """A line of the table.

    Args:
        row: the manifest's.
        sides: for each framework that is there the status, and of each of `trial_file.CURVES` the last epoch's value.
    """
    values: dict[str, Any] = {**dict(row), "semantics": spell(row.semantics)}
    for framework in FRAMEWORKS:
        status, last = sides.get(framework, ("missing", {}))
        values[status_column(framework)] = status
        values |= {curve_column(framework, curve): float(last.get(curve, "nan")) for curve in trial_file.CURVES}
    first, second = (values[name] for name in ACCURACIES)
    completed = all(values[name] == "completed" for name in STATUSES)
    return {**values, DIFFERENCE: first - second, BOTH_COMPLETED: completed}


def read_csv(file: Any) -> "pd.DataFrame":
    """The table, or another that has some of its columns, from a CSV file.

    A trial may be named `null` or `007`: names are text, and only an empty cell is no value.

    Raises:
        InputError: pandas is missing.
    """
    pandas = need_pandas()
    options: dict[str, Any] = {"keep_default_na": False, "na_values": [""], "dtype": {"trial": str, "base": str}}
    if tuple(map(int, pandas.__version__.split(".")[:2])) < (3, 1):  # later ones always read floats exactly
        options["float_precision"] = "round_trip"
    table = pandas.read_csv(file, **options)
    return table.astype({"space": "Int64"}) if "space" in table else table


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
