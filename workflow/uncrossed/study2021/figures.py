"""The figures of the published study that its design allows: random and guided rows apart, main effects, and noise."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from uncrossed.analysis.drawing import pyplot, save
from uncrossed.results.trials_table import DIFFERENCE
from uncrossed.study import layout
from uncrossed.study.architectures import ALL
from uncrossed.study.hyperparameters import HYPERPARAMETERS
from uncrossed.study.trial import GUIDED, ORIGIN, RANDOM
from uncrossed.study2021.points import MEANT

BLUE, ORANGE = "#0072B2", "#D55E00"
SHOWN = {
    "difference_mean": "mean difference",
    "absolute_difference_mean": "mean |difference|",
    "rank_correlation_steps": "rank correlation of\n|difference| with steps",
}


def draw(
    summary: pd.DataFrame, effects: pd.DataFrame, noise: pd.DataFrame, near: pd.DataFrame, folder: Path
) -> dict[str, str]:
    """Draw the figures, NAME.svg and NAME.png.

    Args:
        summary: what `summary.summarise` returns.
        effects: what `effects.effects` returns.
        noise: what `noise.shares` returns.
        near: what `noise.extremes` returns.
        folder: the study's.

    Returns:
        Their captions by name.
    """
    plt = pyplot()
    made = {
        "published-origins": _origins(plt, summary),
        "published-effects": _effects(plt, effects),
        "published-extremes": _extremes(plt, noise, near),
    }
    for name, (figure, _) in made.items():
        for kind in ("svg", "png"):
            save(figure, folder / layout.figure(name, kind), kind)
        plt.close(figure)
    return {name: caption for name, (_, caption) in made.items()}


def _origins(plt: Any, summary: pd.DataFrame) -> tuple[Any, str]:
    """Random and guided rows apart."""
    names = [name for name in summary["architecture"].unique() if name != ALL]
    size = (7.6, 0.75 * len(names) + 1.3)
    figure, axes = plt.subplots(1, len(SHOWN), figsize=size, sharey=True, layout="constrained")
    for axis, (statistic, label) in zip(axes, SHOWN.items(), strict=True):
        for origin, offset, colour, marker in ((RANDOM, -0.14, BLUE, "o"), (GUIDED, 0.14, ORANGE, "s")):
            rows = _values(summary, statistic, origin).reindex(names)
            spread = _spread(rows, "value")
            axis.errorbar(rows["value"], np.arange(len(names)) + offset, xerr=spread, fmt=marker, color=colour, ms=4.5)
        axis.axvline(0, color="0.4", lw=0.6)
        axis.set_xlabel(label)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].invert_yaxis()
    handles = [
        plt.Line2D([], [], color=BLUE, marker="o", ms=4.5, label="random rows, intervals over their points"),
        plt.Line2D([], [], color=ORANGE, marker="s", ms=4.5, ls="", label="rows that the search chose: no sample"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    means, pairs = (
        {origin: _values(summary, statistic, origin)["value"] for origin in (RANDOM, GUIDED)}
        for statistic in ("difference_mean", "pairs")
    )
    words = (
        f"{name} {means[RANDOM][name]:+.3f} and {means[GUIDED][name]:+.3f} ({pairs[RANDOM][name]:.0f} and "
        f"{pairs[GUIDED][name]:.0f} rows)"
        for name in names
    )
    return figure, (
        "Random rows, and rows that a search chose because it expected a large difference there, apart. Mean "
        "difference of test accuracy, PyTorch minus TensorFlow, of random and of chosen rows: "
        f"{'; '.join(words)}. Intervals over the points of random rows are {MEANT}."
    )


def _values(summary: pd.DataFrame, statistic: str, origin: str) -> pd.DataFrame:
    """A statistic of all architectures."""
    return summary[(summary["statistic"] == statistic) & (summary[ORIGIN] == origin)].set_index("architecture")


def _spread(rows: pd.DataFrame, value: str) -> np.ndarray:
    """How far bounds are from the values, as error bars have it."""
    return np.abs(rows[["low", "high"]].to_numpy(float).T - rows[value].to_numpy(float))


def _effects(plt: Any, effects: pd.DataFrame) -> tuple[Any, str]:
    """What each hyperparameter does."""
    names, inputs = list(effects["architecture"].unique()), list(HYPERPARAMETERS)
    figure, axes = plt.subplots(
        1,
        len(names),
        figsize=(2.3 * len(names) + 1.2, 2.7),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    looks = {
        DIFFERENCE: (-0.13, BLUE, "o", "effect on the difference"),
        "absolute_difference": (0.13, ORANGE, "s", "effect on its size"),
    }
    for axis, name in zip(axes[0], names, strict=True):
        for outcome, (offset, colour, marker, _) in looks.items():
            rows = effects[(effects["architecture"] == name) & (effects["outcome"] == outcome)]
            rows = rows.set_index("hyperparameter").loc[inputs]
            places = np.arange(len(inputs)) + offset
            axis.errorbar(
                rows["effect"], places, xerr=_spread(rows, "effect"), fmt=marker, color=colour, ms=4.5, lw=1.2
            )
        axis.axvline(0, color="0.4", lw=0.6)
        axis.set_title(name)
    steps = effects.drop_duplicates("hyperparameter").set_index("hyperparameter")["step"]
    axes[0, 0].set_yticks(range(len(inputs)), [f"{HYPERPARAMETERS[i].label}\n+{steps[i]:.4g}" for i in inputs])
    axes[0, 0].invert_yaxis()
    for axis in axes[0]:
        axis.set_xlabel("high minus low half")
    handles = [
        plt.Line2D([], [], color=colour, marker=marker, ms=4.5, label=label)
        for _, colour, marker, label in looks.values()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    signed = effects[effects["outcome"] == DIFFERENCE]
    shown = [
        f"{row['architecture']}, {HYPERPARAMETERS[row['hyperparameter']].label} {row['effect']:+.3f} "
        f"[{row['low']:+.3f}, {row['high']:+.3f}], p {row['p_holm']:.2g}"
        for row in signed[signed["p_holm"] < 0.05].to_dict("records")
    ]
    return figure, (
        "Main effects of the halves of the search box on the difference of test accuracy, PyTorch minus TensorFlow, "
        "and on its size, over the random rows: how far the eight rows of a point in high halves are above its eight "
        "in low halves, with intervals over points, meant as 95% (of densenet121's epochs they hold in 90 of 100 "
        "simulated studies). Beyond chance, corrected for all effects on the difference (Holm): "
        f"{'; '.join(shown) or 'none'}."
    )


def _extremes(plt: Any, noise: pd.DataFrame, near: pd.DataFrame) -> tuple[Any, str]:
    """The most extreme rows beside their nearest neighbours."""
    names = list(near["architecture"].unique())
    figure, axes = plt.subplots(
        1, len(names), figsize=(3.1 * len(names), 2.9), sharex=True, squeeze=False, layout="constrained"
    )
    for axis, name in zip(axes[0], names, strict=True):
        rows = near[near["architecture"] == name]
        trials = list(dict.fromkeys(rows["trial"]))
        for place, trial in enumerate(trials):
            some = rows[rows["trial"] == trial]
            axis.plot(
                [*some[f"neighbour_{DIFFERENCE}"], some[DIFFERENCE].iloc[0]], [place] * (len(some) + 1), "0.8", lw=1
            )
            axis.plot(some[f"neighbour_{DIFFERENCE}"], [place] * len(some), "o", color=BLUE, ms=4, mfc="none")
            axis.plot(some[DIFFERENCE].iloc[0], place, "D", color=ORANGE, ms=5)
        axis.axvline(0, color="0.4", lw=0.6)
        axis.set_yticks(range(len(trials)), [trial.rpartition("-")[2] for trial in trials])
        axis.invert_yaxis()
        axis.set_title(name)
        axis.set_xlabel("difference of test accuracy\n(PyTorch minus TensorFlow)")
    handles = [
        plt.Line2D([], [], color=ORANGE, marker="D", ms=5, ls="", label="one of the most extreme rows"),
        plt.Line2D([], [], color=BLUE, marker="o", mfc="none", ms=4, ls="", label="its three nearest neighbours"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    shares = "; ".join(
        f"{name} {share:.2f} [{low:.2f}, {high:.2f}], {couples} couples"
        for name, share, low, high, couples in noise[
            ["architecture", "noise_share", "low", "high", "couples"]
        ].itertuples(index=False)
    )
    return figure, (
        "The three lowest and the three highest differences of each architecture, each beside the differences of the "
        f"rows whose hyperparameters are nearest. {' '.join(_furthest(near, name) for name in names)} No row was "
        "trained twice, but couples of rows within 10 % of each other in every hyperparameter bound from above which "
        f"share of the mean squared difference is noise of another training, where they lie: {shares}."
    )


def _furthest(near: pd.DataFrame, architecture: str) -> str:
    """The largest difference of an architecture and its neighbours', in words."""
    rows = near[near["architecture"] == architecture]
    rows = rows[rows["trial"] == rows.loc[rows[DIFFERENCE].abs().idxmax(), "trial"]]
    first = rows.iloc[0]
    others = ", ".join(f"{value:+.3f}" for value in rows[f"neighbour_{DIFFERENCE}"])
    return (
        f"{first['trial']} has {first[DIFFERENCE]:+.3f} (PyTorch: {first['pytorch_diagnosis']}, TensorFlow: "
        f"{first['tensorflow_diagnosis']}), its neighbours {others}."
    )
