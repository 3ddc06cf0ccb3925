"""Because of what the frameworks are apart: gaps as sums of contributions, read from the tables that have them.

A gap is a mean difference of test accuracies, PyTorch minus TensorFlow. Contributions and what remains add up to it.
"""

import contextlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from uncrossed.analysis.recalibration import WITHOUT
from uncrossed.common.errors import InputError
from uncrossed.explain import pair
from uncrossed.explain.pair import Plan
from uncrossed.study import layout
from uncrossed.study.study import Study

# The study that rebuilds the pairs of 2021 under their names, and what it is built on.
PUBLISHED = "config/published.yaml"
PUBLISHED_KEYS = {"study": "published", "dataset": "cifar10", "manifest": layout.MANIFEST}
PUBLISHED_KEYS |= {"settings": {"device": "gpu"}}


def plans(folder: Path, trials: Iterable[str], published: bool) -> dict[str, Plan]:
    """By trial what would tell why its pair differs: of those whose sides still differ in something.

    Args:
        folder: the study's; where there are no rows in it there are no plans.
        trials: their names.
        published: whether it is that of the pairs of 2021, which is built by its own study file.
    """
    try:
        study = Study(PUBLISHED_KEYS, folder / layout.STUDY_STATEMENT) if published else None
        study, rows = (study, study.rows) if study else pair.rows(folder)
    except InputError:
        return {}
    place, found = PUBLISHED if published else f"results/{study.name}", {}
    for trial in trials:
        with contextlib.suppress(InputError):
            found[trial] = pair.plan(study, rows[trial], place)
    return found


@dataclass
class Lag:
    """How much of the gap of an architecture's recalibrated pairs is the running statistics.

    It is of these models, without a claim about others: there are no intervals.

    Attributes:
        pairs: how many.
        gap: their mean difference.
        remaining: the same when both models are recalibrated.
    """

    pairs: int
    gap: float
    remaining: float


def lags(table: pd.DataFrame | None, trials: Collection[str]) -> dict[str, Lag]:
    """What recalibrated models of trials say, by architecture; nothing of those without batch normalisation."""
    if table is None:
        return {}
    known = table["gap"].notna() & table["recalibrated_gap"].notna() & (table["state"] != WITHOUT)
    pairs = table[known & table["trial"].isin(list(trials))].drop_duplicates("trial").groupby("architecture", sort=True)
    return {
        str(architecture): Lag(len(rows), float(rows["gap"].mean()), float(rows["recalibrated_gap"].mean()))
        for architecture, rows in pairs
    }
