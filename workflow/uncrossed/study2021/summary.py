"""What the published pairs say together: of the random rows with intervals over their points, of the others without.

The rows that the search chose are all there are of their kind: they lie where it expected a large difference, and
another search would have chosen others. They have no interval, and neither have all rows together.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from uncrossed.analysis.association import INPUTS
from uncrossed.analysis.intervals import exactly
from uncrossed.analysis.statistics import LARGE_DIFFERENCES
from uncrossed.datasets.definition import BUILT_IN_DATASETS
from uncrossed.results.diagnosis import DIAGNOSES, chance_interval
from uncrossed.results.trials_table import ACCURACIES, DIAGNOSIS, DIFFERENCE, POINT, SIDE_DIAGNOSES
from uncrossed.study.architectures import ALL
from uncrossed.study.hyperparameters import BATCH_SIZE, EPOCHS
from uncrossed.study.trial import GUIDED, ORIGIN, RANDOM
from uncrossed.study2021 import points

Statistic = Callable[[pd.DataFrame], float]
DATA = BUILT_IN_DATASETS["cifar10"]
COLUMNS = ["architecture", ORIGIN, "statistic", "value", "low", "high"]


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """All statistics of each architecture and of all, for random rows, guided rows, and all rows.

    Args:
        table: published rows with diagnoses, `origin` and `point`.

    Returns:
        architecture, origin (`all` is both), statistic, value, low and high.
    """
    rows = table.assign(steps=table[EPOCHS] * np.ceil(DATA.train_examples / table[BATCH_SIZE]))
    records = []
    for architecture in (*rows["architecture"].unique(), ALL):
        some = rows if architecture == ALL else rows[rows["architecture"] == architecture]
        for origin in (RANDOM, GUIDED, ALL):
            chosen = some if origin == ALL else some[some[ORIGIN] == origin]
            if len(chosen):
                records += ((architecture, origin, *found) for found in _statistics(chosen, origin))
    return pd.DataFrame(records, columns=COLUMNS)


def _statistics(rows: pd.DataFrame, origin: str) -> Iterator[tuple[str, float, float, float]]:
    yield "pairs", *exactly(len(rows))
    yield "points", *exactly(rows[POINT].nunique())
    for name, statistic in _estimated():
        if origin != RANDOM:
            yield name, *exactly(statistic(rows))
            continue
        value, low, high = points.estimate(rows, statistic, "correlation" in name)
        if name.startswith("share"):
            low, high = np.clip([low, high], 0, 1)
        yield name, value, low, high
    yield "difference_minimum", *exactly(rows[DIFFERENCE].min())
    yield "difference_maximum", *exactly(rows[DIFFERENCE].max())
    chance = chance_interval(DATA.test_examples, DATA.classes)[1]
    first, second = (rows[name] <= chance for name in ACCURACIES)
    yield "pairs_pytorch_at_chance", *exactly((first & ~second).sum())
    yield "pairs_tensorflow_at_chance", *exactly((second & ~first).sum())
    yield "pairs_both_at_chance", *exactly((first & second).sum())
    for column in (DIAGNOSIS, *SIDE_DIAGNOSES):
        for name in DIAGNOSES:
            yield f"{column}_{name.replace(' ', '_')}", *exactly((rows[column] == name).sum())


def _estimated() -> Iterator[tuple[str, Statistic]]:
    """The statistics that have an interval; the extreme quantiles of ten points have none that holds the truth."""
    yield "difference_mean", lambda rows: rows[DIFFERENCE].mean()
    yield "difference_median", lambda rows: rows[DIFFERENCE].median()
    yield "absolute_difference_mean", lambda rows: rows[DIFFERENCE].abs().mean()
    yield "share_won_by_pytorch", lambda rows: (rows[DIFFERENCE] > 0).mean()
    for limit in LARGE_DIFFERENCES:
        yield f"share_above_{limit:g}", lambda rows, limit=limit: (rows[DIFFERENCE].abs() > limit).mean()
    yield "accuracy_rank_correlation", lambda rows: rows[ACCURACIES[0]].corr(rows[ACCURACIES[1]], "spearman")
    for name in INPUTS:
        yield f"rank_correlation_{name}", lambda rows, name=name: rows[name].corr(rows[DIFFERENCE].abs(), "spearman")
