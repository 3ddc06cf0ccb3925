"""A search's trajectory as a table, as JSON and as figures: in which order it looked where, and what it found."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from uncrossed.analysis.drawing import pyplot, save
from uncrossed.common.errors import InputError
from uncrossed.common.files import write_json, write_text
from uncrossed.reading.reader import read_trials
from uncrossed.results import tables
from uncrossed.search.suggestion import DIMENSIONS, read_seen, read_suggestion, suggest
from uncrossed.study.hyperparameters import HYPERPARAMETERS
from uncrossed.study.semantics import resolve
from uncrossed.study.study import Study


def make(study: Study, results: str | os.PathLike[str]) -> pd.DataFrame:
    """Write `tables/trajectory.csv` and `.json` and the two figures.

    Args:
        study: with a search.
        results: its folder of results, with the tables.

    Returns:
        One row per trial, in the order of suggestions: its place, whether the algorithm was guided by what it saw, how
        many trials it saw, the hyperparameters, the objective (NaN where a model diverged) and the best of its subspace
        so far, both accuracies.

    Raises:
        InputError: a trial that is missing, damaged or of another search.
    """
    results, search = Path(results), study.search
    accuracies = tables.read(results).set_index("trial")
    best = max if search.objective.startswith("maximise") else min
    rows, records = [], []
    so_far: dict[tuple[str, int], float] = {}
    for trial, place in search.places.items():
        made, seen = read_suggestion(results, trial, search), read_seen(results, trial, search)
        key = place.architecture, place.space
        value = np.nan if seen.objective is None else seen.objective
        so_far[key] = value if np.isnan(so_far.get(key, np.nan)) else best(so_far[key], value, key=_nan_last(best))
        rows.append(
            {
                "trial": trial,
                "architecture": place.architecture,
                "space": place.space,
                "number": place.number,
                "guided": made["guided"],
                "saw": len(made["saw"]),
                **{name: getattr(seen.row, name) for name in DIMENSIONS},
                "objective": value,
                "best_so_far": so_far[key],
                **{name: accuracies.loc[trial, name] for name in ("pytorch_test_accuracy", "tensorflow_test_accuracy")},
            }
        )
        records.append(
            {"trial": trial, "objective": seen.objective} | {k: made[k] for k in ("guided", "saw", "saw_sha256")}
        )
        records[-1]["row"] = seen.row.model_dump(mode="json")
    table = pd.DataFrame(rows)
    bounds = [{k: [i.low, i.high] for k, i in subspace.items()} for subspace in search.space.subspaces()]
    write_text(results / "tables/trajectory.csv", table.to_csv(index=False, lineterminator="\n"))
    write_json(
        results / "tables/trajectory.json",
        {"search": search.model_dump(mode="json"), "subspaces": bounds, "trials": records},
    )
    draw_progress(table, search, results / "figures/search-progress.svg")
    draw_box(table, search, results / "figures/search-box.svg")
    return table


def _nan_last(best: Any) -> Any:
    worst = -np.inf if best is max else np.inf
    return lambda value: worst if np.isnan(value) else value


def check(study: Study, results: str | os.PathLike[str]) -> list[str]:
    """Ask the algorithm again for every suggestion that was made; one line for each that differs.

    Raises:
        InputError: no suggestion was made yet, or an inconsistent history.
    """
    search, faults = study.search, []
    rows = study.suggested(results)
    if not rows:
        raise InputError(
            f"{results}: none of the search's {len(study.trials)} trials has a suggestion; build them first"
        )
    semantics = resolve(search.semantics, study.semantics)
    for trial in rows:
        made = read_suggestion(results, trial, search)
        again = suggest(search, trial, results, study.dataset.train_examples, semantics)
        changed = [k for k, v in again["row"].items() if made["row"].model_dump(mode="json")[k] != v]
        if made["saw_sha256"] != again["saw_sha256"]:
            faults.append(
                f"{trial}: what it saw has changed since" + (f", and so would {', '.join(changed)}" * bool(changed))
            )
        elif changed:
            faults.append(f"{trial}: not what the algorithm suggests: {', '.join(changed)}")
    return faults


def best(table: pd.DataFrame, search: Any, count: int) -> pd.DataFrame:
    """The best trials of each architecture, best first."""
    ascending = search.objective.startswith("minimise")
    ordered = table.dropna(subset="objective").sort_values(["objective", "trial"], ascending=[ascending, True])
    return ordered.groupby("architecture", sort=True).head(count)


def read(results: str | os.PathLike[str]) -> pd.DataFrame:
    """The trajectory's table.

    Raises:
        InputError: there is none.
    """
    path = Path(results) / "tables/trajectory.csv"
    try:
        return read_trials(path)
    except FileNotFoundError as error:
        raise InputError(f"{path}: missing; build the study first") from error


def expected_best(values: np.ndarray, count: int, largest: bool) -> np.ndarray:
    """The expected best of 1 to `count` draws, with replacement, from values: what random search would find.

    With n values sorted, the best of k draws is at most the i-th with probability (i/n)^k.
    """
    ordered = np.sort(values if largest else -values)
    n = len(ordered)
    shares = (np.arange(n + 1) / n)[None, :] ** np.arange(1, count + 1)[:, None]
    means = (np.diff(shares, axis=1) * ordered).sum(axis=1)
    return means if largest else -means


def draw_progress(table: pd.DataFrame, search: Any, path: Path) -> None:
    """Draw, per architecture, the best so far of each subspace, and random search's as the start trials predict it."""
    plt = pyplot()
    names = list(search.architectures)
    figure, axes = plt.subplots(1, len(names), figsize=(3.2 * len(names) + 0.4, 3), sharey=True, squeeze=False)
    largest = search.objective.startswith("maximise")
    for axis, name in zip(axes[0], names, strict=True):
        part = table[table["architecture"] == name]
        for space, group in part.groupby("space"):
            label = "one subspace" if space == 0 else None
            axis.plot(group["number"] + 1, group["best_so_far"], color="#0072B2", lw=0.8, alpha=0.6, label=label)
        mean = part.groupby("number")["best_so_far"].mean()
        axis.plot(mean.index + 1, mean, color="#0072B2", lw=2, label="mean of subspaces")
        curves = []
        for _, group in part[part["number"] < search.start].groupby("space"):
            values = group["objective"].dropna().to_numpy()
            if len(values):
                curves.append(expected_best(values, search.trials, largest))
        if curves:
            axis.plot(
                np.arange(1, search.trials + 1),
                np.mean(curves, axis=0),
                color="#D55E00",
                lw=2,
                ls="--",
                label="random search, resampled from the start trials",
            )
        if 0 < search.start < search.trials:
            axis.axvline(search.start + 0.5, color="0.6", lw=0.8, ls=":")
            axis.annotate(
                "guided", (search.start + 0.7, 0.02), xycoords=("data", "axes fraction"), color="0.35", fontsize=7
            )
        axis.set_title(name, fontsize=8)
        axis.set_xlabel("trials in a subspace")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set_ylabel("best so far: " + search.objective.split()[1].replace("_", " "))
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="lower center", ncols=len(names), frameon=False)
    figure.tight_layout(rect=(0, 0.08 if len(names) > 2 else 0.2, 1, 1))
    save(figure, path)
    plt.close(figure)


