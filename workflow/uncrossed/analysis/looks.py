"""What the figures of an analysis have in common: what they show, and in which colours, markers, bands and words.

Colours are Okabe & Ito's; what they tell apart, markers, hatches or dashes do too. Grey bands are the floors: a
difference in them says nothing, since another seed (light) or the rounding of float32 (dark) makes as large a one.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from uncrossed.analysis.statistics import ROUNDING_FLOOR, SEED_FLOOR, STATES, value

DIFFERENCE_LABEL = "difference of test accuracy\n(PyTorch minus TensorFlow)"
ABSOLUTE_LABEL = "|difference of test accuracy|"
# Architectures that come first, and look the same in every study, whatever others there are; the others follow by name.
FIRST = ("vgg16", "resnet50", "densenet121", "smallcnn")
# The k-th architecture has the k-th of each, where the last is followed by the first: no two of 35 look the same.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#F0E442", "#56B4E9", "#E69F00")
MARKERS = ("o", "s", "^", "D", "v")
DASHES = ("-", "--", "-.", ":", (0, (1, 3)))
HATCHES = ("", "////", "....", "xxxx", "||||", "----")
STATE_STYLES = dict(
    zip(
        STATES[:4],
        [("#0072B2", "o", ""), ("#E69F00", "^", "////"), ("#D55E00", "s", "...."), ("#666666", "x", "xxxx")],
        strict=True,
    )
)
PANELS = 4  # beside each other
FLOORS = {"another seed": "0.9", "float32 rounding": "0.75"}


@dataclass
class Shown:
    """What the figures show.

    Attributes:
        rows: pairs of one semantics whose difference is known, as `statistics.prepared` returns.
        architectures: those of all pairs of that semantics, in the order of FIRST.
        semantics: its text.
        summary: what `statistics.summarise` returns.
        plt: pyplot.
    """

    rows: pd.DataFrame
    architectures: list[str]
    semantics: str
    summary: pd.DataFrame
    plt: Any

    def of(self, architecture: str) -> pd.DataFrame:
        """The rows of an architecture."""
        return self.rows[self.rows["architecture"] == architecture]

    def value(self, architecture: str, statistic: str) -> float:
        """A number of the summary."""
        return value(self.summary, architecture, self.semantics, statistic)

    def floors(self, architecture: str) -> dict[str, float]:
        """The floors that are known, by what to call them."""
        found = {
            "another seed": self.value(architecture, SEED_FLOOR),
            "float32 rounding": self.value(architecture, ROUNDING_FLOOR),
        }
        return {name: floor for name, floor in found.items() if np.isfinite(floor)}

    def largest_floors(self) -> dict[str, float]:
        """The largest floors of all architectures."""
        found = [self.floors(name) for name in self.architectures]
        return {label: max(f[label] for f in found if label in f) for label in FLOORS if any(label in f for f in found)}

    def each(self, words: Callable[[str], str]) -> str:
        """A text for every architecture that has pairs, as the end of a caption."""
        found = [f"{a}: {words(a)}" for a in self.architectures if len(self.of(a))]
        return "; ".join(found) + "." if found else "No pair completed."

    def style(self, architecture: str) -> tuple[Any, ...]:
        """What tells an architecture apart: see COLOURS."""
        others = [name for name in self.architectures if name not in FIRST]
        place = [*FIRST, *others].index(architecture)
        return tuple(looks[place % len(looks)] for looks in (COLOURS, MARKERS, DASHES, HATCHES))

    def panels(self, width: float, height: float, xlabel: str, ylabel: str, **options: Any) -> tuple[Any, Any]:
        """A figure with a panel, in inches, for each architecture, titled by it and by how many pairs it shows."""
        count = len(self.architectures)
        rows = math.ceil(count / PANELS)
        columns = math.ceil(count / rows)
        size = (max(3.4, width * columns + 0.6), height * rows)
        figure, axes = self.plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained", **options)
        axes, unused = axes.ravel()[:count], axes.ravel()[count:]
        for axis in unused:
            axis.remove()
        for place, (axis, name) in enumerate(zip(axes, self.architectures, strict=True)):
            axis.set_title(counted(name, len(self.of(name))))
            if place % columns == 0:
                axis.set_ylabel(ylabel)
            if place + columns >= count:
                axis.set_xlabel(xlabel)
                axis.tick_params("x", labelbottom=True)
            if not len(self.of(name)):
                say(axis, "no pair completed")
        return figure, axes


def counted(name: str, count: int) -> str:
    """A name with how many pairs it has."""
    return f"{name} ({count} pair{'s' * (count != 1)})"


def number(value: float) -> str:
    """A number with its sign, as a caption has it."""
    return f"{value:+.2f}" if np.isfinite(value) else "unknown"


def short(number: float) -> str:
    """Two significant digits, as few characters as may be: 0.00012, 5e-08, 1200."""
    if number == 0 or 1e-3 <= abs(number) < 1e6:
        digits = 2 if number < 100 else int(np.log10(abs(number)))
        return f"{float(f'{number:.{digits}g}'):g}"
    return f"{number:.1e}".replace(".0e", "e").replace("e-0", "e-").replace("e+0", "e")


def light(colour: str) -> tuple[float, ...]:
    """A colour as the surface of what has it as its edge."""
    from matplotlib.colors import to_rgb

    return tuple(0.45 * part + 0.55 for part in to_rgb(colour))


def spans_much(values: pd.Series) -> bool:
    """Whether the middle half spans more than a factor of five, as it does not when drawn from a uniform interval."""
    return len(values) > 1 and bool(values.quantile(0.75) > 5 * values.quantile(0.25) > 0)


def logarithmic(axis: Any, values: pd.Series) -> None:
    """Make the horizontal axis logarithmic where the values span enough, with few labels."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if not len(values) or values.max() < 4 * values.min():
        axis.locator_params("x", nbins=4)
        return
    axis.set_xscale("log")
    if values.max() < 50 * values.min():
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda number, _: short(number)))
    axis.xaxis.set_minor_formatter(NullFormatter())


