"""A summary says of pairs what a small computation by hand says, and no more than they hold."""

import json

import numpy as np
import pandas as pd
import pytest

from helpers.pairs import drawn, number, summarise, table
from uncrossed.analysis import groups, statistics
from uncrossed.common.errors import InputError
from uncrossed.results import tables


def test_differences_of_a_hand_made_table():
    found = summarise(table([(0.9, 0.3), (0.5, 0.56), (0.7, 0.7), (0.8, 0.1), (0.1, 0.1)]))
    expected = {
        "pairs": 5,
        "pairs_both_above_chance": 3,
        "pairs_tensorflow_at_chance": 1,
        "pairs_one_at_chance": 1,
        "pairs_both_at_chance": 1,
        "difference_mean": (0.6 - 0.06 + 0.7) / 5,
        "difference_median": 0,
        "difference_minimum": -0.06,
        "difference_maximum": 0.7,
        "difference_quantile_0.75": 0.6,
        "absolute_difference_mean": 1.36 / 5,
        "share_above_0.05": 0.6,
        "share_above_0.1": 0.4,
        "share_above_0.5": 0.4,
        "share_won_by_pytorch": 0.4,
        "trained_difference_mean": 0.18,
        "trained_share_above_0.5": 1 / 3,
    }
    assert {name: number(found, name) for name in expected} == pytest.approx(expected, abs=1e-12)
    # Of a single architecture both say the same; associations are of each architecture alone.
    pd.testing.assert_frame_equal(found.loc["all"], found.loc["smallcnn"].loc[found.loc["all"].index])
    assert not any("correlation_epochs" in name for name in found.loc["all"].index.get_level_values("statistic"))


def test_steps_count_the_last_partial_batch():
    assert list(statistics.prepared(table([(0.5, 0.5)], batch_size=32, epochs=3), 100, 10, 10)["steps"]) == [12]


def test_diverged_and_missing_pairs_are_counted_and_left_out():
    trials = table(
        [(0.9, 0.4), (0.0, 0.4), (np.nan, 0.4), (np.nan, np.nan)],
        pytorch_status=["completed", "diverged", "missing", "completed"],
        tensorflow_status="completed",
    )
    found = summarise(trials)
    assert [number(found, f"pairs_{state}") for state in ("diverged", "missing", "both_above_chance")] == [1, 2, 1]
    assert number(found, "difference_mean") == pytest.approx(0.5)
    # What a diverged model's accuracy is does not matter.
    other = trials.assign(pytorch_test_accuracy=[0.9, 0.7, np.nan, np.nan])
    pd.testing.assert_frame_equal(found, summarise(other))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("count", [0, 1, 3])
def test_few_pairs_give_values_and_no_invented_bounds(count):
    trials = table([(np.nan, 0.5)] + [(0.6 + k / 10, 0.5) for k in range(count)])
    found = summarise(trials)
    assert number(found, "pairs") == count + 1
    assert np.isnan(number(found, "p_value_steps"))
    assert np.isnan(number(found, "rank_correlation_epochs"))  # it does not vary
    mean = found.loc[("smallcnn", "native", "difference_mean")]
    assert mean.notna().tolist() == [count > 0, False, False]


def test_bounds_hold_the_value():
    found = summarise(drawn(200)).dropna()
    assert len(found) > 60
    found = found[~found.index.get_level_values("statistic").str.startswith("pairs")]
    assert ((found["low"] <= found["value"]) & (found["value"] <= found["high"])).all()


def test_a_table_that_cannot_be_analysed_is_refused():
    trials = table([(0.5, 0.5)])
    for broken, message in (
        (trials.drop(columns="epochs"), "no column 'epochs'"),
        (trials.assign(epochs="many"), "column 'epochs' is .*; allowed: numbers"),
        (trials[:0], "no rows"),
    ):
        with pytest.raises(InputError, match=f"here: {message}"):
            statistics.prepared(broken, 100, 100, 10, "here")
    with pytest.raises(InputError, match="allowed: integers >= 1"):
        statistics.prepared(trials, 0, 100, 10)
    with pytest.raises(InputError, match="found 1 classes; allowed: integers >= 2"):
        statistics.prepared(trials, 100, 100, 1)


def test_of_pairs_that_a_search_chose_nothing_is_inferred():
    trials = drawn(120, origin=["guided"] + ["random"] * 119)
    found = summarise(trials)
    chosen, drawn_at_random = found.loc["vgg16"], found.loc["smallcnn"]
    assert chosen[["low", "high"]].isna().all(axis=None)
    assert chosen["value"].filter(like="p_value").isna().all()
    pd.testing.assert_frame_equal(
        drawn_at_random[["low", "high"]], summarise(drawn(120)).loc["smallcnn", ["low", "high"]]
    )
    # Where it is not known whether rows were chosen, nothing is inferred either; where nothing is said, they were not.
    assert summarise(drawn(40, origin="unknown"))[["low", "high"]].isna().all(axis=None)
    assert summarise(drawn(40, origin=None))["low"].notna().any()
    known = statistics.prepared(trials, 50_000, 10_000, 10)
    assert groups.comparisons(known)["p_value"].isna().all()
    assert groups.comparisons(known.drop(columns="origin"))["p_value"].notna().all()


def test_a_search_that_does_not_say_which_rows_it_chose_is_no_sample(tmp_path):
    (tmp_path / "tables").mkdir()
    drawn(60, trial=[f"t{k}" for k in range(60)]).to_parquet(tmp_path / "tables/trials.parquet", index=False)

    def bounds():
        trials = statistics.prepared(tables.read(tmp_path), 50_000, 10_000, 10)
        return statistics.summarise(trials)["low"].notna().any()

    box = {"learning_rate": {"low": 1e-4, "high": 0.1}, "batch_size": 32, "adam_epsilon": 0.1, "epochs": 3}
    statement = {"study": "s", "dataset": "cifar10"}
    search = {"architectures": ["vgg16", "smallcnn"], "box": box, "trials": 30, "start": 3}
    assert bounds()
    (tmp_path / "study.json").write_text(json.dumps(statement | {"search": search}))
    assert not bounds()
    (tmp_path / "study.json").write_text(json.dumps(statement))
    assert bounds()
