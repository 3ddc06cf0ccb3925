"""A result that cannot be read is not trained again."""

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
from helpers.damage import damaged, truncated
from helpers.commands import CHECKS, STAND_IN, ARCHITECTURES, REPOSITORY

def test_a_result_that_cannot_be_read_is_not_trained_again(tmp_path, ended):
    path = str(shutil.copy(ended["checkpoint"].with_name("a.h5"), tmp_path / "a.h5"))
    with no_more_files(), pytest.raises(UnreadableError, match="cannot be read"):
        snakemake_records.is_wanted(path, {"framework": "pytorch"})
    assert snakemake_records.is_wanted(path, {"framework": "pytorch"})
    assert not snakemake_records.is_wanted(path, {"framework": "tensorflow"})
    damaged(Path(path))
    truncated(Path(path))
    assert not snakemake_records.is_wanted(path, {"framework": "pytorch"})
