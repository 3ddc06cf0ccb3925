"""A rebuilt study stands beside the published one, and is judged by what seeds do."""

import math

import pandas as pd
import pytest

from helpers.commands import REPOSITORY, uncrossed
from helpers.published import GOOD, write
from uncrossed.common.errors import InputError, UnreadableError
from uncrossed.job import twins
from uncrossed.study.study import Study
from uncrossed.study.trial import FRAMEWORKS
from uncrossed.study2021 import comparison, published_tables


def test_a_reference_that_cannot_be_read_is_not_called_damaged(tmp_path):
    path = tmp_path / "reference.parquet"
    with pytest.raises(InputError, match=f"^{path}: missing; make it by "):
        comparison.write(tmp_path, path, pd.DataFrame())
    path.write_text("no table")
    with pytest.raises(InputError, match=f"^{path}: damaged "):
        comparison.write(tmp_path, path, pd.DataFrame())
    path.unlink()
    path.mkdir()
    with pytest.raises(UnreadableError, match=f"^{path}: cannot be read .Is a directory."):
        comparison.write(tmp_path, path, pd.DataFrame())


def test_rebuilt_trials_are_judged_by_what_seeds_do():
    reference = pd.concat(published_tables.parse(write({}, {}), name, "t.csv") for name in ("vgg16", "resnet50"))
    trials = reference.drop(columns=["state", "runtime_seconds"]).iloc[::-1].reset_index(drop=True)
    trials["difference"] += [0.01, 0.03, -0.01, -0.03]
    trials.loc[4] = trials.loc[3].to_dict() | {"trial": "vgg16-mine"}
    trials.loc[5] = trials.loc[3].to_dict() | {"difference": math.nan}
    made = comparison.compare(trials, reference, {"vgg16": 0.02})
    assert list(made["trial"]) == list(trials["trial"])
    assert list(made["verdict"]) == ["unknown"] * 2 + ["within seeds", "outside seeds"] + ["unknown"] * 2
    assert made["apart"][3] == pytest.approx(0.03)
    assert made["published_pytorch_test_accuracy"][0] == float(GOOD["pt_test_acc"])
    assert set(comparison.compare(trials, reference)["verdict"]) == {"unknown"}
    for name, value in (("learning_rate", 0.0375), ("epochs", 3), ("architecture", "vgg16")):
        with pytest.raises(InputError, match=f"'resnet50-00000001': found {name}="):
            comparison.compare(trials.assign(**{name: value}), reference)


def test_the_study_of_the_published_trials_is_sound():
    study = REPOSITORY / "config/published.yaml"
    assert "1200 trials" in uncrossed("manifest", "check", "--study", study).stdout


def test_a_build_trains_equal_hyperparameters_once(tmp_path):
    study = Study.load(REPOSITORY / "config/published.yaml")
    for framework in FRAMEWORKS:
        plan = twins.plan(study, framework, tmp_path)
        assert plan == ({"densenet121-b3eeede4": "densenet121-9d7adbce"}, frozenset())
