"""Intervals over configurations are what other computations give, and hold the truth as often as they say."""

import numpy as np
import pytest
from scipy import optimize, stats

from uncrossed.analysis import intervals

EACH = np.arange(40)


def test_the_interval_of_symmetric_values_is_students():
    half = np.random.default_rng(1).normal(size=20)
    values = np.concatenate([half, -half]) + 3
    expected = stats.t.interval(0.95, 39, values.mean(), stats.sem(values))
    assert intervals.mean(values, EACH) == pytest.approx((3, *expected))


def test_the_interval_of_skewed_values_solves_halls_equation():
    values = np.random.default_rng(2).exponential(size=40)
    value, low, high = intervals.mean(values, EACH)
    a = stats.skew(values) / 6  # a third of half the skewness
    for bound, students in ((low, stats.t.ppf(0.975, 39)), (high, stats.t.ppf(0.025, 39))):

        def off(t, students=students):
            return t + a * t**2 + a**2 * t**3 / 3 + a / 80 - students / np.sqrt(40)

        assert (value - bound) / values.std(ddof=1) == pytest.approx(optimize.brentq(off, -3, 3))
    assert high - value > value - low, "the long side is where the large values are"


@pytest.mark.parametrize(
    "estimate",
    [intervals.mean, lambda v, c: intervals.share(v > 1, c), lambda v, c: intervals.quantile(v, 0.5, c)],
    ids=["mean", "share", "median"],
)
def test_seeds_that_say_the_same_make_no_interval_shorter(estimate):
    values = np.random.default_rng(3).exponential(size=40)
    thrice = estimate(np.repeat(values, 3), np.repeat(EACH, 3))
    # A quantile of values that are there thrice is a neighbour's at most.
    assert thrice == pytest.approx(estimate(values, EACH), abs=0.06)
    independent = estimate(np.repeat(values, 3), np.arange(120))
    assert independent[2] - independent[1] < 0.7 * (thrice[2] - thrice[1])


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("world", ["exponential", "a fifth far apart"])
def test_intervals_hold_the_truth(world, seeds):
    random = np.random.default_rng(4)

    def drawn(count):
        far = random.random(count) < 0.2
        configurations = np.where(far, 0.4, 0.02) if world != "exponential" else random.exponential(0.1, count)
        return configurations[:, None] + random.normal(0, 0.02, (count, seeds))

    many = drawn(100_000)
    truth = many.mean(), np.median(many), (many > 0.15).mean()
    held = []
    for _ in range(600):
        values, units = drawn(20).ravel(), np.repeat(np.arange(20), seeds)
        found = [intervals.mean(values, units), intervals.quantile(values, 0.5, units)]
        found.append(intervals.share(values > 0.15, units))
        held.append([low <= true <= high for (_, low, high), true in zip(found, truth, strict=True)])
    # 0.93 to 0.97, and three standard errors of a simulation of this length.
    assert (np.mean(held, axis=0) > 0.93 - 0.03).all()
    assert (np.mean(held, axis=0) < 0.97 + 0.02).all()


def test_more_seeds_of_one_configuration_do_not_make_it_weigh_more():
    random = np.random.default_rng(6)
    once = random.normal(size=30)
    # The last ten are repeated, some more often than others, with equal results.
    units = np.concatenate([np.arange(30), np.repeat(np.arange(20, 30), np.arange(1, 11))])
    values = once[units]
    assert intervals.mean(values, units) == pytest.approx(intervals.mean(once, np.arange(30)))
    assert intervals.share(values > 0.3, units) == pytest.approx(intervals.share(once > 0.3, np.arange(30)))
    found, expected = (intervals.quantile(*of) for of in ((values, 0.5, units), (once, 0.5, np.arange(30))))
    assert found == pytest.approx(expected, abs=0.1)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("level", [0.05, 0.25, 0.5, 0.75, 0.95])
def test_quantiles_of_unequal_numbers_of_pairs_have_bounds_inside_the_data_or_none(level):
    random = np.random.default_rng(7)
    for count in (20, 73, 120, 400):
        quarter = np.arange(count // 4)
        for repeats in (1, 4, 40):
            units = np.concatenate([np.arange(count), *([quarter] * repeats)])
            values = random.normal(size=count)[units] + 0.01 * random.normal(size=len(units))
            found, low, high = intervals.quantile(values, level, units)
            assert (np.isnan(low) and np.isnan(high)) or values.min() <= low <= found <= high <= values.max()
            assert np.isfinite(low) or abs(level - 0.5) > 0.2


def test_a_quantile_of_equal_numbers_of_pairs_is_numpys():
    values = np.random.default_rng(8).normal(size=60)
    for level in (0, 0.05, 0.37, 0.5, 1):
        assert intervals.quantile(values, level, np.arange(60) % 20)[0] == pytest.approx(np.quantile(values, level))
    assert intervals.quantile(values[:1], 0.5, np.zeros(1, int))[0] == values[0]


def test_the_interval_of_a_share_is_wilsons():
    for count in (0, 7, 40):
        found = intervals.share(count > EACH, EACH)
        expected = stats.binomtest(count, 40).proportion_ci(method="wilson")
        assert found == pytest.approx((count / 40, expected.low, expected.high))


def test_few_configurations_have_no_bounds_however_many_seeds():
    values, units = np.random.default_rng(5).normal(size=60), np.arange(60) % (intervals.FEWEST - 1)
    for found in (
        intervals.mean(values, units),
        intervals.share(values > 0, units),
        intervals.quantile(values, 0.5, units),
    ):
        assert np.isfinite(found[0])
        assert np.isnan(found[1:]).all()
    twentieth = intervals.quantile(np.arange(40.0), 0.05, EACH)
    assert np.isnan(twentieth[1:]).all(), "its lower bound would lie below the least value"


def test_corrected_p_values_by_hand():
    corrected = intervals.holm([0.01, np.nan, 0.04, 0.03, 0.005])
    np.testing.assert_allclose(corrected, [0.03, np.nan, 0.06, 0.06, 0.02])
    assert intervals.holm([0.6, 0.9]).tolist() == [1, 1]
    assert intervals.holm([]).size == 0
