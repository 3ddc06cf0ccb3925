"""A pair leads to what explains it: the design, its cost, and a study that builds it."""

import json
import re
import shutil
import time

import pytest

from helpers import synthetic
from helpers.commands import ARCHITECTURES, REPOSITORY, told
from uncrossed.explain import pair
from uncrossed.results import built
from uncrossed.study import factorial, resources, trainings
from uncrossed.study.study import Study


def test_the_plan_is_what_the_written_study_takes(tmp_path):
    config = shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    output = told("explain", "densenet121", "--study", config / "demo.yaml")
    study = Study.load(config / "demo.yaml")
    row = study.rows["densenet121"]
    plan = pair.plan(study, row, config / "demo.yaml")
    assert plan.trainings == {"pytorch": 10, "tensorflow": 20}
    assert "5 fresh seeds: 10 PyTorch and 20 TensorFlow trainings, about 17 minutes" in output
    for command in (plan.command, plan.build):
        assert f"    {command}\n" in output
    words = plan.command.split()[1:]
    words[-1] = tmp_path / words[-1]
    told(*words)
    made = Study.load(tmp_path / plan.study)
    touching = {"densenet121": made.architectures["densenet121"].touching}
    needed = trainings.needed(made.rows.values(), touching)
    assert {framework: len(rows) for framework, rows in needed.items()} == plan.trainings
    assert trainings.hours(needed, made.settings, made.dataset) * 60 == pytest.approx(plan.minutes)
    (design,) = factorial.designs(made.rows.values(), touching)
    assert design.factors == plan.factors
    # The pair's own seed was picked for what it showed.
    assert sorted(design.replicates) == [1, 2, 3, 4, 5]
    notes = {"trial": "", "seed": 0, "base": None}
    for trials in design.replicates.values():
        assert made.rows[trials[0]].model_copy(update=notes) == row.model_copy(update=notes)
    assert made.settings == study.settings


def test_a_pair_of_a_built_study_has_a_plan_by_its_folder(tmp_path):
    folder = tmp_path / "results/made"
    synthetic.write(folder, synthetic.rows(2, 1, ["resnet50"]))
    output = told("explain", "resnet50-0001", "--study", folder)
    assert "half of the combinations of initialisation, stride, conv_bias, epsilons" in output
    assert "10 PyTorch and 40 TensorFlow trainings" in output
    # The made-up dataset has no source, as one of a user's own after a build: no command is named that is refused.
    assert "uncrossed explain resnet50-0001 --study config/STUDY.yaml --output config/explain-resnet50" in output
    words = "config/STUDY.yaml is the study file that says 'study: made': the results do not say where the dataset made"
    assert words in output
    said = told("explain", "resnet50-0001", "--study", folder, "--output", tmp_path / "x.yaml", code=2)
    assert (
        "the results do not say where the dataset made-up comes from; allowed: the study's file, such as conf" in said
    )
    assert not (tmp_path / "x.yaml").exists()


def test_a_plan_for_gpus_is_built_on_a_cluster_and_counts_measured_speeds(tmp_path, monkeypatch):
    folder = tmp_path / "results/made"
    synthetic.write(folder, synthetic.rows(2, 1, ["resnet50"]))
    statement = json.loads((folder / "study.json").read_text())
    statement["dataset"], statement["datasets"] = "cifar10", {}
    statement["settings"]["device"] = "gpu"
    (folder / "study.json").write_text(json.dumps(statement))
    monkeypatch.chdir(tmp_path)
    said = told("explain", "resnet50-0001", "--study", "results/made")
    assert "uncrossed explain resnet50-0001 --study results/made --output" in said
    assert "    snakemake --profile slurm --configfile config/explain-resnet50-0001.yaml" in said
    study = Study.read_built(folder)
    row = study.rows["resnet50-0001"]
    slow = [
        resources.known(framework, "resnet50", "gpu")[0].model_copy(update={"start_seconds": 3600 * 10})
        for framework in ("pytorch", "tensorflow")
    ]
    resources.update(slow, tmp_path / "config/speeds.csv")
    hours = re.search(r"about (\d+) hours one after the other on a gpu", told("explain", row.trial, "--study", folder))
    assert int(hours[1]) >= 50 * 10


def test_an_own_architecture_and_dataset_are_found_from_the_written_study(tmp_path):
    shutil.copy(ARCHITECTURES / "perceptron.py", tmp_path)
    (tmp_path / "rows.csv").write_text(
        "trial,architecture,learning_rate,batch_size,adam_epsilon,epochs\na,mine,0.1,10,0.1,1\n"
    )
    few = "few: {format: npz, source: few.npz, sha256: " + "a" * 64 + ", train_examples: 90, test_examples: 9, "
    (tmp_path / "study.yaml").write_text(
        "study: own\ndataset: few\nmanifest: rows.csv\narchitectures: {mine: perceptron.py}\n"
        "datasets: {" + few + "shape: [8, 8, 1], classes: 3}}\n"
    )
    (tmp_path / "config").mkdir()
    told("explain", "a", "--study", tmp_path / "study.yaml", "--output", tmp_path / "config/a.yaml")
    made = Study.load(tmp_path / "config/a.yaml")
    assert made.dataset.identity() == Study.load(tmp_path / "study.yaml").dataset.identity()
    assert made.dataset.source.endswith("few.npz")
    assert (tmp_path / "config").joinpath(
        made.configuration.architectures["mine"]
    ).resolve() == tmp_path / "perceptron.py"
    assert len(made.rows) == 5 * 4
    before = (tmp_path / "config/a.csv").read_bytes()
    (tmp_path / "config/a.yaml").unlink()
    again = ["explain", "a", "--study", tmp_path / "study.yaml", "--output", tmp_path / "config/a.yaml"]
    assert "config/a.csv is there already; allowed: another name, or delete it" in told(*again, code=2)
    assert (tmp_path / "config/a.csv").read_bytes() == before


def test_what_cannot_be_explained_is_refused(tmp_path):
    study = REPOSITORY / "config/explain-digits.yaml"
    for words, message in (
        (["smallcnn-1-11111"], "no mechanism is left"),
        (["none"], "no trial 'none'"),
        (["smallcnn-1-00000", "--seeds", 1], "--seeds: found 1"),
        (["smallcnn-1-00000", "--output", tmp_path / "x"], "allowed: a study file, NAME.yaml"),
    ):
        assert message in told("explain", *words, "--study", study, code=2)
    assert "has a search" in told("explain", "a", "--study", REPOSITORY / "config/search.yaml", code=2)


def test_a_report_can_ask_for_all_pairs(tmp_path):
    folder = tmp_path / "results/made"
    synthetic.write(folder, synthetic.rows(3, 1))
    study, rows = Study.read_built(folder), built.rows(folder)
    start = time.process_time()
    plans = [pair.plan(study, row, "results/made") for _ in range(400) for row in rows.values()]
    assert time.process_time() - start < 2
    for plan in plans[:3]:
        row = rows[plan.trial]
        alone = [
            resources.seconds(framework, row, study.settings, study.dataset.identity()) for framework in plan.trainings
        ]
        assert plan.minutes * 60 == pytest.approx(sum(map(lambda a, b: a * b, alone, plan.trainings.values())))
