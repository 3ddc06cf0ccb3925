"""Recalibrated statistics are the training set's, and what they explain of a gap is in the tables."""

import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers import synthetic
from helpers.commands import ARCHITECTURES, CHECKS, run, told, uncrossed
from helpers.server import Server
from helpers.trainings import row as row_of
from uncrossed.analysis.recalibration import recalibration
from uncrossed.datasets.build import build
from uncrossed.datasets.definition import Definition
from uncrossed.results import tables, trial_file
from uncrossed.study import manifest
from uncrossed.study.trial import FRAMEWORKS, Trial
from uncrossed.training.architectures import load
from uncrossed.training.arrays import to_tensorflow

ROW = {"architecture": "smallcnn", "learning_rate": 0.002, "batch_size": 60, "adam_epsilon": 1e-7, "epochs": 10}
BIASED = ARCHITECTURES / "biased.py"


@pytest.fixture(scope="module")
def some(tmp_path_factory):
    """The path of a dataset file with 600 training digits, which are two batches, and 200 test digits."""
    path = tmp_path_factory.mktemp("datasets") / "digits-some.h5"
    build(Definition(name="digits-some", format="digits", train_examples=600, test_examples=200), path)
    return path


@pytest.fixture(scope="module")
def study(some, tmp_path_factory):
    """A study of two trials after 100 steps: `native`; and `same`, where both sides have PyTorch's weights."""
    folder = tmp_path_factory.mktemp("results") / "lag"
    rows = [Trial.check({"trial": "native", **ROW}, "row")]
    rows.append(Trial.check({"trial": "same", **ROW, "semantics": "pytorch"}, "row"))
    manifest.write(folder / "manifest.csv", rows)
    layers = load("smallcnn").on((32, 32, 3), 10).layers
    results = {}
    for framework in FRAMEWORKS:
        output = folder / f"trials/native/{framework}.h5"
        row = json.dumps({"trial": "native", **ROW})
        uncrossed("train", framework, "--row", row, "--dataset", some, "--output", output)
        result = results[framework] = trial_file.read(output)
        result.attributes["row"] = rows[1].deciding()
        first = results["pytorch"]
        if framework == "tensorflow":
            result.weights = {10: to_tensorflow(layers, first.weights[10])}
            result.logits, result.curves = first.logits, first.curves
        trial_file.write(folder / f"trials/same/{framework}.h5", result)
        shutil.copy(output.with_suffix(".json"), folder / f"trials/same/{framework}.json")
    tables.make(folder)
    (folder.parent / "datasets").mkdir()
    shutil.copy(some, folder.parent / "datasets/digits-some.h5")
    uncrossed("recalibrate", folder)
    return folder


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_statistics_are_those_of_a_float64_computation(framework, some):
    assert "as computed" in run(sys.executable, CHECKS / "recalibrated.py", framework, some).stdout


def test_tensorflows_statistics_lag_and_pytorchs_hardly(study):
    table = pd.read_csv(study / "tables/recalibration.csv").set_index(["trial", "framework"])
    pytorch, tensorflow = (table.loc["native", framework] for framework in FRAMEWORKS)
    curves = pd.read_parquet(study / "tables/curves.parquet")
    trained = curves[(curves["framework"] == "tensorflow") & (curves["trial"] == "native")]["train_accuracy"].iloc[-1]
    assert tensorflow["test_accuracy"] < 0.2
    assert tensorflow["recalibrated_test_accuracy"] > trained - 0.1 > 0.8
    assert tensorflow["test_loss"] > 3
    assert tensorflow["recalibrated_test_loss"] < 1
    assert abs(pytorch["test_accuracy_change"]) < 0.2 * tensorflow["test_accuracy_change"]
    assert pytorch["gap"] > 0.5
    assert abs(pytorch["recalibrated_gap"]) < 0.05
    assert pytorch["explained_share"] == pytest.approx(pytorch["explained"] / pytorch["gap"], rel=1e-5)
    stored = tables.read(study).set_index("trial").loc["native"]
    assert pytorch["gap"] == pytest.approx(stored["difference"])
    assert tensorflow["test_loss"] == pytest.approx(stored["tensorflow_test_loss"])


