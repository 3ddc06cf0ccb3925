"""Trials are selected by value and by comparison."""

import pytest

import uncrossed as package
from helpers import synthetic
from helpers.big import BIG
from uncrossed.common.errors import InputError
from uncrossed.results import tables


def test_select_by_value_and_by_comparison(built):
    study = package.open(built)
    trials = study.trials
    chosen = study.select(architecture="resnet50", difference=">0", batch_size="<= 250", both_completed=True)
    expected = trials.query("architecture == 'resnet50' and difference > 0 and both_completed")
    assert list(chosen.trials["trial"]) == list(expected["trial"])
    assert set(chosen.curves["trial"]) == set(expected["trial"])
    assert len(study.select(architecture="!=vgg16")) == 4
    assert len(study.select(space="3")) == len(study.select(space=3)) == len(study.select(space=">=3", trial="<r")) == 1
    assert len(study.select(both_completed="false")) == 1
    assert list(study.select(trial=[BIG, "vgg16-0005"], seed=0).trials["trial"]) == [BIG, "vgg16-0005"]
    assert len(study.select(base="x")) == 0 if "base" in trials else True
    names = trials["trial"][::-1]
    for several in (names, names.to_numpy(), set(names), (name for name in names)):
        assert len(study.select(trial=several)) == 6
    assert len(study.select(space=range(3))) == 3
    assert len(study.select(difference=[float("nan"), None])) == 0
    with pytest.raises(InputError, match=r"no column 'architectur'; .* did you mean 'architecture'\?"):
        study.select(architectur="vgg16")
    with pytest.raises(InputError, match="column 'difference': found 'large'; allowed: a number"):
        study.select(difference=">large")
    with pytest.raises(InputError, match="column 'both_completed': found 'yes'"):
        study.select(both_completed="yes")


def test_a_column_that_is_true_false_or_empty(tmp_path):
    values = {"optimizer": "sgd", "adam_epsilon": None, "momentum": 0.9, "weight_decay": 0.0}
    trials = [row.model_copy(update={"trial": name}) for name, row in zip("abc", synthetic.rows(3, 1), strict=True)]
    trials[:2] = [trials[k].model_copy(update=values | {"nesterov": k == 0}) for k in range(2)]
    synthetic.write(tmp_path, trials)
    tables.make(tmp_path)
    for _ in range(2):
        study = package.open(tmp_path)
        assert list(study.select(nesterov="true").trials["trial"]) == ["a"]
        assert list(study.select(nesterov="!=true").trials["trial"]) == ["b"]
        with pytest.raises(InputError, match="column 'nesterov': found 'yes'; allowed: true or false"):
            study.select(nesterov="yes")
        (tmp_path / "tables/trials.parquet").unlink(missing_ok=True)  # then it is read from the CSV file
