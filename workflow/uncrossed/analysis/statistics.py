"""Statistics of a table of trials: what its pairs say together, with bounds."""

import os
from collections.abc import Iterator

import numpy as np
import pandas as pd

from uncrossed.analysis import diagnosis, intervals, noise
from uncrossed.analysis.association import HOLM, P_VALUE, associations, rank_correlation
from uncrossed.analysis.intervals import Estimate, exactly
from uncrossed.common.errors import InputError
from uncrossed.results.diagnosis import chance_interval
from uncrossed.results.trials_table import ACCURACIES, DIFFERENCE, STATUSES
from uncrossed.study.architectures import ALL
from uncrossed.study.hyperparameters import BATCH_SIZE, EPOCHS, FURTHER, HYPERPARAMETERS
from uncrossed.study.trial import ORIGIN, RANDOM

# A model is at chance where its accuracy is not above `chance_interval`, whatever became of its training.
STATES = ("both above chance", "PyTorch at chance", "TensorFlow at chance", "both at chance", "diverged", "missing")
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
LARGE_DIFFERENCES = (0.05, 0.1, 0.25, 0.5)
SUMMARY_COLUMNS = ["architecture", "semantics", "statistic", "value", "low", "high"]
ALIGNED = ("aligned", "aligned-tensorflow")


def prepared(
    trials: pd.DataFrame,
    train_examples: int,
    test_examples: int,
    classes: int,
    where: str | os.PathLike[str] = "table",
) -> pd.DataFrame:
    """A table of trials with all columns that the analysis uses.

    Args:
        trials: architecture, the hyperparameters and both accuracies (shares of 1); seed, semantics, trial and
            statuses are filled in where there are none (0, `native`, the row's number, `completed`); so is
            configuration, by which rows that are no independent witnesses are known, as `configurations` says.
        train_examples: of the dataset; steps = epochs ceil(train_examples / batch_size).
        test_examples: of the dataset.
        classes: of the dataset; with the number of test examples they set what chance is.
        where: what an error names.

    Returns:
        The rows in their order, with `diagnosis` and those of the sides, `steps`, `state` (one of STATES) and
        `difference` (PyTorch minus TensorFlow; NaN where a model diverged or is missing, as its accuracy says nothing).

    Raises:
        InputError: a missing column, a value that is not a number, a number of examples below 1 or of classes below 2,
            or no rows.
    """
    if min(train_examples, test_examples) < 1:
        raise InputError(f"{where}: found {train_examples} and {test_examples} examples; allowed: integers >= 1")
    if classes < 2:
        raise InputError(f"{where}: found {classes} classes; allowed: integers >= 2")
    for column in ("architecture", *HYPERPARAMETERS, *ACCURACIES):
        if column not in trials:
            raise InputError(f"{where}: no column '{column}'; allowed: a table of trials, as `uncrossed tables` makes")
        if column != "architecture" and not pd.api.types.is_numeric_dtype(trials[column]):
            raise InputError(f"{where}: column '{column}' is {trials[column].dtype}; allowed: numbers")
    if trials.empty:
        raise InputError(f"{where}: no rows; allowed: one or more")
    table = trials.reset_index(drop=True)
    filled = {"trial": [str(k) for k in range(len(table))], "seed": 0, "semantics": "native"}
    filled |= dict.fromkeys(STATUSES, "completed")
    table = table.assign(**{name: value for name, value in filled.items() if name not in table})
    table = diagnosis.filled(table, classes, test_examples)
    if "configuration" not in table:
        table["configuration"] = configurations(table)
    table["steps"] = table[EPOCHS] * np.ceil(train_examples / table[BATCH_SIZE]).astype(int)
    both = table[list(ACCURACIES)].to_numpy(float)
    chance = both <= chance_interval(test_examples, classes)[1]
    statuses = table[list(STATUSES)].to_numpy()
    conditions = [
        ((statuses == "missing") | (np.isnan(both) & (statuses != "diverged"))).any(axis=1),
        (statuses != "completed").any(axis=1),
        chance.all(axis=1),
        chance[:, 0],
        chance[:, 1],
    ]
    table["state"] = np.select(conditions, [STATES[k] for k in (5, 4, 3, 1, 2)], default=STATES[0])
    known = table["state"].isin(STATES[:4])
    table[DIFFERENCE] = np.where(known, both[:, 0] - both[:, 1], np.nan)
    return table


def configurations(trials: pd.DataFrame) -> np.ndarray:
    """The configuration of each row, numbered: its architecture and hyperparameters, as far as the table has them."""
    known = [name for name in (*HYPERPARAMETERS, "optimizer", *FURTHER, "nesterov") if name in trials]
    columns = [name for name in ("architecture", *known) if name in trials]
    return trials.groupby(columns, sort=True, dropna=False).ngroup().to_numpy() if known else np.arange(len(trials))


def is_sample(rows: pd.DataFrame) -> bool:
    """Whether something may be inferred from pairs: not where the table says that some of them were not drawn."""
    return ORIGIN not in rows or bool((rows[ORIGIN].isna() | rows[ORIGIN].eq(RANDOM)).all())


