"""Means, shares and quantiles over configurations with their intervals, and Holm's correction.

A configuration is a set of hyperparameters. Pairs that differ in their seed alone share one, so that they are no
independent witnesses: each configuration has the same weight, however many pairs it has, and whatever is left out or
permuted is a configuration with all of its pairs. `tests/benchmarks/coverage_statistics.py` measures how often the
intervals hold the truth.
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


def by_configuration(values: np.ndarray, configurations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean of each configuration that has values, and how many it has."""
    sums, counts = np.bincount(configurations, values), np.bincount(configurations)
    return sums[counts > 0] / counts[counts > 0], counts[counts > 0]


def mean(values: np.ndarray, configurations: np.ndarray) -> Estimate:
    """The mean of the configurations' means, with an interval that allows for skewness.

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
    means, _ = by_configuration(values, configurations)
    value, size = float(means.mean()), len(means)
    if size < FEWEST:
        return exactly(value)
    deviations = means - value
    scale = deviations.std(ddof=1)
    if scale < 1e-12:
        return exactly(value)
    skewness = 0.5 * (deviations**3).mean() / deviations.std() ** 3
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
    """The mean share of a configuration's pairs that are hits, with Wilson's (1927) interval.

    The interval is that for as many pairs as are independent.

    Args:
        hits: whether each of n pairs is one.
        configurations: the pairs' configurations, numbered from 0.
    """
    if not len(hits):
        return UNKNOWN
    shares, counts = by_configuration(hits, configurations)
    found = float(shares.mean())
    if len(shares) < FEWEST:
        return exactly(found)
    square = NORMAL**2 / _independent(shares, counts)
    middle = (found + square / 2) / (1 + square)
    spread = np.sqrt(square * found * (1 - found) + square**2 / 4) / (1 + square)
    low, high = middle - spread, middle + spread
    # Rounding would put them beside 0 and 1.
    return found, 0.0 if found == 0 else float(low), 1.0 if found == 1 else float(high)


def quantile(values: np.ndarray, level: float, configurations: np.ndarray) -> Estimate:
    """A quantile over pairs, with Woodruff's (1952) interval: the quantiles at the bounds of the share below it.

    A pair has the weight of one over the number of its configuration's pairs.

    Args:
        values: of n pairs.
        level: of the quantile, 0.5 for the median.
        configurations: the pairs' configurations, numbered from 0.

    Returns:
        Bounds are NaN as well where one of them would lie beyond the least or the greatest value.
    """
    if not len(values):
        return UNKNOWN
    order = np.argsort(values, kind="stable")
    values, configurations = values[order], configurations[order]
    weights = 1 / np.bincount(configurations)[configurations]
    # Where each value stands among all, from 0 to 1: in the middle of its weight (Hazen's plotting position).
    places = (np.cumsum(weights) - weights / 2) / weights.sum()
    # Of equal weights this is NumPy's quantile.
    found = float(np.interp(level * (places[-1] - places[0]) + places[0], places, values))
    shares, counts = by_configuration(values <= found, configurations)
    if len(shares) < FEWEST:
        return exactly(found)
    half = NORMAL * np.sqrt(level * (1 - level) / _independent(shares, counts))
    if half >= min(level, 1 - level):
        return exactly(found)
    low, high = np.interp([level - half, level + half], places, values)
    return found, float(min(low, found)), float(max(high, found))


def _independent(shares: np.ndarray, counts: np.ndarray) -> float:
    """How many independent pairs would give the mean of the configurations' shares as surely (Kish 1965).

    As many as there are configurations, where the pairs of each are equal, and up to all pairs, for unequal numbers of
    them fewer, where those of a configuration are as different as others.

    Args:
        shares: of each configuration.
        counts: of its pairs.
    """
    groups, found = len(shares), shares.mean()
    variance = shares.var(ddof=1) / groups if groups > 1 else 0.0
    most = groups**2 / (1 / counts).sum()
    return float(np.clip(found * (1 - found) / variance if variance > 0 else groups, groups, most))


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
