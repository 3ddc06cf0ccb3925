"""Intervals and tests from few replicates: Student's t, Fieller's for ratios, and Holm's correction.

`tests/benchmarks/coverage.py` says by simulation how often they hold.
"""

import numpy as np

from uncrossed.analysis.intervals import BOUNDS

# Replicates that differ by less than this do not scatter, so that they tell nothing of their scatter.
EQUAL = 1e-9


def student(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Means with intervals and tests of no difference from 0.

    Args:
        values: replicates x ... .

    Returns:
        Mean, low, high and two-sided p of Student's t with one degree of freedom less than replicates. All but the mean
        are NaN for a single replicate and for replicates that do not scatter.
    """
    from scipy.stats import t

    n = len(values)
    mean = values.mean(axis=0)
    if n < 2:
        return mean, *(np.full_like(mean, np.nan) for _ in range(3))
    error = _error(values)
    half = t.ppf(BOUNDS[1], n - 1) * error
    return mean, mean - half, mean + half, 2 * t.sf(np.abs(mean / error), n - 1)


def fieller(numerators: np.ndarray, denominators: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ratios of two means over the same replicates (Fieller 1954).

    Args:
        numerators: replicates x ... .
        denominators: likewise.

    Returns:
        Ratio, low and high; NaN where the denominator may be 0, so that the ratio could be anything.
    """
    from scipy.stats import t

    n = len(numerators)
    above, below = numerators.mean(axis=0), denominators.mean(axis=0)
    if n < 2:
        return tuple(np.full_like(above, np.nan) for _ in range(3))
    together = ((numerators - above) * (denominators - below)).sum(axis=0) / (n - 1) / n
    square = t.ppf(BOUNDS[1], n - 1) ** 2
    # The ratios r for which above - r below is not significantly different from 0 lie between the roots of a parabola.
    a = below**2 - square * _error(denominators) ** 2
    b = above * below - square * together
    c = above**2 - square * _error(numerators) ** 2
    known = a > 0
    a = np.where(known, a, np.nan)
    root = np.sqrt(np.maximum(b * b - a * c, 0))
    return np.where(known, above, np.nan) / below, (b - root) / a, (b + root) / a


def holm(p: np.ndarray) -> np.ndarray:
    """The p-values of a family, adjusted so that all of them hold together (Holm 1979).

    Args:
        p: ... x tests; NaN is no test.
    """
    filled = np.where(np.isnan(p), 1.0, p)
    order = np.argsort(filled, axis=-1, kind="stable")
    tests = (~np.isnan(p)).sum(axis=-1, keepdims=True)
    factor = np.maximum(tests - np.arange(p.shape[-1]), 1)
    ordered = np.minimum(1, np.take_along_axis(filled, order, axis=-1) * factor)
    adjusted = np.empty_like(filled)
    np.put_along_axis(adjusted, order, np.maximum.accumulate(ordered, axis=-1), axis=-1)
    return np.where(np.isnan(p), np.nan, adjusted)


def _error(values: np.ndarray) -> np.ndarray:
    """The standard error of means over replicates; NaN where they do not scatter."""
    deviation = values.std(axis=0, ddof=1)
    return np.where(deviation > EQUAL, deviation, np.nan) / np.sqrt(len(values))
