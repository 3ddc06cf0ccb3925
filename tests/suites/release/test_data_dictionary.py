"""The data dictionary has every column of every table, and everything in a trial file."""

import re

import numpy as np
import pandas as pd
import pytest

from helpers.commands import REPOSITORY
from uncrossed.analysis import contributions, predictions, recalibration, statistics
from uncrossed.release.metadata import COLUMN_DESCRIPTIONS
from uncrossed.results import tables, trial_file
from uncrossed.results.diagnosis import DIAGNOSES
from uncrossed.study import layout
from uncrossed.study.manifest import COLUMNS
from uncrossed.training.arrays import Layer

PAGE = (REPOSITORY / "docs/data-dictionary.md").read_text()


def described(title, page=PAGE):
    """The names in the tables of a section, each with what stands in its line's last cell; `{...}` is any word."""
    section = page.partition(f"\n## {title}")[2].partition("\n## ")[0]
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return {name: cells[-1] for cells in lines for name in re.findall("`(.+?)`", cells[0])}


def lacking(names, title, page=PAGE):
    """The names that a section does not describe."""
    patterns = [re.sub(r"\\{.*?\\}|\\\.\\\.\\\.", ".+", re.escape(name)) for name in described(title, page)]
    return [name for name in names if not any(re.fullmatch(pattern, name) for pattern in patterns)]


@pytest.mark.parametrize("table", [layout.TRIALS_PARQUET, layout.CURVES_TABLE, layout.RUNS_TABLE])
def test_it_has_the_columns_of_the_tables_of_a_build(table, built):
    title = f"`{layout.TRIALS_CSV}`" if table == layout.TRIALS_PARQUET else f"`{table}`"
    columns = list(pd.read_parquet(built / table))
    assert columns
    assert lacking(columns, title) == []
    if table == layout.TRIALS_PARQUET:
        assert lacking(COLUMNS, title) == [], "those that a manifest may have"


def test_a_release_describes_columns_as_it_does(built):
    for title in (f"`{layout.TRIALS_CSV}`", f"`{layout.CURVES_TABLE}`"):
        for name, text in described(title).items():
            known = COLUMN_DESCRIPTIONS[name]
            assert text == known or DIAGNOSES[0] in known, name
    assert {*tables.read(built), *COLUMNS, *pd.read_parquet(built / layout.CURVES_TABLE)} <= {*COLUMN_DESCRIPTIONS}


def test_it_has_the_columns_and_statistics_of_an_analysis(built):
    summary = statistics.summarise(statistics.prepared(tables.read(built), 1000, 200, 10))
    assert lacking([*summary, *summary["statistic"].unique()], f"`{layout.SUMMARY_TABLE}`") == []
    about, logits = ["trial", "architecture", "semantics"], np.eye(3)
    assert lacking([*about, *predictions.disagreement(logits, logits, np.arange(3))], "`tables/disagreement.csv`") == []
    sides = {"a.weight": np.ones((1, 2))}, {"b/kernel": np.ones((2, 1))}
    (found,) = predictions.distances([Layer("a", "b", "dense")], *sides)
    assert lacking([*about, *found], f"`{layout.WEIGHTS_TABLE}`") == []
    assert lacking(contributions.COLUMNS, f"`{layout.ATTRIBUTION_TABLE}`") == []
    page = (REPOSITORY / "docs/recalibration.md").read_text()
    assert lacking(recalibration.COLUMNS, "The table", page) == []


def test_it_has_what_a_trial_file_holds():
    assert lacking([*trial_file.TEXTS, *trial_file.OBJECTS], "A trial file") == []
    said = described("A trial file")
    assert {"weights/{epoch}/{name}", "predictions/logits", "predictions/labels", "curves/train_loss"} <= said.keys()


def test_the_card_and_the_metadata_say_what_a_model_is_fed_with(built):
    for name in (layout.CARD, layout.CROISSANT):
        text = " ".join((built / name).read_text().split())
        for words in ("divided by 255", "channels x height x width in PyTorch (NCHW)", "in TensorFlow (NHWC)"):
            assert words in text, name
