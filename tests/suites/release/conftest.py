"""A released study, and a server to publish it to."""

import shutil

import pytest

from helpers import gcs, synthetic


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """A released study of made-up results."""
    return synthetic.released(tmp_path_factory.mktemp("release"))


@pytest.fixture
def folder(built, tmp_path):
    """A copy of the released study that a test may change."""
    return shutil.copytree(built, tmp_path / "results/made")


@pytest.fixture
def server():
    """A fault-free server; a test may set its share of faults."""
    with gcs.Server() as made:
        yield made
        made.shutdown()
