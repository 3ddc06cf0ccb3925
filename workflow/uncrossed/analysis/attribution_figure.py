"""The figure of an attribution: for each architecture what its factors contribute, and what is left."""

import os

import numpy as np
import pandas as pd

from uncrossed.analysis.contributions import attributions
from uncrossed.analysis.drawing import pyplot, save

COLOUR, CONFIGURATION = "#0072B2", "0.65"


def draw(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Draw one panel per architecture: gap, contributions and remaining gap with intervals, and each configuration's.

    Args:
        table: what `contributions.attribute` returns.
        path: where to, as SVG.
    """
    plt = pyplot()
    found, each = attributions(table), attributions(table, configurations=True)
    lines = max((len(one.contributions) for one in found), default=0) + 2
    size = max(5.2, 4.2 * len(found)), 1.8 + 0.28 * lines
    figure, axes = plt.subplots(1, max(1, len(found)), figsize=size, squeeze=False)
    if not found:
        axes[0, 0].set_title("nothing is attributed")
    for axis, one in zip(axes[0], found, strict=bool(found)):
        labels = ["gap", *(part.factor.replace("_", " ") for part in one.contributions), "remaining"]
        points = [one.gap, *(part.points for part in one.contributions), one.remaining]
        claimed = [True, *(part.significant for part in one.contributions), True]
        axis.axvline(0, color="0.4", lw=0.8)
        axis.axhline(0.5, color="0.8", lw=0.6)
        axis.axhline(len(labels) - 1.5, color="0.8", lw=0.6)
        for other in (some for some in each if some.kind == one.kind):
            own = [other.gap[0], *(part.points[0] for part in other.contributions), other.remaining[0]]
            axis.plot(own, [place + 0.25 for place in range(len(own))], "o", color=CONFIGURATION, ms=2.5, lw=0)
        for place, ((value, low, high), full) in enumerate(zip(points, claimed, strict=True)):
            colour = COLOUR if 0 < place < len(points) - 1 else "black"
            bars = [[value - low], [high - value]] if np.isfinite(low) else None
            face = colour if full else "white"
            axis.errorbar(value, place, xerr=bars, fmt="D", color=colour, mfc=face, ms=5, lw=1.2, capsize=2)
        axis.set_yticks(range(len(labels)), labels)
        axis.set_ylim(len(labels) - 0.5, -0.5)
        words = (one.interval or "one configuration, one seed").replace(" over", "\nover")
        axis.set_title(f"{one.architecture} as {one.semantics}\n{words}")
        axis.set_xlabel("accuracy, PyTorch - TensorFlow")
    handles = [
        plt.Line2D([], [], color=COLOUR, marker="D", lw=0, ms=5, label="contribution, claimed"),
        plt.Line2D([], [], color=COLOUR, marker="D", mfc="white", lw=0, ms=5, label="not claimed"),
        plt.Line2D([], [], color="black", marker="D", lw=0, ms=5, label="gap with nothing and with all aligned"),
        plt.Line2D([], [], color=CONFIGURATION, marker="o", lw=0, ms=2.5, label="a configuration"),
    ]
    figure.legend(handles=handles, loc="lower center", ncols=2, fontsize=8)
    figure.tight_layout(rect=(0, 0.5 / size[1], 1, 1))
    save(figure, path)
    plt.close(figure)
