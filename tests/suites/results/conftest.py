"""A study of made-up results."""

import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
import h5py
import numpy as np
import pandas as pd
import pytest
from helpers import synthetic
import uncrossed as package
from helpers.commands import REPOSITORY
from helpers.commands import run
from helpers.commands import uncrossed
from helpers.server import Server
from uncrossed.common.errors import UnreadableError
from uncrossed.results import checksums, facts, tables, trial_file
from uncrossed.results.facts import Hdf5Process
from uncrossed.results.verify import verify
from uncrossed.study import manifest
from uncrossed.study.trial import FRAMEWORKS, Trial
from helpers.verified import change
from helpers.commands import CHECKS, STAND_IN, ARCHITECTURES, REPOSITORY

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
