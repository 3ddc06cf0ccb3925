"""Ways to damage a file."""

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
import h5py
import pytest
from helpers.commands import PATH
from helpers.commands import REPOSITORY
from helpers.studies import Folder
from helpers.studies import copy_sources
from helpers.commands import need
from helpers.commands import no_more_files
from helpers.commands import run
from helpers.commands import uncrossed
from uncrossed.common.errors import UnreadableError
from uncrossed.job import snakemake_records
from uncrossed.results import trial_file
from uncrossed.study.study import Study
from uncrossed.study.trial import FRAMEWORKS
from helpers.commands import CHECKS, STAND_IN, ARCHITECTURES, REPOSITORY

def damaged(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)
