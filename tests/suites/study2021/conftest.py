"""Tables and files like those that were published in 2021."""

import hashlib
import shutil

import numpy as np
import pytest

from helpers import published_files
from helpers.commands import PUBLISHED, need
from helpers.published import write
from helpers.published_files import small, weights_of
from uncrossed.study2021 import published_tables


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """A function that makes tables the published ones; returns the folder that they lie in, as in the repository."""

    def publish(*contents: bytes):
        sources = []
        for source, content in zip(published_tables.SOURCES, contents, strict=False):
            path = tmp_path / "tables" / published_tables.COMMIT / published_tables.FOLDER / source.path
            path.parent.mkdir(parents=True, exist_ok=True)
            for place in (path, tmp_path / "flat" / source.name):
                place.parent.mkdir(exist_ok=True)
                place.write_bytes(content)
            sha256 = hashlib.sha256(content).hexdigest()
            sources.append(published_tables.Source(source.architecture, source.path, sha256, "0" * 64))
        monkeypatch.setattr(published_tables, "SOURCES", tuple(sources))
        return tmp_path / "flat"

    return publish


@pytest.fixture
def copy(tmp_path):
    """A folder of the dataset's layout: tables with keys in them, and a small state dict for each architecture."""
    folder = tmp_path / "dataset"
    (folder / "wandb_exports").mkdir(parents=True)
    for k, source in enumerate(published_tables.SOURCES):
        mine = {"Name": f"dual_train_aaaa000{k}", "learning_rate": "0.099013444", "batch_size": "202", "epochs": "50"}
        (folder / "wandb_exports" / source.name).write_bytes(write({}, mine))
        small(folder / f"{weights_of(source.architecture)}.pt_model.pt")
    return folder


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """The folder `variables` as of a SavedModel: twelve layers, an optimizer with moments, a counter and a metric."""
    tensorflow = published_files.tensorflow()
    folder, layers = tmp_path_factory.mktemp("variables"), {}
    for k in range(12):
        layer = layers[f"layer_with_weights-{k}"] = tensorflow.Module()
        layer.kernel = tensorflow.Variable(np.full((2, 3), k, np.float32))
    optimizer = tensorflow.compat.v1.train.AdamOptimizer()
    kernel = layers["layer_with_weights-0"].kernel
    optimizer.apply_gradients([(tensorflow.zeros_like(kernel), kernel)])
    metrics = tensorflow.Module()
    metrics.metrics = [tensorflow.Module()]
    metrics.metrics[0].total = tensorflow.Variable(5.0)
    whole = tensorflow.train.Checkpoint(optimizer=optimizer, keras_api=metrics, **layers)
    assert whole.save_counter.numpy() == 0
    whole.write(str(folder / "variables"))
    names = tensorflow.train.load_checkpoint(str(folder / "variables")).get_variable_to_shape_map()
    for other in ("OPTIMIZER_SLOT", "save_counter", "optimizer/", "keras_api/metrics/0/total"):
        assert any(other in name for name in names), names
    return folder


@pytest.fixture
def saved(checkpoint, server):
    """A SavedModel of the first VGG16: its variables, and a program that is none."""
    folder = server.folder / f"{weights_of('vgg16')}tf_model"
    shutil.copytree(checkpoint, folder / "variables")
    (folder / "saved_model.pb").write_bytes(b"never to be opened")
    return folder


@pytest.fixture(scope="session")
def published():
    """The published pairs."""
    need(PUBLISHED.is_dir(), "the published tables (../shared/data/published)")
    return published_tables.read(PUBLISHED)
