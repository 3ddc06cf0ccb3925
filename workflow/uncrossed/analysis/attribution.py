"""The attribution of a study with factorials: its table, its figure, and its words. `contributions.py` works it out."""

import os
from pathlib import Path

import numpy as np

from uncrossed.analysis import attribution_figure
from uncrossed.analysis.contributions import Attributed, attribute, attributions
from uncrossed.analysis.intervals import Estimate
from uncrossed.common.errors import InputError
from uncrossed.common.files import write_text
from uncrossed.results import architectures, built, tables
from uncrossed.study import layout
from uncrossed.study.factorial import designs


def make(folder: str | os.PathLike[str]) -> Attributed:
    """Write `tables/attribution.csv` and `figures/attribution.svg` of a study with factorials.

    Raises:
        InputError: no table of trials, or no factorial among the rows.
    """
    folder = Path(folder)
    rows = built.rows(folder).values()
    touching = {name: architectures.touching(folder, name) for name in {row.architecture for row in rows}}
    found = designs(rows, touching)
    if not found:
        raise InputError(f"{folder}: no factorial among the trials; `uncrossed manifest factorial` makes one")
    attributed = attribute(tables.read(folder), found)
    attribution_figure.draw(attributed.table, folder / layout.ATTRIBUTION_FIGURE)
    text = attributed.table.to_csv(index=False, lineterminator="\n", float_format="%.6g")
    write_text(folder / layout.ATTRIBUTION_TABLE, text)
    return attributed


def printed(attributed: Attributed) -> str:
    """The attribution as text."""
    if attributed.without_result:
        return f"{attributed.without_result} pairs of factorials have no result yet: nothing is attributed"
    lines = [f"{base}: no seed of which all pairs completed: nothing is attributed" for base in attributed.left_out]
    each = attributions(attributed.table, configurations=True)
    for one in attributions(attributed.table):
        fraction = "half of the combinations" if one.half else "all combinations"
        lines.append(f"{one.architecture} as {one.semantics}, aligned towards {one.towards}, {fraction}")
        lines.append(f"  {one.interval or 'one configuration with one seed: no intervals, and nothing is claimed'}")
        lines.append(f"  {'gap':20} {_points(one.gap)}")
        for part in one.contributions:
            share = f"  {part.share[0]:.0%} of the gap" if np.isfinite(part.share[0]) else ""
            lines.append(
                f"  {part.factor:20} {_points(part.points)}{'  significant' if part.significant else ''}{share}"
            )
        lines.append(f"  {'remaining':20} {_points(one.remaining)}")
        lines += [f"  {one.left_out}"] if one.left_out else []
        own = [other for other in each if other.kind == one.kind]
        lines += [f"    {other.base}: gap {other.gap[0]:+.3f}, remaining {other.remaining[0]:+.3f}" for other in own]
    return "\n".join(lines)


def _points(estimate: Estimate) -> str:
    value, low, high = estimate
    return f"{value:+.3f}" + (f" [{low:+.3f}, {high:+.3f}]" if np.isfinite(low) else "")
