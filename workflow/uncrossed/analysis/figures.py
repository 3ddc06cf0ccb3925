"""The figures of an analysis, in one style, as SVG whose text stays text and as PNG, each with a caption.

They show the semantics with the most pairs, `native` where several have as many. A figure is a function of what they
show that is in FIGURES, and returns None where that has nothing to show; what they have in common is in `looks`.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from uncrossed.analysis import looks
from uncrossed.analysis.association import HOLM, INPUTS, PARTIAL, RANK_CORRELATION, STEPS
from uncrossed.analysis.diagnosis import at_chance
from uncrossed.analysis.drawing import pyplot, save
from uncrossed.analysis.intervals import FEWEST, SIGNIFICANCE
from uncrossed.common.files import write_json
from uncrossed.results.trials_table import ACCURACIES, DIFFERENCE
from uncrossed.study import layout
from uncrossed.study.hyperparameters import EPOCHS

FEWEST_SMOOTHED = 40
# What earlier versions drew: it would stand beside what replaced it.
NO_LONGER_DRAWN = ("mutual-information", "difference-steps", "difference-region")


def draw(trials: pd.DataFrame, summary: pd.DataFrame, folder: Path) -> dict[str, str]:
    """Draw the figures that have something to show, NAME.svg and NAME.png, and write `captions.json`.

    Args:
        trials: what `statistics.prepared` returns.
        summary: what `statistics.summarise` returns of it.
        folder: the study's; a figure of an earlier analysis that has nothing to show any more is removed.

    Returns:
        The captions of those that were drawn, by name.
    """
    drawn = _drawn(trials, summary, folder)
    for name in {*FIGURES, *NO_LONGER_DRAWN} - drawn.keys():
        for kind in ("svg", "png"):
            (folder / layout.figure(name, kind)).unlink(missing_ok=True)
    write_json(folder / layout.CAPTIONS, drawn)
    return drawn


def _drawn(trials: pd.DataFrame, summary: pd.DataFrame, folder: Path) -> dict[str, str]:
    known = trials[trials[DIFFERENCE].notna()]
    if known.empty:
        return {}
    counts = known["semantics"].value_counts()
    semantics = min(counts.index, key=lambda name: (-counts[name], name != "native", name))
    known = known[known["semantics"] == semantics]
    names = sorted(known["architecture"].unique(), key=lambda name: ([*looks.FIRST, name].index(name), name))
    shown = looks.Shown(known, names, semantics, summary, pyplot())
    captions = {}
    for name, make in FIGURES.items():
        made = make(shown)
        if made is None:
            continue
        figure, caption = made
        captions[name] = f"{caption} Semantics: {semantics}.{shown.warning()}"
        for kind in ("svg", "png"):
            save(figure, folder / layout.figure(name, kind), kind)
        shown.plt.close(figure)
    return captions


def histogram(shown: looks.Shown) -> tuple[Any, str]:
    """How the differences are distributed, by whether the models are above chance."""
    largest = max(0.05, shown.rows[DIFFERENCE].abs().max())
    width = next(w for w in (0.005, 0.01, 0.025, 0.05) if largest / w <= 30 or w == 0.05)
    bins = width * np.arange(-np.ceil(largest / width), np.ceil(largest / width) + 1)
    # A bin around zero, not two beside it.
    bins = np.append(bins - width / 2, bins[-1] + width / 2)
    size = 3.7, 3.6, looks.DIFFERENCE_LABEL, f"pairs per {width:g}"
    figure, axes = shown.panels(shown.architectures, *size, sharex=True, sharey=True)
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
        axis.axvline(0, color="0.3", lw=0.6)
        axis.axvline(rows[DIFFERENCE].median(), color="black", lw=1, ls="--")
    sides = [*shown.rows[DIFFERENCE].agg(["min", "max"]), -0.05, 0.05]
    axes[0].set_xlim(min(sides) - width, max(sides) + width)
    handles = [looks.patch(shown, state) for state in looks.STATE_STYLES if (shown.rows["state"] == state).any()]
    handles += [*looks.floor_handles(shown), shown.plt.Line2D([], [], color="black", lw=1, ls="--", label="median")]
    looks.legend(figure, handles, shown)
    return figure, (
        "Distribution of the difference of test accuracy, PyTorch minus TensorFlow, over pairs. Bars right of zero are "
        "pairs that PyTorch won. Hatched ones have a model whose test accuracy is at chance, whatever became of its "
        "training. "
        + shown.each(
            lambda a: (
                f"{at_chance(shown.of(a))}; median {looks.bounded(shown.estimate(a, 'difference_median'), 3)}, PyTorch "
                f"ahead in {shown.value(a, 'share_won_by_pytorch'):.0%}, from "
                f"{looks.number(shown.value(a, 'difference_minimum'))} to "
                f"{looks.number(shown.value(a, 'difference_maximum'))}"
            )
        )
    )


def scatter(shown: looks.Shown) -> tuple[Any, str]:
    """The two accuracies of each pair against each other."""
    size = 3.7, 4.4, "PyTorch test accuracy", "TensorFlow test accuracy"
    figure, axes = shown.panels(shown.architectures, *size, sharex=True, sharey=True)
    top = min(1.02, shown.rows[list(ACCURACIES)].to_numpy().max() + 0.05)
    for axis, name in zip(axes, shown.architectures, strict=True):
        line = np.array([0, top])
        for floor, grey in ((f, looks.FLOORS[label]) for label, f in shown.floors(name).items()):
            axis.fill_between(line, line - floor, line + floor, color=grey, lw=0)
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
                f"rank correlation {looks.number(shown.value(a, 'accuracy_rank_correlation'))}, "
                f"{at_chance(shown.of(a))}, {shown.value(a, 'pairs_both_at_chance'):.0f} times both of a pair"
            )
        )
    )


def associations(shown: looks.Shown) -> tuple[Any, str] | None:
    """How the size of the difference goes with each hyperparameter, alone and at equal values of the others."""
    bounded = [a for a in shown.architectures if any(np.isfinite(_going(shown, a, name)[1]) for name in INPUTS)]
    if not bounded:
        return None
    size = 3.7, 3.6, "rank correlation with\n|difference of test accuracy|", ""
    figure, axes = shown.panels(bounded, *size, sharex=True, sharey=True)
    places = {name: len(INPUTS) - k for k, name in enumerate(INPUTS)}
    for axis, architecture in zip(axes, bounded, strict=True):
        axis.axvline(0, color="0.3", lw=0.6)
        for name, place in places.items():
            found = _found(shown, architecture, name)
            for kind, offset, (colour, marker) in zip(KINDS, (0.14, -0.14), KINDS.values(), strict=True):
                value, low, high = shown.estimate(architecture, kind + name)
                if np.isfinite(low):
                    axis.plot([low, high], [place + offset] * 2, color=colour, lw=1.4)
                face = colour if found and kind == RANK_CORRELATION else "white"
                axis.plot([value], [place + offset], marker, color=colour, mfc=face, ms=6, mew=1.4)
        axis.set(xlim=(-1, 1), xticks=[-1, -0.5, 0, 0.5, 1], ylim=(0.4, len(INPUTS) + 0.6))
        axis.set_yticks(list(places.values()), [INPUTS[name].label for name in INPUTS])
        axis.grid(axis="x", color="0.85", lw=0.4)
    line = shown.plt.Line2D
    labels = dict(zip(KINDS, ("alone", "at equal values of the others"), strict=True))
    handles = [
        line([], [], color=colour, marker=marker, mfc="white", ms=6, mew=1.4, label=labels[kind])
        for kind, (colour, marker) in KINDS.items()
    ]
    handles.append(line([], [], color="0.3", marker="o", ls="", ms=6, label="filled: association found"))
    looks.legend(figure, handles, shown)
    others = [shown.counted(name) for name in shown.architectures if name not in bounded]
    tests = sum(np.isfinite(shown.value(a, HOLM + name)) for a in bounded for name in INPUTS)
    return figure, (
        "Rank correlation of each hyperparameter, and of the optimizer steps that follow from two of them, with the "
        "size of the difference: right of zero, pairs are further apart where it is larger. Lines are 95% intervals "
        "over configurations. Squares are partial correlations, at equal values of the other hyperparameters; steps at "
        "equal epochs, and epochs at equal steps. Circles are filled where a permutation test finds an association, "
        f"with {SIGNIFICANCE:.0%} for a false alarm among all {tests} tests (Holm); an open one says that none was "
        "found, not that there is none. "
        + "; ".join(f"{name}: {_said(shown, name)}" for name in bounded)
        + "."
        + (f" Too few configurations, fewer than {FEWEST}: {', '.join(others)}." if others else "")
    )


KINDS = {RANK_CORRELATION: ("#0072B2", "o"), PARTIAL: ("#D55E00", "s")}


def _going(shown: looks.Shown, architecture: str, name: str) -> tuple[float, float, float]:
    return shown.estimate(architecture, RANK_CORRELATION + name)


def _found(shown: looks.Shown, architecture: str, name: str) -> bool:
    return shown.value(architecture, HOLM + name) < SIGNIFICANCE


def _said(shown: looks.Shown, architecture: str) -> str:
    """With what an architecture's differences go, and what of steps and epochs is left at equal values of the other."""
    found = [name for name in INPUTS if _found(shown, architecture, name)]
    words = ", ".join(f"{INPUTS[name].label} {looks.number(_going(shown, architecture, name)[0])}" for name in found)
    for name in (EPOCHS, STEPS):
        estimate = shown.estimate(architecture, PARTIAL + name)
        if name in found and np.isfinite(estimate[1]):
            other = INPUTS[STEPS if name == EPOCHS else EPOCHS].label
            words += f", {INPUTS[name].label} at equal {other} {looks.bounded(estimate)}"
    return words or "no association found"


