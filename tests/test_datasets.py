"""Datasets: nothing is opened before its SHA-256 matched, and a file stands for one definition."""

import fcntl
import functools
import http.server
import io
import json
import pickle
import tarfile
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest

from conftest import Folder, uncrossed
from server import Proxy, Server
from uncrossed.common.errors import InputError
from uncrossed.common.files import sha256
from uncrossed.datasets import dataset_file


def make_archive(path: Path, per_batch: int = 8) -> dict[str, np.ndarray]:
    """Write an archive in the official layout; return its images, NHWC, and labels by split."""
    random = np.random.default_rng(0)
    made: dict[str, list] = {"train": [], "test": []}
    with tarfile.open(path, "w:gz") as tar:
        for name in [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]:
            data = random.integers(0, 256, (per_batch, 3072), dtype=np.uint8)
            labels = random.integers(0, 10, per_batch).tolist()
            made["test" if name == "test_batch" else "train"].append((data, labels))
            content = pickle.dumps({b"data": data, b"labels": labels}, protocol=2)
            info = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    arrays = {}
    for split, parts in made.items():
        pixels = np.concatenate([data for data, _ in parts])
        # Channel first, row by row: the red plane, then green, then blue.
        arrays[f"{split}/images"] = np.stack([pixels[:, c * 1024 : (c + 1) * 1024] for c in range(3)], -1).reshape(
            -1, 32, 32, 3
        )
        arrays[f"{split}/labels"] = np.concatenate([labels for _, labels in parts]).astype(np.uint8)
    return arrays


def define(path: object, sha: str, train: int = 30, test: int = 5) -> dataset_file.Definition:
    return dataset_file.Definition(
        name="mini", format="cifar10", source=str(path), sha256=sha, train_examples=train, test_examples=test
    )


def test_an_archive_becomes_one_file_with_the_first_examples(tmp_path):
    arrays = make_archive(tmp_path / "a.tar.gz")
    dataset_file.build(define(tmp_path / "a.tar.gz", sha256(tmp_path / "a.tar.gz")), tmp_path / "mini.h5")
    data = dataset_file.read(tmp_path / "mini.h5")
    for split, count in (("train", 30), ("test", 5)):
        np.testing.assert_array_equal(data.images[split], arrays[f"{split}/images"][:count])
        np.testing.assert_array_equal(data.labels[split], arrays[f"{split}/labels"][:count])
        assert data.images[split].dtype == np.uint8


def test_a_download_is_the_same_dataset(tmp_path):
    make_archive(tmp_path / "a.tar.gz")
    sha = sha256(tmp_path / "a.tar.gz")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        dataset_file.build(define(f"{url}/a.tar.gz", sha), tmp_path / "downloaded.h5")
        with pytest.raises(InputError, match="404"):
            dataset_file.build(define(f"{url}/none.tar.gz", sha), tmp_path / "none.h5")
        server.shutdown()
    dataset_file.build(define(tmp_path / "a.tar.gz", sha), tmp_path / "local.h5")
    downloaded, local = (dataset_file.read(tmp_path / f"{name}.h5") for name in ("downloaded", "local"))
    assert (downloaded.sha256, downloaded.identity) == (local.sha256, local.identity)
    assert not (tmp_path / "none.h5").exists()


def test_a_download_goes_through_a_proxy_with_a_password_that_no_message_shows(tmp_path, monkeypatch):
    make_archive(tmp_path / "a.tar.gz")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with Server(tmp_path) as server, Proxy("user:p@ss") as proxy:
        definition = define(f"{server.url}/a.tar.gz", sha256(tmp_path / "a.tar.gz"))
        monkeypatch.setenv("http_proxy", f"http://user:p%40ss@{proxy.place}")
        dataset_file.build(definition, tmp_path / "mini.h5")
        assert proxy.requests == [(f"GET {definition.source}", True)]
        for url, message in (
            (f"http://user:hidden@{proxy.place}", r"a\.tar\.gz: cannot be downloaded \(status 407 .*; set http_proxy"),
            (f"http://user:hid/den@{proxy.place}", r"a\.tar\.gz: cannot be downloaded \(http_proxy: found no URL"),
        ):
            monkeypatch.setenv("http_proxy", url)
            with pytest.raises(InputError, match=message) as error:
                dataset_file.build(definition, tmp_path / "none.h5")
            assert "hid" not in str(error.value)


