"""Whether trial files agree with one another, equal rows in their weights and other rows not, and tables with them."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from uncrossed.results.facts import TrialFacts
from uncrossed.results.trials_table import DIAGNOSIS, SIDE_DIAGNOSES
from uncrossed.study import layout
from uncrossed.study.trial import Trial


def table_faults(
    table: Mapping[str, Mapping[str, Any]], expected: Mapping[str, Mapping[str, Any]], rows: Mapping[str, Trial]
) -> Iterator[str]:
    """Where lines of a table are not the expected ones.

    Args:
        table: its lines by trial.
        expected: those of the trials whose files are there.
        rows: those of the manifest.
    """
    import pandas as pd

    for trial in sorted(table.keys() - rows.keys()):
        yield f"lists trial {trial}, which {layout.MANIFEST} does not"
    for trial, line in expected.items():
        if trial not in table:
            yield f"does not list trial {trial}, which is there"
            continue
        for column, value in line.items():
            if column in (*SIDE_DIAGNOSES, DIAGNOSIS) and column not in table[trial]:
                continue  # tables of earlier versions do not have it
            said = table[trial].get(column)
            empty = pd.isna(said), pd.isna(value)
            differs = not all(empty) if any(empty) else said != value
            if column != "trial" and differs:
                yield f"{column} of trial {trial} is {said}, but manifest and trial files say {value}"


def compare_trainings(facts: Mapping[str, TrialFacts]) -> Iterator[tuple[str, bool]]:
    """Trainings that should have come to the same result and did not, or to the same though they should not have.

    Yields:
        A line, and whether it may be right.
    """
    contents: dict[tuple, dict[str, str]] = defaultdict(dict)
    trainings: dict[tuple, dict[str, str]] = defaultdict(dict)
    for where, trial in sorted(facts.items()):
        contents[trial.framework, trial.training, trial.origin].setdefault(trial.content_sha256, where)
        if trial.completed:
            trainings[trial.framework, trial.last_weights].setdefault(trial.training, where)
    for places in contents.values():
        if len(places) > 1:
            yield f"{' and '.join(places.values())}: the same training, but not the same result", False
    for places in trainings.values():
        if len(places) > 1:
            first, *others = map(json.loads, places)
            keys = ", ".join(key for key in first if any(row[key] != first[key] for row in others))
            tiny = all(facts[where].tiny_steps for where in places.values())
            yield f"{' and '.join(places.values())}: equal weights, but their rows differ in {keys}", tiny


def unmoved(facts: Mapping[str, TrialFacts]) -> Iterator[tuple[str, bool]]:
    """Trainings that changed nothing; and whether that may be right."""
    for where, trial in sorted(facts.items()):
        if trial.unmoved:
            yield f"{where}: training has moved no weight", trial.tiny_steps
