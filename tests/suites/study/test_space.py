"""Subspaces cover their box and overlap as stated, and samples cover the subspaces."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.commands import REPOSITORY, uncrossed
from uncrossed.study import manifest
from uncrossed.study.space import PUBLISHED, Interval, Space


def test_the_committed_manifest_is_what_the_command_draws(tmp_path):
    uncrossed("manifest", "sample", "--seed", "2021", "--output", tmp_path / "m.csv")
    assert (tmp_path / "m.csv").read_bytes() == (REPOSITORY / "config/manifests/cifar10.csv").read_bytes()


def test_a_sample_covers_every_subspace_evenly():
    rows = manifest.sample(["vgg16", "resnet50"], 3, seed=5)
    assert Counter((row.architecture, row.space) for row in rows) == {
        (architecture, space): 3 for architecture in ("vgg16", "resnet50") for space in range(16)
    }
    for row in rows:
        for name, interval in PUBLISHED.subspaces()[row.space].items():
            assert interval.low <= getattr(row, name) <= interval.high
    assert rows != manifest.sample(["vgg16", "resnet50"], 3, seed=6)
    # What is drawn for one architecture does not depend on the others.
    assert manifest.sample(["resnet50"], 3, seed=5) == rows[48:]


def test_the_subspaces_are_the_published_ones():
    # The reals are those of published trials that lie on a bound, as the result tables print them.
    subspaces = PUBLISHED.subspaces()
    assert len(subspaces) == 16
    low, high = subspaces[15], subspaces[0]
    assert (low["learning_rate"].low, low["learning_rate"].high) == (1e-8, 0.06250000375)
    assert (high["learning_rate"].low, high["learning_rate"].high) == (0.037500006249999995, 0.1)
    assert (low["batch_size"].low, low["batch_size"].high) == (10, 628)
    assert (high["batch_size"].low, high["batch_size"].high) == (382, 1000)
    assert (low["adam_epsilon"].high, high["adam_epsilon"].low) == (0.62500000375, 0.3750000062500001)
    assert (low["epochs"].low, low["epochs"].high) == (1, 31)
    assert (high["epochs"].low, high["epochs"].high) == (20, 50)
    # Bit i of a subspace's number chooses the low half of dimension i.
    assert subspaces[1]["learning_rate"] == low["learning_rate"]
    assert subspaces[1]["batch_size"] == high["batch_size"]


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6), st.floats(0, 1))
def test_two_halves_cover_an_interval(low, length, phi):
    whole = Interval(low, low + length)
    lower, upper = whole.halves(phi)
    assert lower.low == whole.low
    assert upper.high == whole.high
    slack = 1e-9 * max(1, abs(low), length)
    assert upper.low <= lower.high + slack
    assert math.isclose(lower.high - upper.low, phi * length, rel_tol=1e-6, abs_tol=slack * 4)


@given(st.integers(-1000, 1000), st.integers(1, 1000), st.floats(0.01, 1))
def test_integer_halves_are_integers_that_round_inwards(low, length, phi):
    lower, upper = Interval(low, low + length, integer=True).halves(phi)
    real_lower, real_upper = Interval(low, low + length).halves(phi)
    assert isinstance(lower.high, int)
    assert isinstance(upper.low, int)
    assert 0 <= real_lower.high - lower.high < 1
    assert 0 <= upper.low - real_upper.low < 1


@st.composite
def intervals(draw):
    integer, log = draw(st.booleans()), draw(st.booleans())
    if integer:
        low = draw(st.integers(1, 10**6))
        return Interval(low, low + draw(st.integers(1, 10**6)), True, log)
    low = draw(st.floats(1e-10, 1e6))
    return Interval(low, low * (1 + draw(st.floats(1e-6, 1e6))), False, log)


@settings(max_examples=300, deadline=None)
@given(st.data(), st.dictionaries(st.sampled_from("abcd"), intervals(), min_size=1), st.floats(0, 1))
def test_every_point_of_any_box_lies_in_a_subspace_that_overlaps_as_stated(data, box, phi):
    split = tuple(data.draw(st.lists(st.sampled_from(sorted(box)), unique=True)))
    subspaces = Space(box, phi, split).subspaces()
    assert len(subspaces) == 2 ** len(split)
    point = {}
    for name, interval in box.items():
        inside = (
            st.integers(interval.low, interval.high) if interval.integer else st.floats(interval.low, interval.high)
        )
        point[name] = data.draw(inside)
    assert any(all(i.low <= point[name] <= i.high for name, i in subspace.items()) for subspace in subspaces)
    for subspace in subspaces:
        for name, part in subspace.items():
            whole = box[name]
            assert whole.low <= part.low <= part.high <= whole.high
            assert (part.integer, part.log) == (whole.integer, whole.log)
            if whole.integer:
                assert part.low == int(part.low)
                assert part.high == int(part.high)
            elif name in split:
                scale = np.log if whole.log else float
                share = (scale(part.high) - scale(part.low)) / (scale(whole.high) - scale(whole.low))
                assert share == pytest.approx((1 + phi) / 2, rel=1e-4)
