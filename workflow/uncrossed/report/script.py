"""What the page's script needs: to draw all pairs, to sort and filter them, and to show one."""

from typing import Any

import pandas as pd

from uncrossed.report import pairs
from uncrossed.report.data import Page, plain
from uncrossed.results.diagnosis import DIAGNOSES
from uncrossed.results.trials_table import ACCURACIES, DIAGNOSIS, DIFFERENCE
from uncrossed.study import layout


def data(page: Page) -> dict[str, Any]:
    """It as plain data; lists are in the order of the table of trials."""
    trials = page.trials
    lines = zip(trials.to_dict("records"), page.pairs, strict=True)
    told = [(pairs.words(row, pair), pairs.numbers(row, pair)) for row, pair in lines]
    return {
        "study": page.study,
        "trial_file": layout.trial_file("{trial}", "{framework}"),
        "trials": list(trials["trial"]),
        "choices": {name: [plain(value) for value in trials[name]] for name in page.choices},
        "kinds": list(DIAGNOSES[::-1]),
        "diagnoses": list(trials[DIAGNOSIS]) if DIAGNOSIS in trials else None,
        "classes": page.classes,
        "values": _rows(trials[page.columns]),
        "measured": _rows(trials[list(ACCURACIES)].astype(float)),
        "differences": [plain(value) for value in trials[DIFFERENCE]],
        "words": [words for words, _ in told],
        "numbers": [numbers for _, numbers in told],
        "plans": {
            trial: {
                "recalibrate": pairs.recalibrate(page, plan, pair),
                "cost": pairs.cost(plan),
                "commands": [plan.command, plan.build],
                "hint": plan.hint,
            }
            for trial, pair in zip(trials["trial"], page.pairs, strict=True)
            if (plan := page.plans.get(trial))
        },
        "neighbours": page.neighbours,
        "parameters": page.parameters,
        "settings": _rows(trials[page.parameters]),
        "pairs": page.pairs,
        "semantics": page.semantics,
        "environments": page.environments,
    }


def _rows(table: pd.DataFrame) -> list[list[Any]]:
    return [[plain(value) for value in row] for row in table.itertuples(index=False)]
