"""How the size of the difference goes with each hyperparameter, and with the optimizer steps that follow from two.

The unit is the configuration, with the mean |difference| of its seeds. Steps are epochs times batches an epoch: what
goes with the one goes with the other, so each is also given at equal values of the other.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from uncrossed.analysis.intervals import FEWEST, NORMAL, UNKNOWN, Estimate, exactly, pseudo_values
from uncrossed.study.hyperparameters import (
    ADAM_EPSILON,
    BATCH_SIZE,
    EPOCHS,
    HYPERPARAMETERS,
    LEARNING_RATE,
    Hyperparameter,
)

STEPS = "steps"
# What a difference may depend on.
INPUTS = HYPERPARAMETERS | {STEPS: Hyperparameter("optimizer steps", integer=True)}
# What is held equal where an input is looked at alone: of batch size, epochs and steps two determine the third.
GIVEN = {
    LEARNING_RATE: (BATCH_SIZE, ADAM_EPSILON, EPOCHS),
    BATCH_SIZE: (LEARNING_RATE, ADAM_EPSILON, EPOCHS),
    ADAM_EPSILON: (LEARNING_RATE, BATCH_SIZE, EPOCHS),
    EPOCHS: (LEARNING_RATE, ADAM_EPSILON, STEPS),
    STEPS: (LEARNING_RATE, ADAM_EPSILON, EPOCHS),
}
# The names of statistics, before that of an input.
RANK_CORRELATION, PARTIAL = "rank_correlation_", "partial_rank_correlation_"
P_VALUE, HOLM = "p_value_", "corrected_p_value_"
PERMUTATIONS = 9999
# Of the curve in the test: a rise or a fall with up to two turns.
DEGREE = 3


def associations(rows: pd.DataFrame, size: np.ndarray) -> Iterator[tuple[str, Estimate]]:
    """Of each input the rank correlation, the partial one, and the p-value of a test of any association.

    Args:
        rows: the pairs' INPUTS and their `configuration`.
        size: the pairs' |difference|.

    Yields:
        The statistic's name, and its value with bounds.
    """
    units = rows[[*INPUTS]].astype(float).assign(size=size).groupby(rows["configuration"].to_numpy()).mean()
    columns = {name: units[name].to_numpy() for name in INPUTS}
    size = units["size"].to_numpy()
    found = rank_correlations(columns, size)
    p_values = independence(columns, size)
    for name in INPUTS:
        yield from ((kind + name, found[kind + name]) for kind in (RANK_CORRELATION, PARTIAL))
        yield P_VALUE + name, exactly(p_values[name])


def rank_correlations(columns: Mapping[str, np.ndarray], size: np.ndarray) -> dict[str, Estimate]:
    """Spearman's correlation of each input with the size, and the partial one at equal values of those in GIVEN.

    The partial one is -p₀₁/√(p₀₀ p₁₁) of the inverse p of the matrix of rank correlations. Bounds are normal ones of
    Fisher's transformation artanh, with the standard error of the jackknife over configurations (Tukey 1958).

    Args:
        columns: of each input the values of n configurations.
        size: n values.

    Returns:
        By name; NaN of an input that does not vary, and of a partial one that the others determine or that fewer than
        FEWEST configurations give.
    """
    names = [kind + name for kind in (RANK_CORRELATION, PARTIAL) for name in INPUTS]
    values = np.array([size, *(columns[name] for name in INPUTS)])
    found = dict(zip(names, _over_configurations(values), strict=True))
    return found if len(size) >= FEWEST else found | {PARTIAL + name: UNKNOWN for name in INPUTS}


def _over_configurations(values: np.ndarray) -> list[Estimate]:
    """What `of_inputs` says of ranks, with bounds over configurations.

    Args:
        values: the size's and the inputs' x n configurations.
    """
    count = values.shape[1]
    if not count:
        return [UNKNOWN] * (2 * len(INPUTS))
    ranks = np.array([_ranks(line) for line in values])
    whole = of_inputs(_correlations(ranks))
    without = np.full((count, len(whole)), np.nan)
    if count >= FEWEST:
        left_out = []
        for place in range(count):
            own = values[:, [place]]
            others = ranks - (values > own) - 0.5 * (values == own)
            left_out.append(_correlations(np.delete(others, place, axis=1)))
        without = of_inputs(np.array(left_out))
    return [_bounded(value, without[:, k]) for k, value in enumerate(whole)]


def _bounded(value: float, without: np.ndarray) -> Estimate:
    if len(without) < FEWEST or not abs(value) < 1 or not (np.abs(without) < 1).all():
        return exactly(value)
    error = pseudo_values(np.arctanh(without)).std(ddof=1) / np.sqrt(len(without))
    low, high = np.tanh(np.arctanh(value) + np.array([-1, 1]) * NORMAL * error)
    return float(value), float(low), float(high)


def of_inputs(correlations: np.ndarray) -> np.ndarray:
    """The rank correlations of the size with each input, then the partial ones.

    Args:
        correlations: of the size and the inputs, ... x 6 x 6.

    Returns:
        ... x 10 numbers.
    """
    names = list(INPUTS)
    partial = []
    for place, name in enumerate(names, start=1):
        chosen = np.array([0, place, *(names.index(other) + 1 for other in GIVEN[name])])
        part = correlations[..., chosen[:, None], chosen]
        # What does not vary has no part in it.
        known = np.isfinite(part)
        part = np.where(known, part, np.eye(len(chosen)))
        usable = known[..., 0, 1] & (np.linalg.eigvalsh(part)[..., 0] > 1e-8)
        inverse = np.linalg.inv(np.where(usable[..., None, None], part, np.eye(len(chosen))))
        found = -inverse[..., 0, 1] / np.sqrt(inverse[..., 0, 0] * inverse[..., 1, 1])
        partial.append(np.where(usable, found, np.nan))
    return np.concatenate([correlations[..., 0, 1:], np.stack(partial, axis=-1)], axis=-1)


def _correlations(ranks: np.ndarray) -> np.ndarray:
    """Pearson's correlations of lines; NaN of those that do not vary."""
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    scale = np.sqrt((centred**2).sum(axis=1))
    unit = centred / np.where(scale > 1e-9, scale, np.nan)[:, None]
    return np.clip(unit @ unit.T, -1, 1)


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's correlation of two sets of values; NaN where one does not vary."""
    return float(_correlations(np.array([_ranks(first), _ranks(second)]))[0, 1]) if len(first) else np.nan