def test_equal_weights_give_equal_models_in_both_frameworks(study):
    table = recalibration(study).set_index(["trial", "framework"]).loc["same"]
    assert table["recalibrated_test_accuracy"].nunique() == 1
    assert np.ptp(table["recalibrated_test_loss"]) < 1e-6
    assert (table["test_loss_change"] < -0.01).all()


def test_of_rows_of_one_training_one_is_evaluated_for_all_if_their_weights_are_equal(study, some, tmp_path):
    """The second's logits are wrong, which would be refused if it was evaluated."""
    folder = tmp_path / "views"
    own = Trial.check({"trial": "view", **ROW, "semantics": "batchnorm_momentum=pytorch"}, "row")
    manifest.write(folder / "manifest.csv", [Trial.check({"trial": "native", **ROW}, "row"), own])
    for trial in ("native", "view"):
        shutil.copytree(study / "trials/native", folder / f"trials/{trial}")
    for framework in reversed(FRAMEWORKS):
        path = folder / f"trials/view/{framework}.h5"
        result = trial_file.read(path)
        result.attributes["row"] = own.deciding()
        trial_file.write(path, result)
    result.logits = result.logits[::-1].copy()
    weights = result.weights[10]
    statistics = [name for name in weights if name.endswith(("_mean", "_var"))]
    result.weights[10] = weights | {name: weights[name] + 1 for name in statistics}
    trial_file.write(path, result)
    tables.make(folder)
    command = ["recalibrate", folder, "--dataset", some, "--framework", "pytorch"]
    told(*command)
    assert recalibration(folder)["recalibrated_test_loss"].nunique() == 1
    (folder / "tables/recalibration.csv").unlink()
    result.weights[10] = weights | {"conv1.weight": weights["conv1.weight"] + 1}
    trial_file.write(path, result)
    assert "its weights give logits that differ" in told(*command, code=2)


def test_only_trial_files_without_a_line_are_evaluated(study, tmp_path):
    """A line of a file that is another by now says nothing, and stays until it is made again."""
    folder = Path(shutil.copytree(study.parent, tmp_path / "results")) / "lag"
    table = folder / "tables/recalibration.csv"
    text = table.read_text()
    shutil.rmtree(folder.parent / "datasets")  # so that nothing can be evaluated
    assert "native" in told("recalibrate", folder)
    assert "same" not in told("recalibrate", folder, "--trials", "native", "--framework", "pytorch")
    assert table.read_text() == text
    path = folder / "trials/native/tensorflow.h5"
    result = trial_file.read(path)
    result.curves["train_loss"][0] += 1
    trial_file.write(path, result)
    assert list(recalibration(folder)["framework"]) == ["pytorch", "pytorch", "tensorflow"]
    assert recalibration(folder).query("trial == 'native'")["gap"].isna().all()
    assert "digits-some.h5: no such dataset; recalibrating needs digits-some" in told("recalibrate", folder, code=2)
    assert table.read_text() == text


@pytest.mark.more
def test_a_url_and_a_single_file_are_recalibrated_too(study, some, network, tmp_path):
    output = tmp_path / "a table.csv"
    alone = shutil.copy(study / "trials/native/pytorch.h5", tmp_path / "any name.h5")
    told("recalibrate", alone, "--dataset", some, "--output", output)
    with Server(study) as server:
        words = ["--trials", "native", "--framework", "pytorch", "--dataset", some]
        printed = told("recalibrate", server.url, *words)
    found, wanted = pd.read_csv(output).iloc[0], pd.read_csv(study / "tables/recalibration.csv").iloc[0]
    assert (found["trial"], found["framework"]) == (wanted["trial"], wanted["framework"]) == ("native", "pytorch")
    for name in ("test_accuracy", "recalibrated_test_accuracy", "recalibrated_test_loss"):
        assert found[name] == wanted[name]
    assert f"{wanted['recalibrated_test_accuracy']:.4f}" in printed