def distribution(shown: looks.Shown) -> tuple[Any, str]:
    """Which share of the pairs is further apart than a given difference."""
    figure, axis = shown.plt.subplots(figsize=(6.4, 4.4), layout="constrained")
    floors = shown.largest_floors()
    lowest = 1e-4
    looks.bands(lambda low, high, **style: axis.axvspan(lowest, high, **style), floors, both=False)
    for name in shown.architectures:
        values = np.sort(shown.of(name)[DIFFERENCE].abs())
        colour, marker, dashes, _ = shown.style(name)
        x = np.concatenate([[lowest], np.maximum(values, lowest), [1]])
        above = np.concatenate([[1], 1 - np.arange(1, len(values) + 1) / len(values), [0]])
        marks = max(1, len(values) // 8)
        axis.step(
            *(x, above),
            where="post",
            color=colour,
            ls=dashes,
            marker=marker,
            ms=4.5,
            markevery=slice(1, -1, marks),
            label=shown.counted(name),
        )
    axis.set(
        xscale="log", xlim=(lowest, 1), ylim=(0, 1.02), xlabel=looks.ABSOLUTE_LABEL, ylabel="share of pairs above it"
    )
    axis.grid(color="0.85", lw=0.4)
    axis.set_axisbelow(True)
    looks.legend(figure, axis.get_legend_handles_labels()[0] + looks.floor_handles(shown), shown, columns=2)
    note = "Grey: what 95% of differences that are noise alone stay below, the largest of all architectures. "
    return figure, (
        "Share of pairs whose test accuracies differ by more than what the horizontal axis says. "
        + (note if floors else "")
        + shown.each(
            lambda a: (
                f"{shown.value(a, 'share_above_0.05'):.0%} above 0.05, {shown.value(a, 'share_above_0.1'):.0%} above "
                f"0.1, {shown.value(a, 'share_above_0.25'):.0%} above 0.25, mean "
                f"{looks.bounded(shown.estimate(a, 'absolute_difference_mean'), 3).replace('+', '')}"
            )
        )
    )


def hyperparameters(shown: looks.Shown) -> tuple[Any, str]:
    """The difference against each hyperparameter, with a running median."""
    plt, names = shown.plt, shown.architectures
    figure, axes = plt.subplots(
        *(len(names), len(INPUTS)),
        figsize=(2.2 * len(INPUTS) + 0.8, 2.6 * len(names) + 1),
        sharey=True,
        sharex="col",
        squeeze=False,
        layout="constrained",
    )
    for column, dimension in zip(axes.T, INPUTS, strict=True):
        values = shown.rows[dimension]
        for axis, name in zip(column, names, strict=True):
            looks.bands(axis.axhspan, shown.floors(name), both=True)
            axis.axhline(0, color="0.3", lw=0.6)
            rows = shown.of(name).sort_values([dimension, "trial"])
            for state, part in rows.groupby("state"):
                looks.points(axis, part[dimension], part[DIFFERENCE], state, size=9 if len(rows) > 100 else 24)
            window = len(rows) // 8
            if len(rows) >= FEWEST_SMOOTHED:
                middle = rows[dimension].rolling(window, center=True).median()
                smooth = rows[DIFFERENCE].rolling(window, center=True).median()
                axis.plot(middle, smooth, color="white", lw=3)
                axis.plot(middle, smooth, color="black", lw=1.4)
            if values.nunique() == 1:
                axis.set_xticks([values.iloc[0]], [looks.short(values.iloc[0])])
            elif dimension == STEPS or looks.spans_much(values):
                looks.logarithmic(axis, values)
            else:
                axis.locator_params("x", nbins=4)
        column[-1].set_xlabel(INPUTS[dimension].axis)
    for line, name in zip(axes, names, strict=True):
        line[0].set_ylabel(f"{shown.counted(name).replace(' (', chr(10) + '(')}\nPyTorch minus TensorFlow")
    handles = [looks.marker(shown, state) for state in looks.STATE_STYLES if (shown.rows["state"] == state).any()]
    if any(len(shown.of(name)) >= FEWEST_SMOOTHED for name in names):
        handles.append(plt.Line2D([], [], color="black", lw=1.4, label="running median"))
    looks.legend(figure, handles + looks.floor_handles(shown), shown)
    return figure, (
        "Difference of test accuracy, PyTorch minus TensorFlow, against each hyperparameter and the optimizer steps "
        "that follow from batch size and epochs; the line is the median of an eighth of the pairs around it, where "
        "there are enough."
    )


FIGURES = {
    "difference-histogram": histogram,
    "accuracy-scatter": scatter,
    "associations": associations,
    "difference-distribution": distribution,
    "difference-hyperparameters": hyperparameters,
}
