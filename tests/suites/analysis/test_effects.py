"""Shapley values are what they are defined to be, and a half-fraction tells of them what it can."""

from itertools import combinations, permutations, product

import numpy as np
import pytest

from uncrossed.analysis.effects import effects
from uncrossed.study.factorial import points

RANDOM = np.random.default_rng(0)


def by_orders(factors: int, gap: dict[tuple[bool, ...], float]) -> np.ndarray:
    """The definition: what each factor takes off the gap, in the mean over all orders of aligning them."""
    total, orders = np.zeros(factors), list(permutations(range(factors)))
    for order in orders:
        point = [False] * factors
        for factor in order:
            before = gap[tuple(point)]
            point[factor] = True
            total[factor] += before - gap[tuple(point)]
    return total / len(orders)


def model(every: list[tuple[bool, ...]], sizes: tuple[int, ...]) -> dict[tuple[bool, ...], float]:
    """A gap with random effects of sets of factors of these sizes."""
    signs = np.where(np.array(every), 1, -1)
    value = np.zeros(len(every))
    for size in sizes:
        for chosen in combinations(range(signs.shape[1]), size):
            value += RANDOM.normal() * signs[:, chosen].prod(axis=1)
    return dict(zip(every, value, strict=True))


@pytest.mark.parametrize("factors", [1, 2, 3, 5])
def test_shapley_values_are_means_over_all_orders_and_add_up(factors):
    every = list(product((False, True), repeat=factors))
    gaps = RANDOM.normal(size=len(every))
    found = effects(every)
    values = found.shapley @ gaps
    assert values == pytest.approx(by_orders(factors, dict(zip(every, gaps, strict=True))), abs=1e-12)
    assert values.sum() == pytest.approx(gaps[0] - gaps[-1], abs=1e-12)
    assert found.remaining @ gaps == gaps[-1]


def test_main_effects_and_interactions_are_differences_of_means():
    every = list(product((False, True), repeat=3))
    gap = model(every, (0, 1, 2, 3))
    gaps, found = np.array(list(gap.values())), effects(every)
    first = np.mean([gap[False, b, c] - gap[True, b, c] for b, c in product((False, True), repeat=2)])
    assert found.main[0] @ gaps == pytest.approx(first)
    both = np.mean(
        [gap[True, False, c] + gap[False, True, c] - gap[False, False, c] - gap[True, True, c] for c in (0, 1)]
    )
    assert found.interactions[0, 1] @ gaps == pytest.approx(both)
    hidden = np.array([1.0, 0.0, 0.0, 0.0])  # either alone closes the gap
    assert effects(list(product((False, True), repeat=2))).interactions[0, 1] @ hidden == -1


@pytest.mark.parametrize("names", ["abcd", ["a", "b", "c", "d", "batchnorm_momentum", "batchnorm_variance"]])
def test_a_half_fraction_adds_up_and_is_exact_without_interactions_of_three(names):
    every, half = points(names), points(names, half=True)
    assert len(half) == len(every) // 2
    found = effects(half)
    anything = RANDOM.normal(size=len(half))
    assert (found.shapley @ anything).sum() == pytest.approx(anything[0] - anything[-1], abs=1e-12)
    gap = model(every, (0, 1, 2))
    gaps = np.array([gap[point] for point in half])
    assert found.shapley @ gaps == pytest.approx(by_orders(len(names), gap), abs=1e-12)
    # Of two trained factors each is aliased with the other two; one with evaluation is not.
    assert set(found.interactions) == {pair for pair in combinations(range(len(names)), 2) if pair[1] > 3}
    exact = effects(every)
    for pair, weights in found.interactions.items():
        assert weights @ gaps == pytest.approx(exact.interactions[pair] @ np.array(list(gap.values())), abs=1e-12)


def test_a_half_fraction_of_three_rests_on_main_effects_alone_and_estimates_what_remains():
    every, half = points("abc"), points("abc", half=True)
    gap, found = model(every, (0, 1)), effects(half)
    gaps = np.array([gap[point] for point in half])
    assert found.shapley @ gaps == pytest.approx(by_orders(3, gap), abs=1e-12)
    assert found.remaining @ gaps == pytest.approx(gap[True, True, True], abs=1e-12)
    assert not found.interactions
    # An interaction of two is taken for the third's main effect: what is aliased.
    signs = {point: np.where(point, 1, -1) for point in every}
    aliased = np.array([signs[point][0] * signs[point][1] for point in half])
    assert found.main @ aliased == pytest.approx([0, 0, 2])
