"""A training that hangs is ended, and one that was suspended is not taken for it."""

import signal
import subprocess
import sys
import time

import pytest

from helpers.trainings import command

HANG = """
import ctypes, os, sys
how = sys.argv.pop(1)
if how == "openmp":
    os.environ["OMP_MAX_ACTIVE_LEVELS"] = "0"
import torch
from uncrossed.training import backends
from uncrossed.cli.main import main
from uncrossed.study.trial import Settings

backend = backends.load("pytorch", Settings(threads=2))
backend._threads = lambda: None  # it would be refused at once
step, mutex = backend.Learner.step, ctypes.create_string_buffer(64)


def hang(*arguments):
    print("step", flush=True)
    for _ in range(2 if how == "mutex" else 0):
        ctypes.CDLL(None).pthread_mutex_lock(mutex)
    return step(*arguments)


backend.Learner.step = hang
main(sys.argv[1:])
"""


@pytest.mark.more
@pytest.mark.parametrize(
    ("how", "architecture"), [("mutex", "smallcnn"), pytest.param("openmp", "resnet50", marks=pytest.mark.long)]
)
def test_a_training_that_hangs_and_hears_no_signal_is_ended(how, architecture, few, tmp_path):
    """Its main thread waits in a library: for a mutex, or in oneDNN for a thread that OpenMP does not give."""
    words = command("pytorch", few, tmp_path / "a.h5", 4, "--patience", 2, "--settings", '{"threads": 2}')[1:]
    words = [word.replace("smallcnn", architecture) for word in words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", HANG, how, *words], **pipes)
    assert process.stdout.readline() == "step\n"
    assert (tmp_path / "a.job").exists()
    time.sleep(3)
    process.send_signal(signal.SIGTERM)
    errors = process.communicate(timeout=60)[1]
    if how == "openmp" and process.returncode == -signal.SIGTERM:
        pytest.skip("with one thread oneDNN goes on, on this CPU")
    assert process.returncode == 1
    assert "a.h5: no step was taken for 13 s: the training hangs and is ended" in errors.splitlines()[-1]
    assert not list(tmp_path.iterdir())


@pytest.mark.more
def test_a_training_that_is_suspended_is_not_taken_for_one_that_hangs(few, tmp_path):
    arguments = command("pytorch", few, tmp_path / "a.h5", 4000, "--patience", 5)
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "a.checkpoint.h5").exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGSTOP)
    time.sleep(8)
    process.send_signal(signal.SIGCONT)
    time.sleep(2)
    process.send_signal(signal.SIGTERM)
    assert "SIGTERM: stopped in epoch" in process.communicate(timeout=60)[1]
    assert process.returncode == -signal.SIGTERM
