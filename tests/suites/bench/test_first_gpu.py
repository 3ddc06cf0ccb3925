"""The command for the first GPU is rehearsed on a CPU."""

import json
import sys

import pytest

from helpers.commands import REPOSITORY, run
from uncrossed.study.trial import FRAMEWORKS


@pytest.mark.long
def test_the_command_for_the_first_gpu_looks_at_every_promise_and_keeps_what_it_found(tmp_path):
    arguments = ["--architecture", "smallcnn", "--batch-size", "10", "--rounds", "1", "--seconds", "0.1"]
    command = [sys.executable, REPOSITORY / "tests/benchmarks/gpu.py", "--device", "cpu", *arguments]
    output = run(*command, "--json", tmp_path / "gpu.json", folder=tmp_path).stdout
    results = json.loads((tmp_path / "gpu.json").read_text())["results"]
    speeds = {"pytorch": [", channels last", ", contiguous"], "tensorflow": [""]}
    for framework in FRAMEWORKS:
        found = {one["check"]: one for one in results if one["framework"] == framework}
        assert [*found] == [
            *("preflight", "twice", "stopped", "views", "imitating", "shared"),
            *(["graphs, batch 10"] if framework == "pytorch" else []),
            *(f"speed, batch 10{memory_format}" for memory_format in speeds[framework]),
        ]
        assert {one["verdict"] for one in found.values()} == {"ok"}
        assert found["stopped"]["said"] == "same file"
        assert f"\n| {framework} | smallcnn | ok | ok | ok | ok | ok | " in output
        assert framework != "pytorch" or found["graphs, batch 10"]["said"].startswith("same bits; ")
    assert "16 as promised, 0 not, 0 skipped" in output


def test_make_gpu_takes_the_device():
    assert "tests/benchmarks/gpu.py --device cpu" in run("make", "-n", "gpu", "DEVICE=cpu", folder=REPOSITORY).stdout
