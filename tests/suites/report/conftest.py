"""A study with its report."""

import shutil

import pytest

from helpers import synthetic
from uncrossed.report import report


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A finished study of seven pairs, of which one diverged and one fails in evaluation, with its report."""
    folder = tmp_path_factory.mktemp("results") / "made-up"
    synthetic.study(folder, 7, diverged="vgg16-0005", failed="vgg16-0002")
    report.make(folder)
    return folder


@pytest.fixture
def study(made, tmp_path):
    """A copy of the study that a test may change."""
    return shutil.copytree(made, tmp_path / "made-up")
