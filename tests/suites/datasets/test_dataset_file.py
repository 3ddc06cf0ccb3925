"""A dataset's file stands for one definition: damage is noticed, another version is not called damaged."""

import fcntl
import json

import h5py
import pytest

from helpers.commands import uncrossed
from helpers.studies import Folder
from uncrossed.common.errors import InputError
from uncrossed.datasets import dataset_file


def test_a_changed_pixel_is_noticed(tmp_path, few):
    path = tmp_path / "changed.h5"
    path.write_bytes(few.read_bytes())
    with h5py.File(path, "r+") as file:
        file["train/images"][3, 4, 5, 0] ^= 1
    with pytest.raises(InputError, match="dataset_sha256"):
        dataset_file.read(path)
    path.write_bytes(few.read_bytes()[:5000])
    with pytest.raises(InputError, match="damaged"):
        dataset_file.read(path)


def test_a_name_stands_for_one_definition(tmp_path, few):
    folder = Folder(tmp_path)
    (tmp_path / "results/datasets").mkdir(parents=True)
    (tmp_path / "results/datasets/digits-few.h5").write_bytes(few.read_bytes())
    output = folder.snakemake("-n", code=1).stdout
    assert "train_examples=70" in output
    assert "train_examples=200" in output


def test_a_file_of_the_first_layout_is_read_if_its_arrays_are_sound(tmp_path, few):
    path = tmp_path / "old.h5"
    path.write_bytes(few.read_bytes())
    with h5py.File(path, "r+") as file:
        del file.attrs["schema"], file.attrs["classes"]
        file.attrs["code_sha256"] = "0" * 64
    assert dataset_file.read(path).sha256 == dataset_file.read(few).sha256
    with h5py.File(path, "r+") as file:
        file["train/labels"][0] += 1
    with pytest.raises(InputError, match="do not match its dataset_sha256"):
        dataset_file.read(path)


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        ("schema", 3, "another version of this package \\(schema 3; this one knows 2\\)"),
        ("identity", '{"format": "mine"}', "another version of this package \\(format 'mine'; this one knows cifar10"),
    ],
)
def test_a_file_of_another_version_is_not_called_damaged(attribute, value, message, tmp_path, few):
    path = tmp_path / "other.h5"
    path.write_bytes(few.read_bytes())
    with h5py.File(path, "r+") as file:
        file.attrs[attribute] = value
    with pytest.raises(dataset_file.OtherVersionError, match=message):
        dataset_file.read(path)


def test_a_site_that_wants_locks_where_there_are_none_can_train(tmp_path, few):
    row = {"trial": "a", "architecture": "smallcnn", "learning_rate": 0.01, "batch_size": 35}
    row |= {"adam_epsilon": 0.1, "epochs": 1}
    command = ["train", "pytorch", "--row", json.dumps(row), "--dataset", few, "--output", tmp_path / "a.h5"]
    with few.open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        uncrossed(*command, HDF5_USE_FILE_LOCKING="TRUE")
    assert (tmp_path / "a.h5").exists()
