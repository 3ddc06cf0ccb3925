"""Random rows are told from those that a search chose, and statistics of the published pairs rest on the first."""

import numpy as np
import pandas as pd
import pytest

from helpers.commands import PUBLISHED
from uncrossed.study.hyperparameters import HYPERPARAMETERS
from uncrossed.study.space import PUBLISHED as SPACE
from uncrossed.study2021 import effects, points, sampling, summary

ARCHITECTURES = ("vgg16", "resnet50", "densenet121")


@pytest.fixture(scope="session")
def said(published):
    """The summary of the published pairs: value, low and high by architecture, origin and statistic."""
    return summary.summarise(published).set_index(["architecture", "origin", "statistic"])


def made_up(seed=0, points=10, effect=0.0):
    """Rows of a study like the published one, whose difference has an effect of the high half of the epochs."""
    random, rows = np.random.default_rng(seed), []
    for point, unit in enumerate(random.random((points, 4))):
        for box in SPACE.subspaces():
            place = [side.low + u * (side.high - side.low) for u, side in zip(unit, box.values(), strict=True)]
            place = [round(v) if side.integer else v for v, side in zip(place, box.values(), strict=True)]
            high = box["epochs"].low > 1
            rows.append([*place, 0.1 * unit[0] + effect * high + 0.01 * random.normal(), point])
    return pd.DataFrame(rows, columns=[*HYPERPARAMETERS, "difference", "true"]).assign(architecture="vgg16")


def test_each_architecture_has_ten_random_points_in_sixteen_boxes(published):
    for _, rows in published.groupby("architecture"):
        assert rows["origin"].value_counts().to_dict() == {"guided": 240, "random": 160}
        random = rows[rows["origin"] == "random"]
        assert sorted(random.groupby("point").size()) == [16] * 10
        assert random.groupby("point")["box"].nunique().eq(16).all()
        assert rows.loc[rows["origin"] == "guided", ["point", "box"]].isna().all(axis=None)
    # The same ten in every architecture.
    random = published[published["origin"] == "random"]
    assert random.groupby(["point", "box"])["learning_rate"].agg(lambda rates: np.ptp(rates) < 1e-8).all()


def test_the_random_rows_of_a_box_were_its_first_ten_and_in_the_same_order(published):
    created = pd.concat(
        pd.read_csv(PUBLISHED / f"{name}_cifar10_wandb_export.csv")[["Name", "Created"]].assign(
            architecture=architecture
        )
        for name, architecture in zip(("vgg", "resnet", "densenet"), ARCHITECTURES, strict=True)
    )
    created["trial"] = created["architecture"] + "-" + created["Name"].str.removeprefix("dual_train_")
    random = published[published["origin"] == "random"].merge(created[["trial", "Created"]], on="trial")
    orders = random.sort_values("Created").groupby(["architecture", "box"])["point"].agg(tuple)
    assert len(orders) == 48
    assert orders.nunique() == 1


def test_points_are_found_whatever_surrounds_them_and_none_where_there_are_none():
    rows = made_up()
    random = np.random.default_rng(1)
    others = pd.DataFrame({n: random.uniform(*known.published, 200) for n, known in HYPERPARAMETERS.items()})
    for name in ("batch_size", "epochs"):
        others[name] = others[name].round()
    mixed = pd.concat([rows, others], ignore_index=True).sample(frac=1, random_state=2)
    found = sampling.origins(mixed)
    assert (found["origin"] == "random").equals(mixed["true"].notna())
    numbers = pd.crosstab(found["point"], mixed["true"])
    assert ((numbers == 16).sum(axis=0) == 1).all()
    assert set(sampling.origins(others)["origin"]) == {"unknown"}
    # A row that is missing makes its point no block of the design.
    assert sampling.origins(rows.iloc[1:])["origin"].value_counts().to_dict() == {"random": 144, "guided": 15}


