"""An ablation holds what can differ, and nothing else."""

import math
from collections import Counter
import pytest
from hypothesis import given
from hypothesis import strategies as st
from helpers.commands import REPOSITORY
from helpers.commands import uncrossed
from uncrossed.common.errors import InputError
from uncrossed.study import manifest
from uncrossed.study.mechanisms import NATIVE, resolve, spell
from uncrossed.study.space import PUBLISHED, Interval
import json
import subprocess
import sys
from pathlib import Path
import numpy as np
import pandas as pd
from helpers import synthetic
from helpers.studies import ROWS
from helpers.studies import Folder
from helpers.commands import run
from uncrossed.analysis.attribution import attribute
from uncrossed.explain.proof import EPSILONS, LIMITS
from uncrossed.results import tables, trial_file
from uncrossed.study.mechanisms import MECHANISMS, NAMED, NATIVE, alone, flipped, resolve, spell, table, variants
from uncrossed.study.study import Study
from uncrossed.study.trial import FRAMEWORKS
from uncrossed.training.architectures import BUILT_IN, load
from uncrossed.training.arrays import to_pytorch
from uncrossed.training.draws import dropout_mask
from uncrossed.training.effective import effective
from helpers.commands import CHECKS, STAND_IN, ARCHITECTURES, REPOSITORY

def test_a_base_alone_makes_no_ablation():
    rows = manifest.read(REPOSITORY / "config/manifests/ablation.csv").values()
    assert len(manifest.ablated(rows)["dense-few-steps"]) == 14 * 3
    assert not manifest.ablated(row for row in rows if "aligned" not in row.trial)
    longer = [row.model_copy(update={"epochs": 9}) if row.seed == 1 else row for row in rows]
    assert not manifest.ablated(longer)


def test_the_ablation_leaves_out_what_cannot_differ(tmp_path):
    bases = manifest.read(REPOSITORY / "config/manifests/ablation-bases.csv")
    rows = manifest.ablate(bases.values(), [0, 1, 2])
    manifest.write(tmp_path / "m.csv", rows)
    assert (tmp_path / "m.csv").read_bytes() == (REPOSITORY / "config/manifests/ablation.csv").read_bytes()
    dense = [row for row in rows if row.architecture == "densenet121" and row.seed == 0]
    labels = {row.trial.removeprefix(f"{row.base}-") for row in dense}
    assert "only-batchnorm_momentum-0" in labels
    assert not any("stride" in label or "dropout" in label for label in labels)
    trainings = [{row.training(framework, load("densenet121").touching) for row in dense} for framework in FRAMEWORKS]
    # PyTorch is left stock by all but shared weights; Keras is changed by every variant.
    assert len(trainings[0]) == 2 * len({row.base for row in dense})
    assert len(trainings[1]) == len(dense)
    output = uncrossed(
        *("manifest", "ablate", REPOSITORY / "config/manifests/ablation-bases.csv", "--trials", "dense-few-steps"),
        *("--seeds", "5", "--study", REPOSITORY / "config/ablation.yaml", "--output", tmp_path / "one.csv"),
    ).stdout
    assert "2 PyTorch and 14 TensorFlow trainings" in output
