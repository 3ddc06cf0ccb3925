"""A training that is stopped or killed ends with the bytes that it would have had."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from helpers.commands import CHECKS, REPOSITORY, run
from helpers.trainings import command
from uncrossed.study.trial import FRAMEWORKS


def stopped(framework: str, data: Path, output: Path, number: int = signal.SIGTERM, epochs: int = 4000) -> int:
    """Start a long training and send it a signal once it has saved; how it ended, some seconds later at most."""
    process = subprocess.Popen(command(framework, data, output, epochs), stderr=subprocess.DEVNULL)
    while not output.with_suffix(".checkpoint.h5").exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    return process.wait(20)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_stopped_at_any_moment_it_ends_with_the_same_bytes(framework, few, tmp_path):
    run(sys.executable, CHECKS / "resume_all.py", framework, few, tmp_path)


@pytest.mark.more
@pytest.mark.parametrize(
    ("every", "order"),
    [
        (7, "shuffled"),
        pytest.param(1, "shuffled", marks=pytest.mark.long),
        pytest.param(1, "dataset", marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_so_do_the_views_that_it_carries_whatever_the_order_of_examples(framework, every, order, few, tmp_path):
    run(sys.executable, CHECKS / "resume_all.py", framework, few, tmp_path, every, order)


@pytest.mark.long
def test_random_kills_change_no_byte():
    output = run(
        sys.executable, REPOSITORY / "tests/storms/trainings.py", "--kills", 4, "--architectures", "smallcnn"
    ).stdout
    assert output.splitlines()[-1] == "4 kills, 2 trainings, 0 files that differ"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_seconds_and_keeps_the_checkpoint(number, few, tmp_path):
    assert stopped("pytorch", few, tmp_path / "a.h5", number) == -number
    assert [path.name for path in tmp_path.iterdir()] == ["a.checkpoint.h5"]


def test_what_failed_at_the_end_goes_on_from_the_last_checkpoint(few, tmp_path, ended):
    shutil.copy(ended["checkpoint"], tmp_path / "a.checkpoint.h5")
    output = run(*command("pytorch", few, tmp_path / "a.h5")).stdout
    assert "going on in epoch 4 after 9 steps" in output
    assert "epoch 3/4" not in output
    assert (tmp_path / "a.h5").read_bytes() == ended["whole"]
    assert len(json.loads((tmp_path / "a.json").read_text())["seconds_per_epoch"]) == 4
