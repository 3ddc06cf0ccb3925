"""Rows that are nearly equal bound the noise of the published pairs, and extremes stand beside their neighbours."""

import numpy as np
import pandas as pd
import pytest

from uncrossed.study.hyperparameters import HYPERPARAMETERS
from uncrossed.study2021 import noise


def couples(count, deviation, gap, seed=0):
    """Couples of rows of equal hyperparameters, whose difference is a gap of their own and noise."""
    random = np.random.default_rng(seed)
    values = {name: np.repeat(10.0 ** np.arange(count), 2) for name in HYPERPARAMETERS}
    differences = np.repeat(random.normal(0, gap, count), 2) + random.normal(0, deviation, 2 * count)
    sides = dict.fromkeys(("pytorch_diagnosis", "tensorflow_diagnosis"), "trained")
    return pd.DataFrame({**values, **sides, "difference": differences, "architecture": "a"}).assign(
        trial=[f"t{k}" for k in range(2 * count)]
    )


def test_the_bound_is_the_noises_share():
    held = []
    for seed in range(200):
        (found,) = noise.shares(couples(20, 0.1, 0.1, seed)).to_dict("records")
        assert (found["couples"], found["groups"], found["rows"]) == (20, 20, 40)
        held.append(found["low"] <= 0.5 <= found["high"])
    assert np.mean(held) > 0.9
    (large,) = noise.shares(couples(2000 // 10, 0.03, 0.1)).to_dict("records")
    assert large["noise_share"] == pytest.approx(0.09 / 1.09, rel=0.3)
    assert large["noise_deviation"] == pytest.approx(0.03, rel=0.2)


def test_couples_that_share_a_row_are_one_witness():
    rows = couples(8, 0.1, 0.1)
    more = pd.concat([rows, rows.iloc[:2]], ignore_index=True)
    (found,) = noise.shares(more).to_dict("records")
    assert (found["couples"], found["groups"]) == (13, 8)
    (none,) = noise.shares(rows.iloc[::2]).to_dict("records")
    assert none["couples"] == 0
    assert np.isnan(none["noise_share"])


def test_the_published_noise_shares(published):
    found = noise.shares(published).set_index("architecture")
    expected = {"densenet121": 0.03, "resnet50": 0.49, "vgg16": 0.56}
    assert found["noise_share"].round(2).to_dict() == expected
    # Couples share rows, so that intervals are wider than if each were a witness of its own.
    for name, (low, high) in {"densenet121": (0.02, 0.07), "resnet50": (0.29, 0.71), "vgg16": (0.36, 0.69)}.items():
        assert found.loc[name, "low"] < low
        assert found.loc[name, "high"] > high


def test_the_largest_published_difference_is_negative_and_its_neighbours_have_none(published):
    found = noise.extremes(published)
    rows = found[found["trial"] == "vgg16-5e67eae2"]
    assert set(rows["difference"].round(3)) == {-0.682}
    assert rows["neighbour_difference"].round(3).tolist() == [-0.011, 0.018, 0.009]
    assert set(rows["pytorch_diagnosis"]) == {"diverged"}
    assert found.groupby("architecture")["trial"].nunique().to_dict() == dict.fromkeys(
        ("densenet121", "resnet50", "vgg16"), 2 * noise.EXTREMES
    )
    signs = found.groupby("architecture")["difference"].agg(["min", "max"])
    assert (signs["min"] < 0).all()
    assert (signs["max"] > 0).all()
