"""Results of other rows or settings make no table."""

import json
import shutil

import pandas as pd
import pytest

from helpers.commands import told, uncrossed
from uncrossed.study.study import Study


def test_results_that_do_not_belong_together_make_no_table(folder):
    trials = folder.results / "trials/first"
    shutil.copy(trials / "pytorch.h5", trials / "tensorflow.h5")
    assert "made by pytorch" in told("tables", folder.results, code=2)
    row, data = Study.load(folder.path / "study.yaml").rows["first"], folder.path / "results/datasets/digits-few.h5"
    settings = json.dumps({"threads": 1, "precision": "float64"})
    command = ["train", "tensorflow", "--row", row.model_dump_json(), "--settings", settings, "--dataset", data]
    uncrossed(*command, "--output", trials / "tensorflow.h5")
    assert "made with settings=" in told("tables", folder.results, code=2)
    # The build knows what the study says, also where Snakemake's own records are gone.
    shutil.rmtree(folder.path / ".snakemake")
    folder.configure(settings={"threads": 2})
    (folder.results / "tables/trials.csv").unlink()
    assert "build it again" in folder.snakemake(code=1).stdout


@pytest.mark.more
def test_a_base_that_is_only_a_note_builds(folder):
    text = folder.manifest.read_text().replace("epochs\n", "epochs,base\n").replace(",2\n", ",2,first\n")
    folder.manifest.write_text(text)
    folder.snakemake()
    assert list(pd.read_csv(folder.results / "tables/trials.csv")["base"]) == ["first", "first"]


def test_a_result_of_another_row_is_refused_by_the_tables(folder):
    trials = folder.results / "trials"
    shutil.copy(trials / "first/pytorch.h5", trials / "second/pytorch.h5")
    output = told("tables", folder.results, code=2)
    assert "second/pytorch.h5: made with trial=first, but the manifest says second" in output


def test_results_of_other_code_than_the_sources_make_no_table(folder, module):
    shutil.rmtree(folder.path / ".snakemake")
    (folder.results / "tables/trials.csv").unlink()
    module("training/optimizers/adam.py", "\n\n\n", "\n\n\nOTHER = 1\n\n\n")
    output = folder.snakemake("results/tiny/tables/trials.csv", code=1).stdout
    assert "first/pytorch.h5: made with smallcnn adam pytorch code_sha256=" in output
    assert "build it again" in output


def test_trials_of_two_optimizers_are_one_study(folder):
    head, first = folder.manifest.read_text().splitlines()[:2]
    rows = [f"{head},optimizer", f"{first},adam", f"{first.replace('first', 'other').replace('0.02', '')},sgd"]
    folder.manifest.write_text("\n".join(rows) + "\n")
    folder.snakemake()
    assert list(pd.read_csv(folder.results / "tables/trials.csv")["optimizer"]) == ["adam", "sgd"]
