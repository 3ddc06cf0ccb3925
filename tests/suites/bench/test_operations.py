"""A TensorFlow step stays short, and nothing in it keeps a GPU waiting."""

import json
import sys

import pytest

from helpers.commands import CHECKS, run

# What a step at batch 10 launches at most: as many as it was seen to.
BUDGETS = {
    "native": {"smallcnn": 192, "vgg16": 359, "resnet18": 1091, "resnet50": 2738, "densenet121": 5917},
    "aligned": {"smallcnn": 200},
    "views": {"smallcnn": 215, "densenet121": 5940},
}


@pytest.mark.parametrize(
    ("semantics", "architectures"),
    [
        ("native", ["smallcnn"]),
        ("aligned", ["smallcnn"]),
        ("views", ["smallcnn"]),
        pytest.param("native", list(BUDGETS["native"]), marks=pytest.mark.long),
        pytest.param("views", list(BUDGETS["views"]), marks=pytest.mark.long),
    ],
)
def test_every_operation_has_a_kernel_for_gpus_and_they_are_no_more_than_they_were(semantics, architectures):
    output = run(sys.executable, CHECKS / "operations.py", semantics, *architectures).stdout
    for name, found in json.loads(output.splitlines()[-1]).items():
        assert found["without_kernel"] == [], name
        assert found["launches"] <= BUDGETS[semantics][name], found["by_operation"]
        # The labels, for which nothing waits.
        assert found["copies"] == {"to GPU: Slice OneHot": 1}, name
