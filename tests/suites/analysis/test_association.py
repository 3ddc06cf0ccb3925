"""What goes with the size of the difference is found, with its sign, and steps are not preferred to epochs."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from helpers.pairs import drawn, summarise, table
from uncrossed.analysis import association, intervals, statistics
from uncrossed.study.hyperparameters import HYPERPARAMETERS


def made(size, count=200, seed=0):
    """A table whose |difference| is what a function makes of its columns and of noise."""
    random = np.random.default_rng(seed)
    columns = {
        "learning_rate": random.uniform(1e-4, 0.1, count),
        "batch_size": random.integers(10, 1000, count),
        "adam_epsilon": random.uniform(1e-8, 1, count),
        "epochs": random.integers(1, 50, count),
    }
    columns["steps"] = columns["epochs"] * np.ceil(50_000 / columns["batch_size"])
    gap = np.clip(size(columns) + random.normal(0, 0.02, count), 0, 0.5)
    columns.pop("steps")
    return table(np.column_stack([np.full(count, 0.8), 0.8 - gap]), **columns)


def of(trials):
    """The rows of the summary of smallcnn, by statistic."""
    return summarise(trials).sort_index().loc[("smallcnn", "native")]


def test_correlations_agree_with_scipy():
    trials = drawn(80).assign(architecture="smallcnn")
    trials["epochs"] = trials["epochs"] // 10  # ties
    found = of(trials)["value"]
    absolute = (trials["pytorch_test_accuracy"] - trials["tensorflow_test_accuracy"]).abs()
    for name in HYPERPARAMETERS:
        assert found[f"rank_correlation_{name}"] == pytest.approx(stats.spearmanr(absolute, trials[name]).statistic)
    sides = trials["pytorch_test_accuracy"], trials["tensorflow_test_accuracy"]
    assert found["accuracy_rank_correlation"] == pytest.approx(stats.spearmanr(*sides).statistic)


def test_a_partial_correlation_is_that_of_what_a_regression_leaves():
    trials = statistics.prepared(made(lambda c: 0.3 / c["epochs"] + c["learning_rate"]), 50_000, 10_000, 10)
    found = of(trials)["value"]
    ranks = trials[[*association.INPUTS]].rank().assign(size=trials["difference"].abs().rank())
    for name, given in association.GIVEN.items():
        others = np.column_stack([np.ones(len(ranks)), ranks[[*given]]])
        left = [ranks[n] - others @ np.linalg.lstsq(others, ranks[n], rcond=None)[0] for n in ("size", name)]
        assert found[f"partial_rank_correlation_{name}"] == pytest.approx(np.corrcoef(*left)[0, 1])


@pytest.mark.parametrize(("cause", "other"), [("epochs", "steps"), ("steps", "epochs")])
def test_steps_and_epochs_are_told_apart_where_the_pairs_tell(cause, other):
    scale = {"epochs": 12, "steps": 1500}[cause]
    found = of(made(lambda c: 0.4 * np.exp(-c[cause] / scale)))
    assert (found.loc[[f"rank_correlation_{n}" for n in (cause, other)], "high"] < 0).all(), "each alone goes with it"
    assert found.loc[f"partial_rank_correlation_{cause}", "high"] < -0.3
    low, high = found.loc[f"partial_rank_correlation_{other}", ["low", "high"]]
    assert low < 0 < high
    assert (found.loc[[f"corrected_p_value_{n}" for n in (cause, other)], "value"] < 0.01).all()


def test_what_rises_and_falls_is_found_too():
    found = of(made(lambda c: 0.3 * np.abs(c["adam_epsilon"] - 0.5)))
    low, high = found.loc["rank_correlation_adam_epsilon", ["low", "high"]]
    assert low < 0 < high
    assert found.loc["corrected_p_value_adam_epsilon", "value"] < 0.01


def test_what_goes_with_nothing_is_rarely_said_to_go_with_something(monkeypatch):
    monkeypatch.setattr(association, "PERMUTATIONS", 199)
    random = np.random.default_rng(1)
    alarms, held = [], []
    for _ in range(200):
        columns = dict(zip(association.INPUTS, random.exponential(size=(5, 20)), strict=True))
        size = random.exponential(size=20)
        p_values = association.independence(columns, size)
        alarms.append((intervals.holm(list(p_values.values())) < 0.05).any())
        found = association.rank_correlations(columns, size)
        held.append([low < 0 < high for _, low, high in found.values()])
    # Three standard errors of simulations of this length.
    assert np.mean(alarms) < 0.05 + 0.046
    assert 0.93 - 0.02 < np.mean(held) < 0.97 + 0.015


def test_p_values_are_corrected_for_all_architectures_of_a_semantics():
    two = [
        made(lambda c: 0.2 + 0 * c["epochs"], 20, k).assign(architecture=a, semantics="native")
        for k, a in enumerate("ab")
    ]
    found = summarise(pd.concat([*two, two[0].assign(semantics="aligned")]))["value"].reset_index()
    for semantics, count in (("native", 10), ("aligned", 5)):
        values = found[found["semantics"] == semantics].set_index("statistic")["value"]
        raw, corrected = (values[values.index.str.startswith(name)] for name in ("p_value_", "corrected_p_value_"))
        assert len(raw) == count
        assert corrected.min() == pytest.approx(min(1, count * raw.min()))


def test_seeds_are_one_witness():
    trials = made(lambda c: 0.3 / c["epochs"], 40)
    once = of(trials)
    thrice = of(pd.concat([trials.assign(seed=seed) for seed in range(3)]))
    names = [name for name in once.index if "correlation" in name or "p_value" in name]
    pd.testing.assert_frame_equal(once.loc[names], thrice.loc[names])


def test_of_few_configurations_nothing_is_tested():
    found = of(made(lambda c: 0.3 / c["epochs"], 19))
    assert found.filter(regex="p_value|partial", axis=0)["value"].isna().all()
    assert found.filter(regex="correlation", axis=0)["low"].isna().all()
    assert np.isfinite(found.loc["rank_correlation_epochs", "value"])
