"""A study that is read, from a folder or over HTTP, holds what its files hold."""

import numpy as np
import pandas as pd
import pytest

import uncrossed as package
from helpers import synthetic
from helpers.big import BIG
from uncrossed.common.errors import InputError
from uncrossed.results import tables, trial_file, trials_table
from uncrossed.study.trial import FRAMEWORKS


def test_tables_trials_and_arrays_are_those_of_the_files(place, built):
    study = package.open(place)
    pd.testing.assert_frame_equal(study.trials, tables.read(built))
    pd.testing.assert_frame_equal(study.curves, pd.read_parquet(built / "tables/curves.parquet"))
    assert len(study) == 6
    assert str(study).endswith("6 trials>")
    for framework in FRAMEWORKS:
        side = getattr(study.trial(BIG), framework)
        expected = trial_file.read(built / f"trials/{BIG}/{framework}.h5")
        assert side.attributes == expected.attributes
        assert (side.status, side.epochs) == ("completed", (0, 3))
        np.testing.assert_array_equal(side.logits, expected.logits)
        np.testing.assert_array_equal(side.labels, expected.labels)
        for name in trial_file.CURVES:
            np.testing.assert_array_equal(side.curves[name], expected.curves[name])
        for weights, epoch in ((side.weights, 3), (side.weights_at(0), 0)):
            assert list(weights) == list(expected.weights[epoch])
            for name, array in weights.items():
                assert array.dtype == np.float32
                np.testing.assert_array_equal(array, expected.weights[epoch][name])
    assert study.trial("resnet50-0004").tensorflow.status == "diverged"


def test_names_that_are_not_there(place):
    study = package.open(place)
    with pytest.raises(InputError, match=r"no trial 'vgg16-002'; .* did you mean 'vgg16-0002'\?"):
        study.trial("vgg16-002")
    side = study.trial(BIG).pytorch
    with pytest.raises(KeyError, match=r"no array 'features_1_block.weigh' .*mean 'features_1_block.weight'\?"):
        side.weights["features_1_block.weigh"]
    assert side.weights.get("nothing") is None
    assert "" not in side.weights
    assert "/curves/test_loss" not in side.weights
    with pytest.raises(InputError, match="no weights of epoch 2; allowed: 0, 3"):
        side.weights_at(2)
    with pytest.raises(InputError, match=r"no search: it has no tables/trajectory\.csv"):
        study.search  # noqa: B018


def test_a_search_has_its_trajectory(place, copy):
    pd.DataFrame({"trial": [BIG, "densenet121-0000"], "objective": [0.5, 0.1]}).to_csv(copy / "tables/trajectory.csv")
    assert list(package.open(place).search["objective"]) == [0.5, 0.1]
    assert list(package.open(place).select(trial=BIG).search["trial"]) == [BIG]


def test_names_of_trials_that_look_like_numbers_stay_names(tmp_path):
    trials = [row.model_copy(update={"trial": f"00{k}"}) for k, row in enumerate(synthetic.rows(2, 1))]
    trials[1] = trials[1].model_copy(update={"base": "000"})
    synthetic.write(tmp_path, trials)
    tables.make(tmp_path)
    for table in (trials_table.read_csv(tmp_path / "tables/trials.csv"), package.open(tmp_path).trials):
        assert list(table["trial"]) == ["000", "001"]
        assert table["base"][1] == "000"
        assert table["base"].isna()[0]


@pytest.mark.parametrize("place", ["nowhere", "ftp://host/study", "https://host/study?key=1"])
def test_what_is_no_study_is_refused(place):
    with pytest.raises(InputError, match="allowed: "):
        package.open(place)


def test_a_url_without_a_study_is_refused(server):
    with pytest.raises(InputError, match="no built study there; allowed: results/STUDY"):
        package.open(f"{server.url}/tables")
