"""The figures of an analysis, in one style, as SVG whose text stays text and as PNG, each with a caption.

They show the semantics with the most pairs, `native` where several have as many. A figure is a function of what they
show that is in FIGURES; what they have in common is in `looks`.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from uncrossed.analysis import looks
from uncrossed.analysis.diagnosis import at_chance
from uncrossed.analysis.drawing import pyplot, save
from uncrossed.analysis.statistics import INPUTS
from uncrossed.common.files import write_json
from uncrossed.results.trials_table import ACCURACIES, DIFFERENCE
from uncrossed.study import layout
from uncrossed.study.hyperparameters import LEARNING_RATE

CELLS = 6
FEWEST_SMOOTHED = 40


def draw(trials: pd.DataFrame, summary: pd.DataFrame, folder: Path) -> dict[str, str]:
    """Draw all figures, NAME.svg and NAME.png, and write `captions.json`.

    Args:
        trials: what `statistics.prepared` returns.
        summary: what `statistics.summarise` returns of it.
        folder: the study's.

    Returns:
        The captions by name.
    """
    counts = trials["semantics"].value_counts()
    semantics = min(counts.index, key=lambda name: (-counts[name], name != "native", name))
    some = trials[trials["semantics"] == semantics]
    names = sorted(some["architecture"].unique(), key=lambda name: ([*looks.FIRST, name].index(name), name))
    shown = looks.Shown(some[some[DIFFERENCE].notna()], names, semantics, summary, pyplot())
    captions = {}
    for name, make in FIGURES.items():
        figure, caption = make(shown)
        captions[name] = f"{caption} Semantics: {semantics}."
        for kind in ("svg", "png"):
            save(figure, folder / layout.figure(name, kind), kind)
        shown.plt.close(figure)
    write_json(folder / layout.CAPTIONS, captions)
    return captions


def histogram(shown: looks.Shown) -> tuple[Any, str]:
    """How the differences are distributed, by whether the models are above chance."""
    largest = max(0.05, shown.rows[DIFFERENCE].abs().max() if len(shown.rows) else 0)
    width = next(w for w in (0.005, 0.01, 0.025, 0.05) if largest / w <= 30 or w == 0.05)
    bins = width * np.arange(-np.ceil(largest / width), np.ceil(largest / width) + 1)
    # A bin around zero, not two beside it.
    bins = np.append(bins - width / 2, bins[-1] + width / 2)
    figure, axes = shown.panels(2.5, 2.9, looks.DIFFERENCE_LABEL, f"pairs per {width:g}", sharex=True, sharey=True)
    for axis, name in zip(axes, shown.architectures, strict=True):
        looks.bands(axis.axvspan, shown.floors(name), both=True)
        rows = shown.of(name)
        bottom = np.zeros(len(bins) - 1)
        for state, (colour, _, hatch) in looks.STATE_STYLES.items():
            counts, _ = np.histogram(rows.loc[rows["state"] == state, DIFFERENCE], bins)
            drawn = counts > 0
            axis.bar(
                bins[:-1][drawn],
                counts[drawn],
                width,
                bottom[drawn],
                align="edge",
                color=looks.light(colour),
                edgecolor=colour,
                hatch=hatch,
                lw=0.4,
            )
            bottom += counts
        axis.locator_params("x", nbins=5)
        axis.locator_params("y", integer=True)
        if len(rows):
            axis.axvline(0, color="0.3", lw=0.6)
            axis.axvline(rows[DIFFERENCE].median(), color="black", lw=1, ls="--")
    sides = [-0.05, 0.05] if shown.rows.empty else [*shown.rows[DIFFERENCE].agg(["min", "max"]), -0.05, 0.05]
    axes[0].set_xlim(min(sides) - width, max(sides) + width)
    axes[0].set_ylim(0, None if len(shown.rows) else 1)
    handles = [looks.patch(shown, state) for state in looks.STATE_STYLES if (shown.rows["state"] == state).any()]
    handles += [*looks.floor_handles(shown), shown.plt.Line2D([], [], color="black", lw=1, ls="--", label="median")]
    looks.legend(figure, handles, shown)
    return figure, (
        "Distribution of the difference of test accuracy, PyTorch minus TensorFlow, over pairs. Bars right of zero are "
        "pairs that PyTorch won. Hatched ones have a model whose test accuracy is at chance, whatever became of its "
        "training. "
        + shown.each(
            lambda a: (
                f"{at_chance(shown.of(a))}; median {shown.value(a, 'difference_median'):+.3f}, PyTorch ahead in "
                f"{shown.value(a, 'share_won_by_pytorch'):.0%}, from {shown.value(a, 'difference_minimum'):+.3f} to "
                f"{shown.value(a, 'difference_maximum'):+.3f}"
            )
        )
    )


def scatter(shown: looks.Shown) -> tuple[Any, str]:
    """The two accuracies of each pair against each other."""
    xlabel, ylabel = "PyTorch test accuracy", "TensorFlow test accuracy"
    figure, axes = shown.panels(2.5, 3.6, xlabel, ylabel, sharex=True, sharey=True)
    accuracies = shown.rows[list(ACCURACIES)].to_numpy()
    top = min(1.02, accuracies.max() + 0.05) if len(accuracies) else 1
    for axis, name in zip(axes, shown.architectures, strict=True):
        line = np.array([0, top])
        for floor, grey in ((f, looks.FLOORS[label]) for label, f in shown.floors(name).items()):
            axis.fill_between(line, line - floor, line + floor, color=grey, lw=0)
        if len(shown.of(name)):
            axis.plot(line, line, color="0.3", lw=0.6)
        for state, rows in shown.of(name).groupby("state"):
            pytorch, tensorflow = (rows[name] for name in ACCURACIES)
            looks.points(axis, pytorch, tensorflow, state)
        axis.set(xlim=(0, top), ylim=(0, top), aspect="equal")
    handles = [looks.marker(shown, state) for state in looks.STATE_STYLES if (shown.rows["state"] == state).any()]
    handles += [*looks.floor_handles(shown), shown.plt.Line2D([], [], color="0.3", lw=0.6, label="equal")]
    # With square panels the plain layout cuts the titles.
    figure.set_layout_engine("compressed")
    looks.legend(figure, handles, shown)
    return figure, (
        "Test accuracy of both models of each pair. Points below the diagonal are pairs that PyTorch won; a row at the "
        "bottom are pairs whose TensorFlow model tests at chance, whatever became of its training. "
        + shown.each(
            lambda a: (
                f"Pearson correlation {looks.number(shown.value(a, 'accuracy_pearson'))}, "
                f"{at_chance(shown.of(a))}, {shown.value(a, 'pairs_both_at_chance'):.0f} times both of a pair"
            )
        )
    )


def information(shown: looks.Shown) -> tuple[Any, str]:
    """How much each hyperparameter says about the size of the difference."""
    figure, axis = shown.plt.subplots(figsize=(5.2, 3), layout="constrained")
    width = 0.8 / len(shown.architectures)
    known = False
    for k, name in enumerate(shown.architectures):
        colour, _, _, hatch = shown.style(name)
        part = shown.summary[
            (shown.summary["architecture"] == name) & (shown.summary["semantics"] == shown.semantics)
        ].set_index("statistic")
        places = np.arange(len(INPUTS)) - 0.4 + width * (k + 0.5)
        rows = part.loc[[f"mutual_information_{i}" for i in INPUTS]]
        known |= bool(rows["value"].notna().any())
        axis.bar(
            places, rows["value"], width * 0.92, color=looks.light(colour), edgecolor=colour, hatch=hatch, label=name
        )
        bounds = np.abs(rows[["low", "high"]].to_numpy().T - rows["value"].to_numpy())
        axis.errorbar(places, rows["value"], bounds, fmt="none", ecolor="black", elinewidth=0.8, capsize=2)
    floors = [shown.value(a, "mutual_information_floor") for a in shown.architectures]
    if np.isfinite(floors).any():
        axis.axhspan(0, np.nanmax(floors), color=looks.FLOORS["another seed"], lw=0, zorder=0)
    if not known:
        looks.say(axis, "too few pairs that differ")
    axis.set_xticks(range(len(INPUTS)), [INPUTS[i].axis.replace(" (", "\n(") for i in INPUTS])
    axis.set_ylabel("mutual information with\n|difference of test accuracy| (nats)")
    axis.set_ylim(bottom=0)
    handles = axis.get_legend_handles_labels()[0]
    if np.isfinite(floors).any():
        patch = shown.plt.Rectangle((0, 0), 1, 1, color=looks.FLOORS["another seed"], label="floor: no information")
        handles.append(patch)
    figure.legend(handles=handles, loc="outside lower center", ncols=5 if len(handles) <= 5 else 3)
    floor_text = f" ({np.nanmax(floors):.3f} nats)" if np.isfinite(floors).any() else ""
    return figure, (
        "Mutual information of each hyperparameter, and of the optimizer steps that follow from two of them, with the "
        f"size of the difference. Bars within the grey band{floor_text} are no higher than those of differences in "
        "random order; whiskers are the least and greatest of ten repeats. " + shown.each(lambda a: _most(shown, a))
    )


def _most(shown: looks.Shown, architecture: str) -> str:
    found = {name: shown.value(architecture, f"mutual_information_{name}") for name in INPUTS}
    found = {name: v for name, v in found.items() if np.isfinite(v)}
    if not found:
        return "too few pairs that differ"
    best = max(found, key=found.get)
    rank = shown.value(architecture, f"rank_correlation_{best}")
    return f"most by {INPUTS[best].label}, {found[best]:.2f} nats (rank correlation {rank:+.2f})"


def distribution(shown: looks.Shown) -> tuple[Any, str]:
    """Which share of the pairs is further apart than a given difference."""
    figure, axis = shown.plt.subplots(figsize=(4.6, 3.2), layout="constrained")
    floors = shown.largest_floors()
    lowest = 1e-4
    looks.bands(lambda low, high, **style: axis.axvspan(lowest, high, **style), floors, both=False)
    for name in shown.architectures:
        values = np.sort(shown.of(name)[DIFFERENCE].abs())
        if not len(values):
            continue
        colour, marker, dashes, _ = shown.style(name)
        x = np.concatenate([[lowest], np.maximum(values, lowest), [1]])
        above = np.concatenate([[1], 1 - np.arange(1, len(values) + 1) / len(values), [0]])
        label = f"{looks.counted(name, len(values))}"
        marks = max(1, len(values) // 8)
        axis.step(
            *(x, above),
            where="post",
            color=colour,
            ls=dashes,
            marker=marker,
            ms=3.5,
            markevery=slice(1, -1, marks),
            label=label,
        )
    if not len(shown.rows):
        looks.say(axis, "no pair completed")
    axis.set(
        xscale="log", xlim=(lowest, 1), ylim=(0, 1.02), xlabel=looks.ABSOLUTE_LABEL, ylabel="share of pairs above it"
    )
    axis.grid(color="0.85", lw=0.4)
    axis.set_axisbelow(True)
    looks.legend(figure, axis.get_legend_handles_labels()[0] + looks.floor_handles(shown), shown, columns=2)
    note = "Grey: the largest floors of the architectures shown. " if floors else ""
    return figure, (
        f"Share of pairs whose test accuracies differ by more than what the horizontal axis says. {note}"
        + shown.each(
            lambda a: (
                f"{shown.value(a, 'share_above_0.05'):.0%} above 0.05, {shown.value(a, 'share_above_0.1'):.0%} above "
                f"0.1, {shown.value(a, 'share_above_0.25'):.0%} above 0.25, mean "
                f"{shown.value(a, 'absolute_difference_mean'):.3f}"
            )
        )
    )


def steps(shown: looks.Shown) -> tuple[Any, str]:
    """The difference against how long the models were trained, by learning rate."""
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import FuncFormatter, LogLocator

    figure, axes = shown.panels(2.5, 3, INPUTS["steps"].axis, looks.DIFFERENCE_LABEL, sharex=True, sharey=True)
    points = None
    rates = shown.rows[LEARNING_RATE]
    if len(rates):
        # The lowest and highest rates of a box are few: they share the end colours.
        low, high = np.quantile(rates, [0.05, 0.95])
        norm = LogNorm(low, high) if high > low else LogNorm(low / 2, 2 * low)
    for axis, name in zip(axes, shown.architectures, strict=True):
        looks.bands(axis.axhspan, shown.floors(name), both=True)
        axis.axhline(0, color="0.3", lw=0.6)
        for state, rows in shown.of(name).groupby("state"):
            marker = looks.STATE_STYLES[state][1]
            style = {"c": rows[LEARNING_RATE], "cmap": "viridis", "norm": norm, "lw": 0.8 if marker == "x" else 0.2}
            style |= {} if marker == "x" else {"edgecolor": "0.2"}
            points = axis.scatter(rows["steps"], rows[DIFFERENCE], s=14, marker=marker, **style)
        looks.logarithmic(axis, shown.rows["steps"])
    if points is not None:
        ticks = {"ticks": LogLocator(subs=(1, 2, 5)), "format": FuncFormatter(lambda rate, _: looks.short(rate))}
        bar = figure.colorbar(points, ax=axes, label=INPUTS[LEARNING_RATE].axis, extend="both", **ticks)
        bar.ax.minorticks_off()
    handles = [looks.marker(shown, s, "0.4") for s in looks.STATE_STYLES if (shown.rows["state"] == s).any()]
    looks.legend(figure, handles + looks.floor_handles(shown), shown)
    return figure, (
        "Difference of test accuracy against the number of optimizer steps; the colour is the learning rate. "
        + shown.each(
            lambda a: (
                "rank correlation of steps with |difference| "
                f"{looks.number(shown.value(a, 'rank_correlation_steps'))}, of the learning rate "
                f"{looks.number(shown.value(a, f'rank_correlation_{LEARNING_RATE}'))}"
            )
        )
    )


def region(shown: looks.Shown) -> tuple[Any, str]:
    """In which part of the box of hyperparameters the frameworks part."""
    figure, axes = shown.panels(2.6, 3.1, INPUTS["steps"].axis, INPUTS[LEARNING_RATE].axis, sharey=True)
    edges = [_edges(shown.rows[name].to_numpy(float)) for name in ("steps", LEARNING_RATE)]
    shape = tuple(len(e) - 1 for e in edges[::-1])
    grids = {}
    for name in shown.architectures:
        rows = shown.of(name)
        column, line = (
            np.searchsorted(e[1:-1], rows[n], side="right")
            for n, e in zip(("steps", LEARNING_RATE), edges, strict=True)
        )
        place = line * shape[1] + column
        size = shape[0] * shape[1]
        counts = np.bincount(place, minlength=size).reshape(shape)
        sums = np.bincount(place, rows[DIFFERENCE].abs(), minlength=size).reshape(shape)
        grids[name] = np.divide(sums, counts, out=np.full(shape, np.nan), where=counts > 0), counts
    largest = max([1e-3, *(np.nanmax(means) for means, counts in grids.values() if counts.any())])
    image = None
    for axis, name in zip(axes, shown.architectures, strict=True):
        means, counts = grids[name]
        axis.set_facecolor("0.93")
        image = axis.pcolormesh(means, cmap="cividis", vmin=0, vmax=largest, edgecolor="white", lw=0.5)
        for (y, x), mean in np.ndenumerate(means):
            if counts[y, x]:
                colour = "white" if mean < 0.55 * largest else "black"
                style = {"ha": "center", "color": colour}
                axis.text(x + 0.5, y + 0.52, f"{mean:.2f}", va="bottom", fontsize=6, **style)
                axis.text(x + 0.5, y + 0.42, f"n={counts[y, x]}", va="top", fontsize=4.5, **style)
        axis.set_xticks(range(len(edges[0])), [looks.short(v) for v in edges[0]], rotation=60)
        axis.set_yticks(range(len(edges[1])), [looks.short(v) for v in edges[1]])
        for values, one in ((edges[0], axis.set_xticks), (edges[1], axis.set_yticks)):
            if values[0] == values[-1]:
                one([0.5], [looks.short(values[0])])
    bar = figure.colorbar(image, ax=axes, label="mean " + looks.ABSOLUTE_LABEL)
    looks.bands(bar.ax.axhspan, shown.largest_floors(), both=False, zorder=3)
    bar.ax.set_ylim(0, largest)
    if shown.largest_floors():
        looks.legend(figure, looks.floor_handles(shown), shown)

    def worst(name: str) -> str:
        means, counts = grids[name]
        eligible = np.where(counts >= min(5, counts.max()), means, np.nan)
        y, x = np.unravel_index(np.nanargmax(eligible), shape)
        return (
            f"largest, {means[y, x]:.3f}, at {looks.short(edges[0][x])} to {looks.short(edges[0][x + 1])} steps and "
            f"learning rates {looks.short(edges[1][y])} to {looks.short(edges[1][y + 1])} ({counts[y, x]} pairs)"
        )

    return figure, (
        "Mean |difference of test accuracy| over learning rate and optimizer steps: where in the box the frameworks "
        "part. The bins are the sixths of all pairs shown, n the pairs in a cell, grey cells are empty. "
        + shown.each(worst)
    )


def hyperparameters(shown: looks.Shown) -> tuple[Any, str]:
    """The size of the difference against each hyperparameter, with a running median."""
    plt, names = shown.plt, shown.architectures
    figure, axes = plt.subplots(
        *(len(names), len(INPUTS)),
        figsize=(1.9 * len(INPUTS) + 0.6, 1.9 * len(names) + 0.7),
        sharey=True,
        sharex="col",
        squeeze=False,
        layout="constrained",
    )
    for column, dimension in zip(axes.T, INPUTS, strict=True):
        values = shown.rows[dimension]
        for axis, name in zip(column, names, strict=True):
            looks.bands(axis.axhspan, shown.floors(name), both=False)
            rows = shown.of(name).sort_values([dimension, "trial"])
            size = rows[DIFFERENCE].abs()
            for state, part in rows.groupby("state"):
                looks.points(axis, part[dimension], part[DIFFERENCE].abs(), state, size=7)
            window = len(rows) // 8
            if len(rows) >= FEWEST_SMOOTHED:
                middle = rows[dimension].rolling(window, center=True).median()
                axis.plot(middle, size.rolling(window, center=True).median(), color="white", lw=3)
                axis.plot(middle, size.rolling(window, center=True).median(), color="black", lw=1.4)
            if not len(rows):
                looks.say(axis, "no pair\ncompleted")
            if values.nunique() == 1:
                axis.set_xticks([values.iloc[0]], [looks.short(values.iloc[0])])
            elif dimension == "steps" or looks.spans_much(values):
                looks.logarithmic(axis, values)
            else:
                axis.locator_params("x", nbins=4)
        column[-1].set_xlabel(INPUTS[dimension].axis)
    for line, name in zip(axes, names, strict=True):
        line[0].set_ylabel(f"{name}\n|difference|")
    top = max(0.05, shown.rows[DIFFERENCE].abs().max() if len(shown.rows) else 1)
    axes[0, 0].set_ylim(-0.03 * top, 1.05 * top)
    handles = [looks.marker(shown, state) for state in looks.STATE_STYLES if (shown.rows["state"] == state).any()]
    if any(len(shown.of(name)) >= FEWEST_SMOOTHED for name in names):
        handles.append(plt.Line2D([], [], color="black", lw=1.4, label="running median"))
    handles += looks.floor_handles(shown)
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure, (
        "|Difference of test accuracy| against each hyperparameter and the optimizer steps; the line is the median of "
        "an eighth of the pairs around it, where there are enough. "
        + shown.each(
            lambda a: (
                "rank correlation with "
                + ", ".join(
                    f"{INPUTS[i].label} {looks.number(shown.value(a, f'rank_correlation_{i}'))}" for i in INPUTS
                )
            )
        )
    )


FIGURES = {
    "difference-histogram": histogram,
    "accuracy-scatter": scatter,
    "mutual-information": information,
    "difference-distribution": distribution,
    "difference-steps": steps,
    "difference-region": region,
    "difference-hyperparameters": hyperparameters,
}


def _edges(values: np.ndarray) -> np.ndarray:
    """Bins that hold about as many values each; one bin around a single value."""
    if not len(values):
        return np.array([0.0, 1.0])
    edges = np.unique(np.quantile(values, np.linspace(0, 1, CELLS + 1)))
    return edges if len(edges) > 1 else np.array([edges[0], edges[0]])
