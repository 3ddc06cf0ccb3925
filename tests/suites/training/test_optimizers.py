"""Every optimizer is each framework's own, bit for bit, and goes on where it was stopped."""

import sys

import pytest

from helpers.commands import CHECKS, run
from uncrossed.study.trial import FRAMEWORKS


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_steps_are_the_frameworks_own_and_a_stopped_training_ends_with_the_same_bytes(framework, few, tmp_path):
    run(sys.executable, CHECKS / "optimizers.py", framework, few, tmp_path)


def test_both_frameworks_steps_are_one_once_aligned_and_every_mechanism_alone_parts_them():
    run(sys.executable, CHECKS / "optimizers_aligned.py")
