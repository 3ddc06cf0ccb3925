"""How much of the published differences may be noise of another training, though no row was trained twice.

Two rows whose hyperparameters are nearly equal differ by noise and by what little the hyperparameters do: half of their
mean squared distance is no less than the noise's variance. So 1/2 mean (d_i - d_j)² / mean d² is the noise's share of
the mean squared difference, from above, over *couples*: rows within NEAR of each other in every hyperparameter. It
holds where the couples lie, mostly where the search looked; noise varies over the box.
"""

import numpy as np
import pandas as pd

from uncrossed.analysis.intervals import UNKNOWN, Estimate, exactly
from uncrossed.results.trials_table import DIFFERENCE, SIDE_DIAGNOSES
from uncrossed.study.hyperparameters import HYPERPARAMETERS

NEAR = 0.1
CONFIDENCE = 0.95
# How many rows are shown at either end of the differences, and how many neighbours of each.
EXTREMES, NEIGHBOURS = 3, 3


def distances(rows: pd.DataFrame) -> np.ndarray:
    """How far every two rows are apart: the largest |a - b| / ((a + b) / 2) over hyperparameters, rows x rows."""
    values = rows[list(HYPERPARAMETERS)].to_numpy(float)
    first, second = values[:, None], values[None]
    return (np.abs(first - second) / ((first + second) / 2)).max(axis=2)


def shares(table: pd.DataFrame) -> pd.DataFrame:
    """The noise's share of the mean squared difference, from above, for each architecture.

    Couples that share a row are no independent witnesses: they are one group. The bounds are those of Fieller (1954)
    for a ratio of two means over groups.

    Args:
        table: published rows.

    Returns:
        architecture, `couples`, `groups`, `rows`; `root_mean_square`, of the differences of rows in couples;
        `noise_deviation`, the noise's standard deviation from above; `noise_share` with `low` and `high`.
    """
    records = []
    for architecture, rows in table.groupby("architecture", sort=False):
        found = couples(rows)
        apart, square = (found[name] for name in ("apart", "square"))
        records.append(
            {
                "architecture": architecture,
                "couples": len(found),
                "groups": found["group"].nunique(),
                "rows": len(np.unique(found[["first", "second"]])),
                "root_mean_square": np.sqrt(square.mean()),
                "noise_deviation": np.sqrt(apart.mean()),
                **dict(zip(("noise_share", "low", "high"), share(found), strict=True)),
            }
        )
    return pd.DataFrame(records)


def couples(rows: pd.DataFrame) -> pd.DataFrame:
    """The couples of an architecture.

    Returns:
        The places of `first` and `second` row; `apart`, half their squared distance; `square`, their mean squared
        difference; and the number of their `group`: couples share one that share a row, directly or through others.
    """
    first, second = np.nonzero(np.triu(distances(rows) <= NEAR, k=1))
    difference = rows[DIFFERENCE].to_numpy(float)
    return pd.DataFrame(
        {
            "first": first,
            "second": second,
            "apart": (difference[first] - difference[second]) ** 2 / 2,
            "square": (difference[first] ** 2 + difference[second] ** 2) / 2,
            "group": _groups(first, second, len(rows)),
        }
    )


def _groups(first: np.ndarray, second: np.ndarray, count: int) -> np.ndarray:
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix((np.ones(len(first)), (first, second)), shape=(count, count))
    return connected_components(graph, directed=False)[1][first]


def share(couples: pd.DataFrame) -> Estimate:
    """The ratio of the means of `apart` and `square` with Fieller's interval over groups; NaN where it has no ends."""
    from scipy.stats import t

    sums = couples.groupby("group")[["apart", "square"]].sum()
    upper, lower = (sums[name].to_numpy() for name in sums)
    if not lower.sum():
        return UNKNOWN
    count, found = len(sums), upper.sum() / lower.sum()
    if count < 3:
        return exactly(found)
    factor = t.ppf((1 + CONFIDENCE) / 2, count - 1) ** 2 / count
    variances = factor * np.cov(upper, lower)
    # (mean upper - share mean lower)² = factor var(upper - share lower), for the share.
    square = lower.mean() ** 2 - variances[1, 1]
    middle = upper.mean() * lower.mean() - variances[0, 1]
    rest = middle**2 - square * (upper.mean() ** 2 - variances[0, 0])
    if square <= 0 or rest < 0:
        return exactly(found)
    return found, max(0.0, (middle - np.sqrt(rest)) / square), (middle + np.sqrt(rest)) / square


def extremes(table: pd.DataFrame) -> pd.DataFrame:
    """The rows with the lowest and the highest differences of each architecture, each beside its nearest neighbours.

    Args:
        table: published rows with diagnoses.

    Returns:
        One row per neighbour: the trial with its difference and diagnoses, the same with the prefix `neighbour_`, and
        their `distance`, as `distances` says.
    """
    columns = ["trial", DIFFERENCE, *SIDE_DIAGNOSES]
    records = []
    for architecture, rows in table.groupby("architecture", sort=False):
        apart = distances(rows)
        order = np.argsort(rows[DIFFERENCE].to_numpy(float), kind="stable")
        for place in dict.fromkeys([*order[:EXTREMES], *order[::-1][:EXTREMES]]):
            near = [k for k in np.argsort(apart[place], kind="stable") if k != place][:NEIGHBOURS]
            for neighbour in near:
                records.append(
                    {"architecture": architecture}
                    | rows.iloc[place][columns].to_dict()
                    | {"distance": apart[place, neighbour]}
                    | {f"neighbour_{name}": value for name, value in rows.iloc[neighbour][columns].items()}
                )
    return pd.DataFrame(records)
