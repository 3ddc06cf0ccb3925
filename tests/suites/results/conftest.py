"""A study of made-up results."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from helpers import synthetic
from helpers.verified import change
from uncrossed.results import checksums, tables


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """A study of six made-up trials, one of which diverged; initial weights are kept."""
    folder = tmp_path_factory.mktemp("built")
    synthetic.write(folder, synthetic.rows(6, 3), diverged="resnet50-0004")
    for path in folder.glob("trials/*/*.h5"):
        change(path, lambda result: result.weights.update({0: {"w": np.zeros(1)}}))
    tables.make(folder)
    checksums.make(folder)
    return folder


@pytest.fixture
def folder(built, tmp_path):
    """A copy of the study that a test may change."""
    return Path(shutil.copytree(built, tmp_path / "results" / "made-up"))
