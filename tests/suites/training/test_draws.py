"""What is drawn is the same for the same seed, and another for every other."""

import json
import subprocess
import sys
from pathlib import Path
import numpy as np
import pandas as pd
import pytest
from helpers import synthetic
from helpers.commands import REPOSITORY
from helpers.studies import ROWS
from helpers.studies import Folder
from helpers.commands import run
from helpers.commands import uncrossed
from uncrossed.analysis.attribution import attribute
from uncrossed.explain.proof import EPSILONS, LIMITS
from uncrossed.results import tables, trial_file
from uncrossed.study import manifest
from uncrossed.study.mechanisms import MECHANISMS, NAMED, NATIVE, alone, flipped, resolve, spell, table, variants
from uncrossed.study.study import Study
from uncrossed.study.trial import FRAMEWORKS
from uncrossed.training.architectures import BUILT_IN, load
from uncrossed.training.arrays import to_pytorch
from uncrossed.training.draws import dropout_mask
from uncrossed.training.effective import effective
from helpers.commands import CHECKS, STAND_IN, ARCHITECTURES, REPOSITORY

def test_dropout_masks_keep_half_and_differ_by_step_layer_and_seed():
    mask = dropout_mask(1, 2, 0, (50, 64))
    assert set(np.unique(mask)) == {0, 2}
    assert abs(mask.mean() - 1) < 0.05
    np.testing.assert_array_equal(mask, dropout_mask(1, 2, 0, (50, 64)))
    for other in (dropout_mask(2, 2, 0, (50, 64)), dropout_mask(1, 3, 0, (50, 64)), dropout_mask(1, 2, 1, (50, 64))):
        assert (mask != other).mean() > 0.4