def independence(columns: Mapping[str, np.ndarray], size: np.ndarray) -> dict[str, float]:
    """Of each input the p-value of a permutation test that the size does not go with it.

    The statistic is the share of the variance of the size's ranks that a polynomial of DEGREE in the input's ranks
    explains: unlike a rank correlation it also sees a rise that is followed by a fall. The sizes are permuted over the
    configurations; p = (1 + permutations with as large a share) / (1 + PERMUTATIONS).

    Args:
        columns: of each input the values of n configurations.
        size: n values.

    Returns:
        By input; NaN where it or the size does not vary, or with fewer than FEWEST configurations.
    """
    tested = [name for name, values in columns.items() if np.ptp(values) > 0] if len(size) else []
    if len(size) < FEWEST or np.ptp(size) == 0 or not tested:
        return dict.fromkeys(columns, np.nan)
    ranks = _ranks(size) - (len(size) + 1) / 2
    curves = [_polynomials(columns[name]) for name in tested]
    edges = np.cumsum([0, *(curve.shape[1] for curve in curves[:-1])])
    curve = np.concatenate(curves, axis=1)

    def explained(sizes: np.ndarray) -> np.ndarray:
        return np.add.reduceat((sizes @ curve) ** 2, edges, axis=1)

    whole = explained(ranks[None])
    random, left, as_large = np.random.default_rng(0), PERMUTATIONS, np.ones(len(tested))
    while left:
        count = min(left, max(1, 1_000_000 // len(size)))
        left -= count
        permuted = random.permuted(np.tile(ranks, (count, 1)), axis=1)
        as_large += (explained(permuted) >= whole * (1 - 1e-9)).sum(axis=0)
    p_values = dict(zip(tested, as_large / (1 + PERMUTATIONS), strict=True))
    return {name: float(p_values.get(name, np.nan)) for name in columns}


def _polynomials(values: np.ndarray) -> np.ndarray:
    """Orthonormal polynomials without a constant in the ranks of values: n x at most DEGREE."""
    degree = min(DEGREE, len(np.unique(values)) - 1)
    ranks = _ranks(values)
    centred = (ranks - ranks.mean()) / len(ranks)
    return np.linalg.qr(centred[:, None] ** np.arange(degree + 1))[0][:, 1:]


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, equal values at the mean of theirs."""
    from scipy.stats import rankdata

    return rankdata(values)
