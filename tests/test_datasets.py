"""Datasets: nothing is opened before its SHA-256 matched, and a file stands for one definition."""

import fcntl
import functools
import gzip
import hashlib
import http.server
import io
import json
import pickle
import subprocess
import tarfile
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

from conftest import REPOSITORY, Folder, copy_sources, run, uncrossed, write_manifest
from server import Proxy, Server
from uncrossed.common.errors import InputError
from uncrossed.common.files import sha256
from uncrossed.datasets import dataset_file, formats
from uncrossed.datasets.build import build
from uncrossed.datasets.definition import BUILT_IN_DATASETS, FORMATS, Definition
from uncrossed.study.study import Study

CIFAR10 = {"train": [f"data_batch_{k}" for k in range(1, 6)], "test": ["test_batch"]}
IDX_FILES = [f"{kind}-ubyte.gz" for kind in ("t10k-images-idx3", "t10k-labels-idx1")]
IDX_FILES += [name.replace("t10k", "train") for name in IDX_FILES]


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a file to an archive."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def make_archive(
    path: Path,
    per_batch: int = 8,
    folder: str = "cifar-10-batches-py",
    batches: dict[str, list[str]] = CIFAR10,
    key: bytes = b"labels",
    classes: int = 10,
) -> dict[str, np.ndarray]:
    """Write an archive in the layout of CIFAR-10 or CIFAR-100; return its images, NHWC, and labels by split."""
    random = np.random.default_rng(0)
    arrays = {}
    with tarfile.open(path, "w:gz") as tar:
        add(tar, f"{folder}/batches.meta", pickle.dumps({b"num_vis": 3072}, protocol=2))
        for split, names in batches.items():
            images, labels = [], []
            for name in names:
                data = random.integers(0, 256, (per_batch, 3072), dtype=np.uint8)
                labels += (found := random.integers(0, classes, per_batch).tolist())
                # Channel first, row by row: the red plane, then green, then blue.
                images.append(np.stack([data[:, c * 1024 : (c + 1) * 1024] for c in range(3)], -1))
                batch = {b"data": data, b"coarse_labels": [0] * per_batch, key: found}
                add(tar, f"{folder}/{name}", pickle.dumps(batch, protocol=2))
            arrays[f"{split}/images"] = np.concatenate(images).reshape(-1, 32, 32, 3)
            arrays[f"{split}/labels"] = np.array(labels)
    return arrays


