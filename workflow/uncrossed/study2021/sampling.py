"""Which published rows were drawn at random, and which a search chose: found by their structure, as no file says it.

The study put the same ten random points of the unit cube into each of the 16 boxes that halves of its search box make
(`study.space.PUBLISHED`), and then, in each box, a Gaussian process chose 15 rows more because it expected a large
difference there. So a random point is 16 rows, one in each box, at the same place relative to their box. The rows of a
point hold one block of a factorial design of the halves; the points are the sample, and what the search chose is none.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from uncrossed.results.trials_table import POINT
from uncrossed.study.hyperparameters import HYPERPARAMETERS
from uncrossed.study.space import PUBLISHED
from uncrossed.study.trial import GUIDED, ORIGIN, RANDOM, UNKNOWN

BOX = "box"
# Half a unit of the last digit: integers, and numbers that a table rounds to nine decimals.
ROUNDED_BY = {True: 0.5, False: 1e-9}


def origins(table: pd.DataFrame) -> pd.DataFrame:
    """Where the rows of one architecture come from.

    Args:
        table: the rows with their hyperparameters.

    Returns:
        With the index of `table`: `origin`, `random` or `guided`, or `unknown` where no point is found at all; of a
        random row `point`, numbered from 1 in the order of the points' learning rates, and `box`, the number of its
        subspace in `PUBLISHED.subspaces()`.
    """
    found = pd.DataFrame({ORIGIN: GUIDED, POINT: pd.NA, BOX: pd.NA}, index=table.index)
    points = list(_points(table[list(HYPERPARAMETERS)].to_numpy(float)))
    if not points:
        found[ORIGIN] = UNKNOWN
    for number, rows in enumerate(points, start=1):
        places = table.index[rows]
        found.loc[places, ORIGIN] = RANDOM
        found.loc[places, POINT] = number
        found.loc[places, BOX] = range(len(rows))
    return found.astype({POINT: "Int64", BOX: "Int64"})


def _points(values: np.ndarray) -> Iterator[np.ndarray]:
    """The places of the rows of each point, by box; the points in the order of their first coordinate.

    Args:
        values: rows x hyperparameters.
    """
    # All that a row may be: a place in the unit cube for each box that holds it, known as far as its digits go.
    rows, boxes, places, digits = [], [], [], []
    subspaces = PUBLISHED.subspaces()
    for number, box in enumerate(subspaces):
        low, high, error = np.array([(side.low, side.high, ROUNDED_BY[side.integer]) for side in box.values()]).T
        inside = np.flatnonzero(((values >= low - error) & (values <= high + error)).all(axis=1))
        rows.append(inside)
        boxes.append(np.full(len(inside), number))
        places.append((values[inside] - low) / (high - low))
        digits.append(np.tile(error / (high - low), (len(inside), 1)))
    row, box, place, digit = map(np.concatenate, (rows, boxes, places, digits))
    known, found = set(), []
    for one in np.flatnonzero(box == 0):
        near = np.flatnonzero((np.abs(place - place[one]) <= digit + digit[one]).all(axis=1))
        of_box = {int(box[k]): int(row[k]) for k in near}
        point = tuple(of_box.get(number) for number in range(len(subspaces)))
        if None not in point and len(set(point)) == len(subspaces) == len(near) and point not in known:
            known.add(point)
            found.append((place[one, 0], np.array(point)))
    for _, point in sorted(found, key=lambda pair: pair[0]):
        yield point
