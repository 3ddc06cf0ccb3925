"""Shuffled examples come in one order for both frameworks, another in each epoch and for each seed."""

import subprocess
import sys
from itertools import combinations

import h5py
import numpy as np
import pytest

from helpers.commands import CHECKS
from uncrossed.results import trial_file
from uncrossed.study.trial import FRAMEWORKS
from uncrossed.training.architectures import load
from uncrossed.training.arrays import to_pytorch

ORDERS = ("dataset", "shuffled")
LAYERS = load("smallcnn").on((8, 8, 1), 10).layers


@pytest.fixture(scope="module")
def trained(few, tmp_path_factory):
    """What `shuffled.py` writes; the frameworks side by side."""
    folder = tmp_path_factory.mktemp("shuffled")
    running = [
        subprocess.Popen(
            [sys.executable, CHECKS / "shuffled.py", framework, few, folder],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for framework in FRAMEWORKS
    ]
    for process in running:
        output, _ = process.communicate()
        assert process.returncode == 0, output
    return folder


def weights(folder, framework, order):
    """The last weights of an aligned training, in PyTorch's names and layouts."""
    found = trial_file.read(folder / f"{framework}-{order}.h5").weights[2]
    return to_pytorch(LAYERS, found) if framework == "tensorflow" else found


def apart(first, second):
    """The distance of two models' trained weights over the first one's norm."""
    names = [name for name in first if name.endswith(("weight", "bias"))]
    top = sum(np.square(first[name] - second[name]).sum() for name in names)
    return np.sqrt(top / sum(np.square(first[name]).sum() for name in names))


def test_both_frameworks_take_one_order_another_in_each_epoch_and_for_each_seed(trained):
    ours, theirs = (np.load(trained / f"{framework}-orders.npz") for framework in FRAMEWORKS)
    assert [*ours] == [*theirs] == ["dataset-3-1", "shuffled-3-1", "shuffled-3-2", "shuffled-4-1"]
    for name in ours:
        assert (ours[name] == theirs[name]).all(), name
        assert sorted(ours[name]) == list(range(70)), name
    assert (ours["dataset-3-1"] == range(70)).all()
    for first, second in combinations(ours, 2):
        assert (ours[first] == ours[second]).sum() < 10, (first, second)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_shuffled_training_repeats_and_several_steps_in_a_call_change_nothing(framework, trained):
    one, two = (trained / f"{framework}-{number}.h5" for number in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_aligned_frameworks_agree_as_closely_as_in_the_dataset_s_order(trained):
    plain, shuffled = ([weights(trained, framework, order) for framework in FRAMEWORKS] for order in ORDERS)
    assert apart(*plain) < 1e-10
    assert apart(*shuffled) < 1e-10
    assert apart(plain[0], shuffled[0]) > 1e-3, "the order made no difference"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_training_curves_are_of_each_example_with_its_own_label(framework, trained):
    curves = np.load(trained / f"{framework}-curves.npz")
    # A model that does not learn has the same losses in any order.
    np.testing.assert_allclose(curves["shuffled-3"], curves["dataset-3"], rtol=1e-6)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_trace_follows_the_order_that_trainings_take(framework, trained):
    expected = weights(trained, framework, "shuffled")
    with h5py.File(trained / f"{framework}-row.h5") as file:
        found = {name: file[f"weights/6/{name}"][()] for name in expected}
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)
