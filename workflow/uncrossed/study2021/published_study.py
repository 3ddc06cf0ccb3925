"""The published runs of 2021 as a study: as rows of a manifest, as tables, and as a reference for rebuilt trials."""

import json
import os
from pathlib import Path

import pandas as pd

from uncrossed.common.errors import InputError
from uncrossed.common.files import write_text
from uncrossed.common.parquet import write_parquet
from uncrossed.datasets.definition import BUILT_IN_DATASETS
from uncrossed.results.trials_table import (
    ACCURACIES,
    BOTH_COMPLETED,
    DIAGNOSIS,
    DIFFERENCE,
    POINT,
    SIDE_DIAGNOSES,
    STATUSES,
)
from uncrossed.study import layout, manifest
from uncrossed.study.architectures import PACKAGED
from uncrossed.study.hyperparameters import HYPERPARAMETERS
from uncrossed.study.trial import ORIGIN, Trial
from uncrossed.study2021.sampling import BOX

SEMANTICS = "published"
TRAIN_EXAMPLES = BUILT_IN_DATASETS["cifar10"].train_examples


def rows(table: pd.DataFrame, examples: int = TRAIN_EXAMPLES) -> tuple[list[Trial], list[str]]:
    """The published runs as rows of a manifest: seed 0, semantics `published`.

    `origin` is that of the published row, so that what a search chose is not taken for a sample when it is rebuilt.
    The published initial weights were drawn without a seed: a rebuilt pair is another draw. Runs of equal
    hyperparameters all become rows, and a build trains them once.

    Args:
        table: of `published_tables.read`.
        examples: training examples, to check batch sizes against.

    Returns:
        The rows, and why each other run is refused.
    """
    found, refused = [], []
    for values in table[["trial", "architecture", *HYPERPARAMETERS, ORIGIN]].to_dict("records"):
        where = values["trial"]
        try:
            row = Trial.check({**values, "seed": 0, "semantics": SEMANTICS}, where, "column")
        except InputError as error:
            refused.append(str(error))
            continue
        try:
            row.check_examples(examples, PACKAGED[row.architecture])
        except InputError as error:
            refused.append(f"{where}: {error}")
            continue
        found.append(row)
    return found, refused


def check_reference_path(path: str | os.PathLike[str]) -> None:
    """Refuse a path that `write_reference` cannot write.

    Raises:
        InputError: another suffix than .parquet and .csv.
    """
    if Path(path).suffix not in (".parquet", ".csv"):
        raise InputError(f"--reference {path}: allowed: a name that ends in .parquet or .csv")


def write_reference(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write the published runs, without `accuracy_diff` and PyTorch's latest losses, which repeat others.

    Args:
        table: of `published_tables.read`.
        path: a .parquet file, where curves are lists, or a .csv file, where they are JSON or empty.

    Raises:
        InputError: another suffix.
    """
    check_reference_path(path)
    table = table.drop(columns=["accuracy_diff", "pt_latest_training_loss"])
    if Path(path).suffix == ".parquet":
        write_parquet(table, path)
        return
    for name in ("pt_average_training_loss", "tf_training_loss"):
        table[name] = [None if losses is None else json.dumps(losses) for losses in table[name]]
    write_text(path, table.to_csv(index=False, lineterminator="\n"))


def write(table: pd.DataFrame, folder: str | os.PathLike[str]) -> None:
    """Write the published pairs as a study's tables, without models: what an analysis and a report need.

    All of the pairs count as completed, as their accuracies are there; diagnoses say what became of them, and `origin`,
    `point` and `box` where rows come from (`sampling.origins`).

    Args:
        table: the published pairs, as `published_tables.read` gives them.
        folder: for example `results/published`.
    """
    folder = Path(folder)
    manifest.write(folder / layout.MANIFEST, rows(table)[0])
    write_reference(table, folder / layout.REFERENCE_TABLE)
    pairs = table[["trial", "architecture", *HYPERPARAMETERS]].copy()
    pairs["seed"], pairs["semantics"] = 0, SEMANTICS
    for status, accuracy in zip(STATUSES, ACCURACIES, strict=True):
        pairs[status], pairs[accuracy] = "completed", table[accuracy]
    pairs[DIFFERENCE], pairs[BOTH_COMPLETED] = table[DIFFERENCE], True
    others = [*SIDE_DIAGNOSES, DIAGNOSIS, ORIGIN, POINT, BOX]
    pairs[others] = table[others]
    write_text(folder / layout.TRIALS_CSV, pairs.to_csv(index=False, lineterminator="\n"))
    write_parquet(pairs, folder / layout.TRIALS_PARQUET)
