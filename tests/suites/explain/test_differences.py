"""What differs between two models is found and explained: the right layer, the right cause, and nothing else."""

import json
import os
import sys

import pytest

from helpers import small_pairs, small_trainings
from helpers.commands import CHECKS, run

CASES = small_pairs.cases()
TRAINED = {name: case[-1] for name, case in {**small_trainings.OPTIMIZERS, **small_trainings.LOSSES}.items()}
REFUSED = {
    "new, and there": "mine.py: is there already",
    "new, no Python": "mine.txt: allowed: NAME.py",
    "ends": "ends.py: cannot be imported (SystemExit: no)",
    "beside": "beside.py: pytorch() cannot be built (ZeroDivisionError",
    "no_such_layer": "no_such_layer.py: PAIRS names 'first', no layer of PyTorch's model; near it: ",
    "bad_optimizer": "bad_optimizer.py: of pytorch_optimizer, tensorflow_optimizer one cannot be used (ValueError",
    "another size": "mine.py: pytorch() cannot be built (ValueError: not enough values to unpack",
    "no such function": "models:keras_side: cannot be imported (AttributeError",
    "no file": "nothing.py: no such file",
    "no folder": "--json nowhere/found.json: allowed: a file in a folder that is there",
    "no functions": "'models': allowed: package.module:function",
    "three": "found 3 models; allowed: FILE.py, or two functions",
    "broken": "broken.py: cannot be imported (ZeroDivisionError: division by zero)",
    "one_side": "one_side.py: lacks the function 'tensorflow'",
    "empty": "empty.py: pytorch() gives a model that computes nothing; allowed: one that does",
    "no_model": "no_model.py: pytorch() gives tuple; allowed: a torch.nn.Module",
    "another_shape": "another_shape.py: pytorch() cannot be run on inputs of (7,)",
    "bad_shape": "bad_shape.py: SHAPE is 6; allowed: the sizes of one input",
    "bad_pairs": "bad_pairs.py: PAIRS is [1]; allowed:",
}
# What a pass through the models does not show.
READ_ALONE = {"dropout", "gru.biases", "lstm.biases"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the commands are run."""
    return tmp_path_factory.mktemp("pairs")


@pytest.fixture(scope="module")
def both(folder):
    """What one process finds in all pairs, and what the commands say there."""
    path = os.pathsep.join(filter(None, [str(CHECKS.parents[1]), os.environ.get("PYTHONPATH")]))
    output = run(sys.executable, CHECKS / "differences.py", folder, PYTHONPATH=path).stdout
    return json.loads(output.splitlines()[-1])


@pytest.fixture(scope="module")
def found(both):
    """What is found in each pair."""
    return both["pairs"]


@pytest.fixture(scope="module")
def said(both):
    """Of each command its exit code and what it printed to either stream."""
    return both["commands"]


def test_enough_is_planted():
    planted = [case.expected for case in CASES.values()]
    assert sum(len(expected) == 1 for expected in planted) >= 20
    assert sum(len(expected) == 2 for expected in planted) >= 3
    assert sum(not expected for expected in planted) >= 10


def test_what_people_lost_accuracy_by_is_among_it():
    wanted = {"optimizer.weight_decay_form", "conv.padding", "batchnorm.momentum", "loss.softmax"}
    wanted |= {"activation.approximate"}
    assert {cause for name in small_pairs.THREADS for cause in CASES[name].expected} == wanted


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


# The commands.


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_in_words(case, said):
    code, _, error = said[case]
    assert code == 2
    assert REFUSED[case] in error


def test_nothing_is_left_of_what_is_refused(said, folder):
    assert {path.suffix for path in folder.iterdir()} <= {".py", ".json", ""}
    assert [path.name for path in folder.glob("*.json")] == ["found.json"]
    assert not (folder / "mine.txt").exists()


def test_the_file_to_begin_with_passes_both_commands(said, folder):
    assert [said[case][0] for case in ("new", "diff of the new", "check of the new")] == [0, 0, 0]
    printed = said["diff of the new"][1]
    assert "no difference is left" in printed
    assert 'Layer("4", "logits", "dense", flattened=(8, 4, 4))' in printed
    report = json.loads((folder / "found.json").read_text())
    assert report["differences"] == []
    assert set(report["agreed"]) == {"evaluation", "training", "statistics", "gradients"}


def test_two_functions_are_taken_as_a_file_is(said):
    assert said["two functions"][0] == said["pair"][0] == 1  # they begin with other weights
    assert "1. dense.initial_kernel: what the kernel of dense layer begins with" in said["pair"][1]
    printed = said["two functions"][1]
    assert printed.splitlines()[1:] == said["pair"][1].splitlines()[1:]


def test_a_layer_without_counterpart_is_named(said):
    code, printed, _ = said["one_layer_less"]
    assert code == 1
    assert "1. dense.missing: dense layer that PyTorch alone has, and Keras lacks" in printed
    assert "or:    in Keras add layers.Dense after" in printed


def test_a_layer_of_another_shape_is_named(said):
    code, printed, _ = said["wider"]
    assert code == 1
    assert "1. dense.shape: shape of dense layer (as PyTorch lays it)" in printed
    assert "now: PyTorch (8, 6), Keras (9, 6)" in printed


def test_a_layer_that_is_not_known_is_named_and_compared_once_it_is_settled(said):
    code, printed, _ = said["own_layer"]
    assert code == 1
    assert "not compared by configuration, but by what they compute: mine (layers.Own)" in printed
    assert "dense.missing" in printed
    code, printed, _ = said["own_layer_settled"]
    assert "not compared by configuration, but by what they compute: 1 / mine (F.linear)" in printed
    assert "missing" not in printed
    assert "outputs agree up to" in printed


def test_an_ambiguous_counterpart_is_named_and_settled_by_the_file(said):
    printed = said["towers"][1]
    assert 'settle it in the file by PAIRS = {"left": "b"}' in printed.replace("\n", " ")
    printed = said["towers_settled"][1]
    assert "settle it" not in printed
    assert "left / a" in printed


@pytest.mark.parametrize("missing", ["torch", "tensorflow"])
def test_a_framework_that_is_not_there_is_named(missing, folder):
    program = f"import sys; sys.modules[{missing!r}] = None; from uncrossed.cli.main import main; main()"
    (folder / "there.py").write_text("def pytorch(): pass")
    printed = run(sys.executable, "-c", program, "diff", "there.py", folder=folder, code=2).stdout
    assert "the comparison needs both frameworks in one environment" in printed
