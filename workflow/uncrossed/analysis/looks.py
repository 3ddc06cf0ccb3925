"""What the figures of an analysis have in common: what they show, and in which colours, markers, bands and words.

Colours are Okabe & Ito's; what they tell apart, markers, hatches or dashes do too. Grey bands are the floors: 95 of 100
differences that are nothing but another seed (light) or the rounding of float32 (dark) lie within.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from uncrossed.analysis.groups import FEW
from uncrossed.analysis.intervals import Estimate
from uncrossed.analysis.noise import ROUNDING_FLOOR, SEED_FLOOR
from uncrossed.analysis.statistics import STATES, estimate

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
PANELS = 3  # beside each other
FLOORS = {"seed noise": "0.9", "float32 rounding": "0.75"}


@dataclass
class Shown:
    """What the figures show.

    Attributes:
        rows: pairs of one semantics whose difference is known, one at least, as `statistics.prepared` returns.
        architectures: theirs, in the order of FIRST.
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

    def estimate(self, architecture: str, statistic: str) -> Estimate:
        """A number of the summary with its bounds."""
        return estimate(self.summary, architecture, self.semantics, statistic)

    def value(self, architecture: str, statistic: str) -> float:
        """A number of the summary."""
        return self.estimate(architecture, statistic)[0]

    def floors(self, architecture: str) -> dict[str, float]:
        """The floors that are known, by what to call them."""
        found = dict(
            zip(FLOORS, (self.value(architecture, name) for name in (SEED_FLOOR, ROUNDING_FLOOR)), strict=True)
        )
        return {name: floor for name, floor in found.items() if np.isfinite(floor)}

    def largest_floors(self) -> dict[str, float]:
        """The largest floors of all architectures."""
        found = [self.floors(name) for name in self.architectures]
        return {label: max(f[label] for f in found if label in f) for label in FLOORS if any(label in f for f in found)}

    def counted(self, architecture: str) -> str:
        """An architecture with how many pairs it has, and of how many configurations, where these are fewer."""
        rows = self.of(architecture)
        pairs, configurations = len(rows), rows["configuration"].nunique()
        text = f"{pairs} pair{'s' * (pairs != 1)}"
        if configurations < pairs:
            text += f", {configurations} configuration{'s' * (configurations != 1)}"
        return f"{architecture} ({text})"

    def each(self, words: Callable[[str], str]) -> str:
        """A text for every architecture, as the end of a caption."""
        return "; ".join(f"{name}: {words(name)}" for name in self.architectures) + "."

    def warning(self) -> str:
        """What to say where architectures are beside each other of which some have few configurations."""
        few = [name for name in self.architectures if self.of(name)["configuration"].nunique() < FEW]
        if len(self.architectures) < 2 or not few:
            return ""
        return (
            f" Warning: {', '.join(map(self.counted, few))} can hardly be compared with others: "
            f"fewer than {FEW} configurations."
        )

    def style(self, architecture: str) -> tuple[Any, ...]:
        """What tells an architecture apart: see COLOURS."""
        others = [name for name in self.architectures if name not in FIRST]
        place = [*FIRST, *others].index(architecture)
        return tuple(looks[place % len(looks)] for looks in (COLOURS, MARKERS, DASHES, HATCHES))

    def panels(
        self, names: list[str], width: float, height: float, xlabel: str, ylabel: str, **options: Any
    ) -> tuple[Any, Any]:
        """A figure with a panel, in inches, for each of some architectures, titled by it and by how much it shows."""
        rows = math.ceil(len(names) / PANELS)
        columns = math.ceil(len(names) / rows)
        size = (max(5.0, width * columns + 0.6), height * rows)
        figure, axes = self.plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained", **options)
        axes, unused = axes.ravel()[: len(names)], axes.ravel()[len(names) :]
        for axis in unused:
            axis.remove()
        for place, (axis, name) in enumerate(zip(axes, names, strict=True)):
            axis.set_title(self.counted(name))
            if place % columns == 0:
                axis.set_ylabel(ylabel)
            if place + columns >= len(names):
                axis.set_xlabel(xlabel)
                axis.tick_params("x", labelbottom=True)
        return figure, axes


def number(value: float, digits: int = 2) -> str:
    """A number with its sign, as a caption has it."""
    return f"{value:+.{digits}f}" if np.isfinite(value) else "unknown"


def bounded(estimate: Estimate, digits: int = 2) -> str:
    """A number with its sign, and with its bounds, where it has some."""
    value, low, high = (number(one, digits) for one in estimate)
    return f"{value} [{low}, {high}]" if np.isfinite(estimate).all() else value


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
        patch((0, 0), 1, 1, color=grey, label=f"95% of {label}") for label, grey in FLOORS.items() if label in labels
    ]


def points(axis: Any, x: Any, y: Any, state: str, size: float = 16) -> None:
    """Draw pairs of a state."""
    colour, marker, _ = STATE_STYLES[state]
    style = {"lw": 0.8} if marker == "x" else {"lw": 0, "alpha": 0.6}
    axis.scatter(x, y, s=size, marker=marker, color=colour, **style)


def marker(shown: Shown, state: str, colour: str | None = None) -> Any:
    """What a legend says of a state that is drawn by markers."""
    own, marker, _ = STATE_STYLES[state]
    return shown.plt.Line2D([], [], color=colour or own, marker=marker, ls="", ms=5, label=state)


def patch(shown: Shown, state: str) -> Any:
    """What a legend says of a state that is drawn by bars."""
    colour, _, hatch = STATE_STYLES[state]
    return shown.plt.Rectangle((0, 0), 1, 1, fc=light(colour), ec=colour, hatch=hatch, lw=0.4, label=state)


def legend(figure: Any, handles: list[Any], shown: Shown, columns: int | None = None) -> None:
    """Put a legend below a figure, in as many columns as fit."""
    columns = columns or int(figure.get_figwidth() / 2)
    figure.legend(handles=handles, loc="outside lower center", ncols=min(columns, max(1, len(handles))))
