"""At chance is who guesses no better than the number of classes and of test examples allows."""

import pytest

from helpers.pairs import number, summarise, table
from uncrossed.analysis import statistics


def test_chance_is_a_binomial_interval_of_the_test_size():
    low, high = statistics.chance_interval(10_000, 10)
    assert (low, high) == pytest.approx((0.1 - 2.576 * 0.003, 0.1 + 2.576 * 0.003), abs=2e-4)
    assert statistics.chance_interval(100, 10)[1] > 0.17
    states = statistics.prepared(table([(0.12, 0.05), (0.1, 0.1)]), 500, 10_000, 10)["state"]
    assert list(states) == ["TensorFlow at chance", "both at chance"]
    assert list(statistics.prepared(table([(0.12, 0.12)]), 500, 100, 10)["state"]) == ["both at chance"]


def test_chance_is_that_of_the_datasets_number_of_classes():
    assert statistics.chance_interval(10_000, 100) == pytest.approx((0.01 - 0.00256, 0.01 + 0.00256), abs=2e-4)
    trials = table([(0.12, 0.05), (0.012, 0.5), (0.5, 0.5)])
    assert list(statistics.prepared(trials, 500, 10_000, 100)["state"]) == [
        *("both above chance", "PyTorch at chance", "both above chance")
    ]
    assert list(statistics.prepared(trials, 500, 10_000, 2)["state"])[2] == "both at chance"
    assert number(summarise(trials, classes=100), "pairs_both_above_chance") == 2
