"""The figures of `docs/why-pairs-differ.md`, from what is kept."""

from pathlib import Path

import numpy as np
import pandas as pd

from helpers.explained import of, sampled
from helpers.imitating import MOMENTUM
from uncrossed.analysis.drawing import pyplot, save
from uncrossed.results.trials_table import ACCURACIES, DIFFERENCE
from uncrossed.study2021.explained import STRATA

# What bars are made of, the lowest first.
COLOURS = {MOMENTUM: "#0072B2", "epsilons": "#E69F00", "initialisation": "#009E73"}
COLOURS |= {"stride": "#CC79A7", "conv_bias": "#56B4E9"}


def draw_accuracies(each: pd.DataFrame, native: pd.DataFrame, reference: pd.DataFrame, path: Path) -> None:
    """Draw both sides' rebuilt test accuracies over the published ones; what both frameworks trained is filled."""
    plt = pyplot()
    from matplotlib.ticker import MultipleLocator

    by_name = reference.set_index("trial")
    figure, axes = plt.subplots(1, len(STRATA), figsize=(3.4 * len(STRATA), 3.9))
    for axis, stratum in zip(axes, STRATA, strict=True):
        axis.plot([0, 1], [0, 1], color="0.6", lw=0.8)
        top = 0.0
        for name, colour, marker in zip(ACCURACIES, ("#D55E00", "#0072B2"), "os", strict=True):
            for table, face in ((each, "none"), (native, colour)):
                rows = of(table, stratum.architecture)
                was = by_name.loc[rows["base"], name]
                axis.plot(was, rows[name], marker, color=colour, mfc=face, ms=5, lw=0)
                top = max(top, 0, *was, *rows[name])
        axis.set(xlim=(0, 1.1 * top), ylim=(0, 1.1 * top), aspect="equal", title=stratum.architecture)
        axis.set(xlabel="test accuracy, published", ylabel="test accuracy, rebuilt")
        for place in (axis.xaxis, axis.yaxis):
            place.set_major_locator(MultipleLocator(0.1))
    handles = [
        plt.Line2D([], [], color=colour, marker=marker, mfc=face, lw=0, ms=5, label=f"{side}, {how}")
        for side, colour, marker in (("PyTorch", "#D55E00", "o"), ("TensorFlow", "#0072B2", "s"))
        for face, how in (("none", "by PyTorch alone"), (colour, "by both frameworks"))
    ]
    figure.legend(handles=handles, loc="lower center", ncols=4)
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    save(figure, path)
    plt.close(figure)


def draw_contributions(table: pd.DataFrame, reference: pd.DataFrame, path: Path) -> None:
    """Draw each pair's gap as a bar of the mechanisms' contributions; a line is the published gap.

    Args:
        table: the attribution of pairs with which nothing remains.
        reference: the published pairs.
        path: where to, as SVG.
    """
    plt = pyplot()
    by_name = reference.set_index("trial")
    values = table[table["base"].ne("") & table["quantity"].eq("shapley")]
    values = values.pivot(index="base", columns="factor", values="value")
    groups = {name: of(values.reset_index(), name).set_index("base") for name in sampled()}
    figure, axes = plt.subplots(
        1, len(groups), figsize=(8.2, 3.6), sharey=True, width_ratios=[len(some) + 1 for some in groups.values()]
    )
    for axis, (name, some) in zip(axes, groups.items(), strict=True):
        steps = by_name.loc[some.index, "steps"].sort_values(kind="stable")
        some, places = some.loc[steps.index], np.arange(len(steps))
        above, below = np.zeros(len(steps)), np.zeros(len(steps))
        for factor, colour in COLOURS.items():
            part = some[factor].fillna(0).to_numpy()
            # What is below 0 hangs from 0, what is above it stands on the parts before.
            axis.bar(places, part, 0.7, bottom=np.where(part > 0, above, below), color=colour)
            above, below = above + part.clip(min=0), below + part.clip(max=0)
        published = by_name.loc[some.index, DIFFERENCE]
        axis.hlines(published, places - 0.45, places + 0.45, color="black", lw=1.6)
        axis.plot(places, some.sum(axis=1), "D", color="black", mfc="white", ms=4, lw=0)
        axis.axhline(0, color="0.4", lw=0.8)
        axis.set_xticks(places, steps, rotation=90 if len(steps) > 6 else 0)
        axis.set(title=name, xlabel="optimizer steps of the pair" if axis is axes[0] else "steps")
    axes[0].set_ylabel("accuracy, PyTorch - TensorFlow")
    handles = [plt.Rectangle((0, 0), 1, 1, color=colour, label=name) for name, colour in COLOURS.items()]
    handles.append(plt.Line2D([], [], color="black", lw=1.6, label="published gap"))
    handles.append(plt.Line2D([], [], color="black", marker="D", mfc="white", ms=4, lw=0, label="rebuilt gap"))
    figure.legend(handles=handles, loc="lower center", ncols=4)
    figure.tight_layout(rect=(0, 0.14, 1, 1))
    save(figure, path)
    plt.close(figure)
