"""Tables of a study's trial files and run records, as CSV and Parquet; and as printed text."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from uncrossed.common.errors import InputError
from uncrossed.common.files import parsing, write_text
from uncrossed.common.parquet import read_parquet, write_parquet
from uncrossed.results import architectures, built, diagnosis, origin, trial_file, trials_table
from uncrossed.results.trials_table import (
    ACCURACIES,
    DIFFERENCE,
    STATUSES,
    curve_column,
    diagnosis_column,
    status_column,
)
from uncrossed.study import layout, manifest
from uncrossed.study.hyperparameters import ADAM_EPSILON, HYPERPARAMETERS
from uncrossed.study.manifest import COLUMNS, WHERE_USED, is_default
from uncrossed.study.mechanisms import MECHANISMS, NATIVE
from uncrossed.study.study import Study
from uncrossed.study.trial import FRAMEWORKS, GUIDED, ORIGIN, Trial

AGAIN = "build the tables again"


def make(
    folder: str | os.PathLike[str], partial: bool = False, expected: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """Write `tables/` of a study.

    Args:
        folder: the study's folder, with `manifest.csv` and `trials/`.
        partial: list missing results as `missing` instead of refusing.
        expected: `settings` and `dataset`, as in a job, that every result must have, and `rows`, the
            `manifest.sha256` that the manifest must have; all may be left out.

    Returns:
        The table of trials.

    Raises:
        InputError: no manifest; a missing or damaged result; one that was made from another row, or with other
            settings, on another dataset or by other code than the rest.
    """
    folder, expected = Path(folder), dict(expected or {})
    rows = built.rows(folder)
    if expected.pop("rows", None) not in (None, manifest.sha256(rows.values())):
        raise InputError(f"{folder}/{layout.MANIFEST}: not of the study's rows; delete it and build again")
    trials, curves, runs = [], [], []
    for row in tqdm(rows.values(), desc="tables", unit="trial", disable=None):
        sides = {}
        for framework in FRAMEWORKS:
            path = folder / layout.trial_file(row.trial, framework)
            if partial and not path.is_file():
                continue
            attributes, values = trial_file.read_curves(path)
            _check(path, attributes, row, framework, expected)
            trained = trial_file.epochs_trained(values)
            sides[framework] = trials_table.side(attributes, values)
            curves.append(_curve_rows(row.trial, framework, values, trained))
            record = folder / layout.run_record(row.trial, framework)
            if not partial or record.is_file():
                runs.append(_run(record, row.trial, framework))
        trials.append(trials_table.line(row, sides))
    unused = [name for name in WHERE_USED if all(is_default(row, name) for row in rows.values())]
    table = pd.DataFrame(trials).drop(columns=unused)
    # Also where no row has one.
    table[ADAM_EPSILON] = table[ADAM_EPSILON].astype(float)
    if "space" in table:
        table["space"] = table["space"].astype("Int64")
    write_parquet(table, folder / layout.TRIALS_PARQUET)
    write_text(folder / layout.TRIALS_CSV, table.to_csv(index=False, lineterminator="\n"))
    none = pd.DataFrame(
        {"trial": [], "framework": [], "epoch": []} | {name: [] for name in trial_file.CURVES}, dtype=float
    )
    write_parquet(pd.concat(curves, ignore_index=True) if curves else none, folder / layout.CURVES_TABLE)
    write_parquet(pd.DataFrame(runs), folder / layout.RUNS_TABLE)
    return table


def printed(table: pd.DataFrame) -> str:
    """The table of trials as text: trial, architecture, both accuracies, difference, and who is not `trained`."""
    lines = [f"{'trial':32} {'architecture':12} {'pytorch':>8} {'tensorflow':>10} {'difference':>10}"]
    for row in table.to_dict("records"):
        said = [(framework, _diagnosis(row, framework)) for framework in FRAMEWORKS]
        notes = [f"{framework}: {word}" for framework, word in said if word not in ("completed", diagnosis.TRAINED)]
        pytorch, tensorflow = (row[name] for name in ACCURACIES)
        note = f"  ({', '.join(notes)})" if notes else ""
        numbers = f"{_number(pytorch, '8.4f')} {_number(tensorflow, '10.4f')} {_number(row[DIFFERENCE], '+10.4f')}"
        lines.append(f"{row['trial']:32} {row['architecture']:12} {numbers}{note}")
    return "\n".join(lines)


def _number(value: float, form: str) -> str:
    """A number, or a dash of the same width where there is none."""
    return f"{value:{form}}" if not np.isnan(value) else f"{'-':>{int(form.strip('+').partition('.')[0])}}"


def _diagnosis(row: Mapping[str, Any], framework: str) -> str:
    """What became of a side; in tables of earlier versions, which do not say it, its status."""
    return row.get(diagnosis_column(framework), row[status_column(framework)])


def printed_pair(folder: str | os.PathLike[str], row: Mapping[str, Any]) -> str:
    """One pair as text: hyperparameters, what both sides reached, their curves, and which mechanisms set them apart.

    Args:
        folder: the study's.
        row: of its table of trials.

    Raises:
        InputError: the table of curves is missing or damaged.
    """
    with parsing(Path(folder) / layout.CURVES_TABLE, AGAIN) as stream:
        curves = read_parquet(stream)
    said = {name: row[name] for name in COLUMNS if name in row and not pd.isna(row[name])}
    trial = Trial.check(said, f"{folder}: the table of trials")
    further = [name for name in WHERE_USED if name not in ("space", "base") and not is_default(trial, name)]
    hyperparameters = [f"{name} {said[name]}" for name in (*HYPERPARAMETERS, *further, "seed") if name in said]
    lines = [f"{row['trial']}: {row['architecture']}, {', '.join(hyperparameters)}, semantics {row['semantics']}", ""]
    lines.append(f"{'':16} {'pytorch':>11} {'tensorflow':>11} {'difference':>11}")
    lines.append(f"{'status':16} " + " ".join(f"{row[name]:>11}" for name in STATUSES))
    lines.append(f"{'diagnosis':16} " + ", ".join(f"{name}: {_diagnosis(row, name)}" for name in FRAMEWORKS))
    for name in reversed(trial_file.CURVES):
        first, second = (row[curve_column(framework, name)] for framework in FRAMEWORKS)
        numbers = f"{_number(first, '11.4f')} {_number(second, '11.4f')} {_number(first - second, '+11.4f')}"
        lines.append(f"{name.replace('_', ' '):16} {numbers}")
    for name in ("test_accuracy", "train_loss"):
        sides = {f: curves[(curves["trial"] == row["trial"]) & (curves["framework"] == f)][name] for f in FRAMEWORKS}
        values = np.concatenate([side.to_numpy() for side in sides.values()])
        values = values[np.isfinite(values)]
        low, high = (0.0, 1.0) if name.endswith("accuracy") else (0.0, values.max() if len(values) else 1.0)
        lines += ["", f"{name.replace('_', ' ')} by epoch, from {low:g} to {high:.3g}"]
        lines += [f"  {framework:10} {_bars(side.to_numpy(), low, high)}" for framework, side in sides.items()]
    touching = architectures.touching(folder, trial.architecture) | trial.touching
    apart = [
        mechanism
        for mechanism in MECHANISMS
        if mechanism in touching and trial.semantics[mechanism] == NATIVE[mechanism]
    ]
    return "\n".join([*lines, "", f"not aligned: {', '.join(apart) or 'nothing; what differs is rounding'}"])


def _bars(values: np.ndarray, low: float, high: float, width: int = 60) -> str:
    """Values as bars of eight heights, at most `width` of them; a value that is not finite is a cross."""
    places = np.unique(np.linspace(0, len(values) - 1, min(len(values), width)).round().astype(int))
    shown = values[places]
    heights = "▁▂▃▄▅▆▇█"
    scaled = ((np.asarray(shown) - low) / (high - low or 1) * len(heights)).clip(0, len(heights) - 1)
    return "".join(heights[int(value)] if np.isfinite(value) else "x" for value in scaled)


def _curve_rows(trial: str, framework: str, values: dict[str, Any], trained: int) -> pd.DataFrame:
    epochs = range(1, trained + 1)
    return pd.DataFrame(
        {"trial": trial, "framework": framework, "epoch": epochs} | {k: v[:trained] for k, v in values.items()}
    )


def _run(path: Path, trial: str, framework: str) -> dict[str, Any]:
    with parsing(path, "") as stream:
        record = json.loads(stream.readall())
        seconds, versions = record.pop("seconds_per_epoch"), record.pop("versions")
    spent = {"epochs": len(seconds), "training_seconds": sum(seconds)}
    spent["median_epoch_seconds"] = float(np.median(seconds)) if seconds else None
    return {"trial": trial, "framework": framework, **record, **spent} | {
        f"version_{name}": version for name, version in versions.items()
    }


def _check(path: Path, attributes: dict[str, Any], row: Trial, framework: str, expected: dict[str, Any]) -> None:
    if attributes["framework"] != framework:
        raise InputError(f"{path}: made by {attributes['framework']}; build it again")
    # The code is each framework's, architecture's and optimizer's own. The first result says what is not known yet.
    common = {key: attributes[key] for key in origin.STUDY}
    common |= {f"{row.architecture} {row.optimizer} {framework} {key}": attributes[key] for key in origin.CODE}
    known = {key: expected.setdefault(key, value) for key, value in common.items()}
    for key in origin.differing(common, known, common):
        raise InputError(f"{path}: made with {key}={common[key]}, others with {known[key]}; build it again")
    said, wanted = attributes["row"], row.deciding()
    for key in origin.differing(said, wanted, {**wanted, **said}):
        raise InputError(
            f"{path}: made with {key}={said.get(key)}, but the manifest says {wanted.get(key)}; build it again"
        )


def read(folder: str | os.PathLike[str]) -> pd.DataFrame:
    """The table of trials of a built study.

    Rows of a search that do not say where they come from count as guided: some of them are.

    Raises:
        InputError: there is none, or the study's statement is damaged.
    """
    folder = Path(folder)
    path = folder / layout.TRIALS_PARQUET
    if not path.is_file() and (folder / layout.TRIALS_FOLDER).is_dir():
        built.check(folder)
        raise InputError(f"{path}: missing; run `uncrossed tables {folder}`, with --partial of what is there alone")
    with parsing(path, AGAIN) as stream:
        table = read_parquet(stream)
    if ORIGIN not in table and (folder / layout.STUDY_STATEMENT).is_file() and Study.read_built(folder).search:
        table[ORIGIN] = GUIDED
    return table


def read_runs(folder: str | os.PathLike[str]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The runs of a study that trained in one go, without views, each with its trial's columns; and what they share.

    Raises:
        InputError: the tables, or the first trial's files, are missing or damaged.
    """
    trials, path = read(folder), Path(folder) / layout.RUNS_TABLE
    with parsing(path, AGAIN) as stream:
        runs = read_parquet(stream)
    if len(runs):
        plain = runs["views"].isna() if "views" in runs else True
        runs = runs[(runs["epochs"] > 0) & ~runs["resumed"] & plain].merge(trials, on="trial", suffixes=("", "_row"))
    if runs.empty:
        raise InputError(f"{path}: no training that ran in one go")
    first = runs.iloc[0]
    return runs, trial_file.read_attributes(Path(folder) / layout.trial_file(first["trial"], first["framework"]))
