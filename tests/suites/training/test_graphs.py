"""PyTorch's steps as CUDA graphs are its eager steps, as far as that can be known without a GPU."""

import sys

import pytest

from helpers.commands import CHECKS, run
from uncrossed.training.architectures import BUILT_IN_ARCHITECTURES

LARGE = [name for name in BUILT_IN_ARCHITECTURES if name != "smallcnn"]


@pytest.mark.parametrize("architectures", [["smallcnn"], pytest.param(LARGE, marks=pytest.mark.long)])
def test_all_but_the_capture_is_bit_for_bit_an_eager_step(architectures):
    run(sys.executable, CHECKS / "graphed.py", *architectures)
