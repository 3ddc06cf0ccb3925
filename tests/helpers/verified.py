"""Changing a study's files, and what `verify` says then."""

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
from helpers.commands import CHECKS, STAND_IN, ARCHITECTURES, REPOSITORY

SOUND = "all files are as they should be"


FIRST, SECOND = "densenet121-0000", "resnet50-0001"


def change(path: Path, how) -> None:
    """Change a trial file, so that it stays sound in itself."""
    result = trial_file.read(path)
    how(result)
    trial_file.write(path, result)


def changed(folder: Path, name: str, how, code: int = 1) -> str:
    """What `verify` prints of the study when a trial file was written in another way."""
    change(folder / "trials" / name, how)
    checksums.make(folder)
    return uncrossed("verify", folder, code=code).stdout
