"""Views are read beside their trial file, from a folder or over HTTP, each array when it is asked for."""

import pickle
import shutil

import numpy as np
import pytest

import uncrossed as package
from helpers.big import BIG
from helpers.results import VIEWS, carry
from uncrossed.common.errors import InputError
from uncrossed.common.files import sha256
from uncrossed.reading.trial import TrialFile


def test_views_are_those_of_the_file(place, copy):
    made = carry(copy / f"trials/{BIG}/tensorflow.h5")
    side = package.open(place).trial(BIG).tensorflow
    assert list(side.views) == sorted(VIEWS)
    for name, view in pickle.loads(pickle.dumps(side)).views.items():
        assert view.test_accuracy == made[name].curves["test_accuracy"][-1]
        for curve, values in view.curves.items():
            np.testing.assert_array_equal(values, made[name].curves[curve])
        np.testing.assert_array_equal(view.logits, made[name].logits)
        for epoch in side.epochs:
            found = view.statistics_at(epoch)
            assert list(found) == list(made[name].weights[epoch])
            for array, values in found.items():
                np.testing.assert_array_equal(values, made[name].weights[epoch][array])
    with pytest.raises(
        KeyError, match=r"no view 'batchnorm_variance=pytorc'.*did you mean 'batchnorm_variance=pytorch'"
    ):
        side.views["batchnorm_variance=pytorc"]
    with pytest.raises(InputError, match="no weights of epoch 7; allowed: 0, 3"):
        view.statistics_at(7)


def test_a_training_that_carried_none_has_none(place):
    side = package.open(place).trial(BIG).pytorch
    assert len(side.views) == 0
    assert dict(side.views) == {}


def test_views_of_another_result_are_refused(place, copy):
    carry(copy / f"trials/{BIG}/tensorflow.h5")
    other = copy / f"trials/{BIG}/pytorch.views.h5"
    (copy / f"trials/{BIG}/tensorflow.views.h5").rename(other)
    with pytest.raises(InputError, match=r"pytorch\.views\.h5: of another result than .*pytorch\.h5"):
        list(package.open(place).trial(BIG).pytorch.views)


def test_a_selection_of_a_release_is_downloaded_with_them(copy, tmp_path):
    carry(copy / f"trials/{BIG}/tensorflow.h5")
    # A release lists them, a build does not.
    package.open(copy).select(trial=BIG).download(tmp_path / "build", progress=False)
    assert not list((tmp_path / "build").rglob("*.views.h5"))
    lines = (copy / "SHA256SUMS").read_text()
    digest = sha256(copy / f"trials/{BIG}/tensorflow.views.h5")
    (copy / "RELEASE_SHA256SUMS").write_text(f"{lines}{digest}  trials/{BIG}/tensorflow.views.h5\n")
    package.open(copy).select(trial=BIG).download(tmp_path / "release", progress=False)
    assert len(package.open(tmp_path / "release").trial(BIG).tensorflow.views) == len(VIEWS)


def test_a_trial_file_alone_has_those_beside_it(copy, server, tmp_path):
    carry(copy / f"trials/{BIG}/tensorflow.h5")
    assert sorted(TrialFile(copy / f"trials/{BIG}/tensorflow.h5").views) == sorted(VIEWS)
    # Under other names, and behind a URL.
    for suffix in (".h5", ".views.h5"):
        shutil.copy(copy / f"trials/{BIG}/tensorflow{suffix}", copy / f"my model{suffix}")
    assert sorted(TrialFile(copy / "my model.h5").views) == sorted(VIEWS)
    assert sorted(TrialFile(f"{server.url}/my%20model.h5").views) == sorted(VIEWS)
    with pytest.raises(InputError, match=r"^/no-such\.h5: no such file"):
        TrialFile("/no-such.h5")
