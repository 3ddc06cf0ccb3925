"""Before trainings on a GPU a preflight shows that they can run, and no finished one is trained again for it."""

import json
import os
import shutil
import sys

import h5py
import pytest

from helpers.commands import PATH, STAND_IN
from helpers.studies import Folder

# A line of a profile, as an option.
OLDER = ("--config", "environments=cuda12")
# Jobs on a GPU that is not there run on the CPU.
INSTEAD = f"""#!/bin/bash
args=("${{@/#gpu/cpu}}")
exec {sys.executable} "${{args[@]//\\"device\\":\\"gpu\\"/\\"device\\":\\"cpu\\"}}"
"""


@pytest.fixture
def gpu(built, tmp_path):
    """A study on GPUs of which only the dataset is there."""
    (tmp_path / "gpu").mkdir()
    folder = Folder(tmp_path / "gpu", built.snakefile)
    folder.configure(settings={"threads": 1, "device": "gpu"})
    shutil.copytree(built.path / "results/datasets", folder.path / "results/datasets")
    return folder


def planned(folder: Folder, *arguments: object) -> list[str]:
    """The rules of trainings and preflights that a dry-run names, in its order."""
    lines = folder.snakemake("-n", *arguments).stdout.splitlines()
    rules = [line.split()[1].rstrip(":") for line in lines if line.startswith("rule ")]
    return [rule for rule in rules if rule.startswith(("train_", "preflight_"))]


def test_each_framework_is_looked_at_once_and_first(gpu):
    rules = planned(gpu)
    assert sorted(rules[:2]) == ["preflight_pytorch", "preflight_tensorflow"]
    assert sorted(rules[2:]) == ["train_pytorch"] * 2 + ["train_tensorflow"] * 2
    assert planned(gpu, "tensorflow") == ["preflight_tensorflow", "train_tensorflow", "train_tensorflow"]
    assert planned(gpu, "preflight_pytorch") == ["preflight_pytorch"]
    gpu.configure(settings={"threads": 1})
    assert "preflight_pytorch" not in planned(gpu)


def test_a_profile_chooses_the_environments_and_no_finished_training_runs_again(gpu, folder):
    stand_in = {"PATH": f"{STAND_IN}{os.pathsep}{PATH}"}
    for chosen, names in (([], ("pytorch.yaml", "tensorflow.yaml")), (OLDER, ("pytorch-cuda12", "tensorflow-cuda12"))):
        output = gpu.snakemake("-n", "--sdm", "conda", *chosen, **stand_in).stdout
        assert {name for name in names if f"/{name}" in output} == set(names)
    assert "/pytorch.yaml" not in output
    assert folder.planned(*OLDER) == []
    output = folder.snakemake("-n", "--config", "environments=cuda11", code=1).stdout
    assert "environments: found 'cuda11'; allowed: cuda13, cuda12" in output


def test_nothing_trains_where_a_preflight_fails(gpu):
    output = gpu.snakemake("pytorch", code=1, CUDA_VISIBLE_DEVICES="").stdout
    (said,) = (line for line in output.splitlines() if line.startswith("uncrossed: "))
    assert said.startswith("uncrossed: pytorch cannot train here: ")
    assert "needs driver 580 or newer" in said
    assert "rule train_pytorch" not in output
    assert not (gpu.results / "trials").exists()


@pytest.mark.more
def test_a_preflight_comes_before_trainings_and_makes_no_finished_one_train_again(gpu, module, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").write_text(INSTEAD)
    (tmp_path / "bin/python").chmod(0o755)
    output = gpu.snakemake("pytorch", PATH=f"{tmp_path / 'bin'}{os.pathsep}{PATH}").stdout
    assert output.index("rule preflight_pytorch") < output.index("rule train_pytorch")
    found = gpu.results / "preflight/pytorch.json"
    assert json.loads(found.read_text())["framework"] == "pytorch"
    assert gpu.planned("pytorch") == []
    found.touch()
    assert gpu.planned("pytorch") == []
    # Where what it was held against has changed, it alone is made again.
    module("job/preflight.py", '"PyTorch 2.14.1"', '"PyTorch 2.14.2"')
    assert planned(gpu, "pytorch") == ["preflight_pytorch"]
    # Where what was found is lost, results that say that they were made so are kept.
    for path in gpu.results.glob("trials/*/pytorch.h5"):
        with h5py.File(path, "r+") as file:
            file.attrs["settings"] = file.attrs["settings"].replace('"cpu"', '"gpu"')
    found.unlink()
    assert gpu.planned("pytorch") == []
    (gpu.results / "trials/second/pytorch.h5").unlink()
    assert planned(gpu, "pytorch") == ["preflight_pytorch", "train_pytorch"]
    assert gpu.planned("pytorch") == ["pytorch second"]
    # Those of another device are trained again, and not before a preflight.
    gpu.configure(settings={"threads": 1, "device": "gpu", "tf32": True})
    assert planned(gpu, "pytorch") == ["preflight_pytorch", "train_pytorch", "train_pytorch"]
