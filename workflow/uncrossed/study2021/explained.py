"""The published pairs that are explained on two cores: rows of few steps, drawn at random, each with its factorial.

What is drawn from is stated by hyperparameters, so that what is found of the drawn rows holds for all that could have
been drawn; of resnet50 and vgg16 also by the published gap, to have large ones.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from uncrossed.results.trials_table import DIFFERENCE
from uncrossed.study import factorial
from uncrossed.study.architectures import PACKAGED
from uncrossed.study.space import PUBLISHED
from uncrossed.study.trial import Trial
from uncrossed.study2021 import published_study
from uncrossed.study2021.published_study import TRAIN_EXAMPLES


@dataclass(frozen=True)
class Stratum:
    """What rows of an architecture are drawn from.

    Attributes:
        architecture: its name.
        rows: how many are drawn.
        again: of how many the native pair is trained with a second seed.
        most_steps: optimizer steps that a row may have.
        most_epochs: epochs that it may have.
        least_gap: the published difference, PyTorch minus TensorFlow, that it must have; None: any.
        half: half of the combinations that take trainings.
    """

    architecture: str
    rows: int
    again: int
    most_steps: float = math.inf
    most_epochs: float = math.inf
    least_gap: float | None = None
    half: bool = False

    def holds(self, table: pd.DataFrame) -> pd.Series:
        """Of each published pair whether it is of the stratum."""
        steps = table["epochs"] * -(-TRAIN_EXAMPLES // table["batch_size"])
        found = table["architecture"].eq(self.architecture) & (steps <= self.most_steps)
        found &= table["epochs"] <= self.most_epochs
        return found if self.least_gap is None else found & (table[DIFFERENCE] >= self.least_gap)


STRATA = (
    Stratum("densenet121", rows=16, again=8, most_steps=250),
    Stratum("resnet50", rows=4, again=4, most_epochs=1, least_gap=0.17, half=True),
    # A probe, from which nothing follows for others: one of two rows.
    Stratum("vgg16", rows=1, again=1, most_epochs=3, least_gap=0.28, half=True),
)


def rows(table: pd.DataFrame, seed: int = 0) -> list[Trial]:
    """The rows of a manifest that explains published pairs; `base` names the published one.

    Each pair of an architecture has a seed of its own, and so other initial weights than the others: with one seed for
    all, what is peculiar to its draw would be in every gap.

    Args:
        table: of `published_tables.read`.
        seed: the same one draws the same rows.
    """
    published = {row.trial: row for row in published_study.rows(table)[0]}
    made = []
    for stratum in STRATA:
        names = enumerate(_drawn(table, stratum, seed))
        # A second seed follows the first.
        drawn = [published[name].model_copy(update={"seed": 2 * k}) for k, name in names]
        touching = PACKAGED[stratum.architecture].touching
        for base in drawn:
            made += factorial.cross(base, touching, half=stratum.half)
        made += (factorial.repeat(base, 1) for base in drawn[: stratum.again])
    return made


def _drawn(table: pd.DataFrame, stratum: Stratum, seed: int) -> Iterator[str]:
    """The stratum's rows that are drawn, all equally probable, in the order of the draw."""
    names = sorted(table.loc[stratum.holds(table), "trial"])
    stream = PUBLISHED.stream(seed, "explained", stratum.architecture)
    for _ in range(stratum.rows):
        yield names.pop(stream.integer(len(names)))
