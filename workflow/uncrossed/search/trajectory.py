"""A search's trajectory as a table and as JSON: in which order it looked where, and what it found."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from uncrossed.common.errors import InputError
from uncrossed.common.files import parsing, write_json, write_text
from uncrossed.results import tables, trials_table
from uncrossed.search import figures
from uncrossed.search.suggestion import read_seen, suggest
from uncrossed.study import layout
from uncrossed.study.search import read_suggestion
from uncrossed.study.study import Study


def make(study: Study, results: str | os.PathLike[str]) -> pd.DataFrame:
    """Write `tables/trajectory.csv` and `.json` and the two figures.

    Args:
        study: with a search.
        results: its folder of results, with the tables.

    Returns:
        One row per trial, in the order of suggestions: its place, whether the algorithm was guided by what it saw, how
        many trials it saw, the hyperparameters, the objective (NaN where a model diverged) and the best of its subspace
        so far, both accuracies.

    Raises:
        InputError: a trial that is missing, damaged or of another search.
    """
    results, search = Path(results), study.search
    accuracies = tables.read(results).set_index("trial")
    best = max if search.objective.startswith("maximise") else min
    rows, records = [], []
    so_far: dict[tuple[str, int], float] = {}
    for trial, place in search.places.items():
        made, seen = read_suggestion(results, trial, search), read_seen(results, trial, search)
        key = place.architecture, place.space
        value = np.nan if seen.objective is None else seen.objective
        so_far[key] = value if np.isnan(so_far.get(key, np.nan)) else best(so_far[key], value, key=_nan_last(best))
        rows.append(
            {
                "trial": trial,
                "architecture": place.architecture,
                "space": place.space,
                "number": place.number,
                "guided": made["guided"],
                "saw": len(made["saw"]),
                **{name: getattr(seen.row, name) for name in search.space.box},
                "objective": value,
                "best_so_far": so_far[key],
                **{name: accuracies.loc[trial, name] for name in trials_table.ACCURACIES},
            }
        )
        records.append(
            {"trial": trial, "objective": seen.objective} | {k: made[k] for k in ("guided", "saw", "saw_sha256")}
        )
        records[-1]["row"] = seen.row.model_dump(mode="json")
    table = pd.DataFrame(rows)
    bounds = [{k: [i.low, i.high] for k, i in subspace.items()} for subspace in search.space.subspaces()]
    write_text(results / layout.TRAJECTORY_TABLE, table.to_csv(index=False, lineterminator="\n"))
    write_json(
        results / layout.TRAJECTORY_JSON,
        {"search": search.model_dump(mode="json"), "subspaces": bounds, "trials": records},
    )
    figures.draw_progress(table, search, results / layout.SEARCH_PROGRESS_FIGURE)
    figures.draw_box(table, search, results / layout.SEARCH_BOX_FIGURE)
    return table


def _nan_last(best: Any) -> Any:
    worst = -np.inf if best is max else np.inf
    return lambda value: worst if np.isnan(value) else value


def check(study: Study, results: str | os.PathLike[str]) -> list[str]:
    """Ask the algorithm again for every suggestion that was made; one line for each that differs.

    Raises:
        InputError: no suggestion was made yet, or an inconsistent history.
    """
    faults, rows = [], study.suggested(results)
    if not rows:
        raise InputError(
            f"{results}: none of the search's {len(study.trials)} trials has a suggestion; build them first"
        )
    for trial in rows:
        made, again = read_suggestion(results, trial, study.search), suggest(study, trial, results)
        changed = [k for k, v in again["row"].items() if made["row"].model_dump(mode="json")[k] != v]
        if made["saw_sha256"] != again["saw_sha256"]:
            faults.append(
                f"{trial}: what it saw has changed since" + (f", and so would {', '.join(changed)}" * bool(changed))
            )
        elif changed:
            faults.append(f"{trial}: not what the algorithm suggests: {', '.join(changed)}")
    return faults


def best(table: pd.DataFrame, search: Any, count: int) -> pd.DataFrame:
    """The best trials of each architecture, best first."""
    ascending = search.objective.startswith("minimise")
    ordered = table.dropna(subset="objective").sort_values(["objective", "trial"], ascending=[ascending, True])
    return ordered.groupby("architecture", sort=True).head(count)


def read(results: str | os.PathLike[str]) -> pd.DataFrame:
    """The trajectory's table.

    Raises:
        InputError: there is none, or it is damaged.
    """
    path = Path(results) / layout.TRAJECTORY_TABLE
    with parsing(path, "build the study first") as stream:
        table = trials_table.read_csv(stream)
        table[["trial", "architecture", "objective"]]  # a KeyError if it is another table
    return table
