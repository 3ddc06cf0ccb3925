"""A checkpoint is used by its own training alone, and one that cannot be read or written costs no result."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import h5py
import pytest

from helpers.commands import need, run
from helpers.damage import damaged, truncated
from helpers.trainings import command
from uncrossed.results import trial_file


def empty(path: Path) -> None:
    os.truncate(path, 0)


def foreign(path: Path) -> None:
    """A well-formed checkpoint of a training that ran under another version of PyTorch."""
    from uncrossed.job import checkpoint_file

    state, identity = checkpoint_file._read(path)
    identity["versions"]["torch"] = "1.6.0"
    checkpoint_file.CheckpointFile(path.with_name("a.h5"), 0).save(identity, state)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (damaged, "damaged"),
        (foreign, "another versions"),
        *(pytest.param(spoil, "damaged", marks=pytest.mark.long) for spoil in (truncated, empty)),
    ],
)
def test_a_checkpoint_that_is_not_this_trainings_is_set_aside(spoil, reason, few, tmp_path, ended):
    shutil.copy(ended["checkpoint"], tmp_path / "a.checkpoint.h5")
    spoil(tmp_path / "a.checkpoint.h5")
    output = run(*command("pytorch", few, tmp_path / "a.h5")).stdout
    assert "a.checkpoint.h5: not used, as it" in output
    assert reason in output
    assert "epoch 1/4" in output
    assert (tmp_path / "a.h5").read_bytes() == ended["whole"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "a.json"]
    # It has begun again, so its times are those of a whole training.
    assert json.loads((tmp_path / "a.json").read_text())["resumed"] is False


@pytest.mark.more
@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("folder", "Is a directory"),
        pytest.param("loop", "Too many levels of symbolic links", marks=pytest.mark.long),
    ],
)
def test_a_checkpoint_that_cannot_be_read_is_kept_and_nothing_is_trained(how, said, few, tmp_path, ended):
    path = tmp_path / "a.checkpoint.h5"
    path.mkdir() if how == "folder" else path.symlink_to(path)
    output = run(*command("pytorch", few, tmp_path / "a.h5"), code=1).stdout
    assert f"uncrossed: {path}: cannot be read ({said}); it is kept and nothing was trained" in output
    assert "epoch 1" not in output
    assert [path.name for path in tmp_path.iterdir()] == ["a.checkpoint.h5"]
    path.rmdir() if how == "folder" else path.unlink()
    shutil.copy(ended["checkpoint"], path)
    assert "going on in epoch 4" in run(*command("pytorch", few, tmp_path / "a.h5")).stdout
    assert (tmp_path / "a.h5").read_bytes() == ended["whole"]


def test_another_row_code_or_dataset_starts_anew(few, tmp_path, ended):
    shutil.copy(ended["checkpoint"], tmp_path / "a.checkpoint.h5")
    output = run(*command("pytorch", few, tmp_path / "a.h5", 3)).stdout
    assert "not used, as it was made with another row; renamed to a.checkpoint.h5.unusable" in output
    with h5py.File(ended["checkpoint"]) as file:
        identity = json.loads(file["header"][()])["identity"]
    assert {"row", "settings", "dataset_sha256", "code_sha256", "versions", "device", "framework"} <= identity.keys()


def test_checkpoints_cost_nothing_where_none_is_due(few, tmp_path):
    arguments = command("pytorch", few, tmp_path / "a.h5")[:-2]
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
    seen = set()
    while process.poll() is None:
        seen |= {path.name for path in tmp_path.iterdir()}
        time.sleep(0.01)
    assert "checkpoint" not in " ".join(seen)
    assert trial_file.read(tmp_path / "a.h5").attributes["status"] == "completed"


def test_a_disk_without_room_for_checkpoints_stops_no_training(few, tmp_path, ended):
    need(subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode == 0, "user namespaces (unshare)")
    # Room for the trial file of 130 kB, not for the checkpoint with Adam's moments.
    script = 'mount -t tmpfs -o size=300k none "$0" && "$@" && cat "$0/a.h5" > "$0.h5"'
    output = run("unshare", "-rm", "bash", "-c", script, tmp_path, *command("pytorch", few, tmp_path / "a.h5")).stdout
    assert "cannot be written (No space left on device); the training goes on without it" in output
    assert Path(f"{tmp_path}.h5").read_bytes() == ended["whole"]
