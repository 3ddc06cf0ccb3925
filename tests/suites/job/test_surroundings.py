"""What a user or a site has set changes no byte."""

import json
import os
import sys

import pytest

from helpers.commands import REPOSITORY, run
from helpers.trainings import row, train
from uncrossed.study.trial import FRAMEWORKS

# Of libc, NumPy, OpenMP, oneDNN and the frameworks: other kernels, one thread, or no training at all.
HOSTILE = {
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA",
    "NPY_DISABLE_CPU_FEATURES": "SSE2",
    "OMP_MAX_ACTIVE_LEVELS": "0",
    "ONEDNN_DEFAULT_FPMATH_MODE": "BF16",
    "ATEN_CPU_CAPABILITY": "default",
    "TF_NUM_INTRAOP_THREADS": "none",
    "XLA_FLAGS": "--no_such_flag",
    "KERAS_BACKEND": "none",
}


@pytest.mark.more
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_what_a_user_or_a_site_has_set_changes_no_byte(framework, few, tmp_path):
    train(framework, few, tmp_path / "clean.h5", row())
    (tmp_path / ".keras").mkdir()
    keras = {"floatx": "float64", "epsilon": 0.1, "image_data_format": "channels_first", "backend": "jax"}
    (tmp_path / ".keras/keras.json").write_text(json.dumps(keras))
    command = [sys.executable, "-m", "uncrossed", "train", framework, "--row", row(), "--dataset", few, "--output"]
    run(*command, tmp_path / "hostile.h5", HOME=str(tmp_path), KERAS_HOME=str(tmp_path / ".keras"), **HOSTILE)
    assert (tmp_path / "hostile.h5").read_bytes() == (tmp_path / "clean.h5").read_bytes()


def test_a_command_that_computes_starts_again_once_without_what_is_ignored(tmp_path):
    """As the same process, and with what says which devices a job has; whatever Python's own start sets again."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os\n"
        "print('start', os.getpid(), *(os.environ.get(name) for name in ('CUDA_VISIBLE_DEVICES', 'OMP_SCHEDULE')))\n"
        "os.environ['TF_AGAIN'] = '1'\n"
    )
    paths = f"{tmp_path}{os.pathsep}{REPOSITORY / 'workflow'}"
    environment = {"PYTHONPATH": paths, "CUDA_VISIBLE_DEVICES": "3", "OMP_SCHEDULE": "dynamic"}
    for command in (["uncrossed"], [sys.executable, "-m", "uncrossed"]):
        words = ["train", "pytorch", "--row", "{", "--dataset", "none", "--output", tmp_path / "a.h5"]
        lines = run(*command, *words, code=2, **environment).stdout.splitlines()
        first, second = (line.split() for line in lines if line.startswith("start"))
        assert first[1:] == [second[1], "3", "dynamic"]
        assert second[2:] == ["3", "None"]


FEWER_THREADS = """
import os, sys
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
os.environ["OMP_MAX_ACTIVE_LEVELS"] = "0"
import torch
from uncrossed.cli.main import main
main(sys.argv[1:])
"""


def test_fewer_threads_than_asked_for_are_refused_and_fewer_cpus_are_named(few, tmp_path):
    """What was read before this package could drop it: one thread, for whose second oneDNN would wait for ever."""
    words = ["train", "pytorch", "--row", row(), "--settings", '{"threads": 2}', "--dataset", few]
    done = run(sys.executable, "-c", FEWER_THREADS, *words, "--output", tmp_path / "a.h5", code=1)
    begun, warning, refused = done.stdout.splitlines()
    assert "a.h5 begun 2" in begun
    assert "warning: the study has `threads: 2`, and this job may use 1 CPUs" in warning
    assert "`threads: 2`, and OpenMP gives PyTorch 1 here" in refused
    assert not list(tmp_path.iterdir())
