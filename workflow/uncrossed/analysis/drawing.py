"""How matplotlib is set up for every figure, and how figures are saved: a figure's bytes do not depend on the time."""

import os
from typing import Any

from uncrossed.common.files import complete

RESOLUTION = 200  # dots per inch
# What would name the clock or the program's version.
METADATA = {"svg": {"Date": None}, "png": {"Software": None}}


def pyplot() -> Any:
    """Pyplot in the style of all figures, without a display."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcdefaults()
    matplotlib.rcParams.update(
        {
            "svg.hashsalt": "uncrossed",
            "svg.fonttype": "none",
            "font.size": 10,
            "axes.titlesize": 10,
            "axes.labelsize": 10,
            "xtick.labelsize": 9,
            "ytick.labelsize": 9,
            "legend.fontsize": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "legend.frameon": False,
            "hatch.linewidth": 0.6,
            "lines.linewidth": 1.4,
            "axes.axisbelow": False,
        }
    )
    from matplotlib import pyplot as plt

    return plt


def save(figure: Any, path: str | os.PathLike[str], kind: str = "svg") -> None:
    """Write a figure, completely or not at all.

    Args:
        figure: matplotlib's.
        path: where to.
        kind: `svg`, in which text stays text, or `png`.
    """
    with complete(path) as temporary:
        figure.savefig(temporary, format=kind, dpi=RESOLUTION, metadata=METADATA[kind])
