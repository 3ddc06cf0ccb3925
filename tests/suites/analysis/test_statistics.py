"""Each statistic and interval is what another computation of it gives."""

import numpy as np
import pytest
from scipy import stats

from helpers.pairs import drawn, number, summarise
from uncrossed.analysis import intervals, statistics
from uncrossed.study.hyperparameters import HYPERPARAMETERS


def test_correlations_agree_with_scipy():
    trials = drawn(80)
    trials["epochs"] = trials["epochs"] // 10  # ties
    found = summarise(trials)
    absolute = (trials["pytorch_test_accuracy"] - trials["tensorflow_test_accuracy"]).abs()
    for name in HYPERPARAMETERS:
        expected = stats.spearmanr(absolute, trials[name]).statistic
        assert number(found, f"rank_correlation_{name}", "all") == pytest.approx(expected)
    sides = trials["pytorch_test_accuracy"], trials["tensorflow_test_accuracy"]
    assert number(found, "accuracy_pearson", "all") == pytest.approx(stats.pearsonr(*sides).statistic)
    assert number(found, "accuracy_spearman", "all") == pytest.approx(stats.spearmanr(*sides).statistic)


def test_ranks_of_a_resample_are_those_of_the_repeated_values():
    random = np.random.default_rng(0)
    values = random.integers(0, 6, 15)
    indices = random.integers(0, 15, (20, 15))
    counts = np.array([np.bincount(row, minlength=15) for row in indices]).astype(float)
    found = statistics.ranks(values, counts)
    for row, ranks in zip(indices, found, strict=True):
        np.testing.assert_allclose(ranks[row], stats.rankdata(values[row]))


def test_bootstrap_of_a_mean_is_the_textbook_interval():
    values = np.random.default_rng(1).normal(size=400)
    (found,) = intervals.bootstrap([values], lambda data, drawn, _: {"m": data[0][drawn].mean(axis=1)}).values()
    half = 1.96 * values.std() / 20
    assert found == pytest.approx((values.mean(), values.mean() - half, values.mean() + half), abs=0.01)
    # Indices and counts say the same.
    (other,) = intervals.bootstrap([values], lambda data, _, counts: {"m": counts @ data[0] / 400}).values()
    assert other == pytest.approx(found)


def test_bootstrap_intervals_cover(monkeypatch):
    monkeypatch.setattr(intervals, "RESAMPLES", 400)
    random = np.random.default_rng(2)
    covered = []
    for _ in range(200):
        x = random.normal(size=(2, 60))
        x[1] += x[0]
        (found,) = intervals.bootstrap([*x], lambda data, _, c: {"r": statistics.correlation(*data, c)}).values()
        covered.append(found[1] < np.sqrt(0.5) < found[2])
    assert 0.87 < np.mean(covered) < 0.99


def test_mutual_information_finds_what_a_normal_distribution_has_and_no_more():
    x = np.random.default_rng(3).normal(size=(2, 2000))
    mean, low, high = statistics.mutual_information(x[0], 0.8 * x[0] + 0.6 * x[1])
    assert low <= mean <= high
    assert mean == pytest.approx(-0.5 * np.log(1 - 0.64), abs=0.06)
    assert statistics.mutual_information(x[0], x[1])[0] < 0.05
    found = summarise(drawn(300))
    information = number(found, "mutual_information_epochs", "all")
    assert number(found, "normalised_mutual_information_epochs", "all") == pytest.approx(
        np.sqrt(1 - np.exp(-2 * information))
    )
    assert information > 3 * number(found, "mutual_information_floor", "all")
    assert number(found, "mutual_information_batch_size", "all") < 0.2 * information
