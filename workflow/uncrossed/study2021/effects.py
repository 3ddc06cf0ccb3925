"""What each hyperparameter does to the difference: main effects of the halves of the search box, over random rows.

The random rows are a factorial design in ten blocks: each point stands once in each of the 16 combinations of halves.
A half has the length of the other, so from the low to the high one a row moves by the same step wherever its point
lies. The effect of a hyperparameter is the mean over points of the mean of the point's eight rows in high halves minus
that of its eight rows in low halves; everything else is balanced.
"""

from itertools import product

import numpy as np
import pandas as pd

from uncrossed.results.trials_table import DIFFERENCE, POINT
from uncrossed.study.space import PUBLISHED
from uncrossed.study.trial import ORIGIN, RANDOM
from uncrossed.study2021 import points
from uncrossed.study2021.sampling import BOX

# What is affected: the difference with its sign, and its size.
OUTCOMES = {DIFFERENCE: lambda difference: difference, "absolute_difference": np.abs}


def effects(table: pd.DataFrame) -> pd.DataFrame:
    """The main effects of halves.

    Args:
        table: published rows with `origin`, `point` and `box`.

    Returns:
        For each architecture, outcome and hyperparameter: `step`, from the low to the high half; the mean of the
        outcome in either half; `effect` with its interval over points, `low` to `high`; `p`, of the exact test that
        flips the signs of points' effects; and `p_holm`, corrected (Holm 1979) for all effects on this outcome.
    """
    records = []
    for architecture, rows in table[table[ORIGIN] == RANDOM].groupby("architecture", sort=False):
        for outcome, measure in OUTCOMES.items():
            values = rows.assign(value=measure(rows[DIFFERENCE]))
            for bit, (name, interval) in enumerate(PUBLISHED.box.items()):
                low, high = interval.halves(PUBLISHED.phi)
                step = high.low - low.low
                records.append(
                    {"architecture": architecture, "outcome": outcome, "hyperparameter": name, "step": step}
                    | _effect(values, bit)
                )
    found = pd.DataFrame(records)
    if len(found):
        found["p_holm"] = found.groupby("outcome")["p"].transform(_holm)
    return found


def _effect(rows: pd.DataFrame, bit: int) -> dict[str, float]:
    """The effect of the half that a bit of the box's number says: set for the low one."""
    in_low = (rows[BOX].to_numpy(int) >> bit & 1).astype(bool)
    means = rows.groupby([POINT, in_low])["value"].mean().unstack()
    by_point = (means[False] - means[True]).to_numpy(float)
    count = len(by_point)
    estimate = points.interval(by_point.mean(), (by_point.sum() - by_point) / (count - 1))
    signs = np.array(list(product((1, -1), repeat=count)))
    p = float(np.mean(np.abs(signs @ by_point) >= abs(by_point.sum()) * (1 - 1e-12)))
    return {
        "low_half": means[True].mean(),
        "high_half": means[False].mean(),
        **dict(zip(("effect", "low", "high"), estimate, strict=True)),
        "p": p,
    }


def _holm(p: pd.Series) -> pd.Series:
    ordered = p.sort_values()
    factors = np.arange(len(p), 0, -1)
    return np.minimum(1, (ordered * factors).cummax()).reindex(p.index)
