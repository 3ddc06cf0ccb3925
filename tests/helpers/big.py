"""What the suites know of the study whose files are large."""

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

BIG = "vgg16-0002"


EXTRA = 256 * 1024


def name_of(framework: str, k: int) -> str:
    return f"features_{k}_block" + {"pytorch": ".weight", "tensorflow": "/kernel"}[framework]