def draw_box(table: pd.DataFrame, search: Any, path: Path) -> None:
    """Draw where in the box the search looked: each hyperparameter against the order, coloured by the objective."""
    plt = pyplot()
    shown = [name for name in DIMENSIONS if table[name].nunique() > 1] or ["learning_rate"]
    names = list(search.architectures)
    size = (2.5 * len(shown) + 0.8, 2.2 * len(names) + 0.5)
    figure, axes = plt.subplots(len(names), len(shown), figsize=size, squeeze=False, layout="constrained")
    limits = table["objective"].min(), table["objective"].max()
    points = None
    for line, name in zip(axes, names, strict=True):
        part = table[table["architecture"] == name]
        for axis, dimension in zip(line, shown, strict=True):
            diverged = part[part["objective"].isna()]
            axis.scatter(diverged["number"] + 1, diverged[dimension], marker="x", color="0.5", s=12, lw=0.8)
            for guided, marker in ((False, "s"), (True, "o")):
                some = part[(part["guided"] == guided) & part["objective"].notna()]
                colours = {"c": some["objective"], "cmap": "viridis", "vmin": limits[0], "vmax": limits[1]}
                points = axis.scatter(some["number"] + 1, some[dimension], marker=marker, s=14, lw=0, **colours)
            if getattr(search.box[dimension], "log", False):
                axis.set_yscale("log")
            axis.set_title(f"{name}: {HYPERPARAMETERS[dimension].axis}", fontsize=8)
            axis.spines[["top", "right"]].set_visible(False)
            if name == names[-1]:
                axis.set_xlabel("trial in its subspace")
    figure.colorbar(points, ax=axes, label=search.objective.split()[1].replace("_", " "), shrink=0.8)
    figure.supxlabel("squares: random start; circles: suggested by what was seen; crosses: diverged", fontsize=7)
    save(figure, path)
    plt.close(figure)
