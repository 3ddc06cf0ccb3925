"""A small search."""

import json
import os
import signal
import subprocess
import time
import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from helpers.commands import PATH
from helpers.commands import REPOSITORY
from helpers.studies import Folder
from helpers.commands import run
from helpers.commands import uncrossed
from uncrossed.common.errors import InputError
from uncrossed.search import suggestion as searching
from uncrossed.search.figures import expected_best
from uncrossed.search.suggestion import Seen
from uncrossed.study.mechanisms import NATIVE
from uncrossed.study.search import DIMENSIONS, Search
from uncrossed.study.space import Interval, Space
from uncrossed.study.study import Study
from uncrossed.training.architectures import load
from helpers.commands import CHECKS, STAND_IN, ARCHITECTURES, REPOSITORY

SMALL = {
    "architectures": ["smallcnn"],
    "box": {
        "learning_rate": {"low": 1e-3, "high": 0.1, "log": True},
        "batch_size": {"low": 20, "high": 100},
        "adam_epsilon": 1e-3,
        "epochs": {"low": 1, "high": 3},
    },
    "split": ["batch_size"],
    "trials": 3,
    "start": 1,
}