def test_a_refused_download_says_why_in_one_line(tmp_path):
    with Server(tmp_path) as server:
        server.faults = [(400, b"<Error><Code>NoSuchKey</Code>\n<Message>Gone</Message></Error>", {})]
        with pytest.raises(InputError, match=r"a: cannot be downloaded \(status 400 Bad Request: NoSuchKey Gone\)$"):
            dataset_file.build(define(f"{server.url}/a", "0" * 64), tmp_path / "mini.h5")


def test_a_wrong_sha256_is_refused_before_the_archive_is_opened(tmp_path):
    class Bomb:
        def __reduce__(self):
            return Path.touch, (tmp_path / "exploded",)

    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        content = pickle.dumps(Bomb())
        info = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    with pytest.raises(InputError, match="expected 0000") as caught:
        dataset_file.build(define(tmp_path / "a.tar.gz", "0" * 64), tmp_path / "mini.h5")
    assert sha256(tmp_path / "a.tar.gz") in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar.gz"]


@pytest.mark.parametrize("kept", [0.5, 0.99])
def test_a_truncated_archive_is_refused(kept, tmp_path):
    make_archive(tmp_path / "a.tar.gz")
    whole = (tmp_path / "a.tar.gz").read_bytes()
    (tmp_path / "a.tar.gz").write_bytes(whole[: int(len(whole) * kept)])
    # Even a user who pins the truncated file's hash gets an error, not a short dataset.
    with pytest.raises(InputError, match="truncated"):
        dataset_file.build(define(tmp_path / "a.tar.gz", sha256(tmp_path / "a.tar.gz")), tmp_path / "mini.h5")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar.gz"]


def test_more_examples_than_there_are_is_refused(tmp_path):
    make_archive(tmp_path / "a.tar.gz")
    with pytest.raises(InputError, match="train_examples is 41; allowed: 1 to 40"):
        dataset_file.build(define(tmp_path / "a.tar.gz", sha256(tmp_path / "a.tar.gz"), train=41), tmp_path / "mini.h5")


def test_digits_are_enlarged_and_split(digits):
    data = dataset_file.read(digits)
    assert data.images["train"].shape == (1437, 32, 32, 3)
    assert data.images["test"].shape == (360, 32, 32, 3)
    image = data.images["train"][0]
    assert (image == image[::4, ::4].repeat(4, axis=0).repeat(4, axis=1)).all()
    assert image.min() == 0
    assert image.max() > 200
    assert set(data.labels["test"]) == set(range(10))


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


def test_a_file_of_other_code_is_refused(tmp_path, few):
    path = tmp_path / "old.h5"
    path.write_bytes(few.read_bytes())
    with h5py.File(path, "r+") as file:
        file.attrs["code_sha256"] = "0" * 64
    with pytest.raises(InputError, match="another version of this package; delete it"):
        dataset_file.read(path)


def test_a_site_that_wants_locks_where_there_are_none_can_train(tmp_path, few):
    row = {"trial": "a", "architecture": "smallcnn", "learning_rate": 0.01, "batch_size": 35}
    row |= {"adam_epsilon": 0.1, "epochs": 1}
    command = ["train", "pytorch", "--row", json.dumps(row), "--dataset", few, "--output", tmp_path / "a.h5"]
    with few.open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        uncrossed(*command, HDF5_USE_FILE_LOCKING="TRUE")
    assert (tmp_path / "a.h5").exists()


def test_the_command_makes_built_in_datasets_and_refuses_others(tmp_path):
    uncrossed("dataset", "digits", "--output", tmp_path / "digits.h5")
    assert dataset_file.read_identity(tmp_path / "digits.h5").name == "digits"
    assert "did you mean 'digits'" in uncrossed("dataset", "digit", "--output", tmp_path / "x.h5", code=2).stdout
