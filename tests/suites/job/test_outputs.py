"""A training ends in a trial file and a run record, each with what it must hold."""

import json
import subprocess

import numpy as np
import pytest

from helpers.commands import REPOSITORY, need, run
from helpers.trainings import row, train
from uncrossed.results import trial_file
from uncrossed.study.trial import FRAMEWORKS


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_divergence_is_a_result(framework, few, tmp_path):
    # Steps of 1e30 make infinities within an epoch.
    job = row(learning_rate=1e30, adam_epsilon=1e-8, epochs=4)
    train(framework, few, tmp_path / "a.h5", job, {"keep_epochs": [0, 3]})
    result = trial_file.read(tmp_path / "a.h5")
    stop = int(np.flatnonzero(~np.isfinite(result.curves["train_loss"]))[0])
    assert result.attributes["status"] == "diverged"
    assert stop < 3
    assert np.isnan(result.curves["train_loss"][stop + 1 :]).all()
    assert np.isfinite(result.curves["test_accuracy"][stop])
    assert sorted(result.weights) == [0, stop + 1]


def test_the_run_record_holds_what_the_trial_file_must_not(few, tmp_path):
    output = train("pytorch", few, tmp_path / "a.h5", row()).stdout
    record = json.loads((tmp_path / "a.json").read_text())
    assert len(record["seconds_per_epoch"]) == 2
    assert {"run", "device", "versions"} <= record.keys()
    assert "epoch 2/2: train_loss" in output
    assert "\r" not in output, "a progress bar in a log"
    content = (tmp_path / "a.h5").read_bytes()
    for secret in (str(tmp_path), str(REPOSITORY), record["run"]):
        assert secret.encode() not in content


def test_a_full_disk_is_one_clear_line_and_leaves_no_trial_file(few, tmp_path):
    need(subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode == 0, "user namespaces (unshare)")
    train_on_small_disk = (
        'mount -t tmpfs -o size=64k none "$1" && { uncrossed train pytorch --row "$2" --dataset "$3"'
        ' --output "$1/a.h5"; echo "exit $?"; ls -A "$1"; }'
    )
    output = run("unshare", "-rm", "sh", "-c", train_on_small_disk, "sh", tmp_path, row(), few).stdout
    assert output.splitlines()[-3:] == ["uncrossed: [Errno 28] No space left on device", "exit 1", "a.json"]
