"""Analysis of a study: what its pairs say together, with bounds, in `tables/summary.csv` and figures.

The numbers need a table of trials only; where the trial files are there, the two models of a pair are also compared
prediction by prediction and, where they started from the same weights, layer by layer.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from uncrossed.common.errors import InputError
from uncrossed.common.files import write_text
from uncrossed.results import tables, trial_file
from uncrossed.study.trial import FRAMEWORKS
from uncrossed.training import arrays

HYPERPARAMETERS = ("learning_rate", "batch_size", "adam_epsilon", "epochs")
INPUTS = (*HYPERPARAMETERS, "steps")
# A model is at chance where its accuracy is not above this binomial interval around that of guessing one of 10 classes.
CHANCE, CHANCE_CONFIDENCE = 0.1, 0.99
STATES = ("both trained", "PyTorch at chance", "TensorFlow at chance", "both at chance", "diverged", "missing")
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
LIMITS = (0.05, 0.1, 0.25, 0.5)
RESAMPLES = 2000
# Mutual information: nearest neighbours, repeats (its ties are broken at random), pairs below which nothing is said.
NEIGHBOURS, REPEATS, FEWEST = 3, 10, 20
BINS = 15
COLUMNS = ["architecture", "semantics", "statistic", "value", "low", "high"]
ALIGNED = ("aligned", "aligned-tensorflow")

# value, low, high
Estimate = tuple[float, float, float]


def make(
    folder: str | os.PathLike[str], partial: bool = False, examples: tuple[int, int] | None = None
) -> pd.DataFrame:
    """Write `tables/summary.csv` and the figures of a study, and from its trial files what they alone can say.

    Args:
        folder: the study's folder, with `tables/trials.parquet`.
        partial: leave out missing results instead of refusing.
        examples: how many training and test examples the dataset has; by default what a trial file says.

    Returns:
        The summary: architecture, semantics, statistic, value and its bounds.

    Raises:
        InputError: no table, a table that lacks a column, or a missing or damaged result.
    """
    from uncrossed.analysis import figures

    folder = Path(folder)
    path = folder / "tables/trials.parquet"
    trials = tables.read(folder)
    train_examples, test_examples = examples or _examples(folder, trials)
    trials = prepared(trials, train_examples, test_examples, path)
    missing = trials.loc[trials["state"] == "missing", "trial"]
    if len(missing) and not partial:
        raise InputError(
            f"{path}: trial '{missing.iloc[0]}' and {len(missing) - 1} more lack a result; "
            "allowed: a finished study, or --partial"
        )
    summary = summarise(trials)
    if (folder / "trials").is_dir():
        compared, distances = from_files(folder, trials, partial)
        _write(compared, folder / "tables/disagreement.csv")
        if len(distances):
            _write(distances, folder / "tables/weights.csv")
    _write(summary, folder / "tables/summary.csv")
    figures.draw(trials, summary, folder / "figures")
    return summary


def _write(table: pd.DataFrame, path: Path) -> None:
    write_text(path, table.to_csv(index=False, lineterminator="\n", float_format="%.6g"))


def _examples(folder: Path, trials: pd.DataFrame) -> tuple[int, int]:
    for trial in trials["trial"]:
        for framework in FRAMEWORKS:
            path = folder / "trials" / trial / f"{framework}.h5"
            if path.is_file():
                dataset = trial_file.read_attributes(path)["dataset"]
                return dataset["train_examples"], dataset["test_examples"]
    raise InputError(f"{folder}: no trial file says how large the dataset is; allowed: --examples TRAIN TEST with it")


def prepared(
    trials: pd.DataFrame, train_examples: int, test_examples: int, where: str | os.PathLike[str] = "table"
) -> pd.DataFrame:
    """A table of trials with all columns that the analysis uses.

    Args:
        trials: architecture, the hyperparameters and both accuracies (shares of 1); seed, semantics, trial and
            statuses are filled in where there are none (0, `native`, the row's number, `completed`).
        train_examples: of the dataset; steps = epochs ceil(train_examples / batch_size).
        test_examples: of the dataset, which set what chance is.
        where: what an error names.

    Returns:
        The rows in their order, with `steps`, `state` (one of STATES) and `difference` (PyTorch minus TensorFlow; NaN
        where a model diverged or is missing, as its accuracy says nothing).

    Raises:
        InputError: a missing column, a value that is not a number, a number of examples below 1, or no rows.
    """
    if min(train_examples, test_examples) < 1:
        raise InputError(f"{where}: found {train_examples} and {test_examples} examples; allowed: integers >= 1")
    accuracies = [f"{framework}_test_accuracy" for framework in FRAMEWORKS]
    for column in ("architecture", *HYPERPARAMETERS, *accuracies):
        if column not in trials:
            raise InputError(f"{where}: no column '{column}'; allowed: a table of trials, as `uncrossed tables` makes")
        if column != "architecture" and not pd.api.types.is_numeric_dtype(trials[column]):
            raise InputError(f"{where}: column '{column}' is {trials[column].dtype}; allowed: numbers")
    if trials.empty:
        raise InputError(f"{where}: no rows; allowed: one or more")
    table = trials.reset_index(drop=True)
    filled = {"trial": [str(k) for k in range(len(table))], "seed": 0, "semantics": "native"}
    filled |= {f"{framework}_status": "completed" for framework in FRAMEWORKS}
    table = table.assign(**{name: value for name, value in filled.items() if name not in table})
    table["steps"] = table["epochs"] * np.ceil(train_examples / table["batch_size"]).astype(int)
    both = table[accuracies].to_numpy(float)
    chance = both <= chance_interval(test_examples)[1]
    statuses = table[[f"{framework}_status" for framework in FRAMEWORKS]].to_numpy()
    conditions = [
        ((statuses == "missing") | (np.isnan(both) & (statuses != "diverged"))).any(axis=1),
        (statuses != "completed").any(axis=1),
        chance.all(axis=1),
        chance[:, 0],
        chance[:, 1],
    ]
    table["state"] = np.select(conditions, [STATES[k] for k in (5, 4, 3, 1, 2)], default=STATES[0])
    known = table["state"].isin(STATES[:4])
    table["difference"] = np.where(known, both[:, 0] - both[:, 1], np.nan)
    return table


def chance_interval(test_examples: int) -> tuple[float, float]:
    """Between which accuracies guessing falls with probability CHANCE_CONFIDENCE; binomial, equal tails."""
    from scipy.stats import binom

    low, high = binom.interval(CHANCE_CONFIDENCE, test_examples, CHANCE)
    return low / test_examples, high / test_examples


def summarise(trials: pd.DataFrame) -> pd.DataFrame:
    """The summary of `make`, from what `prepared` returns: for each semantics, each architecture and `all` of them.

    Bounds are percentile 95 % intervals of a bootstrap over pairs (Efron & Tibshirani 1993, chapter 13); over
    configurations for the seed floor; of mutual information the least and the greatest of its repeats. NaN is unknown:
    of too few pairs, of a hyperparameter that does not vary, of extremes, whose bootstrap is not consistent.
    """
    records = []
    for semantics in sorted(trials["semantics"].unique()):
        some = trials[trials["semantics"] == semantics]
        for architecture in [*sorted(some["architecture"].unique()), "all"]:
            chosen = [t if architecture == "all" else t[t["architecture"] == architecture] for t in (some, trials)]
            for statistic, estimate in _statistics(*chosen):
                records.append((architecture, semantics, statistic, *estimate))
    return pd.DataFrame(records, columns=COLUMNS)


def _statistics(rows: pd.DataFrame, every: pd.DataFrame) -> Iterator[tuple[str, Estimate]]:
    """Of the rows of one architecture and semantics; `every` are those of all semantics."""
    counts = rows["state"].value_counts()
    yield "pairs", _exactly(len(rows))
    for state in STATES:
        yield f"pairs_{state.lower().replace(' ', '_')}", _exactly(counts.get(state, 0))
    yield "pairs_one_at_chance", _exactly(sum(counts.get(state, 0) for state in STATES[1:3]))
    known = rows[rows["difference"].notna()]
    difference = known["difference"].to_numpy()
    yield from _differences(difference, "", QUANTILES)
    yield "difference_minimum", _exactly(difference.min() if len(known) else np.nan)
    yield "difference_maximum", _exactly(difference.max() if len(known) else np.nan)
    yield from _differences(known.loc[known["state"] == STATES[0], "difference"].to_numpy(), "trained_", (0.5,))
    accuracies = [known[f"{framework}_test_accuracy"].to_numpy() for framework in FRAMEWORKS]
    inputs = {name: known[name].to_numpy(float) for name in INPUTS}
    yield from _correlations(np.abs(difference), accuracies, inputs)
    for name, values in inputs.items():
        information = mutual_information(values, np.abs(difference))
        yield f"mutual_information_{name}", information
        # Of a bivariate normal distribution this is |correlation| (Linfoot 1957).
        yield f"normalised_mutual_information_{name}", tuple(np.sqrt(-np.expm1(-2 * np.array(information))))
    yield "mutual_information_floor", _exactly(_mutual_information_floor(inputs, np.abs(difference)))
    yield "seed_floor", seed_floor(known)
    aligned = every.loc[every["semantics"].isin(ALIGNED), "difference"].dropna().abs().to_numpy()
    yield from bootstrap([aligned], lambda data, drawn, _: {"rounding_floor": data[0][drawn].mean(axis=1)}).items()


def _exactly(value: float) -> Estimate:
    return value, np.nan, np.nan


def _differences(difference: np.ndarray, prefix: str, quantiles: tuple[float, ...]) -> Iterator[tuple[str, Estimate]]:
    def measures(data: list[np.ndarray], drawn: np.ndarray, _: np.ndarray) -> dict[str, np.ndarray]:
        values = data[0][drawn]
        found = {"difference_mean": values.mean(axis=1)}
        for q, value in zip(quantiles, np.quantile(values, quantiles, axis=1), strict=True):
            found["difference_median" if q == 0.5 else f"difference_quantile_{q:.2f}"] = value
        found["absolute_difference_mean"] = np.abs(values).mean(axis=1)
        for limit in LIMITS:
            found[f"share_above_{limit:g}"] = (np.abs(values) > limit).mean(axis=1)
        return found | {"share_won_by_pytorch": (values > 0).mean(axis=1)}

    for name, estimate in bootstrap([difference], measures).items():
        yield prefix + name, estimate


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


def bootstrap(
    data: list[np.ndarray], measures: Callable[[list[np.ndarray], np.ndarray, np.ndarray], dict[str, np.ndarray]]
) -> dict[str, Estimate]:
    """Statistics of n pairs with 95 % intervals.

    Args:
        data: arrays of n values.
        measures: from data, resamples x n indices, and resamples x n counts of how often each pair is in a resample,
            one value per resample for each statistic.

    Returns:
        Each statistic of the pairs as they are, and its interval; NaN without pairs, bounds NaN for a single one.
    """
    n = len(data[0])
    with np.errstate(invalid="ignore", divide="ignore"):
        if n == 0:
            names = measures([np.zeros(1) for _ in data], np.zeros((1, 1), int), np.ones((1, 1)))
            return {name: _exactly(np.nan) for name in names}
        values = measures(data, np.arange(n)[None], np.ones((1, n)))
        random, drawn, left = np.random.default_rng(0), [], RESAMPLES if n > 1 else 0
        while left:
            size = min(left, max(1, 1_000_000 // n))
            left -= size
            indices = random.integers(0, n, (size, n))
            places = (indices + n * np.arange(size)[:, None]).ravel()
            counts = np.bincount(places, minlength=size * n).reshape(size, n).astype(float)
            drawn.append(measures(data, indices, counts))
    return {
        name: (float(value[0]), *_interval(np.concatenate([d[name] for d in drawn]) if drawn else np.empty(0)))
        for name, value in values.items()
    }


def _interval(values: np.ndarray) -> tuple[float, float]:
    values = values[np.isfinite(values)]
    return tuple(np.quantile(values, (0.025, 0.975))) if values.size else (np.nan, np.nan)


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
        return _exactly(np.nan)
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


def seed_floor(rows: pd.DataFrame) -> Estimate:
    """Mean distance of two seeds' test accuracies in one framework, over configurations that occur with several seeds.

    The bounds are of a bootstrap over configurations; NaN where no configuration has several seeds.
    """
    sums, numbers = [], []
    for _, group in rows.groupby(["architecture", "semantics", *HYPERPARAMETERS], sort=True):
        group = group.drop_duplicates("seed")
        values = group[[f"{framework}_test_accuracy" for framework in FRAMEWORKS]].to_numpy()
        first, second = np.triu_indices(len(group), k=1)
        if len(first):
            sums.append(np.abs(values[first] - values[second]).sum())
            numbers.append(2 * len(first))

    def measures(data: list[np.ndarray], drawn: np.ndarray, _: np.ndarray) -> dict[str, np.ndarray]:
        return {"": data[0][drawn].sum(axis=1) / data[1][drawn].sum(axis=1)}

    return bootstrap([np.array(sums), np.array(numbers)], measures)[""]


def from_files(folder: Path, trials: pd.DataFrame, partial: bool = False) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare the two models of each pair by their trial files.

    Args:
        folder: the study's.
        trials: what `prepared` returns.
        partial: leave out pairs without files instead of refusing.

    Returns:
        One row per pair that completed: what `disagreement` says. And for pairs that started from the same weights one
        row per array: what `distances` says.

    Raises:
        InputError: a missing or damaged trial file, or two that were tested on different examples.
    """
    compared, apart = [], []
    known = trials[trials["difference"].notna()]
    for row in tqdm(known.to_dict("records"), desc="predictions", unit="trial", disable=None):
        paths = [folder / "trials" / row["trial"] / f"{framework}.h5" for framework in FRAMEWORKS]
        if partial and not all(path.is_file() for path in paths):
            continue
        about = {name: row[name] for name in ("trial", "architecture", "semantics")}
        sides = [_predictions(path) for path in paths]
        if not np.array_equal(sides[0][1], sides[1][1]):
            raise InputError(f"{paths[1]}: its test labels are not those of {paths[0].name}; build both again")
        compared.append(about | disagreement(sides[0][0], sides[1][0], sides[0][1]))
        semantics = trial_file.read_attributes(paths[0])["row"]["semantics"]
        if semantics["initial_weights"] == "shared":
            weights = [_last_weights(path) for path in paths]
            apart += [about | found for found in distances(row["architecture"], *weights)]
    return pd.DataFrame(compared), pd.DataFrame(apart)


def _predictions(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with trial_file.opened(path) as file:
        return _checked(path, file["predictions/logits"]), _checked(path, file["predictions/labels"])


def _last_weights(path: Path) -> trial_file.Weights:
    with trial_file.opened(path) as file:
        group = file["weights"][max(file["weights"])]
        return {str(name): _checked(path, group[name]) for name in group.attrs["names"]}


def _checked(path: Path, dataset: Any) -> np.ndarray:
    array = np.asarray(dataset[()])
    if trial_file.array_sha256(array) != dataset.attrs["sha256"]:
        raise InputError(f"{path}: array '{dataset.name[1:]}' does not match its sha256; build it again")
    return array


def disagreement(pytorch: np.ndarray, tensorflow: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """How two models' predictions of the same examples differ.

    Args:
        pytorch: logits, examples x classes.
        tensorflow: the same.
        labels: the examples' classes.

    Returns:
        agreement: share of examples with the same prediction.
        kappa: Cohen's (1960), agreement beyond that of independent predictions with the same frequencies of classes.
        churn: 1 - agreement - |difference of accuracies|: disagreement beyond the least that the accuracies allow.
        Of each model the expected calibration error and the recall of each class. NaN where logits are not finite,
        and of classes that do not occur.
    """
    classes = pytorch.shape[1]
    finite = np.isfinite(pytorch).all() and np.isfinite(tensorflow).all()
    guesses = [logits.argmax(axis=1) for logits in (pytorch, tensorflow)]
    right = [guess == labels for guess in guesses]
    agreement = (guesses[0] == guesses[1]).mean()
    shares = [np.bincount(guess, minlength=classes) / len(labels) for guess in guesses]
    expected = float(shares[0] @ shares[1])
    found = {
        "agreement": float(agreement),
        "kappa": float((agreement - expected) / (1 - expected)) if expected < 1 else np.nan,
        "churn": float(1 - agreement - abs(right[0].mean() - right[1].mean())),
    }
    for framework, logits in zip(FRAMEWORKS, (pytorch, tensorflow), strict=True):
        found[f"{framework}_calibration_error"] = calibration_error(logits, labels) if finite else np.nan
    for framework, correct in zip(FRAMEWORKS, right, strict=True):
        for label in range(classes):
            of = labels == label
            found[f"{framework}_recall_{label}"] = float(correct[of].mean()) if of.any() else np.nan
    return found if finite else dict.fromkeys(found, np.nan)


def calibration_error(logits: np.ndarray, labels: np.ndarray) -> float:
    """Expected calibration error: Σ over bins of confidence, share of examples times |accuracy - mean confidence|.

    Guo, Pleiss, Sun & Weinberger (2017), equation 3, with BINS bins of equal width; confidence is the largest softmax.

    Args:
        logits: examples x classes.
        labels: the examples' classes.
    """
    shifted = logits.astype(float) - logits.max(axis=1, keepdims=True)
    confidence = 1 / np.exp(shifted).sum(axis=1)
    right = logits.argmax(axis=1) == labels
    # Bins are open below and closed above.
    bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    return float(np.abs(np.bincount(bins, right - confidence, minlength=BINS)).sum() / len(labels))


def distances(
    architecture: str, pytorch: trial_file.Weights, tensorflow: trial_file.Weights
) -> Iterator[dict[str, Any]]:
    """How far two models' arrays are apart, in model order, of the arrays that both have.

    Args:
        architecture: one with a name map.
        pytorch: arrays by PyTorch's names.
        tensorflow: arrays by Keras' paths.

    Yields:
        layer, array, elements, and distance = ‖p - t‖ / √((‖p‖² + ‖t‖²)/2): 0 for equal arrays, √2 for orthogonal ones.
    """
    theirs = arrays.to_pytorch(architecture, tensorflow)
    for name, array in pytorch.items():
        if name not in theirs:
            continue
        sides = [side.astype(float) for side in (array, theirs[name])]
        scale = np.sqrt(sum((side**2).sum() for side in sides) / 2)
        distance = float(np.linalg.norm(sides[0] - sides[1]) / scale) if scale else 0.0
        layer, part = name.rsplit(".", 1)
        yield {"layer": layer, "array": part, "elements": array.size, "distance": distance}


def value(summary: pd.DataFrame, architecture: str, semantics: str, statistic: str) -> float:
    """One value of a summary; NaN where it is not there."""
    rows = summary[
        (summary["architecture"] == architecture)
        & (summary["semantics"] == semantics)
        & (summary["statistic"] == statistic)
    ]
    return float(rows["value"].iloc[0]) if len(rows) else float("nan")


def printed(summary: pd.DataFrame) -> str:
    """The summary's main numbers as text, one line per architecture and semantics."""
    wide = summary.pivot_table(
        index=["semantics", "architecture"], columns="statistic", values="value", dropna=False, sort=False
    )
    lines = [f"{'architecture':12} {'pairs':>5} {'trained':>7} {'median':>8} {'mean |d|':>8} {'> 0.1':>6}  semantics"]
    for (semantics, architecture), row in wide.iterrows():
        if pd.isna(row["pairs"]):
            continue
        lines.append(
            f"{architecture:12} {row['pairs']:5.0f} {row['pairs_both_trained']:7.0f} {row['difference_median']:+8.4f} "
            f"{row['absolute_difference_mean']:8.4f} {row['share_above_0.1']:6.1%}  {semantics}"
        )
    return "\n".join(lines)
