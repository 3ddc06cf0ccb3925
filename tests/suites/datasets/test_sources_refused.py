"""Nothing is opened before its SHA-256 matched, and a source that is not what it must be is named."""

import gzip
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest

from helpers.sources import add, define, idx, idx_sha256, make, make_archive, make_idx, make_npz
from uncrossed.common.errors import InputError
from uncrossed.common.files import sha256
from uncrossed.datasets.build import build


def test_a_file_of_fashion_mnist_that_is_another_is_refused(tmp_path):
    make_idx(tmp_path / "files")
    sha = idx_sha256(tmp_path / "files")
    path = tmp_path / "files/t10k-labels-idx1-ubyte.gz"
    path.write_bytes(idx(np.zeros(8, np.uint8)))
    with pytest.raises(InputError, match=f"as the list of its files, has SHA-256 .* expected {sha}: truncated"):
        build(define(tmp_path / "files", sha, form="fashion-mnist"), tmp_path / "mini.h5")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train-images-idx3", idx(np.zeros((40, 20, 20), np.uint8)), "its train images are 40 x 20 x 20; allowed: exa"),
        ("train-images-idx3", idx(np.zeros((39, 28, 28), np.uint8)), "train has 39 images and 40 labels"),
        ("t10k-labels-idx1", idx(np.full(8, 10, np.uint8)), "test labels go from 10 to 10; allowed: 0 to 9"),
        ("t10k-labels-idx1", idx(np.zeros(7, np.uint8), (8,)), "t10k-labels.* holds 7 values, but says 8"),
        ("t10k-labels-idx1", idx(np.zeros((8, 1), np.uint8)), "test labels are uint8, 2-dimensional"),
        ("t10k-labels-idx1", gzip.compress(b"\0\0\x0d\1" + bytes(12), mtime=0), "is not an IDX file of unsigned bytes"),
        ("t10k-labels-idx1", gzip.compress(b"\0", mtime=0), "not the four compressed IDX files"),
        ("t10k-labels-idx1", idx(np.zeros(8, np.uint8))[:-9], "not the four compressed IDX files.*or truncated"),
        ("t10k-labels-idx1", bytes(20), "not the four compressed IDX files.*BadGzipFile"),
    ],
)
def test_a_file_of_fashion_mnist_in_another_layout_is_refused(name, content, message, tmp_path):
    make_idx(tmp_path / "files")
    (tmp_path / f"files/{name}-ubyte.gz").write_bytes(content)
    with pytest.raises(InputError, match=message):
        make(tmp_path / "files", "fashion-mnist")
    assert not (tmp_path / "mini.h5").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"test_labels": None},
            "has no array test_labels; allowed: the arrays train_images, train_labels, test_images",
        ),
        ({"train_images": np.zeros((40, 12, 20, 1))}, "train_images is float64; allowed: uint8, from 0 to 255"),
        (
            {"test_images": np.zeros((8, 1, 12, 20), np.uint8)},
            "test_images is 8 x 1 x 12 x 20; allowed: examples x hei",
        ),
        ({"test_images": np.zeros((8, 240), np.uint8)}, "test_images is 8 x 240; allowed: examples x height x width"),
        ({"test_images": np.zeros((8, 12, 20, 3), np.uint8)}, "test images are uint8, 12 x 20 x 3; allowed: uint8, 12"),
        ({"test_images": np.zeros((0, 12, 20), np.uint8), "test_labels": np.zeros(0, int)}, "test has no images"),
        ({"train_labels": np.zeros(40)}, "train_labels is float64; allowed: integers from 0"),
        ({"train_labels": np.zeros((40, 7), int)}, "train_labels is 40 x 7; allowed: one dimension, a label for each"),
        ({"train_labels": np.full(40, 7)}, "train labels go from 7 to 7; allowed: 0 to 6, as there are 7 classes"),
        ({"train_labels": np.full(40, -1)}, "train labels go from -1 to -1; allowed: 0 to 6"),
        ({"train_labels": np.zeros(39, int)}, "train has 40 images and 39 labels; allowed: one for each"),
        ({"train_labels": np.array([None] * 40)}, "train_labels cannot be read .*allow_pickle.*; allowed: an array of"),
    ],
)
def test_arrays_that_are_not_as_they_have_to_be_are_named(changes, message, tmp_path):
    make_npz(tmp_path / "mine.npz", **changes)
    with pytest.raises(InputError, match=rf"^dataset 'mini': ({tmp_path}/mine\.npz: )?{message}"):
        make(tmp_path / "mine.npz", "npz", shape=[12, 20, 1], classes=7)
    assert not (tmp_path / "mini.h5").exists()


@pytest.mark.parametrize("content", ["truncated", "damaged", "an array", "a pickle"])
def test_a_file_that_numpy_did_not_write_is_refused(content, tmp_path):
    path = tmp_path / "mine.npz"
    make_npz(path)
    whole = path.read_bytes()
    if content == "truncated":
        path.write_bytes(whole[:-30])
    if content == "damaged":
        path.write_bytes(whole[:500] + bytes(500) + whole[1000:])
    if content == "an array":
        with path.open("wb") as stream:
            np.save(stream, np.zeros(5))
    if content == "a pickle":
        path.write_bytes(pickle.dumps({"train_images": 0}))
    with pytest.raises(InputError, match=r"mine\.npz: not a file that numpy.savez wrote, or truncated"):
        make(path, "npz", shape=[12, 20, 1], classes=7)


def test_a_wrong_sha256_is_refused_before_the_archive_is_opened(tmp_path):
    class Bomb:
        def __reduce__(self):
            return Path.touch, (tmp_path / "exploded",)

    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        add(tar, "cifar-10-batches-py/data_batch_1", pickle.dumps(Bomb()))
    with pytest.raises(InputError, match="expected 0000") as caught:
        build(define(tmp_path / "a.tar.gz", "0" * 64), tmp_path / "mini.h5")
    assert sha256(tmp_path / "a.tar.gz") in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar.gz"]


@pytest.mark.parametrize("kept", [0.5, 0.99])
def test_a_truncated_archive_is_refused(kept, tmp_path):
    make_archive(tmp_path / "a.tar.gz")
    whole = (tmp_path / "a.tar.gz").read_bytes()
    (tmp_path / "a.tar.gz").write_bytes(whole[: int(len(whole) * kept)])
    # Even a user who pins the truncated file's hash gets an error, not a short dataset.
    with pytest.raises(InputError, match="truncated"):
        build(define(tmp_path / "a.tar.gz", sha256(tmp_path / "a.tar.gz")), tmp_path / "mini.h5")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar.gz"]


def test_more_examples_than_there_are_is_refused(tmp_path):
    make_archive(tmp_path / "a.tar.gz")
    with pytest.raises(InputError, match="train_examples is 41; allowed: 1 to 40"):
        build(define(tmp_path / "a.tar.gz", sha256(tmp_path / "a.tar.gz"), train=41), tmp_path / "mini.h5")