def idx(array: np.ndarray, shape: tuple[int, ...] | None = None) -> bytes:
    """A compressed IDX file of an array of bytes, which may lie about its shape."""
    shape = array.shape if shape is None else shape
    head = bytes([0, 0, 8, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)
    return gzip.compress(head + array.tobytes(), mtime=0)


def make_idx(folder: Path, side: int = 28) -> dict[str, np.ndarray]:
    """Write four files in the official layout of Fashion-MNIST; return their images and labels by split."""
    folder.mkdir(exist_ok=True)
    random, arrays = np.random.default_rng(0), {}
    for split, prefix, count in (("train", "train", 40), ("test", "t10k", 8)):
        arrays[f"{split}/images"] = random.integers(0, 256, (count, side, side), dtype=np.uint8)
        arrays[f"{split}/labels"] = random.integers(0, 10, count, dtype=np.uint8)
        (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(idx(arrays[f"{split}/images"]))
        (folder / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(idx(arrays[f"{split}/labels"]))
    return arrays


def idx_sha256(folder: Path) -> str:
    """What `sha256sum` says of its own list of the four files."""
    listed = subprocess.run(["sha256sum", *IDX_FILES], cwd=folder, capture_output=True, check=True).stdout
    return hashlib.sha256(listed).hexdigest()


def make_npz(path: Path, shape: tuple[int, ...] = (12, 20, 1), classes: int = 7, **changes: object) -> dict:
    """Write arrays of a user's own; `changes` replace arrays, or leave out those that are None."""
    random, arrays = np.random.default_rng(0), {}
    for split, count in (("train", 40), ("test", 8)):
        arrays[f"{split}_images"] = random.integers(0, 256, (count, *shape), dtype=np.uint8)
        arrays[f"{split}_labels"] = random.integers(0, classes, count)
    arrays = {name: array for name, array in (arrays | changes).items() if array is not None}
    np.savez(path, **arrays)
    return arrays


def define(
    path: object, sha: str, train: int = 30, test: int = 5, form: str = "cifar10", **facts: object
) -> Definition:
    """The definition of a small dataset."""
    facts |= {"train_examples": train, "test_examples": test}
    return Definition(name="mini", format=form, source=str(path), sha256=sha, **facts)


def make(path: Path, form: str = "cifar10", **facts: object) -> dataset_file.Dataset:
    """The dataset that a source becomes, written beside it and read."""
    sha = idx_sha256(path) if path.is_dir() else sha256(path)
    build(define(path, sha, form=form, **facts), path.parent / "mini.h5")
    return dataset_file.read(path.parent / "mini.h5")


def check_arrays(data: dataset_file.Dataset, arrays: dict[str, np.ndarray]) -> None:
    """Check that a dataset holds the first 30 and 5 examples of what its source was made of."""
    for split, count in (("train", 30), ("test", 5)):
        np.testing.assert_array_equal(data.images[split], arrays[f"{split}/images"][:count])
        np.testing.assert_array_equal(data.labels[split], arrays[f"{split}/labels"][:count])
        assert data.images[split].dtype == data.labels[split].dtype == np.uint8


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


def test_a_format_is_a_file_and_says_what_is_fixed():
    files = {path.stem.replace("_", "-") for path in Path(formats.__file__).parent.glob("[!_]*.py")}
    assert set(FORMATS) == files
    assert (BUILT_IN_DATASETS["cifar100"].shape, BUILT_IN_DATASETS["cifar100"].classes) == ((32, 32, 3), 100)
    assert (BUILT_IN_DATASETS["fashion-mnist"].shape, BUILT_IN_DATASETS["fashion-mnist"].classes) == ((32, 32, 1), 10)


NEW_FORMAT = """
import numpy as np

from uncrossed.datasets.formats import Format


def read(paths):
    grey = np.full((6, 2, 3, 1), int(paths[0].read_text()), np.uint8)
    return {"train": grey, "test": grey}, {"train": np.arange(6), "test": np.arange(6)}


FORMAT = Format(summary="a shade of grey", read=read, classes=6)
"""


def test_a_new_format_is_one_new_file(tmp_path):
    sources = copy_sources(tmp_path / "sources")
    (sources / "workflow/uncrossed/datasets/formats/one_grey.py").write_text(NEW_FORMAT)
    (tmp_path / "grey.txt").write_text("200")
    values = {"name": "grey", "format": "one-grey", "train_examples": 5, "test_examples": 2, "shape": [2, 3, 1]}
    values |= {"source": str(tmp_path / "grey.txt"), "sha256": sha256(tmp_path / "grey.txt")}
    command = ["python", "-m", "uncrossed", "dataset", json.dumps(values), "--output", tmp_path / "grey.h5"]
    run(*command, PYTHONPATH=str(sources / "workflow"))
    with h5py.File(tmp_path / "grey.h5") as file:
        assert file["train/images"].shape == (5, 2, 3, 1)
        assert file["train/images"][0, 0, 0, 0] == 200
    with pytest.raises(dataset_file.OtherVersionError, match="format 'one-grey'; this one knows"):
        dataset_file.read(tmp_path / "grey.h5")


def test_what_a_format_fixes_is_not_written():
    assert json.loads(BUILT_IN_DATASETS["digits"].identity().model_dump_json()) == {
        "name": "digits",
        "format": "digits",
        "sha256": None,
        "train_examples": 1437,
        "test_examples": 360,
    }


def test_the_documented_example_of_own_images_works(tmp_path, monkeypatch):
    document = (REPOSITORY / "config/README.md").read_text().partition("### Your own images")[2]
    monkeypatch.chdir(tmp_path)
    exec(document.partition("```python\n")[2].partition("```")[0], {})
    values = yaml.safe_load(document.partition("```yaml\n")[2].partition("```")[0])
    values["datasets"]["my-images"]["sha256"] = sha256(tmp_path / "mine.npz")
    folder = Folder(tmp_path)
    folder.configure(**values)
    write_manifest(tmp_path / "my-study.csv", {"a": {"learning_rate": 0.01, "batch_size": 20, "adam_epsilon": 0.02}})
    folder.snakemake("results/datasets/my-images.h5")
    expected = Study.load(tmp_path / "study.yaml").dataset.identity()
    data = dataset_file.read(tmp_path / "results/datasets/my-images.h5", expected)
    assert (data.shape, data.classes, len(data.labels["train"])) == ((12, 20, 1), 7, 100)


def test_a_download_is_the_same_dataset(tmp_path):
    make_archive(tmp_path / "a.tar.gz")
    sha = sha256(tmp_path / "a.tar.gz")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        build(define(f"{url}/a.tar.gz", sha), tmp_path / "downloaded.h5")
        with pytest.raises(InputError, match="404"):
            build(define(f"{url}/none.tar.gz", sha), tmp_path / "none.h5")
        server.shutdown()
    build(define(tmp_path / "a.tar.gz", sha), tmp_path / "local.h5")
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
        build(definition, tmp_path / "mini.h5")
        assert proxy.requests == [(f"GET {definition.source}", True)]
        for url, message in (
            (f"http://user:hidden@{proxy.place}", r"a\.tar\.gz: cannot be downloaded \(status 407 .*; set http_proxy"),
            (f"http://user:hid/den@{proxy.place}", r"a\.tar\.gz: cannot be downloaded \(http_proxy: found no URL"),
        ):
            monkeypatch.setenv("http_proxy", url)
            with pytest.raises(InputError, match=message) as error:
                build(definition, tmp_path / "none.h5")
            assert "hid" not in str(error.value)


def test_a_refused_download_says_why_in_one_line(tmp_path):
    with Server(tmp_path) as server:
        server.faults = [(400, b"<Error><Code>NoSuchKey</Code>\n<Message>Gone</Message></Error>", {})]
        with pytest.raises(InputError, match=r"a: cannot be downloaded \(status 400 Bad Request: NoSuchKey Gone\)$"):
            build(define(f"{server.url}/a", "0" * 64), tmp_path / "mini.h5")


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


def test_the_command_makes_built_in_datasets_and_refuses_others(tmp_path):
    uncrossed("dataset", "digits", "--output", tmp_path / "digits.h5")
    assert dataset_file.read_identity(tmp_path / "digits.h5").name == "digits"
    assert "did you mean 'digits'" in uncrossed("dataset", "digit", "--output", tmp_path / "x.h5", code=2).stdout
