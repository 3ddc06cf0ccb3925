"""A training's diagnosis follows from what it learnt and what its test shows, whatever the number of classes."""

import math

import pytest
from scipy.stats import binom

from uncrossed.results import diagnosis, tables
from uncrossed.results.verify import verify

DIGITS = {"classes": 10, "test_examples": 360}
CIFAR = {"classes": 10, "test_examples": 10_000}


def diagnosed(test_accuracy, losses=(), accuracies=(), size=CIFAR, **options):
    return diagnosis.of_side(test_accuracy, losses, accuracies, **size, **options)


def test_a_model_that_learnt_and_tests_at_chance_did_not_fail_to_train():
    # densenet121 in TensorFlow on digits, and a published one of 2021.
    assert diagnosed(0.0917, [1.2, 0.111], [0.7, 0.962], DIGITS) == "evaluation failure"
    assert diagnosed(0.1, [1.922]) == "evaluation failure"
    # Just above chance, and far below what the training shows.
    assert diagnosed(0.1778, [0.0108], [1.0], DIGITS) == "evaluation failure"
    # Learning by heart is none.
    assert diagnosed(0.45, [0.001]) == "trained"


def test_a_loss_near_that_of_guessing_is_a_plateau():
    for classes in (2, 10, 100):
        size = {"classes": classes, "test_examples": 10_000}
        guessing = math.log(classes)
        for loss in (guessing, 0.999 * guessing, 1.5 * guessing):
            assert diagnosed(1 / classes, [loss], [1 / classes], size) == "plateau"
        assert diagnosed(1 / classes, [0.9 * guessing], [], size) == "evaluation failure"
        assert diagnosed(0.9, [0.3 * guessing], [0.9], size) == "trained"
        assert diagnosed(1 / classes + 0.2 * (1 - 1 / classes), [0.85 * guessing], [], size) == "slow"


def test_what_was_learnt_and_lost_again_has_diverged():
    # VGG16 in PyTorch, published: its loss rose from 0.01 to 5e16 and ended at ln 10.
    assert diagnosed(0.1, [2.2, 0.012, 5.9e16, 2.304]) == "diverged"
    assert diagnosed(0.1, [2.2, math.nan]) == "diverged"
    assert diagnosed(0.0, [2.2], [0.1], diverged=True) == "diverged"
    # A loss may be anything where the test shows that the model has learnt.
    assert diagnosed(0.31, [1.0, 19.8]) == "slow"


def test_a_training_is_slow_below_half_of_what_there_is_to_learn():
    assert diagnosed(0.3, [1.9]) == "slow"
    # Within its first epochs a model is better than the mean over the epoch says.
    assert diagnosed(0.6, [1.9], [0.3]) == "trained"
    # Where the loss says nothing, as after a spike, the training's own accuracy does.
    assert diagnosed(0.1, [9.0], [0.4]) == "evaluation failure"


def test_without_losses_only_the_test_speaks():
    assert diagnosed(0.1) == "unknown"
    assert diagnosed(0.3) == "slow"
    assert diagnosed(0.7) == "trained"


def test_a_pair_is_what_its_worse_side_is():
    assert diagnosis.of_pair("trained", "evaluation failure") == "evaluation failure"
    assert diagnosis.of_pair("plateau", "evaluation failure") == "plateau"
    assert diagnosis.of_pair("slow", "trained") == "slow"
    assert diagnosis.of_pair("missing", "diverged") == "missing"


@pytest.mark.parametrize("classes", [2, 10, 100])
@pytest.mark.parametrize("examples", [1, 60, 360, 10_000])
def test_chance_is_scipys_binomial_interval(classes, examples):
    low, high = binom.interval(0.99, examples, 1 / classes)
    assert diagnosis.chance_interval(examples, classes) == (low / examples, high / examples)


def test_a_table_has_the_diagnoses_of_its_files(folder):
    table = tables.read(folder)
    assert table["diagnosis"].tolist() == [
        diagnosis.of_pair(*sides)
        for sides in zip(table["pytorch_diagnosis"], table["tensorflow_diagnosis"], strict=True)
    ]
    diverged = table.set_index("trial").loc["resnet50-0004"]
    assert "diverged" in (diverged["pytorch_diagnosis"], diverged["tensorflow_diagnosis"])
    assert diverged["diagnosis"] == "diverged"


def test_a_wrong_diagnosis_is_a_fault_and_that_of_an_earlier_version_is_none(folder):
    path = folder / "tables/trials.parquet"
    table = tables.read(folder)
    table.assign(tensorflow_diagnosis="plateau").to_parquet(path, index=False)
    faults = verify(folder).faults
    assert any("tensorflow_diagnosis of trial" in fault and "is plateau, but" in fault for fault in faults)
    columns = [name for name in table if "diagnosis" in name]
    assert len(columns) == 3
    table.drop(columns=columns).to_parquet(path, index=False)
    assert not any("diagnosis of trial" in fault for fault in verify(folder).faults)
    assert "diverged" in tables.printed(tables.read(folder))