def summarise(trials: pd.DataFrame) -> pd.DataFrame:
    """The table `tables/summary.csv`: for each semantics, each architecture and `all` of them.

    Bounds are 95 % intervals over configurations. NaN is unknown: of too few configurations, of a hyperparameter that
    does not vary, of extremes, counts and the correlation of accuracies, and of pairs that are no sample. Associations
    with hyperparameters are given for each architecture alone; their p-values are corrected (Holm) for all
    architectures and inputs of one semantics.

    Args:
        trials: what `prepared` returns.

    Returns:
        architecture, semantics, statistic, value, low and high.
    """
    records = []
    for semantics in sorted(trials["semantics"].unique()):
        some = trials[trials["semantics"] == semantics]
        for architecture in [*sorted(some["architecture"].unique()), ALL]:
            rows, every = (t if architecture == ALL else t[t["architecture"] == architecture] for t in (some, trials))
            found = dict(_statistics(rows, every))
            if architecture != ALL:
                known = rows[rows[DIFFERENCE].notna()]
                found |= associations(known, known[DIFFERENCE].abs().to_numpy())
            if not is_sample(rows):
                found = {
                    name: intervals.UNKNOWN if name.startswith(P_VALUE) else exactly(estimate[0])
                    for name, estimate in found.items()
                }
            records += [(architecture, semantics, name, *estimate) for name, estimate in found.items()]
    summary = pd.DataFrame(records, columns=SUMMARY_COLUMNS)
    return pd.concat([summary, _corrected(summary)], ignore_index=True)


def _corrected(summary: pd.DataFrame) -> pd.DataFrame:
    """The p-values of a summary, corrected for all tests of their semantics."""
    tests = summary[summary["statistic"].str.startswith(P_VALUE)]
    return tests.assign(
        value=tests.groupby("semantics")["value"].transform(intervals.holm),
        statistic=tests["statistic"].str.replace(P_VALUE, HOLM),
    )


def _statistics(rows: pd.DataFrame, every: pd.DataFrame) -> Iterator[tuple[str, Estimate]]:
    """Of the rows of one architecture and semantics; `every` are those of all semantics."""
    counts = rows["state"].value_counts()
    yield "pairs", exactly(len(rows))
    for state in STATES:
        yield f"pairs_{state.lower().replace(' ', '_')}", exactly(counts.get(state, 0))
    yield "pairs_one_at_chance", exactly(sum(counts.get(state, 0) for state in STATES[1:3]))
    yield from diagnosis.counts(rows)
    known = rows[rows[DIFFERENCE].notna()]
    yield "configurations", exactly(known["configuration"].nunique())
    yield from differences(known).items()
    yield "difference_minimum", exactly(known[DIFFERENCE].min())
    yield "difference_maximum", exactly(known[DIFFERENCE].max())
    trained = differences(known[known["state"] == STATES[0]], (0.5,))
    yield from ((f"trained_{name}", estimate) for name, estimate in trained.items())
    yield "accuracy_rank_correlation", exactly(rank_correlation(*known[list(ACCURACIES)].to_numpy(float).T))
    yield from noise.of_seeds(known).items()
    aligned = every[every["semantics"].isin(ALIGNED) & every[DIFFERENCE].notna()]
    yield noise.ROUNDING_FLOOR, noise.of_rounding(aligned)


def differences(rows: pd.DataFrame, quantiles: tuple[float, ...] = QUANTILES) -> dict[str, Estimate]:
    """The statistics of differences of test accuracy, by name, with bounds over configurations, all of equal weight.

    Args:
        rows: pairs with their `difference`, which is known, and `configuration`.
        quantiles: which ones.
    """
    values, units = rows[DIFFERENCE].to_numpy(float), rows["configuration"].to_numpy(int)
    found = {"difference_mean": intervals.mean(values, units)}
    for q in quantiles:
        name = "difference_median" if q == 0.5 else f"difference_quantile_{q:.2f}"
        found[name] = intervals.quantile(values, q, units)
    found["absolute_difference_mean"] = intervals.mean(np.abs(values), units)
    for limit in LARGE_DIFFERENCES:
        found[f"share_above_{limit:g}"] = intervals.share(np.abs(values) > limit, units)
    return found | {"share_won_by_pytorch": intervals.share(values > 0, units)}


def value(summary: pd.DataFrame, architecture: str, semantics: str, statistic: str) -> float:
    """One value of a summary; NaN where it is not there."""
    return estimate(summary, architecture, semantics, statistic)[0]


def estimate(summary: pd.DataFrame, architecture: str, semantics: str, statistic: str) -> Estimate:
    """One value of a summary with its bounds; NaN where it is not there."""
    rows = summary[
        (summary["architecture"] == architecture)
        & (summary["semantics"] == semantics)
        & (summary["statistic"] == statistic)
    ]
    return tuple(map(float, rows[["value", "low", "high"]].iloc[0])) if len(rows) else intervals.UNKNOWN
