"""Bad input is refused before anything is trained or overwritten."""

import shutil
import subprocess
from pathlib import Path

import pytest

from helpers.trainings import row, train
from uncrossed.study.trial import FRAMEWORKS


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_missing_gpu_is_said_at_once(framework, few, tmp_path):
    if subprocess.run(["sh", "-c", "command -v nvidia-smi"], capture_output=True).returncode == 0:
        pytest.skip("this machine has a GPU")
    output = train(framework, few, tmp_path / "a.h5", row(), {"device": "gpu"}, code=1).stdout
    assert "asks for a GPU" in output.splitlines()[-1]
    assert "sees none" in output.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_bad_input_is_refused_before_a_framework_is_loaded(few, tmp_path):
    output = tmp_path / "a.h5"
    assert "batch_size" in train("pytorch", few, output, row(batch_size=71), code=2).stdout
    assert "unknown architecture 'lenet'" in train("pytorch", few, output, row(architecture="lenet"), code=2).stdout
    assert "no such dataset file" in train("pytorch", tmp_path / "none.h5", output, row(), code=2).stdout
    assert "JSON" in train("pytorch", few, output, "{", code=2).stdout
    assert "neither a JSON object nor a readable file" in train("pytorch", few, output, "none.json", code=2).stdout
    assert "did you mean 'threads'" in train("pytorch", few, output, row(), {"thread": 1}, code=2).stdout
    assert not list(tmp_path.iterdir())


def test_what_a_training_reads_is_not_overwritten(few, tmp_path):
    (tmp_path / "a.json").write_text(row())
    (tmp_path / "d.job").write_text(row())  # where the lock would be
    data = Path(shutil.copy(few, tmp_path / "b.h5"))
    (tmp_path / "c.h5").mkdir()
    before = {path: path.read_bytes() for path in tmp_path.glob("*.*") if path.is_file()}
    for job, dataset, output, message in (
        (tmp_path / "a.json", few, "a.h5", "would overwrite --row"),
        (row(), data, "b.h5", "would overwrite --dataset"),
        (tmp_path / "d.job", few, "d.h5", "would overwrite --row"),
        (row(), few, "c.h5", "is a folder; allowed: a file"),
    ):
        assert message in train("pytorch", dataset, tmp_path / output, job, code=2).stdout
    assert {path: path.read_bytes() for path in tmp_path.glob("*.*") if path.is_file()} == before
