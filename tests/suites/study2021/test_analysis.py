"""The analysis of the published study gives the published numbers."""

import time

import pytest

from helpers.pairs import number, published
from uncrossed.analysis import analyse


def test_the_published_study(tmp_path):
    (tmp_path / "tables").mkdir()
    published().to_parquet(tmp_path / "tables/trials.parquet", index=False)
    started = time.monotonic()
    summary = analyse.make(tmp_path, examples=(50_000, 10_000), classes=10)
    assert time.monotonic() - started < 60
    found = summary.set_index(["architecture", "semantics", "statistic"])
    assert number(found, "pairs", "all", "published") == 1200
    assert number(found, "difference_minimum", "vgg16", "published") == pytest.approx(-0.6815, abs=1e-4)
    # The mean of the column that its authors published.
    expected = {"vgg16": 0.1228, "resnet50": 0.0779, "densenet121": 0.1098}
    for name, mean in expected.items():
        assert number(found, "absolute_difference_mean", name, "published") == pytest.approx(mean, abs=1e-4)
