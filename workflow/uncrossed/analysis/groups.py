"""What a report says of each group of pairs: those of one architecture and semantics that both completed."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from uncrossed.analysis.association import PERMUTATIONS
from uncrossed.analysis.intervals import UNKNOWN, Estimate, exactly, holm
from uncrossed.analysis.noise import BEYOND_SEEDS, ROUNDING_FLOOR, SEED_DISTANCE, SEED_FLOOR
from uncrossed.analysis.statistics import configurations, differences, is_sample
from uncrossed.results.trials_table import BOTH_COMPLETED, DIFFERENCE, POINT

# The fields of a `Group` that a summary has, and what it calls them.
NAMES_IN_SUMMARY = {
    "mean": "difference_mean",
    "median": "difference_median",
    "apart": "absolute_difference_mean",
    "above": "share_above_0.1",
    "trained": "trained_difference_mean",
    "seed_distance": SEED_DISTANCE,
    "beyond_seeds": BEYOND_SEEDS,
    "seed_floor": SEED_FLOOR,
    "rounding_floor": ROUNDING_FLOOR,
}
FLOORS = ("seed_floor", "rounding_floor")
# What is worked out where there is no summary.
WORKED_OUT = ("mean", "median", "apart", "above")
# How far a pair has to be apart to be counted by `above`.
LARGE = 0.1
# With fewer configurations a group is compared with others only with a warning.
FEW = 5


@dataclass
class Group:
    """The pairs of one architecture and semantics.

    Attributes:
        architecture: its name.
        semantics: its text.
        pairs: how many completed in both frameworks; the other attributes are of these.
        left_out: how many did not.
        configurations: how many sets of hyperparameters the pairs have.
        mean: mean difference, PyTorch minus TensorFlow; in means all configurations have the same weight.
        median: median difference.
        apart: mean absolute difference.
        above: the share that is further apart than LARGE.
        trained: mean difference of pairs with neither model at chance.
        seed_distance: mean distance of two seeds of one framework.
        beyond_seeds: by how much two seeds of different frameworks are further apart.
        seed_floor: what the difference of a pair stays below in 95 of 100 cases, if it is seed noise alone.
        rounding_floor: the same of aligned pairs, which rounding alone separates.
        noise_share: where no seeds were repeated, which share of the mean squared difference noise is at most.
        largest: the difference that is largest in size.
        largest_trial: the trial that has it.
        ahead: in how many PyTorch is ahead.
        behind: in how many TensorFlow is.
    """

    architecture: str
    semantics: str
    pairs: int
    left_out: int
    configurations: int = 0
    mean: Estimate = UNKNOWN
    median: Estimate = UNKNOWN
    apart: Estimate = UNKNOWN
    above: Estimate = UNKNOWN
    trained: Estimate = UNKNOWN
    seed_distance: Estimate = UNKNOWN
    beyond_seeds: Estimate = UNKNOWN
    seed_floor: Estimate = UNKNOWN
    rounding_floor: Estimate = UNKNOWN
    noise_share: Estimate = UNKNOWN
    largest: float = np.nan
    largest_trial: str = ""
    ahead: int = 0
    behind: int = 0


def groups(trials: pd.DataFrame, summary: pd.DataFrame | None = None) -> list[Group]:
    """The groups of a study, by architecture and semantics.

    Args:
        trials: trial, architecture, semantics, difference and `both_completed`.
        summary: what `statistics.summarise` returns; means and medians that it does not have are worked out.
    """
    found = []
    trials = _with_configurations(trials)
    for (architecture, semantics), rows in trials.groupby(["architecture", "semantics"], sort=True):
        done = rows[rows[BOTH_COMPLETED].astype(bool)]
        group = Group(str(architecture), str(semantics), len(done), len(rows) - len(done))
        found.append(group)
        if done.empty:
            continue
        group.configurations = int(done["configuration"].nunique())
        estimates = _said(summary, group)
        if not estimates.keys() >= {NAMES_IN_SUMMARY[name] for name in WORKED_OUT}:
            own = differences(done)
            if not is_sample(done):
                own = {name: exactly(estimate[0]) for name, estimate in own.items()}
            estimates = {NAMES_IN_SUMMARY[name]: own[NAMES_IN_SUMMARY[name]] for name in WORKED_OUT} | estimates
        for name, statistic in NAMES_IN_SUMMARY.items():
            setattr(group, name, estimates.get(statistic, UNKNOWN))
        values = done[DIFFERENCE].to_numpy(float)
        largest = int(np.abs(values).argmax())
        group.largest, group.largest_trial = float(values[largest]), str(done["trial"].iloc[largest])
        group.ahead, group.behind = int((values > 0).sum()), int((values < 0).sum())
    return found


def _with_configurations(trials: pd.DataFrame) -> pd.DataFrame:
    return trials if "configuration" in trials else trials.assign(configuration=configurations(trials))


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


def comparisons(trials: pd.DataFrame) -> pd.DataFrame:
    """Whether architectures differ in how far their pairs are apart: of every two a test.

    What is compared are the configurations' mean |difference|. Where two architectures have the same configurations,
    the test flips the signs of what these differ by between the two, in all ways or in PERMUTATIONS that are drawn.
    Elsewhere it is Welch's t with a permutation distribution (Janssen 1997). Neither presumes normal values, nor the
    second equal variances.

    Args:
        trials: the pairs of one group of each architecture: architecture, difference and what makes a configuration.

    Returns:
        first and second architecture; `further`, by how much the pairs of the first are further apart, in the mean over
        configurations; p_value; and corrected, which is p_value after Holm's correction for all tests; NaN, untested,
        where one has fewer than FEW configurations, or where the pairs are no sample.
    """
    trials = _with_configurations(trials).assign(size=trials[DIFFERENCE].abs()).dropna(subset=["size"])
    trials["place"] = _places(trials)
    sizes = {
        str(name): rows.groupby("configuration").agg({"size": "mean", "place": "first"}).set_index("place")["size"]
        for name, rows in trials.groupby("architecture", sort=True)
    }
    records = []
    for first, second in itertools.combinations(sizes, 2):
        pair = (sizes[first], sizes[second])
        tested = is_sample(trials) and min(map(len, pair)) >= FEW
        records.append((first, second, pair[0].mean() - pair[1].mean(), _p_value(*pair) if tested else np.nan))
    table = pd.DataFrame(records, columns=["first", "second", "further", "p_value"])
    return table.assign(corrected=holm(table["p_value"].to_numpy(float)))


def _places(trials: pd.DataFrame) -> np.ndarray:
    """What rows of any architecture have in common, numbered: the random point of 2021, else the hyperparameters."""
    if POINT in trials and trials[POINT].notna().all():
        return trials[POINT].to_numpy(int)
    return configurations(trials.drop(columns="architecture"))


def _p_value(first: pd.Series, second: pd.Series) -> float:
    """The p-value of a test of sizes by place; NaN where nothing differs."""
    from scipy.stats import PermutationMethod, permutation_test, ttest_ind

    random = np.random.default_rng(0)
    if first.index.is_unique and second.index.is_unique and set(first.index) == set(second.index):
        further = (first - second).to_numpy()
        if not further.any():
            return np.nan
        found = permutation_test((further,), np.mean, permutation_type="samples", n_resamples=PERMUTATIONS, rng=random)
        return float(found.pvalue)
    if np.ptp(np.concatenate([first, second])) == 0:
        return np.nan
    method = PermutationMethod(n_resamples=PERMUTATIONS, rng=random)
    return float(ttest_ind(first, second, equal_var=False, method=method).pvalue)
