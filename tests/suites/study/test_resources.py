"""What is asked of a cluster for a training is enough for what was measured; and speeds come from runs alone."""

import pandas as pd
import pytest

from helpers import synthetic
from helpers.commands import told
from uncrossed.common.errors import InputError
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
def test_views_have_time(framework):
    """Tests of three more are a third of the training's work; what moves their statistics is within the margin."""
    dataset = DatasetIdentity(name="a", format="cifar10", train_examples=100, test_examples=100)
    row = Trial(trial="a", epochs=10_000, **(VGG16 | {"architecture": "densenet121"}))
    alone, carrying = (
        resources.ask(framework, row, Settings(), dataset, load("densenet121"), with_views=views)[0]
        for views in (False, True)
    )
    assert alone * 1.3 < carrying < alone * 2


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_images_have_room_by_their_size(framework):
    row = Trial(trial="a", epochs=4, **VGG16)
    small, large = (
        DatasetIdentity(name="a", format="npz", shape=shape, classes=7, train_examples=50_000, test_examples=1000)
        for shape in ((32, 32, 1), (64, 96, 3))
    )
    asked = [resources.ask(framework, row, Settings(), dataset, load("vgg16"))[1] for dataset in (small, large)]
    assert asked[1] - asked[0] > 51_000 * (64 * 96 * 3 - 32 * 32) / 1e6


def test_a_study_without_runs_has_no_speeds(tmp_path):
    manifest.write(tmp_path / "manifest.csv", synthetic.rows(2, 1))
    assert isinstance(tables.make(tmp_path, partial=True), pd.DataFrame)
    assert "no training that ran in one go" in told("speeds", tmp_path, code=2)


def test_a_table_of_speeds_that_is_no_text_is_named(tmp_path):
    path = tmp_path / "speeds.csv"
    path.write_bytes("Geräte".encode("latin-1"))
    with pytest.raises(InputError, match=f"{path}: "):
        resources.speeds(path)
