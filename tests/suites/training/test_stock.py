"""A native training is the stock framework's, bit for bit, and takes no more memory."""

import sys

import pytest

from helpers.commands import CHECKS, run


@pytest.mark.parametrize(
    ("framework", "architectures"),
    [
        ("pytorch", ["densenet121"]),
        ("tensorflow", ["smallcnn"]),
        pytest.param("pytorch", ["resnet50"], marks=pytest.mark.long),
        # Takes Keras two minutes to compile.
        pytest.param("tensorflow", ["vgg16", "resnet50"], marks=pytest.mark.long),
    ],
)
def test_native_is_stock(framework, architectures):
    """Three steps of the backend equal, bit for bit, a plain program over the stock model and optimizer."""
    run(sys.executable, CHECKS / f"native_{framework}.py", *architectures)


def test_memory_is_used_again():
    run(sys.executable, CHECKS / "pages.py")
