"""Because of what the frameworks are apart: gaps as sums of contributions, read from the tables that have them.

A gap is a mean difference of test accuracies, PyTorch minus TensorFlow. Contributions and what remains add up to it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from uncrossed.analysis.intervals import UNKNOWN, Estimate, exactly

LAG = "statistics that lag"


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
        configurations: over how many.
        interval: what its intervals are, in words; empty where there are none.
        half: whether it rests on half of the combinations.
        gap: as the pairs are.
        contributions: of the factors.
        remaining: the gap with all aligned.
    """

    architecture: str
    configurations: int
    interval: str = ""
    half: bool = False
    gap: Estimate = UNKNOWN
    contributions: list[Contribution] = field(default_factory=list)
    remaining: Estimate = UNKNOWN


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
    for key, rows in table.groupby(["architecture", "semantics", "fraction", "configurations", "seeds"], sort=False):
        architecture, _, fraction, configurations, seeds = key
        one = Attribution(str(architecture), int(configurations), _interval(configurations, seeds), fraction == "half")
        found.append(one)
        for row in rows.to_dict("records"):
            if row["quantity"] == "shapley":
                significant = str(row["significant"]) == "True"
                one.contributions.append(Contribution(str(row["factor"]), _estimate(row), significant))
            elif row["quantity"] in ("gap", "remaining"):
                setattr(one, row["quantity"], _estimate(row))
    return found


def recalibrations(table: pd.DataFrame | None, trials: Collection[str]) -> list[Attribution]:
    """How much of the gap of each architecture's trials is running statistics that lag; nothing without such a table.

    It is of these models, without a claim about others: there are no intervals.
    """
    if table is None:
        return []
    known = table["trial"].isin(list(trials)) & table["gap"].notna() & table["recalibrated_gap"].notna()
    pairs = table[known].drop_duplicates("trial")
    found = []
    for architecture, rows in pairs.groupby("architecture", sort=True):
        gap, remaining = (float(rows[name].mean()) for name in ("gap", "recalibrated_gap"))
        lag = Contribution(LAG, exactly(gap - remaining), True)
        one = Attribution(str(architecture), len(rows), gap=exactly(gap), contributions=[lag])
        one.remaining = exactly(remaining)
        found.append(one)
    return found


def _interval(configurations: int, seeds: int) -> str:
    if configurations > 1:
        return f"95% intervals over {configurations} configurations"
    return f"95% intervals over {seeds} seeds of one configuration" if seeds > 1 else ""


def _estimate(row: Mapping[str, Any]) -> Estimate:
    value, low, high = (float(row[name]) for name in ("value", "low", "high"))
    return value, low, high
