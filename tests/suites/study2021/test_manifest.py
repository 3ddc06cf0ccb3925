"""The committed manifest holds every published number."""

import csv

import pandas as pd
import pytest

from helpers.commands import REPOSITORY, uncrossed
from helpers.published_2021 import published_folder
from uncrossed.study import manifest
from uncrossed.study.hyperparameters import HYPERPARAMETERS
from uncrossed.study.mechanisms import resolve
from uncrossed.study2021 import published_tables

MANIFEST = REPOSITORY / "config/manifests/published.csv"


def test_the_committed_manifest_is_what_the_command_makes(tmp_path):
    options = ["--output", tmp_path / "m.csv", "--reference", tmp_path / "r.parquet"]
    said = uncrossed("manifest", "import-published", "--folder", published_folder(), *options).stdout
    assert (tmp_path / "m.csv").read_bytes() == MANIFEST.read_bytes()
    assert said.endswith("1200 trials (400 densenet121, 400 resnet50, 400 vgg16); 0 of 1200 published ones refused\n")
    for known in (
        "vgg16: all accuracies and 399 of 400 learning rates are rounded to 9 decimals",
        *("vgg16-d24e215e: no curves", "vgg16-d24f6410: no curves", "resnet50-3450eb44: its state is 'running'"),
        *("resnet50-3450eb44: its runtime is 101120 s", "densenet121-9d7adbce, densenet121-b3eeede4: the same"),
    ):
        assert known in said
    reference = pd.read_parquet(tmp_path / "r.parquet")
    assert reference["difference"].abs().max() == pytest.approx(0.681519394, abs=1e-8)
    assert reference["tf_training_loss"].isna().sum() == 2


def test_every_published_number_is_in_the_manifest():
    rows = manifest.read(MANIFEST, examples=50_000)
    for source in published_tables.SOURCES:
        with open(published_folder() / source.name, encoding="utf-8", newline="") as stream:
            for line in csv.DictReader(stream):
                row = rows.pop(f"{source.architecture}-{line['Name'].removeprefix('dual_train_')}")
                assert row.semantics == resolve("published")
                for name in HYPERPARAMETERS:
                    assert float(line[name]) == getattr(row, name)
    assert not rows
