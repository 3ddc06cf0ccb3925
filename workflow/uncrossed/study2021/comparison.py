"""Rebuilt trials beside the published pairs of 2021 of the same names: how far apart, and whether two seeds are too."""

import math
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from uncrossed.analysis.noise import SEED_DISTANCE, SEED_FLOOR
from uncrossed.common.errors import InputError
from uncrossed.common.files import parsing, write_text
from uncrossed.common.parquet import read_parquet
from uncrossed.results import tables
from uncrossed.results.trials_table import ACCURACIES, DIFFERENCE
from uncrossed.study import layout
from uncrossed.study.hyperparameters import HYPERPARAMETERS


def compare(
    trials: pd.DataFrame, reference: pd.DataFrame, seed_floors: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """Set rebuilt trials beside the published pairs of the same names.

    The published initial weights were drawn without a seed, so a rebuilt pair can match only as well as two seeds do.
    What else makes them differ: PyTorch's published accuracy is an unweighted mean of batch accuracies, in which a
    smaller last batch weighs too much, while ours is the share of right answers; and the published versions were torch
    1.6 and tensorflow 2.4.

    Args:
        trials: a study's table of trials (`tables.read`); its accuracies are from 0 to 1.
        reference: the published pairs (`published_tables.read`, or what `published_study.write_reference` wrote).
        seed_floors: for each architecture the distance between the differences of two seeds that 95 % stay within:
            1.96 times the standard deviation of one seed's difference minus another's.

    Returns:
        One row per trial of `trials`, in its order: `trial`, `architecture`, accuracies and `difference` (PyTorch -
        TensorFlow), the same with the prefix `published_`, `published_state`, `apart` (how far the two differences are
        from each other), `seed_floor` and `verdict`: `within seeds`, `outside seeds`, or `unknown` without a floor, a
        published pair, or an accuracy.

    Raises:
        InputError: a trial whose hyperparameters are not those of the published pair of its name.
    """
    values = [*ACCURACIES, DIFFERENCE]
    fixed = ["architecture", *HYPERPARAMETERS]
    published = reference[["trial", *fixed, *values, "state"]]
    published = published.rename(columns={name: f"published_{name}" for name in published if name != "trial"})
    table = trials[["trial", *fixed, *values]].merge(published, on="trial", how="left", validate="many_to_one")
    for name in fixed:
        ours, theirs = table[name], table[f"published_{name}"]
        # CSV files are not always read to the last digit.
        equal = ours == theirs if name == "architecture" else np.isclose(ours, theirs.astype(float), rtol=1e-12, atol=0)
        other = table[theirs.notna() & ~equal]
        if not other.empty:
            row = other.iloc[0]
            raise InputError(
                f"trial '{row['trial']}': found {name}={row[name]}; the published pair of this name has "
                f"{row[f'published_{name}']}"
            )
    table["apart"] = (table[DIFFERENCE] - table[f"published_{DIFFERENCE}"]).abs()
    table[SEED_FLOOR] = table["architecture"].map(dict(seed_floors or {})).astype(float)
    known = table["apart"].notna() & table[SEED_FLOOR].notna()
    within = (table["apart"] <= table[SEED_FLOOR]).map({True: "within seeds", False: "outside seeds"})
    table["verdict"] = within.where(known, "unknown")
    columns = ["trial", "architecture", *values, *(f"published_{name}" for name in (*values, "state"))]
    return table[[*columns, "apart", SEED_FLOOR, "verdict"]]


def write(folder: str | os.PathLike[str], reference: str | os.PathLike[str], summary: pd.DataFrame) -> str:
    """Write `tables/published.csv`: a study's trials beside the published pairs of their names.

    The seed floor of an architecture follows from the study's own repeats: for normal noise with the mean distance m
    between two seeds of one framework, the difference of a pair moves between two seeds with standard deviation
    sqrt(2) sqrt(pi / 2) m, and 1.96 times that holds 95 %.

    Args:
        folder: the study's, with its tables.
        reference: what `published_study.write_reference` wrote.
        summary: of the study's analysis, with `seed_distance_mean`.

    Returns:
        How many verdicts of each kind there are, as a line.

    Raises:
        UnreadableError: the operating system does not give a table.
        InputError: a table is missing or damaged, or as `compare`.
    """
    with parsing(reference, "make it by `uncrossed manifest import-published --reference`") as stream:
        pairs = read_parquet(stream)
    trials = tables.read(folder)
    rows = summary[(summary["statistic"] == SEED_DISTANCE) & summary["value"].notna()]
    floors = rows.groupby("architecture")["value"].max() * 1.96 * math.sqrt(2) * math.sqrt(math.pi / 2)
    table = compare(trials, pairs, floors.to_dict())
    path = Path(folder) / layout.PUBLISHED_TABLE
    write_text(path, table.to_csv(index=False, lineterminator="\n"))
    counts = table["verdict"].value_counts()
    return f"{path}: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