def bands(span: Callable[..., Any], floors: dict[str, float], both: bool, zorder: int = 0) -> None:
    """Draw the floors as grey bands, from zero, or to both sides of it."""
    for label, floor in sorted(floors.items(), key=lambda item: -item[1]):
        span(-floor if both else 0, floor, color=FLOORS[label], lw=0, zorder=zorder)


def floor_handles(shown: Shown) -> list[Any]:
    """What a legend says of the floors."""
    labels = {label for a in shown.architectures for label in shown.floors(a)}
    patch = shown.plt.Rectangle
    return [
        patch((0, 0), 1, 1, color=grey, label=f"floor: {label}") for label, grey in FLOORS.items() if label in labels
    ]


def points(axis: Any, x: Any, y: Any, state: str, size: float = 12) -> None:
    """Draw pairs of a state."""
    colour, marker, _ = STATE_STYLES[state]
    style = {"lw": 0.8} if marker == "x" else {"lw": 0, "alpha": 0.6}
    axis.scatter(x, y, s=size, marker=marker, color=colour, **style)


def marker(shown: Shown, state: str, colour: str | None = None) -> Any:
    """What a legend says of a state that is drawn by markers."""
    own, marker, _ = STATE_STYLES[state]
    return shown.plt.Line2D([], [], color=colour or own, marker=marker, ls="", ms=4, label=state)


def patch(shown: Shown, state: str) -> Any:
    """What a legend says of a state that is drawn by bars."""
    colour, _, hatch = STATE_STYLES[state]
    return shown.plt.Rectangle((0, 0), 1, 1, fc=light(colour), ec=colour, hatch=hatch, lw=0.4, label=state)


def legend(figure: Any, handles: list[Any], shown: Shown, columns: int | None = None) -> None:
    """Put a legend below a figure, in as many columns as fit."""
    columns = columns or int(figure.get_figwidth() / 1.6)
    figure.legend(handles=handles, loc="outside lower center", ncols=min(columns, max(1, len(handles))))


def say(axis: Any, text: str) -> None:
    """Write a text where nothing else can be shown."""
    axis.text(0.5, 0.5, text, transform=axis.transAxes, ha="center", va="center", color="0.4")
