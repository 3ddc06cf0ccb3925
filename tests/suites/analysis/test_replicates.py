"""Intervals and tests from few replicates are those of their authors."""

import numpy as np
import pytest
from scipy import stats

from uncrossed.analysis.replicates import fieller, holm, student

VALUES = np.random.default_rng(0).normal(1, 2, (7, 4))


def test_students_interval_and_test_are_scipys():
    expected = stats.ttest_1samp(VALUES, 0)
    mean, low, high, p = student(VALUES)
    assert p == pytest.approx(expected.pvalue)
    assert (low, high) == (
        pytest.approx(expected.confidence_interval().low),
        pytest.approx(expected.confidence_interval().high),
    )
    assert mean == pytest.approx(VALUES.mean(axis=0))


@pytest.mark.parametrize("values", [VALUES[:1], np.full((3, 4), 0.2), np.zeros((3, 4))])
def test_one_replicate_and_replicates_that_do_not_scatter_have_no_interval(values):
    _, *others = student(values)
    assert np.isnan(others).all()
    assert np.isnan(fieller(values, VALUES[: len(values)])[1:]).all()


def test_fiellers_bounds_are_the_ratios_that_a_test_does_not_refuse():
    below = VALUES + 6
    ratio, low, high = fieller(VALUES, below)
    assert ratio == pytest.approx(VALUES.mean(axis=0) / below.mean(axis=0))
    for bound in (low, high):
        assert student(VALUES - bound * below)[3] == pytest.approx(np.full(4, 0.05))
    assert np.isnan(fieller(below, VALUES - VALUES.mean(axis=0))).all(), "a denominator that may be 0"


def test_holm_is_holms():
    p = np.array([0.01, 0.04, 0.03, 0.005])
    assert holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    some = holm(np.array([0.01, np.nan, 0.03]))
    assert some[[0, 2]] == pytest.approx([0.02, 0.03])
    assert np.isnan(some[1])
