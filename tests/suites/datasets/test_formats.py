"""Each format turns its source into the images and labels that it holds."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from helpers.commands import uncrossed
from helpers.server import Server
from helpers.sources import check_arrays, define, make, make_archive, make_idx, make_npz
from uncrossed.common.errors import InputError
from uncrossed.datasets import dataset_file, formats
from uncrossed.datasets.build import build
from uncrossed.datasets.definition import BUILT_IN_DATASETS, FORMATS


def test_an_archive_becomes_one_file_with_the_first_examples(tmp_path):
    arrays = make_archive(tmp_path / "a.tar.gz")
    data = make(tmp_path / "a.tar.gz")
    check_arrays(data, arrays)
    assert (data.shape, data.classes) == ((32, 32, 3), 10)


def test_of_cifar100_the_fine_labels_are_taken(tmp_path):
    layout = {"folder": "cifar-100-python", "batches": {"train": ["train"], "test": ["test"]}, "key": b"fine_labels"}
    arrays = make_archive(tmp_path / "a.tar.gz", 40, **layout, classes=100)
    data = make(tmp_path / "a.tar.gz", "cifar100")
    check_arrays(data, arrays)
    assert max(data.labels["train"]) > 10
    assert (data.shape, data.classes) == ((32, 32, 3), 100)
    with pytest.raises(InputError, match=r"a\.tar\.gz: not an archive of cifar-10-batches-py/"):
        make(tmp_path / "a.tar.gz", "cifar10")
    make_archive(tmp_path / "a.tar.gz", 40, **layout, classes=120)
    with pytest.raises(InputError, match=r"train labels go from . to 11.; allowed: 0 to 99, as there are 100 classes"):
        make(tmp_path / "a.tar.gz", "cifar100")


def test_fashion_mnist_is_padded_with_two_pixels_of_zeros(tmp_path):
    arrays = make_idx(tmp_path / "files")
    for split in ("train", "test"):
        padded = np.zeros((len(arrays[f"{split}/labels"]), 32, 32, 1), np.uint8)
        padded[:, 2:30, 2:30, 0] = arrays[f"{split}/images"]
        arrays[f"{split}/images"] = padded
    data = make(tmp_path / "files", "fashion-mnist")
    check_arrays(data, arrays)
    assert (data.shape, data.classes) == ((32, 32, 1), 10)
    with Server(tmp_path / "files") as server:
        definition = define(f"{server.url}/", data.identity.sha256, form="fashion-mnist")
        build(definition, tmp_path / "downloaded.h5")
        assert dataset_file.read(tmp_path / "downloaded.h5", data.identity).sha256 == data.sha256
        (tmp_path / "files/train-labels-idx1-ubyte.gz").unlink()
        with pytest.raises(InputError, match=r"train-labels-idx1-ubyte\.gz: cannot be downloaded"):
            build(definition, tmp_path / "downloaded.h5")
    with pytest.raises(InputError, match=r"train-labels-idx1-ubyte\.gz: no such file"):
        build(define(tmp_path / "files", "0" * 64, form="fashion-mnist"), tmp_path / "mini.h5")


def test_a_users_arrays_are_a_dataset(tmp_path):
    arrays = make_npz(tmp_path / "mine.npz")
    data = make(tmp_path / "mine.npz", "npz", shape=[12, 20, 1], classes=7)
    check_arrays(data, {name.replace("_", "/"): array for name, array in arrays.items()})
    assert (data.shape, data.classes) == ((12, 20, 1), 7)
    with h5py.File(tmp_path / "mini.h5") as file:
        assert (file.attrs["schema"], file.attrs["classes"]) == (2, 7)
        assert json.loads(file.attrs["identity"])["shape"] == [12, 20, 1]
    # Without the dimension of channels it is the same.
    flat = {name: arrays[name][..., 0] for name in ("train_images", "test_images")}
    make_npz(tmp_path / "mine.npz", **flat)
    assert make(tmp_path / "mine.npz", "npz", shape=[12, 20, 1], classes=7).sha256 == data.sha256
    # Another number of classes is another dataset, though the arrays are the same.
    other = make(tmp_path / "mine.npz", "npz", shape=[12, 20, 1], classes=8)
    assert other.sha256 == data.sha256
    with pytest.raises(InputError, match="made with classes=8, but the study defines classes=7"):
        dataset_file.read(tmp_path / "mini.h5", other.identity.model_copy(update={"classes": 7}))


def test_many_classes_have_labels_of_two_bytes(tmp_path):
    labels = np.array([65_535, 256, *range(28)])
    make_npz(tmp_path / "mine.npz", (3, 4, 3), train_images=np.zeros((30, 3, 4, 3), np.uint8), train_labels=labels)
    data = make(tmp_path / "mine.npz", "npz", shape=[3, 4, 3], classes=65_536)
    assert data.labels["train"].dtype.str == "<u2"
    assert data.labels["train"].tolist() == labels.tolist()


def test_a_format_is_a_file_and_says_what_is_fixed():
    files = {path.stem.replace("_", "-") for path in Path(formats.__file__).parent.glob("[!_]*.py")}
    assert set(FORMATS) == files
    assert (BUILT_IN_DATASETS["cifar100"].shape, BUILT_IN_DATASETS["cifar100"].classes) == ((32, 32, 3), 100)
    assert (BUILT_IN_DATASETS["fashion-mnist"].shape, BUILT_IN_DATASETS["fashion-mnist"].classes) == ((32, 32, 1), 10)


def test_what_a_format_fixes_is_not_written():
    assert json.loads(BUILT_IN_DATASETS["digits"].identity().model_dump_json()) == {
        "name": "digits",
        "format": "digits",
        "sha256": None,
        "train_examples": 1437,
        "test_examples": 360,
    }


def test_digits_are_enlarged_and_split(digits):
    data = dataset_file.read(digits)
    assert data.images["train"].shape == (1437, 32, 32, 3)
    assert data.images["test"].shape == (360, 32, 32, 3)
    image = data.images["train"][0]
    assert (image == image[::4, ::4].repeat(4, axis=0).repeat(4, axis=1)).all()
    assert image.min() == 0
    assert image.max() > 200
    assert set(data.labels["test"]) == set(range(10))


def test_the_command_makes_built_in_datasets_and_refuses_others(tmp_path):
    uncrossed("dataset", "digits", "--output", tmp_path / "digits.h5")
    assert dataset_file.read_identity(tmp_path / "digits.h5").name == "digits"
    assert "did you mean 'digits'" in uncrossed("dataset", "digit", "--output", tmp_path / "x.h5", code=2).stdout
