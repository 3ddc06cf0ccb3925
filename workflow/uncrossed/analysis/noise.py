"""What trainings differ by although nothing differs but the seed, or nothing but rounding; and what is beyond it.

Means are compared with means: of two seeds of one framework, and of two seeds of different frameworks. A floor is for a
single pair: the limit that differences of nothing but noise stay below in at least 95 of 100 cases.
"""

import numpy as np
import pandas as pd

from uncrossed.analysis.intervals import CONFIDENCE, UNKNOWN, Estimate, exactly, mean
from uncrossed.results.trials_table import ACCURACIES, DIFFERENCE

SEED_DISTANCE, BEYOND_SEEDS = "seed_distance_mean", "beyond_seeds_mean"
# The limits for a single pair.
SEED_FLOOR, ROUNDING_FLOOR = "seed_floor", "rounding_floor"


def _within(accuracies: np.ndarray) -> np.ndarray:
    """How far apart the accuracies of every two seeds are, in each framework: two seeds x frameworks."""
    first, second = np.triu_indices(len(accuracies), k=1)
    return np.abs(accuracies[first] - accuracies[second])


def _across(accuracies: np.ndarray) -> np.ndarray:
    """How far apart PyTorch's accuracy with one seed and TensorFlow's with another are, of every two seeds."""
    pytorch, tensorflow = accuracies.T
    return np.abs(pytorch[:, None] - tensorflow)[~np.eye(len(accuracies), dtype=bool)]


def of_seeds(rows: pd.DataFrame) -> dict[str, Estimate]:
    """What the configurations with several seeds say of noise.

    Args:
        rows: pairs of one architecture and semantics that completed, with seed and `configuration`.

    Returns:
        Of the configurations that have several seeds, each with the same weight; of the others they say nothing.
        SEED_DISTANCE: the mean distance of two seeds in one framework. BEYOND_SEEDS: by how much two seeds in different
        frameworks are further apart; half the energy distance of Székely & Rizzo (2013), whose expectation is 0 where
        both frameworks' accuracies have one distribution, and above it elsewhere. SEED_FLOOR: see `limit`. NaN where no
        configuration has several seeds.
    """
    groups = _by_configuration(rows.drop_duplicates(["configuration", "seed"]), list(ACCURACIES))
    groups = [accuracies for accuracies in groups if len(accuracies) > 1]
    if not groups:
        return dict.fromkeys((SEED_DISTANCE, BEYOND_SEEDS, SEED_FLOOR), UNKNOWN)
    within = [_within(accuracies).ravel() for accuracies in groups]
    means = np.array([distances.mean() for distances in within])
    beyond = np.array([_across(accuracies).mean() for accuracies in groups]) - means
    each = np.arange(len(groups))
    return {SEED_DISTANCE: mean(means, each), BEYOND_SEEDS: mean(beyond, each), SEED_FLOOR: limit(within)}


def of_rounding(rows: pd.DataFrame) -> Estimate:
    """The `limit` of differences of aligned pairs, which nothing but rounding separates.

    Args:
        rows: aligned pairs with their `difference` and `configuration`.
    """
    return limit([np.abs(differences).ravel() for differences in _by_configuration(rows, [DIFFERENCE])])


def _by_configuration(rows: pd.DataFrame, columns: list[str]) -> list[np.ndarray]:
    """The values of each configuration's rows: rows x columns."""
    rows = rows.sort_values("configuration", kind="stable")
    edges = np.flatnonzero(np.diff(rows["configuration"].to_numpy())) + 1
    return np.split(rows[columns].to_numpy(float), edges) if len(rows) else []


def limit(distances: list[np.ndarray]) -> Estimate:
    """What the distance of a pair of another configuration stays below in at least 95 of 100 cases, if it is noise.

    The quantile at 0.95 (1 + 1/G) of the distances of G configurations, each with the same weight: a distribution-free
    prediction limit (Lei et al. 2018), so that noise may be of any shape, and larger in some configurations than in
    others.

    Args:
        distances: of each configuration those that were seen.

    Returns:
        NaN for fewer than 19 configurations, whose largest distance is no such limit.
    """
    count = len(distances)
    level = CONFIDENCE * (1 + 1 / count) if count else np.inf
    if level > 1 + 1e-9:
        return UNKNOWN
    values = np.concatenate(distances)
    weights = np.concatenate([np.full(len(part), 1 / len(part) / count) for part in distances])
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    return exactly(values[order][min(np.searchsorted(below, level - 1e-9), len(values) - 1)])
