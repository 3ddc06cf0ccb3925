"""A training that has ended, and a checkpoint of it."""

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
from helpers.trainings import command
from helpers.commands import CHECKS, STAND_IN, ARCHITECTURES, REPOSITORY

@pytest.fixture(scope="session")
def ended(few, tmp_path_factory):
    """The bytes of a training, and a checkpoint of it."""
    folder = tmp_path_factory.mktemp("ended")
    run(*command("pytorch", few, folder / "a.h5"))
    # Saved in its last epoch: its run record cannot be written, as its name is a folder, nor then its trial file.
    (folder / "b.json").mkdir()
    run(*command("pytorch", few, folder / "b.h5"), code=1)
    return {"whole": (folder / "a.h5").read_bytes(), "checkpoint": folder / "b.checkpoint.h5"}
