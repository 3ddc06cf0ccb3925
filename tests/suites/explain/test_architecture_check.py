"""What is wrong with an architecture's file is named, what one would mend first at the top."""

import json
import sys

import pytest

from helpers.commands import ARCHITECTURES, CHECKS, run, uncrossed

FAULTS = {
    "perceptron": None,
    "biased": None,
    "flattened otherwise": "the models are not the same function",
    "probabilities": "gives probabilities; wanted: logits",
    "a layer too few": "layers(): lacks 3.weight",
    "a name that is none": "layers(): Keras' model has no layer logit",
    "another count": "parameters(): says",
    "another activation": "the models are not the same function",
    "biases of zero": "DRAWS: pytorch's 1.bias begins as",
    "a wrong scheme": "DRAWS: pytorch's 1.weight begins with deviation",
    "another epsilon": "BATCHNORM: of tensorflow momentum and epsilon are (0.99, 0.001); stated: (0.99, 1e-05)",
    "batch normalisation unsaid": "BATCHNORM: of pytorch momentum and epsilon are (0.1, 1e-05); stated: none",
    "a bias on one side": "CONV_BIAS: is None, and pytorch alone has a bias in first",
    "dropout unsaid": "DROPOUT: PyTorch's model drops [0.1]; stated: []",
    "another shape": "pytorch(): cannot be built or run for images of (8, 10, 3)",
    "no Keras side": "refused: ",
    "no first line": "its first line must say what the architecture is",
    "an error of its own": "cannot be read as an architecture (ZeroDivisionError: division by zero)",
    "an exit of its own": "cannot be read as an architecture (SystemExit: no)",
    "a comma too few": "PADDING: found ('first', 'first'); allowed: ((PYTORCH_LAYER, KERAS_LAYER), ...)",
    "a flat stride": "STRIDE: found ('first', 'second'); allowed: (((PYTORCH_LAYER",
    "a scheme too few": "DRAWS: found {'pytorch': ",
    "a side too few": "BATCHNORM: found {'pytorch': (0.1, 1e-05)}; allowed: {'pytorch': ..., 'tensorflow': ...}, each",
    "a list of rates": "DROPOUT: found [0.5]; allowed: {KERAS_LAYER: RATE}",
    "an unknown side": "CONV_BIAS: found 'keras'; allowed: 'pytorch' or 'tensorflow'",
    "a layer that is none": "layers(): gives '3'; allowed: uncrossed.training.arrays.Layer",
    "a dense layer as a convolution": "layers(): ",
    "a model in a model": None,
}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The faults of each case."""
    output = run(sys.executable, CHECKS / "architectures.py", tmp_path_factory.mktemp("cases")).stdout
    return json.loads(output.splitlines()[-1])


@pytest.mark.parametrize("case", FAULTS)
def test_what_is_wrong_is_named_first(case, found):
    if FAULTS[case] is None:
        assert found[case] == []
    else:
        assert FAULTS[case] in found[case][0]


@pytest.mark.more
def test_the_command_says_what_agrees_and_ends_with_1_where_something_is_wrong(tmp_path):
    assert uncrossed("architecture", "check", tmp_path / "none.py", code=2).stdout.count("\n") == 1
    path = tmp_path / "mine.py"
    path.write_text((ARCHITECTURES / "perceptron.py").read_text())
    output = uncrossed("architecture", "check", path, "--shape", 8, 8, 1, "--classes", 3).stdout
    assert "mine: A perceptron with one hidden layer" in output
    assert "these are aligned: initial_weights, initializer\n" in output
    path.write_text(path.read_text().replace("nn.ReLU()", "nn.Tanh()"))
    assert "not the same function" in uncrossed("architecture", "check", path, code=1).stdout
