"""Intervals by bootstrap: all bounds that tables, figures and reports show, but for those of mutual information."""

from collections.abc import Callable

import numpy as np

RESAMPLES = 2000
BOUNDS = (0.025, 0.975)

# A value with its bounds: value, low, high. NaN is unknown.
Estimate = tuple[float, float, float]
# From data, resamples x n indices, and resamples x n counts of how often each item is in a resample, one value per
# resample for each statistic.
Measures = Callable[[list[np.ndarray], np.ndarray, np.ndarray], dict[str, np.ndarray]]


def exactly(value: float) -> Estimate:
    """A value without bounds."""
    return float(value), np.nan, np.nan


UNKNOWN = exactly(np.nan)


def bootstrap(data: list[np.ndarray], measures: Measures) -> dict[str, Estimate]:
    """Statistics of n items with percentile intervals (Efron & Tibshirani 1993, chapter 13).

    Args:
        data: arrays of n values; the same items are drawn from all of them.
        measures: the statistics, as `Measures` says.

    Returns:
        Each statistic of the items as they are, and its interval; NaN without items, bounds NaN for a single one.
    """
    n = len(data[0])
    with np.errstate(invalid="ignore", divide="ignore"):
        if n == 0:
            names = measures([np.zeros(1) for _ in data], np.zeros((1, 1), int), np.ones((1, 1)))
            return dict.fromkeys(names, UNKNOWN)
        values = measures(data, np.arange(n)[None], np.ones((1, n)))
        if n == 1:
            return {name: exactly(value[0]) for name, value in values.items()}
        random, drawn, left = np.random.default_rng(0), [], RESAMPLES
        while left:
            size = min(left, max(1, 1_000_000 // n))
            left -= size
            indices = random.integers(0, n, (size, n))
            places = (indices + n * np.arange(size)[:, None]).ravel()
            counts = np.bincount(places, minlength=size * n).reshape(size, n).astype(float)
            drawn.append(measures(data, indices, counts))
    return {
        name: (float(value[0]), *interval(np.concatenate([part[name] for part in drawn])))
        for name, value in values.items()
    }


def interval(values: np.ndarray) -> tuple[float, float]:
    """The BOUNDS of the values, of which those that are not finite are left out; NaN where there are none."""
    values = values[np.isfinite(values)]
    low, high = np.quantile(values, BOUNDS) if values.size else (np.nan, np.nan)
    return float(low), float(high)
