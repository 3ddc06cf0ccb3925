"""Trainings through the command."""

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
import numpy as np
from uncrossed.training.architectures import BUILT_IN, load
from uncrossed.training.loop import batches, measure
from helpers.commands import CHECKS, STAND_IN, ARCHITECTURES, REPOSITORY

ROW = {"trial": "a", "architecture": "smallcnn", "learning_rate": 0.01, "batch_size": 30, "adam_epsilon": 0.1}


def command(framework: str, data: Path, output: Path, epochs: int = 4, *arguments: object) -> list[str]:
    """The command of a training that saves after every epoch."""
    row = json.dumps({**ROW, "epochs": epochs})
    words = ["uncrossed", "train", framework, "--row", row, "--dataset", data, "--output", output]
    return list(map(str, [*words, "--checkpoint-seconds", 0, *arguments]))


def row(architecture: str = "smallcnn", **changes: object) -> str:
    """A manifest row as JSON: three batches an epoch on 70 examples, the last of them partial."""
    values = {"learning_rate": 0.01, "batch_size": 30, "adam_epsilon": 1e-3, "epochs": 2, "seed": 7}
    return json.dumps({"trial": architecture, "architecture": architecture, **values, **changes})


def train(framework: str, few: Path, output: Path, job: str, settings: dict | None = None, **options):
    """Train through the command."""
    extra = ["--settings", json.dumps(settings)] if settings else []
    return uncrossed("train", framework, "--row", job, "--dataset", few, "--output", output, *extra, **options)
