"""A study is shown whatever surrounds the command."""

import json
import os
import re
import shutil
import sysconfig
import venv
from pathlib import Path
import pandas as pd
import pytest
from helpers import synthetic
from helpers.commands import PATH
from helpers.studies import ROWS
from helpers.studies import Folder
from helpers.studies import copy_sources
from helpers.commands import run
from helpers.commands import uncrossed
from helpers.studies import write_manifest
from uncrossed.results import trial_file
from uncrossed.study.study import Study
from helpers.commands import CHECKS, STAND_IN, ARCHITECTURES, REPOSITORY

@pytest.mark.parametrize(
    "surroundings",
    [
        {"PYTHONOPTIMIZE": "2"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "latin-1"},
        {"TMPDIR": "/nowhere", "HOME": "/nowhere"},
    ],
    ids=lambda surroundings: " ".join(surroundings),
)
def test_a_pair_is_shown_whatever_surrounds_the_command(built, surroundings):
    shown = uncrossed("show", "first", "--study", built.results, **surroundings).stdout
    assert "test accuracy by epoch" in shown


def test_a_command_whose_output_is_closed_does_its_work(built):
    assert run("sh", "-c", f"uncrossed show --study '{built.results}' >&- 2>&-").stdout == ""
