"""A study with its report."""

import base64
import json
import re
import shutil
import h5py
import numpy as np
import pandas as pd
import pytest
from helpers import synthetic
from helpers.browser import Browser
from helpers.commands import need
from helpers.commands import uncrossed
from uncrossed.common.errors import InputError
from uncrossed.report import report
from uncrossed.results import trial_file
from helpers.commands import CHECKS, STAND_IN, ARCHITECTURES, REPOSITORY

@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A finished study of seven pairs, one of them diverged, with its report."""
    folder = tmp_path_factory.mktemp("results") / "made-up"
    synthetic.study(folder, 7, diverged="vgg16-0005")
    report.make(folder)
    return folder


@pytest.fixture
def study(made, tmp_path):
    """A copy of the study that a test may change."""
    return shutil.copytree(made, tmp_path / "made-up")
