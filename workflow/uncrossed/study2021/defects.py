"""What is wrong with the published runs of 2021, in words."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from uncrossed.datasets.definition import BUILT_IN_DATASETS
from uncrossed.results.trials_table import ACCURACIES, DIFFERENCE
from uncrossed.study.hyperparameters import EPOCHS, HYPERPARAMETERS, LEARNING_RATE
from uncrossed.study2021.published_tables import LOSSES

# `runtime_seconds` go up to 20 times a table's median with the batch size; above this the run stood still.
LONG = 25
# Two accuracies and their difference, each rounded to nine decimals.
ROUNDED_BY = 2e-9
TEST_EXAMPLES = BUILT_IN_DATASETS["cifar10"].test_examples


def find(table: pd.DataFrame) -> list[str]:
    """What is wrong with the published runs, one line each: first of whole tables, then of runs."""
    lines = []
    for architecture, rows in table.groupby("architecture", sort=False):
        lines += (f"{architecture}: {line}" for line in _table_defects(rows))
    for _, rows in table.groupby("architecture", sort=False):
        lines += _duplicates(rows)
        median = rows["runtime_seconds"].median()
        for row in rows.to_dict("records"):
            lines += (f"{row['trial']}: {line}" for line in _run_defects(row, median))
    return lines


def _table_defects(rows: pd.DataFrame) -> Iterator[str]:
    pytorch = rows[ACCURACIES[0]]
    if (pytorch.round(9) == pytorch).all():
        rates = (rows[LEARNING_RATE].round(9) == rows[LEARNING_RATE]).sum()
        yield f"all accuracies and {rates} of {len(rows)} learning rates are rounded to 9 decimals"
    broken = sum(not _is_exact(value) for value in pytorch)
    if broken:
        yield (
            f"PyTorch's accuracy is no multiple of 1/{TEST_EXAMPLES} in {broken} of {len(rows)} runs: "
            "an unweighted mean of batch accuracies, in which a smaller last batch weighs too much"
        )
    there = rows[rows["pt_average_training_loss"].notna()]
    if len(there) and (there["pt_average_training_loss"] == there["pt_latest_training_loss"]).all():
        yield (
            f"PyTorch's average and latest training losses are equal in all {len(there)} runs that have them: "
            "not comparable with TensorFlow's mean over an epoch"
        )


def _duplicates(rows: pd.DataFrame) -> Iterator[str]:
    for _, equal in rows.groupby(list(HYPERPARAMETERS), sort=False):
        if len(equal) > 1:
            differences = ", ".join(f"{difference:+.4f}" for difference in equal[DIFFERENCE])
            yield (
                f"{', '.join(equal['trial'])}: the same hyperparameters, differences {differences}: "
                "draws of unseeded weights; all are kept, and a build trains them once"
            )


def _run_defects(row: Mapping[str, Any], median: float) -> Iterator[str]:
    if row["state"] != "finished":
        yield f"its state is '{row['state']}', not 'finished'"
    if not 0 < row["runtime_seconds"] <= LONG * median:
        yield f"its runtime is {row['runtime_seconds']:g} s; the median of its architecture is {median:g} s"
    accuracies = [row[name] for name in ACCURACIES]
    for name, accuracy in zip(("PyTorch", "TensorFlow"), accuracies, strict=True):
        if not 0 <= accuracy <= 1:
            yield f"{name}'s accuracy is {accuracy:g}, not from 0 to 1"
    if 0 <= accuracies[1] <= 1 and not _is_exact(accuracies[1]):
        yield f"TensorFlow's accuracy {accuracies[1]!r} is no multiple of 1/{TEST_EXAMPLES}"
    if not abs(abs(row[DIFFERENCE]) - row["accuracy_diff"]) <= ROUNDED_BY:
        yield f"accuracy_diff is {row['accuracy_diff']:g}; its accuracies differ by {row[DIFFERENCE]:+g}"
    missing = [name for name in LOSSES if row[name] is None]
    if missing:
        yield f"no curves: {', '.join(missing)}"
    for name in LOSSES:
        losses = row[name] or []
        if row[name] is not None and len(losses) != row[EPOCHS]:
            yield f"{name} has {len(losses)} values; {EPOCHS} is {row[EPOCHS]}"
        broken = sum(not math.isfinite(loss) for loss in losses)
        if broken:
            yield f"{name} has {broken} values that are not finite"


def _is_exact(accuracy: float) -> bool:
    """Whether an accuracy, rounded to float32 at worst, is a number of right answers over the test examples."""
    right = accuracy * TEST_EXAMPLES
    return math.isfinite(right) and abs(right - round(right)) < 0.01
