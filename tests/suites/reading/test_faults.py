"""Whatever the network does, an answer is right or refused."""

import shutil

import numpy as np
import pytest

import uncrossed as package
from helpers.big import BIG, name_of
from uncrossed.common.errors import InputError
from uncrossed.results import trial_file


@pytest.mark.parametrize(
    "faults",
    [
        [429, 503],
        [500, 502, 504, 429, 503],
        ["reset", "truncated"],
        ["truncated"] * 3,
        ["slow"],
        ["moved"],
        ["unended"],
    ],
)
def test_what_passes_is_tried_again(faults, server):
    server.faults = list(faults)
    study = package.open(server.url)
    assert server.faults == []
    side, expected = study.trial(BIG).tensorflow, trial_file.read(server.folder / f"trials/{BIG}/tensorflow.h5")
    server.faults = list(faults)
    name = name_of("tensorflow", 7)
    np.testing.assert_array_equal(side.weights[name], expected.weights[3][name])
    server.faults = list(faults)
    for name, array in side.weights.items():
        np.testing.assert_array_equal(array, expected.weights[3][name])
    assert server.faults == []


def test_a_server_that_stays_down_is_given_up(server, tmp_path):
    side = package.open(server.url).trial(BIG).pytorch
    server.faults = [503] * 100
    with pytest.raises(InputError, match=r"pytorch\.h5: no sound answer in 6 attempts; the last: status 503"):
        side.logits  # noqa: B018
    shutil.rmtree(tmp_path / "cache")
    server.faults = ["reset"] * 100
    with pytest.raises(InputError, match=r"trials\.parquet: no sound answer in 6 attempts"):
        package.open(server.url)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("whole", r"sends the file whole .* range requests are needed"),
        ("page", r"sends the file whole \(text/html\)"),
        ("shifted", "Content-Range is 'bytes"),
        (400, "status 400"),
    ],
)
def test_answers_that_are_not_the_bytes_asked_for_are_refused(fault, message, server):
    study = package.open(server.url)
    server.faults = [fault]
    with pytest.raises(InputError, match=message):
        study.trial(BIG).pytorch.logits  # noqa: B018
    side = study.trial(BIG).pytorch
    assert side.status == "completed"
    server.faults = [fault]
    with pytest.raises(InputError, match=message):
        side.weights[name_of("pytorch", 507)]
    assert side.weights[name_of("pytorch", 507)].nbytes == 147456


def test_a_web_page_instead_of_a_table_is_refused(server):
    server.faults = ["page"]
    with pytest.raises(InputError, match=r"trials\.parquet: a web page came instead of the file"):
        package.open(server.url)
