"""One array costs its own bytes and a bounded number more."""

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
from helpers.big import BIG, EXTRA, name_of
from helpers.commands import CHECKS, STAND_IN, ARCHITECTURES, REPOSITORY

@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("k", [7, 300, 599])
def test_one_array_costs_its_bytes_and_at_most_256_kib(k, framework, server):
    study = package.open(server.url)
    server.reset()
    array = getattr(study.trial(BIG), framework).weights[name_of(framework, k)]
    assert server.sent <= array.nbytes + EXTRA
    assert len(server.requests) <= 16


def test_the_bound_holds_with_attributes_logits_and_a_list_of_names(server):
    side = package.open(server.url).trial(BIG).pytorch
    server.reset()
    nbytes = side.logits.nbytes + sum(array.nbytes for array in side.curves.values())
    assert side.attributes["row"]["trial"] == BIG
    assert len(list(side.weights)) == 600
    assert server.sent <= nbytes + EXTRA


def test_all_arrays_in_order_come_in_large_steps(server):
    side = package.open(server.url).trial(BIG).pytorch
    server.reset()
    assert len(dict(side.weights)) == 600
    size = (server.folder / f"trials/{BIG}/pytorch.h5").stat().st_size
    assert len(server.requests) < 30
    assert server.sent < size
