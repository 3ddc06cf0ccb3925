"""What recalibrated models say of their pairs: how much of a gap is running statistics that lag, or are noise.

One line of the table is one trained model; `uncrossed.explain.recalibration` makes it and says what is measured.
"""

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from uncrossed.common.errors import InputError
from uncrossed.common.files import parsing, write_text
from uncrossed.results import trial_file, trials_table
from uncrossed.study import layout
from uncrossed.study.trial import FRAMEWORKS

RECALIBRATED, WITHOUT, DIVERGED = "recalibrated", "no batch normalisation", "diverged"
# What a line says of its model, ...
MEASURED = ("test_accuracy", "recalibrated_test_accuracy", "test_loss", "recalibrated_test_loss")
LINE = ("trial", "architecture", "framework", "state", "content_sha256", "test_examples", *MEASURED)
# ... and of its pair, on both lines, where both of its models were evaluated.
PAIR = ("gap", "recalibrated_gap", "explained", "explained_share")
COLUMNS = (*LINE, "test_accuracy_change", "test_loss_change", *PAIR)
# Of every number.
DIGITS = ".8g"
# Of normal noise 95 % stay within so many standard deviations.
NORMAL = 1.96


def completed(lines: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """The table: what was measured, changes, and what the pairs say.

    A pair's `gap` is PyTorch's test accuracy minus TensorFlow's, `recalibrated_gap` that of the recalibrated models,
    `explained` what the first is more than the second, and `explained_share` that over the gap. The share is left empty
    where the gap is within the noise of drawing test examples, 1.96 √(Σ p(1 - p) / n) over the two accuracies p.

    Args:
        lines: with the entries of LINE; numbers are NaN where there is none.
    """
    table = pd.DataFrame(list(lines), columns=list(LINE)).astype(dict.fromkeys(MEASURED, float))
    table = table.sort_values(["trial", "framework"], ignore_index=True)
    for name in ("test_accuracy", "test_loss"):
        table[f"{name}_change"] = table[f"recalibrated_{name}"] - table[name]
    first, second = (table[table["framework"] == framework].set_index("trial") for framework in FRAMEWORKS)
    gap, left = (first[name] - second[name] for name in MEASURED[:2])
    variance = sum(side["test_accuracy"] * (1 - side["test_accuracy"]) for side in (first, second))
    beyond_noise = gap.abs() > NORMAL * np.sqrt(variance / first["test_examples"].astype(float))
    explained = gap - left
    pairs = pd.DataFrame(dict(zip(PAIR, (gap, left, explained, (explained / gap).where(beyond_noise)), strict=True)))
    return table.join(pairs.where(left.notna()), on="trial")[list(COLUMNS)]


def write(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write the table as a CSV file."""
    write_text(path, table.to_csv(index=False, lineterminator="\n", float_format=f"%{DIGITS}"))


def read(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read the table.

    Raises:
        UnreadableError: the operating system does not give it.
        InputError: it is missing, damaged or another table.
    """
    with parsing(path, "make it by `uncrossed recalibrate`") as stream:
        table = trials_table.read_csv(stream)
        for name in COLUMNS:
            if name not in table:
                raise InputError(
                    f"{path}: no column '{name}': not a table of recalibrated models; delete it, or name another"
                )
        numbers = dict.fromkeys(COLUMNS[len(LINE) - len(MEASURED) :], float)
        return table.astype({"content_sha256": object, **numbers}).fillna({"content_sha256": ""})


def recalibration(folder: str | os.PathLike[str]) -> pd.DataFrame | None:
    """The table of a study, or None where there is none.

    Where the study has trial files, a line whose file is not the one that was recalibrated is left out: the table is
    made after the build, and does not follow it.

    Raises:
        InputError: as `read`.
    """
    folder = Path(folder)
    path = folder / layout.RECALIBRATION_TABLE
    if not path.is_file():
        return None
    table = read(path)
    if not (folder / layout.TRIALS_FOLDER).is_dir():
        return table
    current = [
        _content(folder / layout.trial_file(line["trial"], line["framework"])) == line["content_sha256"]
        for line in table.to_dict("records")
    ]
    # A pair of which one side is left out says nothing any more.
    return completed(table[current].to_dict("records"))


def _content(path: Path) -> str | None:
    try:
        return trial_file.read_attributes(path)["content_sha256"]
    except InputError:  # missing, or damaged, which others say
        return None


def printed(table: pd.DataFrame) -> str:
    """The table as text: of each model both accuracies and losses, of each pair both gaps and what is explained."""
    lines = [f"{'trial':32} {'framework':10} {'accuracy':>8} {'recalibrated':>12} {'loss':>8} {'recalibrated':>12}"]
    for row in table.to_dict("records"):
        note = "" if row["state"] == RECALIBRATED else f"  ({row['state']})"
        accuracy, recalibrated, loss, recalibrated_loss = (row[name] for name in MEASURED)
        numbers = f"{accuracy:8.4f} {recalibrated:12.4f} {loss:8.4f} {recalibrated_loss:12.4f}"
        lines.append(f"{row['trial']:32} {row['framework']:10} {numbers}{note}")
    pairs = table[table["gap"].notna()].drop_duplicates("trial")
    if len(pairs):
        lines += ["", f"{'trial':32} {'gap':>8} {'recalibrated':>12} {'explained':>9} {'share':>6}"]
    for row in pairs.to_dict("records"):
        gap, left, explained, share = (row[name] for name in PAIR)
        shown = f"{share:6.0%}" if math.isfinite(share) else f"{'-':>6}"
        lines.append(f"{row['trial']:32} {gap:+8.4f} {left:+12.4f} {explained:+9.4f} {shown}")
    return "\n".join(lines)


def brief(table: pd.DataFrame) -> str:
    """How far pairs are apart on average, as text: as they are stored and recalibrated, one line per architecture."""
    lines = [f"{'architecture':12} {'pairs':>5} {'mean |gap|':>10} {'recalibrated':>12}"]
    pairs = table[table["gap"].notna()].drop_duplicates("trial")
    for architecture, rows in pairs.groupby("architecture"):
        gap, left = (rows[name].abs().mean() for name in PAIR[:2])
        lines.append(f"{architecture:12} {len(rows):5} {gap:10.4f} {left:12.4f}")
    return "\n".join(lines)
