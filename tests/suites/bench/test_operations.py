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
    "shuffled": {"smallcnn": 194},
}
LARGE = [name for name in BUDGETS["native"] if name != "smallcnn"]


@pytest.mark.parametrize("architectures", [["smallcnn"], pytest.param(LARGE, marks=pytest.mark.long)])
def test_every_operation_has_a_kernel_for_gpus_and_they_are_no_more_than_they_were(architectures):
    asked = [f"{kind}:{name}" for kind, known in BUDGETS.items() for name in architectures if name in known]
    output = run(sys.executable, CHECKS / "operations.py", *asked).stdout
    for one, found in json.loads(output.splitlines()[-1]).items():
        kind, name = one.split(":")
        assert found["without_kernel"] == [], one
        assert found["launches"] <= BUDGETS[kind][name], found["by_operation"]
        # The labels, for which nothing waits; shuffled ones are there.
        assert found["copies"] == ({} if kind == "shuffled" else {"to GPU: Slice OneHot": 1}), one
