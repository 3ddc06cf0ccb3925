"""Intervals of what is said of random rows: the ten points that they come from are the sample, not the 160 rows.

A statistic's values without one point each give its pseudo-values (Tukey 1958), which are treated as a sample of ten:
Student's t with nine degrees of freedom, of a correlation that of its inverse hyperbolic tangent. The quantiles are
those of 98 %, as few of the ten points may carry most of a difference, and of a correlation those of 95 %.
`tests/benchmarks/coverage_published.py` measures how often the intervals hold the truth, and docs/published.md has its
table.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from uncrossed.analysis.intervals import UNKNOWN, Estimate, exactly
from uncrossed.results.trials_table import POINT

LEVEL, LEVEL_OF_CORRELATIONS = 0.98, 0.95
# What the intervals are, in words.
MEANT = "meant as 95%; of densenet121's sizes they hold in 90 of 100 simulated studies"


def estimate(rows: pd.DataFrame, statistic: Callable[[pd.DataFrame], float], correlation: bool = False) -> Estimate:
    """A statistic of random rows with its interval over points, which is meant as 95 %.

    Args:
        rows: with `point`.
        statistic: its value for some rows.
        correlation: whether it is one, from -1 to 1.

    Returns:
        As `interval`.
    """
    if rows.empty:
        return UNKNOWN
    without = [statistic(rows[rows[POINT] != point]) for point in rows[POINT].unique()]
    return interval(statistic(rows), np.array(without), correlation)


def interval(value: float, without: np.ndarray, correlation: bool = False) -> Estimate:
    """A statistic with its interval, which is meant as 95 %.

    Args:
        value: of all n points.
        without: its n values, each without one point.
        correlation: whether it is one, from -1 to 1.

    Returns:
        Bounds are NaN where the statistic does not vary with the point that is left out, or without one does not exist.
    """
    from scipy.stats import t

    count, middle = len(without), value
    if correlation:
        middle, without = np.arctanh(value), np.arctanh(without)
    pseudo = (count - 1) * (without.mean() - without)
    if count < 2 or not np.isfinite([value, *without]).all() or np.ptp(pseudo) < 1e-12:
        return exactly(value)
    level = LEVEL_OF_CORRELATIONS if correlation else LEVEL
    reach = t.ppf((1 + level) / 2, count - 1) / np.sqrt(count) * pseudo.std(ddof=1)
    low, high = middle - reach, middle + reach
    if correlation:
        low, high = np.tanh([low, high])
    return float(value), float(low), float(high)
