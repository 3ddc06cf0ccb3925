"""The command is the same however it is called."""

import contextlib
import copy
import datetime
import json
import math
import random
import re
import time
from pathlib import Path
from typing import Annotated, Any, Literal
import pytest
import yaml
from pydantic import Field
from snakemake.common.configfile import load_configfile
from snakemake.exceptions import WorkflowError
from helpers.commands import REPOSITORY
from helpers.studies import Folder
from helpers.commands import run
from helpers.commands import uncrossed
from uncrossed.common.checked import Model, Name
from uncrossed.common.errors import LONGEST, InputError
from uncrossed.datasets.definition import BUILT_IN, Definition
from uncrossed.study.search import Dimension, Search
from uncrossed.study.study import Configuration, Study, read_values
from uncrossed.study.trial import Settings, Trial
from helpers.commands import CHECKS, STAND_IN, ARCHITECTURES, REPOSITORY

def test_python_dash_m_is_the_command():
    assert run("python", "-m", "uncrossed", "--help").stdout == uncrossed("--help").stdout
