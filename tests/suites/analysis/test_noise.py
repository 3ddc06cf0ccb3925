"""Seed noise is measured over configurations; a floor is what noise alone rarely exceeds."""

import numpy as np
import pandas as pd
import pytest

from helpers.pairs import drawn, number, summarise, table
from uncrossed.analysis import noise
from uncrossed.results.trials_table import ACCURACIES


def noisy(count, seeds, random, gap=0.0):
    """A study in which both frameworks have one law of accuracy, but for the gap; some configurations are noisier."""
    spread = 0.01 * np.exp(random.normal(size=(1, count, 1)))
    accuracies = (0.6 + spread * random.standard_t(4, size=(seeds, count, 2)) - [0, gap]).reshape(-1, 2)
    columns = {"configuration": np.tile(np.arange(count), seeds), "seed": np.repeat(np.arange(seeds), count)}
    return pd.DataFrame(columns | dict(zip(ACCURACIES, accuracies.T, strict=True)))


def test_distances_of_seeds_by_hand():
    trials = table(
        [(0.5, 0.4), (0.6, 0.8), (0.9, 0.9), (0.5, 0.5), (0.7, 0.68)],
        seed=[0, 1, 0, 0, 0],
        batch_size=[32, 32, 64, 32, 64],
        semantics=["native"] * 3 + ["aligned"] * 2,
    )
    found = summarise(trials)
    within, across = (0.1 + 0.4) / 2, (abs(0.5 - 0.8) + abs(0.6 - 0.4)) / 2
    assert number(found, "seed_distance_mean") == pytest.approx(within)
    assert number(found, "beyond_seeds_mean") == pytest.approx(across - within)
    assert np.isnan(number(found, "seed_distance_mean", semantics="aligned"))
    assert np.isnan(number(found, "seed_floor")), "one configuration has no such limit"
    assert np.isnan(number(found, "rounding_floor"))


def test_a_floor_is_exceeded_by_one_in_twenty_of_differences_that_are_noise_alone():
    random = np.random.default_rng(0)
    exceeded, alarms = [], []
    for _ in range(150):
        found = noise.of_seeds(noisy(40, 2, random))
        other = noisy(100, 1, random)
        exceeded.append(((other[ACCURACIES[0]] - other[ACCURACIES[1]]).abs() > found["seed_floor"][0]).mean())
        alarms.append(found["beyond_seeds_mean"][1] > 0)
    assert 0.02 < np.mean(exceeded) < 0.05
    assert np.mean(alarms) < 0.05 + 0.05, "three standard errors of a simulation of this length"
    assert noise.of_seeds(noisy(40, 2, random, gap=0.1))["beyond_seeds_mean"][1] > 0.05


def test_a_limit_needs_nineteen_configurations_whatever_their_pairs():
    distances = [np.array([k, k + 0.5]) for k in range(19)]
    assert noise.limit(distances)[0] == 18.5
    assert np.isnan(noise.limit(distances[:18])[0])
    assert np.isnan(noise.limit([])[0])
    # Of 39 configurations the limit is above 37 of 38 and below the last.
    assert noise.limit([np.array([k]) for k in range(39)])[0] == 37


def test_aligned_pairs_of_any_side_make_the_floor_of_rounding():
    trials = drawn(60, semantics=np.where(np.arange(60) < 30, "native", "aligned-tensorflow"))
    trials["architecture"] = "smallcnn"
    found = summarise(trials)
    assert number(found, "rounding_floor") == number(found, "rounding_floor", semantics="aligned-tensorflow")
    aligned = (trials["pytorch_test_accuracy"] - trials["tensorflow_test_accuracy"]).abs()[30:]
    assert number(found, "rounding_floor") == pytest.approx(aligned.max())
