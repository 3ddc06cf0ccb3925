"""Statistics of a whole set from those of its batches."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class Moments(NamedTuple):
    """What one batch normalisation is given of one batch.

    Attributes:
        mean_name: the array of the model that holds its running mean.
        variance_name: that of its running variance.
        count: how many values of each channel: examples x height x width.
        mean: their mean; float64, channels.
        variance: the mean of their squared distances from it; float64, channels.
    """

    mean_name: str
    variance_name: str
    count: int
    mean: np.ndarray
    variance: np.ndarray


def pooled(batches: Iterable[Moments]) -> dict[str, np.ndarray]:
    """Mean and variance over the values of all batches, by the names of the model's arrays; float64, channels.

    With n values in a batch, N = Σ n: mean = Σ n mean_b / N, and variance = Σ n (variance_b + (mean_b - mean)²) / N,
    which is the mean of the batches' variances and the variance of their means (the law of total variance).
    """
    found: dict[tuple[str, str], list[Moments]] = {}
    for one in batches:
        found.setdefault((one.mean_name, one.variance_name), []).append(one)
    statistics = {}
    for (mean_name, variance_name), parts in found.items():
        counts = np.array([part.count for part in parts], float)
        shares = (counts / counts.sum())[:, None]
        means, variances = (np.stack([getattr(part, name) for part in parts]) for name in ("mean", "variance"))
        mean = (shares * means).sum(axis=0)
        statistics[mean_name] = mean
        statistics[variance_name] = (shares * (variances + (means - mean) ** 2)).sum(axis=0)
    return statistics
