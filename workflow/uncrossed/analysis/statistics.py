"""Statistics of a table of trials: what its pairs say together, with bounds."""

import os
from collections.abc import Iterator

import numpy as np
import pandas as pd

from uncrossed.analysis import diagnosis
from uncrossed.analysis.intervals import UNKNOWN, Estimate, bootstrap, exactly
from uncrossed.common.errors import InputError
from uncrossed.results.diagnosis import chance_interval
from uncrossed.results.trials_table import ACCURACIES, DIFFERENCE, STATUSES
from uncrossed.study.hyperparameters import BATCH_SIZE, EPOCHS, HYPERPARAMETERS, Hyperparameter

# What a difference may depend on.
INPUTS = HYPERPARAMETERS | {"steps": Hyperparameter("optimizer steps", integer=True)}
# A model is at chance where its accuracy is not above `chance_interval`, whatever became of its training.
STATES = ("both above chance", "PyTorch at chance", "TensorFlow at chance", "both at chance", "diverged", "missing")
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
LARGE_DIFFERENCES = (0.05, 0.1, 0.25, 0.5)
# Mutual information: nearest neighbours, repeats (its ties are broken at random), pairs below which nothing is said.
NEIGHBOURS, REPEATS, FEWEST = 3, 10, 20
SUMMARY_COLUMNS = ["architecture", "semantics", "statistic", "value", "low", "high"]
# What is said of differences: how far two seeds are apart, and how far rounding in float32 alone puts a pair apart.
SEED_FLOOR, ROUNDING_FLOOR = "seed_floor", "rounding_floor"
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
            statuses are filled in where there are none (0, `native`, the row's number, `completed`).
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


def summarise(trials: pd.DataFrame) -> pd.DataFrame:
    """The table `tables/summary.csv`: for each semantics, each architecture and `all` of them.

    Bounds are 95 % intervals of a bootstrap over pairs, of the seed floor over configurations; of mutual information
    they are the least and the greatest of its repeats. NaN is unknown: of too few pairs, of a hyperparameter that does
    not vary, of extremes, whose bootstrap is not consistent.

    Args:
        trials: what `prepared` returns.

    Returns:
        architecture, semantics, statistic, value, low and high.
    """
    records = []
    for semantics in sorted(trials["semantics"].unique()):
        some = trials[trials["semantics"] == semantics]
        for architecture in [*sorted(some["architecture"].unique()), "all"]:
            chosen = [t if architecture == "all" else t[t["architecture"] == architecture] for t in (some, trials)]
            for statistic, estimate in _statistics(*chosen):
                records.append((architecture, semantics, statistic, *estimate))
    return pd.DataFrame(records, columns=SUMMARY_COLUMNS)


def _statistics(rows: pd.DataFrame, every: pd.DataFrame) -> Iterator[tuple[str, Estimate]]:
    """Of the rows of one architecture and semantics; `every` are those of all semantics."""
    counts = rows["state"].value_counts()
    yield "pairs", exactly(len(rows))
    for state in STATES:
        yield f"pairs_{state.lower().replace(' ', '_')}", exactly(counts.get(state, 0))
    yield "pairs_one_at_chance", exactly(sum(counts.get(state, 0) for state in STATES[1:3]))
    yield from diagnosis.counts(rows)
    known = rows[rows[DIFFERENCE].notna()]
    difference = known[DIFFERENCE].to_numpy()
    yield from differences(difference).items()
    yield "difference_minimum", exactly(difference.min() if len(known) else np.nan)
    yield "difference_maximum", exactly(difference.max() if len(known) else np.nan)
    trained = differences(known.loc[known["state"] == STATES[0], DIFFERENCE].to_numpy(), (0.5,))
    yield from ((f"trained_{name}", estimate) for name, estimate in trained.items())
    accuracies = [known[name].to_numpy() for name in ACCURACIES]
    inputs = {name: known[name].to_numpy(float) for name in INPUTS}
    yield from _correlations(np.abs(difference), accuracies, inputs)
    for name, values in inputs.items():
        information = mutual_information(values, np.abs(difference))
        yield f"mutual_information_{name}", information
        # Of a bivariate normal distribution this is |correlation| (Linfoot 1957).
        yield f"normalised_mutual_information_{name}", tuple(np.sqrt(-np.expm1(-2 * np.array(information))))
    yield "mutual_information_floor", exactly(_mutual_information_floor(inputs, np.abs(difference)))
    yield SEED_FLOOR, seed_floor(known)
    aligned = every.loc[every["semantics"].isin(ALIGNED), DIFFERENCE].dropna().abs().to_numpy()
    yield from bootstrap([aligned], lambda data, drawn, _: {ROUNDING_FLOOR: data[0][drawn].mean(axis=1)}).items()


def differences(difference: np.ndarray, quantiles: tuple[float, ...] = QUANTILES) -> dict[str, Estimate]:
    """The statistics of differences of test accuracy, by name, with bounds of a bootstrap over pairs."""

    def measures(data: list[np.ndarray], drawn: np.ndarray, _: np.ndarray) -> dict[str, np.ndarray]:
        values = data[0][drawn]
        found = {"difference_mean": values.mean(axis=1)}
        for q, value in zip(quantiles, np.quantile(values, quantiles, axis=1), strict=True):
            found["difference_median" if q == 0.5 else f"difference_quantile_{q:.2f}"] = value
        found["absolute_difference_mean"] = np.abs(values).mean(axis=1)
        for limit in LARGE_DIFFERENCES:
            found[f"share_above_{limit:g}"] = (np.abs(values) > limit).mean(axis=1)
        return found | {"share_won_by_pytorch": (values > 0).mean(axis=1)}

    return bootstrap([difference], measures)


def _correlations(
    absolute: np.ndarray, accuracies: list[np.ndarray], inputs: dict[str, np.ndarray]
) -> Iterator[tuple[str, Estimate]]:
    def measures(data: list[np.ndarray], _: np.ndarray, counts: np.ndarray) -> dict[str, np.ndarray]:
        pytorch, tensorflow, absolute, *values = data
        found = {"accuracy_pearson": correlation(pytorch, tensorflow, counts)}
        found["accuracy_spearman"] = correlation(ranks(pytorch, counts), ranks(tensorflow, counts), counts)
        ordered = ranks(absolute, counts)
        for name, value in zip(inputs, values, strict=True):
            found[f"rank_correlation_{name}"] = correlation(ordered, ranks(value, counts), counts)
        return found

    yield from bootstrap([*accuracies, absolute, *inputs.values()], measures).items()


def ranks(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Ranks within each resample, equal values at the mean of their ranks.

    Args:
        values: n values.
        counts: resamples x n, how often each value is in a resample.

    Returns:
        resamples x n ranks, counted from 1.
    """
    _, first, place = np.unique(np.sort(values), return_index=True, return_inverse=True)
    order = np.argsort(values, kind="stable")
    together = np.add.reduceat(counts[:, order], first, axis=1)
    found = np.empty_like(counts)
    found[:, order] = (np.cumsum(together, axis=1) - together + (together + 1) / 2)[:, place]
    return found


def correlation(first: np.ndarray, second: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Pearson's correlation within each resample; NaN where one side does not vary.

    Args:
        first: n values, or resamples x n.
        second: the same.
        counts: resamples x n, how often each pair is in a resample.
    """
    total = counts.sum(axis=1, keepdims=True)
    first = first - (counts * first).sum(axis=1, keepdims=True) / total
    second = second - (counts * second).sum(axis=1, keepdims=True) / total
    squares = [(counts * side * side).sum(axis=1) for side in (first, second)]
    scale = np.sqrt(squares[0] * squares[1])
    # Values that are equal but for the rounding of their mean do not vary.
    return np.where(scale > 1e-20, (counts * first * second).sum(axis=1), np.nan) / scale


def mutual_information(values: np.ndarray, absolute: np.ndarray, repeats: int = REPEATS) -> Estimate:
    """Mutual information of a hyperparameter with |difference| in nats: mean, least and greatest of the repeats.

    The estimate from nearest neighbours of Kraskov, Stögbauer & Grassberger (2004), which scikit-learn cuts off at 0;
    NaN for fewer than FEWEST pairs, or where one of both does not vary.
    """
    from sklearn.feature_selection import mutual_info_regression

    if len(values) < FEWEST or np.ptp(values) == 0 or np.ptp(absolute) == 0:
        return UNKNOWN
    found = [
        mutual_info_regression(values[:, None], absolute, n_neighbors=NEIGHBOURS, random_state=repeat)[0]
        for repeat in range(repeats)
    ]
    return float(np.mean(found)), float(np.min(found)), float(np.max(found))


def _mutual_information_floor(inputs: dict[str, np.ndarray], absolute: np.ndarray) -> float:
    """What 95 % of estimates stay below where there is nothing to find: of |difference| in random order."""
    random = np.random.default_rng(0)
    values = [
        mutual_information(value, random.permutation(absolute), 1) for value in inputs.values() for _ in range(10)
    ]
    values = [value for value, _, _ in values if np.isfinite(value)]
    return float(np.quantile(values, 0.95)) if values else np.nan


def seed_distances(rows: pd.DataFrame) -> np.ndarray:
    """How far apart the test accuracies of every two rows are, in each framework: two rows x frameworks.

    Of rows that differ in nothing but their seed.
    """
    values = rows[list(ACCURACIES)].to_numpy()
    first, second = np.triu_indices(len(rows), k=1)
    return np.abs(values[first] - values[second])


def seed_floor(rows: pd.DataFrame) -> Estimate:
    """Mean distance of two seeds' test accuracies in one framework, over configurations that occur with several seeds.

    The bounds are of a bootstrap over configurations; NaN where no configuration has several seeds.
    """
    configurations = rows.groupby(["architecture", "semantics", *HYPERPARAMETERS], sort=True)
    found = [seed_distances(group.drop_duplicates("seed")) for _, group in configurations]
    found = [distances for distances in found if distances.size]

    def measures(data: list[np.ndarray], drawn: np.ndarray, _: np.ndarray) -> dict[str, np.ndarray]:
        return {"": data[0][drawn].sum(axis=1) / data[1][drawn].sum(axis=1)}

    sums = np.array([distances.sum() for distances in found])
    return bootstrap([sums, np.array([distances.size for distances in found])], measures)[""]


def value(summary: pd.DataFrame, architecture: str, semantics: str, statistic: str) -> float:
    """One value of a summary; NaN where it is not there."""
    rows = summary[
        (summary["architecture"] == architecture)
        & (summary["semantics"] == semantics)
        & (summary["statistic"] == statistic)
    ]
    return float(rows["value"].iloc[0]) if len(rows) else float("nan")
