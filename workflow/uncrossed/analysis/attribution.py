"""Attribution: how much of a trial's difference each mechanism explains, and the floors below which nothing is said.

For the trials of an ablation (`uncrossed manifest ablate`), over its seeds: G, the mean difference of the two test
accuracies with native semantics; G with a mechanism aligned alone; G with all but it aligned; and what remains when all
are. The share that a mechanism explains is 1 - G(aligned alone) / G(native); the share that is left when it alone stays
native is G(all but it) / G(native). The floors are measured on the same trials: how far two seeds of one framework are
apart, and how far the aligned pair is, which only rounding in float32 separates.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from uncrossed.analysis.drawing import pyplot, save
from uncrossed.analysis.intervals import UNKNOWN, Estimate, bootstrap
from uncrossed.analysis.statistics import ROUNDING_FLOOR, SEED_FLOOR, seed_distances
from uncrossed.common.errors import InputError
from uncrossed.common.files import write_text
from uncrossed.results import built, tables
from uncrossed.results.trials_table import BOTH_COMPLETED, DIFFERENCE
from uncrossed.study import layout, manifest
from uncrossed.study.mechanisms import MECHANISMS, variants

COLUMNS = [
    *("base", "architecture", "variant", "mechanism", "seeds", "gap", "gap_low", "gap_high", "native_gap"),
    *(SEED_FLOOR, ROUNDING_FLOOR, "above_floors", "share", "share_low", "share_high"),
]


def make(folder: str | os.PathLike[str]) -> tuple[pd.DataFrame, list[str]]:
    """Write `tables/attribution.csv` and `figures/attribution.svg` of an ablation study.

    Returns:
        One row per base trial and variant: gap and share with bootstrap intervals, floors, and whether a share is said;
        and the names of all base trials, of which those without completed pairs have no row.

    Raises:
        InputError: no table of trials, or no base trial with native and aligned rows in it.
    """
    folder = Path(folder)
    bases = manifest.ablated(built.rows(folder).values())
    found = attribute(tables.read(folder), bases)
    if not bases:
        raise InputError(
            f"{folder}: no base trial with native and aligned rows; `uncrossed manifest ablate` makes them"
        )
    draw(found, folder / layout.ATTRIBUTION_FIGURE)
    write_text(folder / layout.ATTRIBUTION_TABLE, found.to_csv(index=False, lineterminator="\n", float_format="%.6g"))
    return found, sorted(bases)


def attribute(trials: pd.DataFrame, bases: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """The table of `make`, from a table of trials.

    Args:
        trials: with the columns trial, architecture, seed, both accuracies, their difference and `both_completed`;
            pairs where that is false are left out, and a base without native and aligned pairs of one seed is.
        bases: what `manifest.ablated` says.
    """
    records = []
    for base, labels in sorted(bases.items()):
        rows = trials[trials["trial"].isin(labels.keys()) & trials[BOTH_COMPLETED]]
        rows = rows.assign(label=rows["trial"].map(labels))
        gaps = {label: group.set_index("seed")[DIFFERENCE] for label, group in rows.groupby("label")}
        if not {"native", "aligned"} <= gaps.keys() or gaps["native"].index.intersection(gaps["aligned"].index).empty:
            continue
        architecture = rows["architecture"].iloc[0]
        native = rows[rows["label"] == "native"]
        distances = seed_distances(native)
        # NaN where there is one seed.
        floors = float(distances.mean()) if distances.size else np.nan, float(gaps["aligned"].abs().mean())
        for label in variants():
            if label in gaps and not gaps[label].index.intersection(gaps["native"].index).empty:
                records.append(_record(base, architecture, label, gaps[label], gaps["native"], floors))
    return pd.DataFrame(records, columns=COLUMNS)


def _record(
    base: str, architecture: str, label: str, gaps: pd.Series, native: pd.Series, floors: tuple[float, float]
) -> dict[str, Any]:
    variant, _, mechanism = label.partition("-")
    # The same seeds are drawn for both, since a seed's native and changed runs share much.
    paired = pd.concat([gaps, native], axis=1, join="inner").to_numpy()

    def measures(data: list[np.ndarray], drawn: np.ndarray, _: np.ndarray) -> dict[str, np.ndarray]:
        gap, whole = (side[drawn].mean(axis=1) for side in data)
        left = gap / np.where(whole == 0, np.nan, whole)
        return {"gap": gap, "native_gap": whole, "share": 1 - left if variant == "only" else left}

    found = bootstrap([*paired.T], measures)
    whole = found["native_gap"][0]
    # NaN floors say nothing, so neither do we.
    above = bool(abs(whole) > max(floors))
    share = found["share"] if above and variant in ("only", "without") else UNKNOWN
    return {
        "base": base,
        "architecture": architecture,
        "variant": variant,
        "mechanism": mechanism,
        "seeds": len(paired),
        **dict(zip(("gap", "gap_low", "gap_high"), found["gap"], strict=True)),
        "native_gap": whole,
        SEED_FLOOR: floors[0],
        ROUNDING_FLOOR: floors[1],
        "above_floors": above,
        **dict(zip(("share", "share_low", "share_high"), share, strict=True)),
    }


@dataclass
class Explanation:
    """What an ablation says of one base trial.

    Attributes:
        base: the trial.
        gap: its native difference; NaN where the table does not have it.
        seeds: over how many seeds; 0 where the table does not have it.
        mechanism: the one that explains most when it alone is aligned; empty where the difference is within the floors.
        share: how much of the difference it explains.
        left: how much of the difference is left when all others are aligned and it is not.
    """

    base: str
    gap: float
    seeds: int
    mechanism: str = ""
    share: Estimate = UNKNOWN
    left: Estimate = UNKNOWN


def explanations(found: pd.DataFrame, architecture: str) -> list[Explanation]:
    """What the base trials of an architecture say, by name.

    Args:
        found: what `attribute` returns, or another table with its columns base, architecture, variant, mechanism and
            share.
        architecture: its name.
    """
    explained = []
    for base, rows in found[found["architecture"] == architecture].groupby("base", sort=True):
        first = rows.iloc[0]
        one = Explanation(str(base), float(first.get("native_gap", np.nan)), int(first.get("seeds", 0)))
        explained.append(one)
        said = rows[rows["share"].notna()]
        alone = said[said["variant"] == "only"].sort_values("share", ascending=False, kind="stable")
        if alone.empty:
            continue
        one.mechanism, one.share = str(alone.iloc[0]["mechanism"]), _share(alone.iloc[0])
        without = said[(said["variant"] == "without") & (said["mechanism"] == one.mechanism)]
        if len(without):
            one.left = _share(without.iloc[0])
    return explained


def _share(row: pd.Series) -> Estimate:
    share, low, high = (float(row.get(name, np.nan)) for name in ("share", "share_low", "share_high"))
    return share, low, high


def draw(found: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Draw one panel per base trial: the gap with each mechanism aligned alone and with all but it, and the floors."""
    plt = pyplot()
    bases = list(found["base"].unique())
    figure, axes = plt.subplots(
        1, max(1, len(bases)), figsize=(2.6 * max(1, len(bases)) + 1.4, 3.6), sharey=True, squeeze=False
    )
    names = [name for name in MECHANISMS if name in set(found["mechanism"])]
    places = {name: len(names) - k for k, name in enumerate(names)}
    if not bases:
        axes[0, 0].set_title("no pair completed")
    for axis, base in zip(axes[0], bases, strict=bool(bases)):
        rows = found[found["base"] == base]
        floors, whole = rows[[SEED_FLOOR, ROUNDING_FLOOR]].iloc[0], rows["native_gap"].iloc[0]
        axis.axvspan(-floors.max(), floors.max(), color="0.88", lw=0)
        axis.axvline(0, color="0.4", lw=0.8)
        axis.axvline(whole, color="black", lw=0.8, ls="--")
        for variant, offset, colour, marker in (("only", 0.16, "#0072B2", "o"), ("without", -0.16, "#D55E00", "s")):
            part = rows[rows["variant"] == variant]
            y = [places[name] + offset for name in part["mechanism"]]
            spread = np.abs(part[["gap_low", "gap_high"]].to_numpy().T - part["gap"].to_numpy())
            axis.errorbar(part["gap"], y, xerr=spread, fmt=marker, color=colour, ms=4, lw=1)
        for label, place in (("native", len(names) + 1), ("aligned", 0)):
            row = rows[rows["variant"] == label].iloc[0]
            spread = [[row["gap"] - row["gap_low"]], [row["gap_high"] - row["gap"]]]
            axis.errorbar(row["gap"], place, xerr=spread, fmt="D", color="black", ms=4, lw=1)
        axis.set_title(f"{base}\n({rows['architecture'].iloc[0]}, {rows['seeds'].max()} seeds)", fontsize=8)
        axis.set_xlabel("accuracy, PyTorch - TensorFlow")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set_yticks([len(names) + 1, *places.values(), 0], ["native", *names, "all aligned"])
    handles = [
        plt.Line2D([], [], color="#0072B2", marker="o", lw=1, ms=4, label="this mechanism aligned alone"),
        plt.Line2D([], [], color="#D55E00", marker="s", lw=1, ms=4, label="all aligned but this one"),
        plt.Line2D([], [], color="black", ls="--", lw=0.8, label="native gap"),
        plt.Rectangle((0, 0), 1, 1, color="0.88", label="larger floor (another seed, or float32 rounding)"),
    ]
    figure.legend(handles=handles, loc="lower center", ncols=4, frameon=False)
    figure.tight_layout(rect=(0, 0.07, 1, 1))
    save(figure, path)
    plt.close(figure)


