"""The commands `diff` and `architecture new`: what they print and how they end, with right files and wrong ones."""

import json
import sys

import pytest

from helpers.commands import CHECKS, run

REFUSED = {
    "new, and there": "mine.py: is there already",
    "new, no Python": "mine.txt: allowed: NAME.py",
    "another size": "mine.py: pytorch() cannot be built (ValueError: not enough values to unpack",
    "no such function": "models:keras_side: cannot be imported (AttributeError",
    "no file": "nothing.py: no such file",
    "no functions": "'models': allowed: package.module:function",
    "three": "found 3 models; allowed: FILE.py, or two functions",
    "broken": "broken.py: cannot be imported (ZeroDivisionError: division by zero)",
    "one_side": "one_side.py: lacks the function 'tensorflow'",
    "no_model": "no_model.py: pytorch() gives tuple; allowed: a torch.nn.Module",
    "another_shape": "another_shape.py: pytorch() cannot be run on inputs of (7,)",
    "bad_shape": "bad_shape.py: SHAPE is 6; allowed: the sizes of one input",
    "bad_pairs": "bad_pairs.py: PAIRS is [1]; allowed:",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the commands are run."""
    return tmp_path_factory.mktemp("pairs")


@pytest.fixture(scope="module")
def found(folder):
    """Of each command its exit code and what it printed to either stream."""
    output = run(sys.executable, CHECKS / "differences_command.py", folder).stdout
    return json.loads(output.splitlines()[-1])


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_in_words(case, found):
    code, _, said = found[case]
    assert code == 2
    assert REFUSED[case] in said


def test_the_file_to_begin_with_passes_both_commands(found, folder):
    assert [found[case][0] for case in ("new", "diff of the new", "check of the new")] == [0, 0, 0]
    printed = found["diff of the new"][1]
    assert "no difference is left" in printed
    assert 'Layer("4", "logits", "dense", flattened=(8, 4, 4))' in printed
    report = json.loads((folder / "found.json").read_text())
    assert report["differences"] == []
    assert set(report["agreed"]) == {"evaluation", "training", "statistics", "gradients"}


def test_two_functions_are_taken_as_a_file_is(found):
    assert found["two functions"][0] == found["pair"][0] == 1  # they begin with other weights
    assert "1. dense.initial_kernel: what the kernel of dense layer begins with" in found["pair"][1]
    said = found["two functions"][1]
    assert said.splitlines()[1:] == found["pair"][1].splitlines()[1:]


def test_a_layer_without_counterpart_is_named(found):
    code, said, _ = found["one_layer_less"]
    assert code == 1
    assert "1. dense.missing: dense layer that PyTorch alone has, and Keras lacks" in said
    assert "or:    in Keras add layers.Dense after" in said


def test_a_layer_of_another_shape_is_named(found):
    code, said, _ = found["wider"]
    assert code == 1
    assert "1. dense.shape: shape of dense layer (as PyTorch lays it)" in said
    assert "now: PyTorch (8, 6), Keras (9, 6)" in said


def test_a_layer_that_is_not_known_is_named_and_compared_once_it_is_settled(found):
    code, said, _ = found["own_layer"]
    assert code == 1
    assert "not compared by configuration, but by what they compute: mine (layers.Own)" in said
    assert "dense.missing" in said
    code, said, _ = found["own_layer_settled"]
    assert "not compared by configuration, but by what they compute: 1 / mine (F.linear)" in said
    assert "missing" not in said
    assert "outputs agree up to" in said


def test_an_ambiguous_counterpart_is_named_and_settled_by_the_file(found):
    said = found["towers"][1]
    assert 'settle it in the file by PAIRS = {"left": "b"}' in said.replace("\n", " ")
    said = found["towers_settled"][1]
    assert "settle it" not in said
    assert "left / a" in said


@pytest.mark.parametrize("missing", ["torch", "tensorflow"])
def test_a_framework_that_is_not_there_is_named(missing, folder):
    program = f"import sys; sys.modules[{missing!r}] = None; from uncrossed.cli.main import main; main()"
    (folder / "there.py").write_text("def pytorch(): pass")
    said = run(sys.executable, "-c", program, "diff", "there.py", folder=folder, code=2).stdout
    assert "the comparison needs both frameworks in one environment" in said