def test_random_and_guided_rows_tell_different_stories(said):
    def value(architecture, origin, statistic):
        return said.loc[(architecture, origin, statistic), "value"]

    means = {
        name: [round(value(name, o, "difference_mean"), 2) for o in ("random", "guided")] for name in ARCHITECTURES
    }
    assert means == {"vgg16": [0.11, 0.10], "resnet50": [0.04, 0.07], "densenet121": [0.05, 0.14]}
    steps = "rank_correlation_steps"
    assert [value("resnet50", o, steps) for o in ("all", "random")] == pytest.approx([-0.16, 0.0], abs=0.005)
    assert [value("densenet121", o, steps) for o in ("all", "random")] == pytest.approx([-0.73, -0.56], abs=0.005)


def test_only_random_rows_have_intervals_and_these_are_over_points(said, published):
    assert said.loc[(slice(None), ["guided", "all"], slice(None)), ["low", "high"]].isna().all(axis=None)
    value, low, high = said.loc[("densenet121", "random", "difference_mean")]
    rows = published[(published["architecture"] == "densenet121") & (published["origin"] == "random")]
    over_rows = 1.96 * rows["difference"].std() / np.sqrt(160)
    assert low < value - 1.2 * over_rows
    assert high > value + 1.2 * over_rows
    # Rows that are there twice are no more points.
    twice = points.estimate(pd.concat([rows, rows]), lambda some: some["difference"].mean())
    assert twice == pytest.approx((value, low, high))
    bounded = said.loc[(slice(None), "random", "share_above_0.25")]
    assert (bounded["low"] >= 0).all()
    correlations = said[said.index.get_level_values("statistic").str.contains("correlation")]
    assert correlations[["value", "low", "high"]].abs().max(axis=None) <= 1


def test_an_interval_of_normal_points_is_students():
    from scipy.stats import t

    values = np.array([-2.0, -1, -1, 0, 0, 0, 0, 1, 1, 2])
    value, low, high = points.interval(0.0, (values.sum() - values) / 9)
    reach = t.ppf((1 + points.LEVEL) / 2, 9) * values.std(ddof=1) / np.sqrt(10)
    assert (value, low, high) == pytest.approx((0, -reach, reach))
    value, low, high = points.interval(0.5, np.full(10, 0.5) + values / 100, correlation=True)
    assert -1 < low < value < high < 1
    assert np.isnan(points.interval(1.0, np.ones(10))[1])


def test_main_effects_are_those_of_the_halves():
    rows = made_up(effect=0.05)
    rows = pd.concat([rows, sampling.origins(rows)], axis=1)
    found = effects.effects(rows).set_index(["outcome", "hyperparameter"]).loc["difference"]
    assert found.loc["epochs", "effect"] == pytest.approx(0.05, abs=0.01)
    assert found.loc["epochs", "low"] > 0
    assert found.loc["epochs", "p"] == pytest.approx(2 / 1024)
    assert found.loc["epochs", "p_holm"] == pytest.approx(8 / 1024)
    assert found["effect"].drop("epochs").abs().max() < 0.01
    assert found["step"].to_dict() == pytest.approx(
        {"learning_rate": 0.0375, "batch_size": 372, "adam_epsilon": 0.375, "epochs": 19}, rel=1e-6
    )
    epochs = rows["epochs"] - rows.groupby(["point"])["epochs"].transform("min")
    assert set(epochs) <= {0, 18, 19, 20}


def test_the_published_main_effects(published):
    found = effects.effects(published).set_index(["architecture", "outcome", "hyperparameter"])
    # In blocks a main effect is no more than a difference of means.
    rows = published[(published["architecture"] == "densenet121") & (published["origin"] == "random")]
    low = rows["box"].astype(int).map(lambda box: bool(box >> 3 & 1))
    one = found.loc[("densenet121", "difference", "epochs")]
    assert one["effect"] == pytest.approx(rows.loc[~low, "difference"].mean() - rows.loc[low, "difference"].mean())
    assert one["high"] < 0
    assert one["p_holm"] < 0.05
    assert found.loc[("vgg16", "difference", "batch_size"), "low"] > 0
    assert (found["p_holm"] >= found["p"]).all()
