"""How often the intervals of the published study hold the truth.

`python tests/benchmarks/coverage_published.py FOLDER [STUDIES]`, with the published tables in FOLDER. For each
architecture a random forest learns the difference from its 400 published rows, and studies are made up as that of 2021
was: ten random points of the unit cube, each put into the 16 boxes. A row's difference is the forest's, plus what the
forest missed at one of the nearest published rows, so that noise is as skewed and as uneven as it was. The truth is the
statistic of 20,000 points. Of the noise share, groups of couples are drawn from the published ones, whose share is the
truth. With 1,000 studies it takes some five minutes on one core.
"""

import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor
from sklearn.neighbors import NearestNeighbors

from uncrossed.results.trials_table import DIFFERENCE
from uncrossed.study.hyperparameters import HYPERPARAMETERS
from uncrossed.study.space import PUBLISHED
from uncrossed.study2021 import noise, points, published_tables
from uncrossed.study2021.summary import DATA

POINTS, MANY, RESAMPLES, NEAREST = 10, 20_000, 200, 8


def mean(difference: np.ndarray, _: np.ndarray) -> np.ndarray:
    """Mean difference."""
    return difference.mean(axis=-1)


def median(difference: np.ndarray, _: np.ndarray) -> np.ndarray:
    """Median difference."""
    return np.median(difference, axis=-1)


def size(difference: np.ndarray, _: np.ndarray) -> np.ndarray:
    """Mean size of the difference."""
    return np.abs(difference).mean(axis=-1)


def large(difference: np.ndarray, _: np.ndarray) -> np.ndarray:
    """Share of differences that are larger than 0.1."""
    return (np.abs(difference) > 0.1).mean(axis=-1)


def won(difference: np.ndarray, _: np.ndarray) -> np.ndarray:
    """Share of pairs that PyTorch won."""
    return (difference > 0).mean(axis=-1)


def rank_correlation(difference: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Rank correlation of the difference's size with optimizer steps."""
    first, second = (values.argsort(axis=-1).argsort(axis=-1).astype(float) for values in (np.abs(difference), steps))
    first, second = (ranks - ranks.mean(axis=-1, keepdims=True) for ranks in (first, second))
    return (first * second).sum(axis=-1) / np.sqrt((first**2).sum(axis=-1) * (second**2).sum(axis=-1))


def epochs_effect(difference: np.ndarray, _: np.ndarray) -> np.ndarray:
    """Main effect of the half of the epochs: boxes from 8 on have the low one."""
    of_box = difference.reshape(*difference.shape[:-1], -1, 16).mean(axis=-2)
    return of_box[..., :8].mean(axis=-1) - of_box[..., 8:].mean(axis=-1)


STATISTICS = (mean, median, size, large, won, epochs_effect, rank_correlation)


def main(folder: str, studies: int) -> None:
    """Print, for every architecture and statistic, the truth, coverage, that of percentiles, and the median length."""
    print(f"{'architecture':12} {'statistic':17} {'truth':>7} {'coverage':>9} {'percentiles':>12} {'length':>7}")
    left_out = np.array([[k for k in range(POINTS) if k != point] for point in range(POINTS)])
    for architecture, rows in published_tables.read(folder).groupby("architecture", sort=False):
        random = np.random.default_rng(1)
        make = study_like(rows, random)
        many = make(MANY)
        made = make(studies * POINTS)
        for of in STATISTICS:
            truth = float(of(*(values.ravel() for values in many)))
            found = []
            for first in range(0, studies * POINTS, POINTS):
                difference, steps = (values[first : first + POINTS] for values in made)
                value = float(of(difference.ravel(), steps.ravel()))
                without = of(*(values[left_out].reshape(POINTS, -1) for values in (difference, steps)))
                drawn = random.integers(0, POINTS, (RESAMPLES, POINTS))
                resampled = of(*(values[drawn].reshape(RESAMPLES, -1) for values in (difference, steps)))
                low, high = np.quantile(resampled, [0.025, 0.975])
                _, ours_low, ours_high = points.interval(value, without, of is rank_correlation)
                found.append((ours_low <= truth <= ours_high, low <= truth <= high, ours_high - ours_low))
            coverage, percentiles, _ = np.mean(found, axis=0)
            length = np.nanmedian(np.array(found)[:, 2])
            print(
                f"{architecture:12} {of.__name__:17} {truth:7.3f} {coverage:9.3f} {percentiles:12.3f} {length:7.3f}",
                flush=True,
            )

        truth, coverage = of_noise(rows, random)
        print(f"{architecture:12} {'noise_share':17} {truth:7.3f} {coverage:9.3f}")


def of_noise(rows: pd.DataFrame, random: np.random.Generator, studies: int = 1000) -> tuple[float, float]:
    """The noise share, and the coverage of its interval."""
    couples = noise.couples(rows)
    truth, groups = noise.share(couples)[0], [group for _, group in couples.groupby("group")]
    held = []
    for _ in range(studies):
        drawn = [groups[k].assign(group=place) for place, k in enumerate(random.integers(0, len(groups), len(groups)))]
        _, low, high = noise.share(pd.concat(drawn))
        held.append(low <= truth <= high)
    return truth, float(np.mean(held))


def study_like(rows: pd.DataFrame, random: np.random.Generator) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
    """What makes up studies of random points like those of an architecture.

    Returns:
        A function of a number of points; it returns differences and steps, points x boxes.
    """
    values = features(rows[list(HYPERPARAMETERS)].to_numpy(float))
    difference = rows[DIFFERENCE].to_numpy(float)
    forest = RandomForestRegressor(60, min_samples_leaf=3, oob_score=True, random_state=0).fit(values, difference)
    missed = difference - forest.oob_prediction_
    scale = values.std(axis=0)
    neighbours = NearestNeighbors(n_neighbors=NEAREST).fit(values / scale)

    def make(count: int) -> tuple[np.ndarray, np.ndarray]:
        unit = random.random((count, len(HYPERPARAMETERS)))
        boxes = []
        for box in PUBLISHED.subspaces():
            low, high = np.array([(side.low, side.high) for side in box.values()]).T
            integer = [side.integer for side in box.values()]
            place = low + unit * (high - low)
            boxes.append(np.where(integer, place.round(), place))
        found = features(np.stack(boxes, axis=1).reshape(-1, len(HYPERPARAMETERS)))
        near = neighbours.kneighbors(found / scale, return_distance=False)
        chosen = near[np.arange(len(found)), random.integers(0, NEAREST, len(found))]
        shape = count, len(boxes)
        return (forest.predict(found) + missed[chosen]).reshape(shape), np.exp(found[:, -1]).reshape(shape)

    return make


def features(values: np.ndarray) -> np.ndarray:
    """Hyperparameters and the logarithm of the optimizer steps."""
    steps = values[:, 3] * np.ceil(DATA.train_examples / values[:, 1])
    return np.column_stack([values, np.log(steps)])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1000)
