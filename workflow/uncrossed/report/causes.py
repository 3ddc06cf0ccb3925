"""Because of what the frameworks are apart: gaps as sums of contributions, read from the tables that have them.

A gap is a mean difference of test accuracies, PyTorch minus TensorFlow. Contributions and what remains add up to it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from uncrossed.analysis.intervals import UNKNOWN, Estimate


@dataclass
class Contribution:
    """What a factor contributes.

    Attributes:
        factor: its name.
        points: how much, in shares of accuracy, with its interval.
        significant: whether it is claimed.
    """

    factor: str
    points: Estimate
    significant: bool


@dataclass
class Attribution:
    """What the gap of an architecture is made of.

    Attributes:
        architecture: its name.
        semantics: of the pairs as they are.
        towards: the framework that the other one imitates.
        half: whether it rests on half of the combinations, so that the contributions rest on an assumption.
        base: the configuration; empty over several.
        configurations: how many.
        seeds: how many each has, at most.
        gap: with nothing aligned.
        contributions: of the factors; with what remains they add up to the gap.
        remaining: the gap with all aligned.
    """

    architecture: str
    semantics: str
    towards: str
    half: bool
    base: str
    configurations: int
    seeds: int
    gap: Estimate = UNKNOWN
    contributions: list[Contribution] = field(default_factory=list)
    remaining: Estimate = UNKNOWN

    @property
    def interval(self) -> str:
        """What its intervals are, in words; empty where there are none."""
        if self.configurations > 1:
            return f"intervals over {self.configurations} configurations"
        return f"intervals over {self.seeds} seeds of one configuration" if self.seeds > 1 else ""


@dataclass
class Plan:
    """What would tell why one pair differs.

    Attributes:
        command: makes the study that tells it.
        build: builds that.
        trainings: how many it takes in each framework.
        minutes: how long they take, one after the other.
    """

    command: str
    build: str
    trainings: dict[str, int]
    minutes: float


def attributions(table: pd.DataFrame | None) -> list[Attribution]:
    """What factorials say over the configurations of each architecture; nothing where there is no such table."""
    if table is None or "quantity" not in table:
        return []
    table = table[table["base"].fillna("") == ""]
    found = []
    keys = ["architecture", "semantics", "towards", "fraction", "configurations", "seeds"]
    for key, rows in table.groupby(keys, sort=False):
        architecture, semantics, towards, fraction, configurations, seeds = key
        one = Attribution(
            str(architecture), str(semantics), str(towards), fraction == "half", "", int(configurations), int(seeds)
        )
        found.append(one)
        for row in rows.to_dict("records"):
            if row["quantity"] == "shapley":
                significant = str(row["significant"]) == "True"
                one.contributions.append(Contribution(str(row["factor"]), _estimate(row), significant))
            elif row["quantity"] in ("gap", "remaining"):
                setattr(one, row["quantity"], _estimate(row))
    return found


@dataclass
class Lag:
    """How much of the gap of an architecture's recalibrated pairs is the running statistics.

    It is of these models, without a claim about others: there are no intervals.

    Attributes:
        pairs: how many.
        gap: their mean difference.
        remaining: the same when both models are recalibrated.
    """

    pairs: int
    gap: float
    remaining: float


def lags(table: pd.DataFrame | None, trials: Collection[str]) -> dict[str, Lag]:
    """What recalibrated models of trials say, by architecture; nothing where there is no such table."""
    if table is None:
        return {}
    known = table["trial"].isin(list(trials)) & table["gap"].notna() & table["recalibrated_gap"].notna()
    pairs = table[known].drop_duplicates("trial").groupby("architecture", sort=True)
    return {
        str(architecture): Lag(len(rows), float(rows["gap"].mean()), float(rows["recalibrated_gap"].mean()))
        for architecture, rows in pairs
    }


def _estimate(row: Mapping[str, Any]) -> Estimate:
    value, low, high = (float(row[name]) for name in ("value", "low", "high"))
    return value, low, high
