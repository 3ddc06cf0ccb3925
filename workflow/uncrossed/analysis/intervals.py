"""Intervals and tests over configurations: all bounds and corrected p-values that tables, figures and reports show.

A configuration is a set of hyperparameters. Pairs that differ in their seed alone share one, so that they are no
independent witnesses: whatever is drawn again, left out or permuted is a configuration with all of its pairs.
`tests/benchmarks/coverage_statistics.py` measures how often the intervals hold the truth.
"""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

# Of fewer configurations no interval is given: of skewed differences it would hold the truth too seldom.
FEWEST = 20
CONFIDENCE = 0.95
# How many standard errors an interval of a normal estimate reaches to each side.
NORMAL = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
# Below it a corrected p-value is a finding.
SIGNIFICANCE = 0.05
BOUNDS = (0.025, 0.975)

# A value with its bounds: value, low, high. NaN is unknown.
Estimate = tuple[float, float, float]


def exactly(value: float) -> Estimate:
    """A value without bounds."""
    return float(value), np.nan, np.nan


UNKNOWN = exactly(np.nan)


def mean(values: np.ndarray, configurations: np.ndarray) -> Estimate:
    """The mean over pairs, with an interval that allows for skewness.

    The pseudo-values of the jackknife over configurations (Tukey 1958) are treated as a sample whose mean is the value:
    Student's t with its quantiles corrected for skewness by Hall's (1992) cubic transformation. The correction is half
    of Hall's: in samples of some ten to fifty configurations the whole one makes intervals too long where few
    configurations are far from the others, and none makes them too short.

    Args:
        values: of n pairs.
        configurations: the pairs' configurations, numbered from 0.
    """
    from scipy.stats import t

    if not len(values):
        return UNKNOWN
    sums, counts = np.bincount(configurations, values), np.bincount(configurations)
    sums, counts = sums[counts > 0], counts[counts > 0]
    value, size = float(values.mean()), len(counts)
    if size < FEWEST:
        return exactly(value)
    pseudo = pseudo_values((sums.sum() - sums) / (counts.sum() - counts))
    scale = pseudo.std(ddof=1)
    if scale < 1e-12:
        return exactly(value)
    skewness = 0.5 * (pseudo**3).mean() / pseudo.std() ** 3
    students = t.ppf((1 + CONFIDENCE) / 2, size - 1) / np.sqrt(size)
    low, high = (value - scale * _untransformed(side, skewness, size) for side in (students, -students))
    return value, float(low), float(high)


def pseudo_values(without: np.ndarray) -> np.ndarray:
    """What each of G configurations adds to a statistic: (G - 1) (mean of `without` - without), with mean 0.

    Args:
        without: the statistic without one configuration each, along the first axis.
    """
    return (len(without) - 1) * (without.mean(axis=0) - without)


def _untransformed(transformed: float, skewness: float, count: int) -> float:
    """The T for which T + a T² + a² T³ / 3 + skewness / 6n is as given, with a = skewness / 3 (Hall 1992)."""
    a = skewness / 3
    shifted = transformed - skewness / (6 * count)
    return float(shifted if abs(a) < 1e-6 else (np.cbrt(1 + 3 * a * shifted) - 1) / a)


def share(hits: np.ndarray, configurations: np.ndarray) -> Estimate:
    """The share of pairs that are hits, with Wilson's (1927) interval for as many pairs as are independent.

    Args:
        hits: whether each of n pairs is one.
        configurations: the pairs' configurations, numbered from 0.
    """
    if not len(hits):
        return UNKNOWN
    found = float(np.mean(hits))
    if len(np.unique(configurations)) < FEWEST:
        return exactly(found)
    independent = _independent(hits, configurations)
    square = NORMAL**2 / independent
    middle = (found + square / 2) / (1 + square)
    spread = np.sqrt(square * found * (1 - found) + square**2 / 4) / (1 + square)
    low, high = middle - spread, middle + spread
    # Rounding would put them beside 0 and 1.
    return found, 0.0 if found == 0 else float(low), 1.0 if found == 1 else float(high)


def quantile(values: np.ndarray, level: float, configurations: np.ndarray) -> Estimate:
    """A quantile over pairs, with Woodruff's (1952) interval: the quantiles at the bounds of the share below it.

    Args:
        values: of n pairs.
        level: of the quantile, 0.5 for the median.
        configurations: the pairs' configurations, numbered from 0.

    Returns:
        Bounds are NaN as well where one of them would lie beyond the least or the greatest value.
    """
    if not len(values):
        return UNKNOWN
    found, count = float(np.quantile(values, level)), len(np.unique(configurations))

    def spread(independent: float) -> float:
        return NORMAL * np.sqrt(level * (1 - level) / independent)

    if count < FEWEST or spread(count) >= min(level, 1 - level):
        return exactly(found)
    half = spread(_independent(values <= found, configurations))
    low, high = np.quantile(values, [level - half, level + half], method="hazen")
    return found, float(min(low, found)), float(max(high, found))


def _independent(hits: np.ndarray, configurations: np.ndarray) -> float:
    """How many independent pairs would give a share as sure (Kish 1965, design effect).

    Between all pairs, where those of a configuration are as different as others, and as many as there are
    configurations (for unequal numbers of pairs fewer), where they are equal.
    """
    sums, counts = np.bincount(configurations, hits), np.bincount(configurations)
    n, share = counts.sum(), hits.mean()
    groups = (counts > 0).sum()
    variance = groups / max(1, groups - 1) * ((sums - share * counts) ** 2).sum() / n**2
    least = n**2 / (counts**2).sum()
    return float(np.clip(share * (1 - share) / variance if variance > 0 else least, least, n))


def holm(p_values: Sequence[float] | np.ndarray) -> np.ndarray:
    """The p-values of several tests, corrected so that all false alarms together have the stated probability.

    Holm (1979): the k-th smallest of m times m - k + 1, at least the one before it, at most 1. NaN is no test.
    """
    p_values = np.asarray(p_values, float)
    corrected = np.full_like(p_values, np.nan)
    order = np.argsort(p_values)[: np.isfinite(p_values).sum()]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1, np.maximum.accumulate(p_values[order] * factors))
    return corrected