@pytest.fixture(scope="module")
def biased(few, tmp_path_factory):
    """PyTorch's trial file of an architecture of one's own, `BIASED`."""
    output = tmp_path_factory.mktemp("biased") / "a.h5"
    words = ["--row", row_of("biased"), "--architecture", BIASED, "--dataset", few, "--output", output]
    uncrossed("train", "pytorch", *words)
    return output


def test_an_architecture_of_ones_own_needs_its_file_and_the_dataset_must_be_the_same(few, digits, biased):
    command = ["recalibrate", biased, "--dataset", few]
    assert "its file: --architecture biased=FILE.py, if trusted" in told(*command, code=2)
    own = ["--architecture", f"biased={BIASED}"]
    assert re.search(r"biased +pytorch +0\.\d+ +0\.\d+", told(*command, *own))
    said = told("recalibrate", biased, "--dataset", digits, *own, code=2)
    assert f"{digits}: not the dataset that {biased} was trained on, which was digits-few" in said


@pytest.mark.long
def test_a_file_that_is_another_and_a_gpu_that_is_missing_are_said(few, biased, tmp_path, monkeypatch):
    command, own = ["recalibrate", biased, "--dataset", few], ["--architecture", f"biased={BIASED}"]
    other = tmp_path / "biased.py"
    other.write_text(BIASED.read_text().replace("nn.ReLU()", "nn.Sigmoid()"))
    said = told(*command, "--architecture", f"biased={other}", code=2)
    assert "its weights give logits that differ by up to" in said
    other.write_text(BIASED.read_text().replace("8", "7"))
    assert "its weights do not fit biased" in told(*command, "--architecture", f"biased={other}", code=2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert "sees none" in told(*command, *own, "--device", "gpu", code=2)


def test_models_without_batch_normalisation_and_diverged_ones_are_said_to_be_so(tmp_path):
    folder = tmp_path / "made-up"
    synthetic.study(folder, 3, diverged="vgg16-0002")
    assert "nothing to recalibrate" in told("recalibrate", folder, "--trials", "vgg16-0002", code=2)
    said = told("recalibrate", folder, code=2)
    assert "made-up.h5: no such dataset; recalibrating needs made-up: give its file by --dataset" in said
    assert not (folder / "tables/recalibration.csv").exists()
    rows = [Trial.check({**row.model_dump(), "architecture": "vgg16"}, "row") for row in synthetic.rows(3, 3)]
    synthetic.write(folder, rows, diverged="resnet50-0001")
    tables.make(folder)
    told("recalibrate", folder)
    table = recalibration(folder).set_index(["trial", "framework"])
    assert list(table["state"]) == ["no batch normalisation"] * 2 + ["diverged"] * 2 + ["no batch normalisation"] * 2
    plain = table[table["state"] != "diverged"]
    assert (plain["recalibrated_test_accuracy"] == plain["test_accuracy"]).all()
    assert (plain["explained"] == 0).all()
    assert table.loc["resnet50-0001", ["recalibrated_test_accuracy", "gap"]].isna().all(axis=None)
    stored = tables.read(folder).set_index("trial")
    assert table.loc["vgg16-0002", "gap"].iloc[0] == pytest.approx(stored.loc["vgg16-0002", "difference"])
    told("checksums", folder)
    assert "tables/recalibration.csv" in (folder / "SHA256SUMS").read_text()
    assert "no trial 'vgg16-2'" in told("recalibrate", folder, "--trials", "vgg16-2", code=2)
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    assert "other.csv: no column 'trial'" in told("recalibrate", folder, "--output", other, code=2)
    assert other.read_text() == "a,b\n1,2\n"
