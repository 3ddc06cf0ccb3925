"""What is asked of a cluster for a training is enough for what was measured; and speeds come from runs alone."""

import os

import pandas as pd
import pytest

import synthetic
from conftest import uncrossed
from uncrossed.common import cpus
from uncrossed.datasets.definition import DatasetIdentity
from uncrossed.results import tables
from uncrossed.study import manifest, resources
from uncrossed.study.trial import FRAMEWORKS, Settings, Trial
from uncrossed.training.architectures import load

VGG16 = {"architecture": "vgg16", "learning_rate": 0.01, "batch_size": 16, "adam_epsilon": 1e-4}
DATASET = DatasetIdentity(name="a", format="cifar10", train_examples=64, test_examples=16)


def ask(framework: str, epochs: int = 4, **settings: object) -> tuple[int, int]:
    """Minutes and MB for a training on 64 examples."""
    return resources.ask(
        framework, Trial(trial="a", epochs=epochs, **VGG16), Settings(**settings), DATASET, load("vgg16")
    )


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_kept_epochs_have_room(framework):
    """PyTorch with five kept epochs and checkpoints took 3,321 MB; 26 of them have 3.5 GB of weights, twice."""
    assert ask(framework, keep_epochs=range(5))[1] > 3321
    assert ask(framework, 25, keep_epochs=range(26))[1] > 7000 + ask(framework, 25)[1] / 1.5


@pytest.mark.parametrize("settings", [{"precision": "float64"}, {"onednn": False}])
def test_slow_kernels_have_time(settings):
    """They took 3.0 to 4.8 times as long, and the margin is two."""
    usual, slow = (ask("tensorflow", 10_000, **more)[0] for more in ({}, settings))
    assert slow > 4.8 * usual


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_images_have_room_by_their_size(framework):
    row = Trial(trial="a", epochs=4, **VGG16)
    small, large = (
        DatasetIdentity(name="a", format="npz", shape=shape, classes=7, train_examples=50_000, test_examples=1000)
        for shape in ((32, 32, 1), (64, 96, 3))
    )
    asked = [resources.ask(framework, row, Settings(), dataset)[1] for dataset in (small, large)]
    assert asked[1] - asked[0] > 51_000 * (64 * 96 * 3 - 32 * 32) / 1e6


def test_a_study_without_runs_has_no_speeds(tmp_path):
    manifest.write(tmp_path / "manifest.csv", synthetic.rows(2, 1))
    assert isinstance(tables.make(tmp_path, partial=True), pd.DataFrame)
    assert "no training that ran in one go" in uncrossed("speeds", tmp_path, code=2).stdout


@pytest.mark.parametrize(
    ("group", "files", "expected"),
    [
        ("0::/job/step", {"job/step/cpu.max": "max 100000", "job/cpu.max": "50000 100000"}, 0.5),
        ("0::/elsewhere", {"cpu.max": "25000 100000"}, 0.25),
        ("4:cpu,cpuacct:/job", {"cpu/job/cpu.cfs_quota_us": "30000", "cpu/job/cpu.cfs_period_us": "100000"}, 0.3),
        ("4:cpu,cpuacct:/job", {"cpu/job/cpu.cfs_quota_us": "-1", "cpu/job/cpu.cfs_period_us": "100000"}, None),
        ("0::/job", {"job/cpu.max": "no number"}, None),
    ],
)
def test_usable_cpus_are_those_of_the_affinity_and_the_control_group(group, files, expected, tmp_path):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(f"1:name=systemd:/\n{group}\n")
    for name, text in files.items():
        path = tmp_path / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    assert cpus.usable(tmp_path) == (expected or len(os.sched_getaffinity(0)))
