"""Images of one's own, and a format of one's own, take one new file."""

import json

import h5py
import pytest
import yaml

from helpers.commands import REPOSITORY, run
from helpers.studies import Folder, copy_sources, write_manifest
from uncrossed.common.files import sha256
from uncrossed.datasets import dataset_file
from uncrossed.study.study import Study

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