def printed(found: pd.DataFrame, bases: Iterable[str]) -> str:
    """The attribution as text: per base trial the gaps, the floors, and the shares where they may be said."""
    lines = []
    for base in bases:
        rows = found[found["base"] == base]
        if rows.empty:
            lines.append(f"{base}: no native and aligned pair of one seed completed: nothing is attributed")
            continue
        first = rows.iloc[0]
        remaining = rows[rows["variant"] == "aligned"].iloc[0]
        lines.append(
            f"{base} ({first['architecture']}, {first['seeds']} seeds): native gap {first['native_gap']:+.4f}, "
            f"all aligned {remaining['gap']:+.4f}; floors: another seed {first[SEED_FLOOR]:.4f}, "
            f"float32 rounding {first[ROUNDING_FLOOR]:.4f}"
        )
        if not first["above_floors"]:
            lines.append("  the gap is within the floors: nothing is attributed")
            continue
        for row in rows[rows["variant"].isin(["only", "without"])].to_dict("records"):
            what = "explains alone" if row["variant"] == "only" else "leaves when native alone"
            bounds = f"[{row['share_low']:.0%}, {row['share_high']:.0%}]"
            lines.append(f"  {row['mechanism']:20} {what:25} {row['share']:7.0%} {bounds}")
    return "\n".join(lines)
