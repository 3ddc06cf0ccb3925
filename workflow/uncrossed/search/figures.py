"""A search's figures: the best so far beside what random search would have found, and where in the box it looked."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from uncrossed.analysis.drawing import pyplot, save
from uncrossed.study.hyperparameters import LEARNING_RATE
from uncrossed.study.search import NUMBERS


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


def draw_box(table: pd.DataFrame, search: Any, path: Path) -> None:
    """Draw where in the box the search looked: each hyperparameter against the order, coloured by the objective."""
    plt = pyplot()
    shown = [name for name in search.space.box if table[name].nunique() > 1] or [LEARNING_RATE]
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
            axis.set_title(f"{name}: {NUMBERS[dimension].axis}", fontsize=8)
            axis.spines[["top", "right"]].set_visible(False)
            if name == names[-1]:
                axis.set_xlabel("trial in its subspace")
    figure.colorbar(points, ax=axes, label=search.objective.split()[1].replace("_", " "), shrink=0.8)
    figure.supxlabel("squares: random start; circles: suggested by what was seen; crosses: diverged", fontsize=7)
    save(figure, path)
