"""A native training is the stock framework's, bit for bit, and takes no more memory."""

import sys

import pytest

from helpers.commands import CHECKS, run
from uncrossed.training.architectures import BUILT_IN_ARCHITECTURES

ALL = list(BUILT_IN_ARCHITECTURES)


@pytest.mark.parametrize(
    ("framework", "about"),
    [
        ("pytorch", ["densenet121"]),
        ("tensorflow", ["native", "smallcnn"]),
        ("tensorflow", ["aligned", "smallcnn"]),
        pytest.param("pytorch", ["resnet50"], marks=pytest.mark.long),
        # Keras' own steps take minutes to compile.
        pytest.param("tensorflow", ["native", *ALL], marks=pytest.mark.long),
        pytest.param("tensorflow", ["aligned", *ALL], marks=pytest.mark.long),
    ],
)
def test_a_training_is_stock(framework, about):
    """Steps of the backend equal, bit for bit, a plain program over the framework's own layers, loss and optimizer."""
    run(sys.executable, CHECKS / f"native_{framework}.py", *about)


@pytest.mark.more
def test_memory_is_used_again():
    run(sys.executable, CHECKS / "pages.py")
