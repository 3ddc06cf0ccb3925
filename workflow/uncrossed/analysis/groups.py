"""What a report says of each group of pairs: those of one architecture and semantics that both completed."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from uncrossed.analysis.intervals import UNKNOWN, Estimate
from uncrossed.analysis.statistics import ROUNDING_FLOOR, SEED_FLOOR, differences
from uncrossed.results.trials_table import BOTH_COMPLETED, DIFFERENCE

# The fields of a `Group` that a summary has, and what it calls them.
NAMES_IN_SUMMARY = {
    "mean": "difference_mean",
    "median": "difference_median",
    "apart": "absolute_difference_mean",
    "trained": "trained_difference_mean",
    "seed_floor": SEED_FLOOR,
    "rounding_floor": ROUNDING_FLOOR,
}
FLOORS = ("seed_floor", "rounding_floor")
# What is worked out where there is no summary.
WORKED_OUT = ("mean", "median", "apart")
# How far a pair has to be apart to be counted.
LARGE = 0.1


@dataclass
class Group:
    """The pairs of one architecture and semantics.

    Attributes:
        architecture: its name.
        semantics: its text.
        pairs: how many completed in both frameworks; the other attributes are of these.
        left_out: how many did not.
        mean: mean difference, PyTorch minus TensorFlow.
        median: median difference.
        apart: mean absolute difference.
        trained: mean difference of pairs with neither model at chance.
        seed_floor: mean distance of two seeds of one framework.
        rounding_floor: mean distance of aligned pairs.
        noise_share: where no seeds were repeated, which share of the mean squared difference noise is at most.
        largest: the difference that is largest in size.
        largest_trial: the trial that has it.
        above: the share of pairs that are further apart than LARGE.
        ahead: in how many PyTorch is ahead.
        behind: in how many TensorFlow is.
    """

    architecture: str
    semantics: str
    pairs: int
    left_out: int
    mean: Estimate = UNKNOWN
    median: Estimate = UNKNOWN
    apart: Estimate = UNKNOWN
    trained: Estimate = UNKNOWN
    seed_floor: Estimate = UNKNOWN
    rounding_floor: Estimate = UNKNOWN
    noise_share: Estimate = UNKNOWN
    largest: float = np.nan
    largest_trial: str = ""
    above: float = np.nan
    ahead: int = 0
    behind: int = 0


def groups(trials: pd.DataFrame, summary: pd.DataFrame | None = None) -> list[Group]:
    """The groups of a study, by architecture and semantics.

    Args:
        trials: trial, architecture, semantics, difference and `both_completed`.
        summary: what `statistics.summarise` returns; means and medians that it does not have are worked out.
    """
    found = []
    for (architecture, semantics), rows in trials.groupby(["architecture", "semantics"], sort=True):
        done = rows[rows[BOTH_COMPLETED].astype(bool)]
        group = Group(str(architecture), str(semantics), len(done), len(rows) - len(done))
        found.append(group)
        if done.empty:
            continue
        values = done[DIFFERENCE].to_numpy(float)
        estimates = _said(summary, group)
        if not estimates.keys() >= {NAMES_IN_SUMMARY[name] for name in WORKED_OUT}:
            own = differences(values)
            estimates = {NAMES_IN_SUMMARY[name]: own[NAMES_IN_SUMMARY[name]] for name in WORKED_OUT} | estimates
        for name, statistic in NAMES_IN_SUMMARY.items():
            setattr(group, name, estimates.get(statistic, UNKNOWN))
        largest = int(np.abs(values).argmax())
        group.largest, group.largest_trial = float(values[largest]), str(done["trial"].iloc[largest])
        group.above = float((np.abs(values) > LARGE).mean())
        group.ahead, group.behind = int((values > 0).sum()), int((values < 0).sum())
    return found


def _said(summary: pd.DataFrame | None, group: Group) -> dict[str, Estimate]:
    """What a summary says of a group, as far as it is known, by statistic."""
    if summary is None:
        return {}
    rows = summary[(summary["architecture"] == group.architecture) & (summary["semantics"] == group.semantics)]
    bounds = [rows[side] if side in rows else np.full(len(rows), np.nan) for side in ("low", "high")]
    lines = zip(rows["statistic"], rows["value"], *bounds, strict=True)
    return {name: (float(value), float(low), float(high)) for name, value, low, high in lines if np.isfinite(value)}


def leading(found: Iterable[Group]) -> list[Group]:
    """For each architecture its native group, else its largest, of those with pairs; those furthest apart first."""
    first: dict[str, Group] = {}
    with_pairs = (group for group in found if group.pairs)
    for group in sorted(with_pairs, key=lambda group: (group.semantics != "native", -group.pairs)):
        first.setdefault(group.architecture, group)
    return sorted(first.values(), key=lambda group: (-group.apart[0], group.architecture))
