"""A training that was left is stopped by the next."""

import signal
import subprocess
import time

from helpers.commands import run
from helpers.trainings import command
from uncrossed.results import trial_file


def test_a_training_that_is_left_is_stopped_by_the_next(few, tmp_path):
    output = tmp_path / "a.h5"
    left = subprocess.Popen(command("pytorch", few, output, 4000), stderr=subprocess.DEVNULL)
    while not output.with_suffix(".checkpoint.h5").exists():
        time.sleep(0.02)
    text = run(*command("pytorch", few, output)).stdout
    assert f"an earlier training is still at work (process {left.pid}): it is stopped" in text
    assert left.wait() == -signal.SIGTERM
    # It was of another row.
    assert "not used, as it was made with another row" in text
    assert trial_file.read(output).attributes["row"]["epochs"] == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "a.json"]
