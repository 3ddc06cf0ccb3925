"""Analyse a study: its summary, what its trial files say beyond it, and its figures.

The numbers need a table of trials only; where the trial files are there, the two models of a pair are also compared
prediction by prediction and, where they started from the same weights, layer by layer.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from uncrossed.analysis import figures, predictions
from uncrossed.analysis.groups import FEW
from uncrossed.analysis.intervals import FEWEST
from uncrossed.analysis.looks import bounded
from uncrossed.analysis.statistics import estimate, prepared, summarise
from uncrossed.common.errors import InputError
from uncrossed.common.files import write_text
from uncrossed.results import tables
from uncrossed.study import layout
from uncrossed.study.architectures import ALL


def make(
    folder: str | os.PathLike[str],
    partial: bool = False,
    examples: tuple[int, int] | None = None,
    classes: int | None = None,
) -> pd.DataFrame:
    """Write `tables/summary.csv` and the figures of a study, and from its trial files what they alone can say.

    Args:
        folder: the study's folder, with `tables/trials.parquet`.
        partial: leave out missing results instead of refusing.
        examples: how many training and test examples the dataset has; by default what a trial file says.
        classes: how many classes the dataset has, where no trial file says it.

    Returns:
        The summary: architecture, semantics, statistic, value and its bounds.

    Raises:
        InputError: no table, a table that lacks a column, or a missing or damaged result.
    """
    folder = Path(folder)
    path = folder / layout.TRIALS_PARQUET
    trials = tables.read(folder)
    size = predictions.size(folder, trials["trial"])
    if size is None and (examples is None or classes is None):
        raise InputError(
            f"{folder}: no trial file says how large the dataset is; "
            "allowed: --examples TRAIN TEST with it, and --classes N"
        )
    train_examples, test_examples = examples or size[:2]
    trials = prepared(trials, train_examples, test_examples, size.classes if size else classes, path)
    missing = trials.loc[trials["state"] == "missing", "trial"]
    if len(missing) and not partial:
        raise InputError(
            f"{path}: trial '{missing.iloc[0]}' and {len(missing) - 1} more lack a result; "
            "allowed: a finished study, or --partial"
        )
    summary = summarise(trials)
    if (folder / layout.TRIALS_FOLDER).is_dir():
        compared, distances = predictions.compare(folder, trials, partial)
        _write(compared, folder / layout.DISAGREEMENT_TABLE)
        if len(distances):
            _write(distances, folder / layout.WEIGHTS_TABLE)
    _write(summary, folder / layout.SUMMARY_TABLE)
    figures.draw(trials, summary, folder)
    return summary


def _write(table: pd.DataFrame, path: Path) -> None:
    write_text(path, table.to_csv(index=False, lineterminator="\n", float_format="%.6g"))


def printed(summary: pd.DataFrame) -> str:
    """The summary's main numbers as text, a line for each architecture and semantics of which a pair completed."""
    head = (
        f"{'architecture':12} {'pairs':>5} {'configurations':>14} {'mean difference':>24} {'mean |difference|':>21} "
        f"{'> 0.1':>6}  semantics"
    )
    lines, bounds, empty, few = [], False, 0, []
    for semantics, part in summary.groupby("semantics", sort=False):
        values = {name: rows.set_index("statistic")["value"] for name, rows in part.groupby("architecture", sort=False)}
        some = [name for name, row in values.items() if row["configurations"]]
        empty += sum(name not in (*some, ALL) for name in values)
        # One architecture alone is all of them.
        for architecture in some if len(some) > 2 else some[:1]:
            row = values[architecture]
            mean, apart = (
                estimate(part, architecture, semantics, f"{name}_mean")
                for name in ("difference", "absolute_difference")
            )
            bounds |= bool(np.isfinite(mean[1]))
            if len(some) > 2 and architecture != ALL and row["configurations"] < FEW:
                few.append(architecture)
            lines.append(
                f"{architecture:12} {row['pairs'] - row['pairs_missing'] - row['pairs_diverged']:5.0f} "
                f"{row['configurations']:14.0f} {bounded(mean, 3):>24} {bounded(apart, 3).replace('+', ''):>21} "
                f"{row['share_above_0.1']:6.0%}  {semantics}"
            )
    lines = [head, *lines] if lines else []
    if bounds:
        lines.append(f"in brackets: 95% intervals over configurations, from {FEWEST} of them on")
    if few:
        names = ", ".join(dict.fromkeys(few))
        lines.append(f"hardly to be compared with others, of fewer than {FEW} configurations: {names}")
    if empty:
        lines.append(f"no pair completed in {empty} other group{'s' * (empty > 1)} of an architecture and semantics")
    return "\n".join(lines)
