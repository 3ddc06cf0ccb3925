"""A native training is the stock framework's, bit for bit, and takes no more memory."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
import numpy as np
import pytest
from helpers.commands import REPOSITORY
from helpers.commands import need
from helpers.commands import run
from helpers.commands import uncrossed
from uncrossed.results import trial_file
from uncrossed.study.trial import FRAMEWORKS
from uncrossed.training.architectures import BUILT_IN, load
from uncrossed.training.loop import batches, measure
from helpers.commands import CHECKS, STAND_IN, ARCHITECTURES, REPOSITORY



@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_native_is_stock(framework):
    """Three steps of the backend equal, bit for bit, a plain program over the stock model and optimizer."""
    run(sys.executable, CHECKS / f"native_{framework}.py")


def test_memory_is_used_again():
    run(sys.executable, CHECKS / "pages.py")
