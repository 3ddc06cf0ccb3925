"""A released study, and a server to publish it to."""

import base64
import csv
import hashlib
import json
import os
import platform
import random
import re
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path
import google_crc32c
import numpy as np
import pytest
from helpers import gcs
from helpers import synthetic
from helpers.commands import PATH
from helpers.commands import REPOSITORY
from helpers.commands import run
from helpers.commands import uncrossed
from uncrossed.analysis import analyse, attribution
from uncrossed.common.errors import InputError
from uncrossed.release import metadata, release, secrets, upload
from uncrossed.release.card import TITLE
from uncrossed.report import report
from uncrossed.results import checksums, tables
from uncrossed.study import manifest
from uncrossed.study.mechanisms import resolve
from helpers.commands import CHECKS, STAND_IN, ARCHITECTURES, REPOSITORY

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
