"""The command writes the same bytes again, and refuses or leaves out what is missing."""

import json

import h5py
import numpy as np
import pandas as pd

from helpers.commands import told, uncrossed
from helpers.pairs import drawn, number, write_study
from uncrossed.analysis import analyse, figures, predictions


def test_the_command_writes_the_same_bytes_again(tmp_path):
    trials = drawn(24, trial=[f"t{k}" for k in range(24)], semantics="aligned").assign(architecture="smallcnn")
    outputs = []
    for name in ("first", "second"):
        write_study(tmp_path / name, trials)
        outputs.append(uncrossed("analyse", tmp_path / name).stdout)
    assert "smallcnn        24             24" in outputs[0]
    made = {"tables/summary.csv", "tables/disagreement.csv", "tables/weights.csv", "figures/captions.json"}
    made |= {f"figures/{name}.{kind}" for name in figures.FIGURES for kind in ("svg", "png")}
    for name in made:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes(), name
    captions = json.loads((tmp_path / "first/figures/captions.json").read_text())
    assert captions.keys() == figures.FIGURES.keys()
    svg = (tmp_path / "first/figures/difference-hyperparameters.svg").read_text()
    assert "optimizer steps</text>" in svg
    assert "95% of float32 rounding</text>" in svg
    disagreement = pd.read_csv(tmp_path / "first/tables/disagreement.csv")
    assert len(disagreement) == 24
    assert (pd.read_csv(tmp_path / "first/tables/weights.csv")["distance"] == 0).all()


def test_missing_results_are_refused_or_left_out(tmp_path):
    trials = drawn(4, trial=list("abcd"))
    write_study(tmp_path, trials, "native")
    (tmp_path / "trials/c/tensorflow.h5").unlink()
    assert "c/tensorflow.h5: no such trial file" in told("analyse", tmp_path, code=2)
    told("analyse", tmp_path, "--partial")
    assert list(pd.read_csv(tmp_path / "tables/disagreement.csv")["trial"]) == ["a", "b", "d"]
    assert not (tmp_path / "tables/weights.csv").exists()
    with h5py.File(tmp_path / "trials/a/pytorch.h5", "r+") as file:
        file["predictions/logits"][0, 0] = 9
    damaged = told("analyse", tmp_path, "--partial", code=2)
    assert "a/pytorch.h5: array 'predictions/logits' does not match its sha256" in damaged
    trials.assign(pytorch_status="completed", tensorflow_status=["completed"] * 3 + ["missing"]).to_parquet(
        tmp_path / "tables/trials.parquet"
    )
    assert "trial 'd' and 0 more lack a result" in told("analyse", tmp_path, code=2)
    assert "trials.parquet: missing" in told("analyse", tmp_path / "nowhere", code=2)


def test_a_partial_study_prints_what_is_there(tmp_path):
    trials = drawn(40, trial=[f"t{k:02d}" for k in range(40)], tensorflow_status="completed")
    trials["semantics"] = np.where(np.arange(40) < 4, "native", [f"dropout=pytorch;seed={k}" for k in range(40)])
    trials["pytorch_status"] = np.where(np.arange(40) < 3, "completed", "missing")
    (tmp_path / "tables").mkdir()
    trials.to_parquet(tmp_path / "tables/trials.parquet")
    printed = told("analyse", tmp_path, "--partial", "--examples", 50_000, 10_000, "--classes", 10)
    assert "nan" not in printed
    lines = printed.splitlines()
    assert [line.split()[:3] for line in lines[1:4]] == [["smallcnn", "1", "1"], ["vgg16", "2", "2"], ["all", "3", "3"]]
    assert lines[4:] == [
        "hardly to be compared with others, of fewer than 5 configurations: smallcnn, vgg16",
        "no pair completed in 36 other groups of an architecture and semantics",
    ]


def test_a_table_alone_needs_the_numbers_of_examples_and_classes(tmp_path):
    (tmp_path / "tables").mkdir()
    drawn(5, trial=list("abcde")).to_parquet(tmp_path / "tables/trials.parquet")
    assert "allowed: --examples TRAIN TEST" in told("analyse", tmp_path, code=2)
    assert "--classes N" in told("analyse", tmp_path, "--examples", 50_000, 10_000, code=2)
    told("analyse", tmp_path, "--examples", 50_000, 10_000, "--classes", 10)
    assert not (tmp_path / "tables/disagreement.csv").exists()
    told("analyse", tmp_path, "--examples", 50_000, 10_000, "--classes", 2)
    summary = pd.read_csv(tmp_path / "tables/summary.csv").set_index(["architecture", "statistic"])["value"]
    trials = pd.read_parquet(tmp_path / "tables/trials.parquet")
    above = (trials[["pytorch_test_accuracy", "tensorflow_test_accuracy"]] > 0.52).all(axis=1)
    assert summary["all", "pairs_both_above_chance"] == above.sum()


def test_trial_files_say_how_many_classes_there_are(tmp_path):
    trials = drawn(2, trial=list("ab")).assign(pytorch_test_accuracy=0.15, tensorflow_test_accuracy=0.9)
    write_study(tmp_path, trials, "native", 30)
    assert predictions.size(tmp_path, trials["trial"]) == (200, 60, 30)
    # Of 60 examples up to 0.22 are right by chance with ten classes, up to 0.12 with thirty.
    found = analyse.make(tmp_path).set_index(["architecture", "semantics", "statistic"])
    assert number(found, "pairs_both_above_chance", "all") == 2
    assert "pytorch_recall_29" in pd.read_csv(tmp_path / "tables/disagreement.csv")
