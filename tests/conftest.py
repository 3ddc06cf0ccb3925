"""Fixtures that several rooms use: small datasets, and a study with large files behind a server."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from helpers import synthetic
from helpers.big import BIG
from helpers.server import Server
from uncrossed.common import remote
from uncrossed.datasets.build import build
from uncrossed.datasets.definition import BUILT_IN_DATASETS, Definition
from uncrossed.results import checksums, tables, trial_file
from uncrossed.study.trial import FRAMEWORKS

# The rooms whose suites start processes and wait: with those first, no process ends long after the other.
FIRST = ("cluster", "workflow", "training", "explain", "job", "bench", "doctor")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first."""
    places = {room: number for number, room in enumerate(FIRST)}
    items.sort(key=lambda item: places.get(item.path.parent.name, len(FIRST)))


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    """The path of the digits dataset file."""
    path = tmp_path_factory.mktemp("datasets") / "digits.h5"
    build(BUILT_IN_DATASETS["digits"], path)
    return path


@pytest.fixture(scope="session")
def few(tmp_path_factory):
    """The path of a dataset file with 70 training and 40 test digits."""
    path = tmp_path_factory.mktemp("datasets") / "digits-few.h5"
    build(Definition(name="digits-few", format="digits", train_examples=70, test_examples=40), path)
    return path


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """A study of six made-up trials; the files of one have 600 arrays, 12 MB and two kept epochs, one diverged."""
    folder = tmp_path_factory.mktemp("built")
    trials = synthetic.rows(6, 3)
    synthetic.write(folder, trials, diverged="resnet50-0004")
    random = np.random.default_rng(0)
    for framework in FRAMEWORKS:
        path = folder / f"trials/{BIG}/{framework}.h5"
        result = trial_file.read(path)
        part = "kernel" if framework == "tensorflow" else "weight"
        shapes = {k: (3, 3, 128, 32) if k % 100 == 7 else (64, 16) for k in range(600)}
        separator = "/" if framework == "tensorflow" else "."
        result.weights = {
            epoch: {
                f"features_{k}_block{separator}{part}": random.standard_normal(shape).astype(np.float32)
                for k, shape in shapes.items()
            }
            for epoch in (0, 3)
        }
        trial_file.write(path, result)
        assert path.stat().st_size > 6_000_000
    tables.make(folder)
    (folder / "report.html").write_text("a report")
    checksums.make(folder)
    return folder


@pytest.fixture
def copy(built, tmp_path):
    """A copy of the study that a test may damage."""
    return Path(shutil.copytree(built, tmp_path / "copy"))


@pytest.fixture
def network(monkeypatch, tmp_path):
    """Readers wait little before they try again, and have a cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(remote, "FIRST_DELAY", 0.01)


@pytest.fixture
def server(copy, network):
    """The module's `copy`, a folder, behind HTTP."""
    with Server(copy) as running:
        yield running


@pytest.fixture(params=["folder", "http"])
def place(request, server):
    """The copy in both places."""
    return server.folder if request.param == "folder" else server.url
