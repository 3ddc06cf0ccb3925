"""What `results.diagnosis` says of a table of trials: its columns, their counts, and who is at chance and why."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from uncrossed.analysis.intervals import Estimate, exactly
from uncrossed.results import diagnosis
from uncrossed.results.trials_table import (
    ACCURACIES,
    DIAGNOSIS,
    SIDE_DIAGNOSES,
    STATUSES,
    curve_column,
    diagnosis_column,
)
from uncrossed.study.trial import FRAMEWORKS

NAMES = {"pytorch": "PyTorch", "tensorflow": "TensorFlow"}


def filled(trials: pd.DataFrame, classes: int, test_examples: int) -> pd.DataFrame:
    """A table of trials with its diagnoses.

    Where they are not there, as in a table that an earlier version made or that has nothing but accuracies, they are
    those of the last epoch alone.

    Args:
        trials: accuracies and statuses; each side's `train_loss` and `train_accuracy` may be there.
        classes: of the dataset.
        test_examples: of the dataset.
    """
    if {*SIDE_DIAGNOSES, DIAGNOSIS} <= {*trials}:
        return trials
    found = {}
    for framework, status, accuracy in zip(FRAMEWORKS, STATUSES, ACCURACIES, strict=True):
        known = [column for column in (status, accuracy, *_curves(framework)) if column in trials]
        rows = trials[known].to_dict("records")
        found[diagnosis_column(framework)] = [_of(row, framework, classes, test_examples) for row in rows]
    table = trials.assign(**found)
    table[DIAGNOSIS] = [diagnosis.of_pair(*sides) for sides in table[list(SIDE_DIAGNOSES)].to_numpy()]
    return table


def _curves(framework: str) -> tuple[str, str]:
    return curve_column(framework, "train_loss"), curve_column(framework, "train_accuracy")


def _of(row: dict[str, object], framework: str, classes: int, test_examples: int) -> str:
    status, accuracy = row[f"{framework}_status"], float(row[curve_column(framework, "test_accuracy")])
    diverged = status == "diverged"
    if status == "missing" or (np.isnan(accuracy) and not diverged):
        return diagnosis.MISSING
    last = ([row[name]] if np.isfinite(row.get(name, np.nan)) else [] for name in _curves(framework))
    return diagnosis.of_side(accuracy, *last, classes, test_examples, diverged)


def counts(rows: pd.DataFrame) -> Iterator[tuple[str, Estimate]]:
    """How many pairs, and how many models of each framework, have which diagnosis, by the statistic's name."""
    for column in (DIAGNOSIS, *SIDE_DIAGNOSES):
        found = rows[column].value_counts()
        for name in diagnosis.DIAGNOSES:
            yield f"{column}_{name.replace(' ', '_')}", exactly(found.get(name, 0))


def at_chance(rows: pd.DataFrame) -> str:
    """How many models are at chance, and what became of them, as the end of a caption.

    Args:
        rows: pairs with `state`, as `statistics.prepared` gives them, and with diagnoses.
    """
    said = []
    for framework, name in NAMES.items():
        found = rows.loc[rows["state"].isin([f"{name} at chance", "both at chance"]), diagnosis_column(framework)]
        reasons = found.value_counts().reindex(diagnosis.DIAGNOSES).dropna()
        words = {diagnosis.UNKNOWN: "for no known reason"}
        reason = ", ".join(f"{count:.0f} {words.get(word, word)}" for word, count in reasons.items())
        said.append(
            f"{len(found)} {name} model{'s' * (len(found) != 1)} at chance" + (f" ({reason})" if reason else "")
        )
    return " and ".join(said)
