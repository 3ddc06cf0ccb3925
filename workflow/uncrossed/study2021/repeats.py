"""The published pairs that are worth repeating: random rows with a few seeds each, extremes with as many as decide one.

A random row of each point, in boxes that are drawn, says with the others whether published differences are like those
of today's frameworks. The row with the largest difference of each architecture has the repeats that decide it alone.
"""

from collections.abc import Iterator

import pandas as pd

from uncrossed.results.trials_table import DIFFERENCE, POINT
from uncrossed.study.space import PUBLISHED
from uncrossed.study.trial import GUIDED, ORIGIN, RANDOM, Trial
from uncrossed.study2021 import published_study
from uncrossed.study2021.comparison import NEEDED
from uncrossed.study2021.sampling import BOX

REPEATS = 5


def rows(table: pd.DataFrame, repeats: int = REPEATS, extreme_repeats: int = NEEDED, seed: int = 0) -> list[Trial]:
    """The rows of a manifest that repeats published pairs: seeds from 0 on, `base` names the published one.

    The extreme row is `guided`, wherever it comes from: it is chosen for its difference.

    Args:
        table: of `published_tables.read`.
        repeats: of random rows.
        extreme_repeats: of the row with the largest difference of each architecture.
        seed: chooses which row of each point is repeated: the same one chooses the same.
    """
    made = []
    for _, some in table.groupby("architecture", sort=False):
        numbers = [(name, repeats) for name in _random(some, seed)]
        extreme = some.loc[some[DIFFERENCE].abs().idxmax(), "trial"]
        numbers = [(name, count) for name, count in numbers if name != extreme] + [(extreme, extreme_repeats)]
        published = {row.trial: row for row in published_study.rows(some)[0]}
        for name, count in numbers:
            if name in published:
                origin = GUIDED if name == extreme else published[name].origin
                made += (
                    published[name].model_copy(
                        update={"trial": f"{name}-r{k:02d}", "seed": k, "base": name, ORIGIN: origin}
                    )
                    for k in range(count)
                )
    return made


def _random(table: pd.DataFrame, seed: int) -> Iterator[str]:
    """The trial of each point, each in another box."""
    random = table[table[ORIGIN] == RANDOM]
    boxes = list(range(len(PUBLISHED.subspaces())))
    stream = PUBLISHED.stream(seed, "repeats", *table["architecture"].unique())
    for point in sorted(random[POINT].unique()):
        box = boxes.pop(stream.integer(len(boxes)))
        yield random.loc[(random[POINT] == point) & (random[BOX] == box), "trial"].iloc[0]
