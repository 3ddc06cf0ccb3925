"""What differs between two models is found and explained: the right layer, the right cause, and nothing else."""

import json
import os
import sys

import pytest

from helpers import small_pairs, small_trainings
from helpers.commands import CHECKS, run

CASES = small_pairs.cases()
TRAINED = {name: case[-1] for name, case in {**small_trainings.OPTIMIZERS, **small_trainings.LOSSES}.items()}
# What a pass through the models does not show.
READ_ALONE = {"dropout", "gru.biases", "lstm.biases"}


@pytest.fixture(scope="module")
def found():
    """What is found in each pair."""
    path = os.pathsep.join(filter(None, [str(CHECKS.parents[1]), os.environ.get("PYTHONPATH")]))
    output = run(sys.executable, CHECKS / "differences.py", PYTHONPATH=path).stdout
    return json.loads(output.splitlines()[-1])


def test_enough_is_planted():
    planted = [case.expected for case in CASES.values()]
    assert sum(len(expected) == 1 for expected in planted) >= 20
    assert sum(len(expected) == 2 for expected in planted) >= 3
    assert sum(not expected for expected in planted) >= 10


@pytest.mark.parametrize("case", CASES)
def test_what_is_planted_is_found_and_nothing_else(case, found):
    wanted = {cause: [layers] if isinstance(layers, str) else layers for cause, layers in CASES[case].expected.items()}
    differences = found[case]["differences"]
    named = {d["cause"]: [layer["pytorch"] or layer["tensorflow"] for layer in d["layers"]] for d in differences}
    assert named == wanted


@pytest.mark.parametrize("case", [name for name, case in CASES.items() if case.expected])
def test_what_is_found_is_shown_by_what_the_models_compute(case, found):
    for difference in found[case]["differences"]:
        cause = difference["cause"]
        if cause.split(".")[0] in READ_ALONE or cause in READ_ALONE:
            continue
        assert difference["measured"]
        assert "no effect" not in difference["measured"][0]


@pytest.mark.parametrize("case", [name for name, case in CASES.items() if "unexplained" not in str(case.expected)])
def test_nothing_is_left_once_all_differences_are_taken_away(case, found):
    agreed = found[case]["agreed"]
    assert set(agreed) >= {"evaluation", "training", "statistics"}
    assert max(agreed.values()) < 1e-6  # where one side computes in single precision


@pytest.mark.parametrize("case", TRAINED)
def test_optimizers_and_losses(case, found):
    assert {difference["cause"] for difference in found[case]["differences"]} == TRAINED[case]


def test_what_is_not_known_is_named(found):
    assert [one["layer"] for one in found["aligned: what is not known"]["unknown"]] == ["torch.cumsum 1 / tf's Cumsum"]
    assert "none that is known" in found["a function of one's own"]["notes"][0]


def test_of_two_differences_each_is_taken_away_in_its_turn(found):
    first, second = found["epsilon and padding"]["partings"]
    assert (first["pytorch"], first["causes"], first["then"]) == ("conv1", ["conv.padding"], "norm2")
    assert (second["pytorch"], second["causes"], second["then"]) == ("norm2", ["batchnorm.epsilon"], None)


def test_what_to_write_is_said_for_either_side(found):
    def write(case):
        return tuple(found[case]["differences"][0]["write"].values())

    assert write("epsilon of batch normalisation") == ("eps=0.001", "epsilon=1e-05")
    assert write("momentum in the other library's sense") == ("momentum=0.9", "momentum=0.9")
    assert write("same padding with a stride") == (
        "F.pad(x, (0, 1, 0, 1)) before it and padding=0",
        'layers.ZeroPadding2D(1) before it and padding="valid"',
    )
    assert write("dropout of one side") == ("leave out dropout1", "add layers.Dropout(0.5) after relu1")
    ours, theirs = write("an approximated GELU")
    assert ours == "nn.GELU(approximate='tanh')"
    assert "approximate=False" in theirs
