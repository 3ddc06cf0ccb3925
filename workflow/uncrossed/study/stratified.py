"""A stratified sample of rows: few rows that cover steps and hyperparameters as evenly as many do.

The rows of an architecture are put into as many strata of equal size as rows are wanted, by their optimizer steps, and
one of each is taken. Which one is chosen so that the strata of each hyperparameter have one row each too, as far as
that can be: a conditioned Latin hypercube (Minasny & McBratney 2006), found by exchanging rows until none lowers the
objective.
"""

import math
from collections.abc import Iterable

import numpy as np

from uncrossed.common.errors import InputError
from uncrossed.study.hyperparameters import HYPERPARAMETERS
from uncrossed.study.space import Stream
from uncrossed.study.trial import Trial


def stratified(rows: Iterable[Trial], count: int, seed: int, train_examples: int) -> list[Trial]:
    """Take `count` rows of each architecture.

    Args:
        rows: what to take from.
        count: how many of each architecture, at least 1.
        seed: from 0; the same seed takes the same rows with any version of NumPy.
        train_examples: of the dataset; steps = epochs ceil(train_examples / batch_size).

    Returns:
        The chosen rows as they are, sorted by name.

    Raises:
        InputError: an architecture with fewer rows.
    """
    groups: dict[str, list[Trial]] = {}
    for row in sorted(rows, key=lambda row: row.trial):
        groups.setdefault(row.architecture, []).append(row)
    chosen = []
    for architecture, group in groups.items():
        if len(group) < count:
            raise InputError(
                f"{architecture}: {len(group)} rows; allowed: at least {count}, as many as are to be taken"
            )
        steps = np.array([row.epochs * math.ceil(train_examples / row.batch_size) for row in group])
        columns = [[getattr(row, name) for row in group] for name in HYPERPARAMETERS]
        strata = np.stack([_strata(np.array(values), count) for values in columns], axis=1)
        random = Stream("uncrossed-stratified-1", seed, architecture)
        chosen += [group[k] for k in _choose(_strata(steps, count), strata, count, random)]
    return sorted(chosen, key=lambda row: row.trial)


def _strata(values: np.ndarray, count: int) -> np.ndarray:
    """Of each value its stratum, 0 to count - 1, all of equal size but for one value."""
    order = np.argsort(values, kind="stable")
    found = np.empty(len(values), int)
    found[order] = np.arange(len(values)) * count // len(values)
    return found


def _choose(steps: np.ndarray, strata: np.ndarray, count: int, random: Stream) -> list[int]:
    """One row of each stratum of steps; `strata` are rows x hyperparameters."""
    candidates = [np.flatnonzero(steps == k) for k in range(count)]
    chosen = [int(some[random.integer(len(some))]) for some in candidates]

    def uneven(rows: list[int]) -> int:
        """How far the strata of the hyperparameters are from one row each."""
        counts = [np.bincount(strata[rows, k], minlength=count) for k in range(strata.shape[1])]
        return int(np.abs(np.array(counts) - 1).sum())

    best, moved = uneven(chosen), True
    while moved:
        moved = False
        for k, some in enumerate(candidates):
            for row in some:
                trial = [*chosen[:k], int(row), *chosen[k + 1 :]]
                if (value := uneven(trial)) < best:
                    chosen, best, moved = trial, value, True
    return chosen
