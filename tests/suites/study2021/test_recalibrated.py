"""The published models are recalibrated, TensorFlow's by what their variables were called."""

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import uncrossed as package
from helpers import published_files
from helpers.commands import run, uncrossed
from helpers.published_files import weights_of
from uncrossed.datasets import dataset_file
from uncrossed.datasets.definition import BUILT_IN_DATASETS
from uncrossed.training.architectures import load
from uncrossed.training.arrays import to_pytorch

NAMES = {name: f"{name}-00000000" for name in ("vgg16", "densenet121")}


@pytest.fixture
def cifar10(tmp_path):
    """The path of a dataset file that says it is CIFAR-10, with a few images of noise."""
    random, path = np.random.default_rng(0), tmp_path / "cifar10.h5"
    sizes = {"train": 50, "test": 30}
    images = {split: random.integers(0, 256, (size, 32, 32, 3), np.uint8) for split, size in sizes.items()}
    labels = {split: np.arange(size, dtype=np.uint8) % 10 for split, size in sizes.items()}
    dataset_file.write(path, BUILT_IN_DATASETS["cifar10"].identity(), images, labels)
    return path


def saved(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write a checkpoint as the first DenseNet121's, of arrays by what their variables were called."""
    tensorflow = published_files.tensorflow()
    layers: dict[str, object] = {}
    for name, array in arrays.items():
        layer, _, part = name.rpartition("/")
        layers.setdefault(layer, tensorflow.Module())
        setattr(layers[layer], part, tensorflow.Variable(array, name=name))
    numbered = {f"layer_with_weights-{k}": layer for k, layer in enumerate(layers.values())}
    checkpoint = tensorflow.train.Checkpoint(**numbered)
    checkpoint.write(str(folder / f"{weights_of('densenet121')}tf_model/variables/variables"))


def test_variables_have_the_paths_that_keras_gives_them_today(copy):
    random = np.random.default_rng(0)
    called = ("conv1/conv/kernel", "conv1/bn/gamma", "conv2_block1_0_bn/moving_mean", "predictions/bias")
    arrays = {name: random.standard_normal(3).astype(np.float32) for name in called}
    saved(copy, arrays)
    side = package.open_published(copy).trial(NAMES["densenet121"]).tensorflow
    assert list(side.weights) == [f"layer_with_weights-{k}/{name.rpartition('/')[2]}" for k, name in enumerate(called)]
    found = side.keras_weights()
    assert list(found) == ["conv1_conv/kernel", "conv1_bn/gamma", *called[2:]]
    for array, wanted in zip(found.values(), arrays.values(), strict=True):
        np.testing.assert_array_equal(array, wanted)


def test_a_published_model_is_recalibrated(server, cifar10, tmp_path):
    # In a process of its own: torchvision cannot be imported after TensorFlow.
    path = server.folder / f"{weights_of('densenet121')}.pt_model.pt"
    program = "from uncrossed.training.architectures import load; import sys, torch;"
    program += "torch.manual_seed(0); model = load('densenet121').on((32, 32, 3), 10).model('pytorch');"
    program += "model.classifier.weight.data.mul_(100);"
    run(sys.executable, "-c", program + "torch.save(model.state_dict(), sys.argv[1])", path)
    output = tmp_path / "t.csv"
    command = ["recalibrate", server.url, "--published", "--framework", "pytorch", "--output", output, "--trials"]
    said = uncrossed(*command, *NAMES.values(), code=2).stdout
    assert "densenet121-00000000 (pytorch): its dataset is not known; recalibrating needs cifar10: give its" in said
    uncrossed(*command, *NAMES.values(), "--dataset", cifar10)
    densenet121, vgg16 = pd.read_csv(output).to_dict("records")
    assert (vgg16["trial"], vgg16["state"]) == (NAMES["vgg16"], "no batch normalisation")
    assert vgg16["test_accuracy"] == vgg16["recalibrated_test_accuracy"] == pytest.approx(0.75)
    assert (densenet121["trial"], densenet121["state"]) == (NAMES["densenet121"], "recalibrated")
    # The statistics of an untrained model are zeros and ones; its logits are made large, so that they matter.
    assert abs(densenet121["test_loss_change"]) > 0.01


@pytest.mark.long
def test_both_published_models_of_equal_weights_are_recalibrated_alike(copy, cifar10, tmp_path):
    torch = pytest.importorskip("torch")
    published_files.tensorflow().keras.utils.set_random_seed(0)
    network = load("densenet121").on((32, 32, 3), 10)
    random = np.random.default_rng(0)
    weights = {variable.path: variable.numpy() for variable in network.model("tensorflow").weights}
    for name, array in weights.items():
        if "/moving" in name:
            array *= random.uniform(0.5, 2, array.shape)
            array += random.uniform(0, 0.1, array.shape)
    saved(copy, {re.sub("^conv1_(conv|bn)/", r"conv1/\1/", name): array for name, array in weights.items()})
    state = {name: torch.from_numpy(array) for name, array in to_pytorch(network.layers, weights).items()}
    counts = [name.replace("running_mean", "num_batches_tracked") for name in state if name.endswith("running_mean")]
    state |= dict.fromkeys(counts, torch.tensor(7))
    torch.save(state, copy / f"{weights_of('densenet121')}.pt_model.pt")
    output = tmp_path / "t.csv"
    uncrossed(
        *("recalibrate", copy, "--published", "--dataset", cifar10, "--output", output),
        *("--trials", NAMES["densenet121"]),
    )
    table = pd.read_csv(output)
    assert list(table["framework"]) == ["pytorch", "tensorflow"]
    for name in ("test_loss", "recalibrated_test_loss"):
        assert np.ptp(table[name]) < 1e-4 * table[name].max()
    assert (table["test_loss_change"].abs() > 0.01).all()
