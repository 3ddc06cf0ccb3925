"""A model that is read gives the stored logits, whatever its user has set."""

import json
import multiprocessing
import operator
import pickle
import shutil
import ssl
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from urllib.parse import quote
import h5py
import numpy as np
import pandas as pd
import pytest
from helpers import synthetic
import uncrossed as package
from helpers.commands import need
from helpers.commands import no_more_files
from helpers.commands import run
from helpers.server import Proxy
from helpers.server import Server
from uncrossed.common import remote
from uncrossed.common.errors import InputError, UnreadableError
from uncrossed.results import checksums, tables, trial_file, trials_table
from uncrossed.study.trial import FRAMEWORKS, Trial
from helpers.commands import CHECKS, STAND_IN, ARCHITECTURES, REPOSITORY

def test_models_give_the_stored_logits(few, server):
    """Of the row's semantics too, whatever the session's user has set; weights of another model are refused."""
    folder = server.folder / "models"
    row = synthetic.rows(1, 1, ["smallcnn"])[0].model_dump()
    semantics = {"plain": "native", "changed": "aligned-tensorflow", "broken": "native"}
    rows = [Trial.check({**row, "trial": trial, "semantics": text}, "test") for trial, text in semantics.items()]
    synthetic.write(folder, rows, examples=40)
    tables.make(folder)
    command = [sys.executable, CHECKS / "models.py"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    running = [
        subprocess.Popen([*command, framework, folder, f"{server.url}/models", few], **pipes)
        for framework in FRAMEWORKS
    ]
    for process in running:
        output, _ = process.communicate()
        assert process.returncode == 0, output
