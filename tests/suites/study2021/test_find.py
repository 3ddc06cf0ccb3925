"""A published trial is found by the digits that are printed."""

import numpy as np
import pytest

import uncrossed as package
from helpers.published_2021 import published_folder
from uncrossed.common.errors import InputError
from uncrossed.study.hyperparameters import HYPERPARAMETERS


def test_every_published_trial_is_found_by_its_hyperparameters():
    data = package.open_published(published_folder())
    assert set(data.versions.values()) == {"cleaned"}
    twins = {"densenet121-9d7adbce", "densenet121-b3eeede4"}
    for row in data.trials.to_dict("records"):
        wanted = {name: row[name] for name in ("architecture", *HYPERPARAMETERS)}
        found = data.find(**wanted)
        assert set(found) == (twins if row["trial"] in twins else {row["trial"]})
        wanted |= {name: float(f"{row[name]:.7g}") for name in ("learning_rate", "adam_epsilon")}
        assert row["trial"] in data.find(**wanted)


def test_find_matches_to_the_digits_that_are_printed(copy):
    data = package.open_published(copy)
    every = ["vgg16-aaaa0000", "resnet50-aaaa0001", "densenet121-aaaa0002"]
    assert data.find(learning_rate=0.0990134437, batch_size=202) == every
    assert data.find(learning_rate=0.09901344, epochs=50.0, adam_epsilon=1e-8) == every
    assert data.find(learning_rate=np.float32(0.099013444), batch_size=np.int64(202)) == every
    assert data.find(learning_rate=0.0990134437, architecture="resnet50") == every[1:2]
    assert data.find(learning_rate=0.0990137) == []
    assert data.find(batch_size=203) == []
    assert data.find(batch_size=202.5 - 0.5, epochs=2) == []
    # Of nine decimals 1e-8 has one digit: what rounds to it is found.
    assert len(data.find(adam_epsilon=1.04e-8)) == 6
    assert data.find(adam_epsilon=1.06e-8) == []
    data.trials.loc[data.trials["trial"] == "vgg16-00000000", ["learning_rate", "batch_size"]] = 0.09901344401, 202
    assert data.find(learning_rate=0.099013444, batch_size=202) == every
    assert data.find(learning_rate=0.09901344401) == ["vgg16-00000000"]
    assert data.find(learning_rate=0.099013444005) == ["vgg16-00000000", *every]
    with pytest.raises(InputError, match="learning_rate: found 'fast'; allowed: a number"):
        data.find(learning_rate="fast")
    with pytest.raises(InputError, match=r"batch_size: found 32\.5; allowed: an integer"):
        data.find(batch_size=32.5)
    with pytest.raises(InputError, match=r"architecture: found 'vgg'; .*did you mean 'vgg16'\?"):
        data.find(architecture="vgg")
