"""A native training is the stock framework's, bit for bit, and takes no more memory."""

import sys

import pytest

from helpers.commands import CHECKS, run
from uncrossed.study.trial import FRAMEWORKS


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_native_is_stock(framework):
    """Three steps of the backend equal, bit for bit, a plain program over the stock model and optimizer."""
    run(sys.executable, CHECKS / f"native_{framework}.py")


def test_memory_is_used_again():
    run(sys.executable, CHECKS / "pages.py")
