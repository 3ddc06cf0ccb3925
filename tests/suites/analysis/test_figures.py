"""Any pairs and any number of architectures are drawn."""

import itertools

import numpy as np
import pandas as pd
import pytest

from helpers.pairs import drawn, table
from uncrossed.analysis import figures, groups, looks, statistics


def test_groups_are_those_of_a_summary_and_work_out_what_it_does_not_say():
    trials = drawn(60, trial=[f"t{k}" for k in range(60)], semantics="native")
    trials["difference"] = trials["pytorch_test_accuracy"] - trials["tensorflow_test_accuracy"]
    trials["both_completed"] = np.arange(60) > 3
    left_out = trials.assign(pytorch_status=np.where(trials["both_completed"], "completed", "diverged"))
    summary = statistics.summarise(statistics.prepared(left_out, 50_000, 10_000, 10))
    own, said = groups.groups(trials), groups.groups(trials, summary)
    for first, second in zip(own, said, strict=True):
        assert (first.pairs, first.left_out, first.ahead + first.behind) == (28, 2, 28)
        for name in groups.WORKED_OUT:
            assert getattr(first, name) == getattr(second, name)
        assert first.largest == trials.set_index("trial").loc[first.largest_trial, "difference"]
        assert first.configurations == 28
        assert np.isnan(first.trained[0])
        assert np.isfinite(second.trained).all()
    furthest = groups.leading(own)
    assert [group.apart for group in furthest] == sorted((group.apart for group in own), reverse=True)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("trials", "drawn"),
    [
        (table([(0.6, 0.5), (0.7, 0.2), (0.5, 0.1)]), 4),
        (table([(0.1, 0.1)] * 30, epochs=range(1, 31)), 4),
        (table([(np.nan, 0.5)] * 2), 0),
        (table([(0.5, 0.5), (0.0, 0.5)], architecture=["vgg16", "other"], pytorch_status=["completed", "diverged"]), 4),
    ],
    ids=["three", "chance", "none", "one-of-two"],
)
def test_figures_of_few_and_of_useless_pairs(trials, drawn, tmp_path):
    """One without anything to show is neither drawn nor listed, nor left from another analysis."""
    (tmp_path / "figures").mkdir()
    for name in (*figures.FIGURES, "mutual-information", "mine"):
        (tmp_path / f"figures/{name}.svg").write_text("old")
    trials = statistics.prepared(trials, 50_000, 10_000, 10)
    captions = figures.draw(trials, statistics.summarise(trials), tmp_path)
    assert all("nan" not in caption and "unknown" not in caption.split("rank")[0] for caption in captions.values())
    assert len(captions) == drawn
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        *("captions.json", "mine.svg"),
        *(f"{name}.{kind}" for name in captions for kind in ("svg", "png")),
    }
    for name in captions:
        text = (tmp_path / f"figures/{name}.svg").read_text()
        assert "no pair" not in text
        assert "other" not in text, "an architecture without pairs has no panel"


def test_architectures_are_compared_by_size_and_only_with_a_warning_where_one_has_few_configurations(tmp_path):
    seeds = drawn(60, semantics="native").assign(seed=np.repeat([0, 1], 30))
    seeds["architecture"] = np.where(np.arange(60) % 30 < 26, "vgg16", "densenet121")
    for name in ("learning_rate", "batch_size", "adam_epsilon", "epochs"):
        seeds[name] = np.tile(seeds[name][:30], 2)
    trials = statistics.prepared(seeds, 50_000, 10_000, 10)
    captions = figures.draw(trials, statistics.summarise(trials), tmp_path)
    few = "densenet121 (8 pairs, 4 configurations)"
    assert all(f"Warning: {few} can hardly be compared with others" in caption for caption in captions.values())
    assert few in (tmp_path / "figures/accuracy-scatter.svg").read_text()
    assert f"Too few configurations, fewer than 20: {few}" in captions["associations"]
    assert groups.comparisons(trials)["p_value"].isna().all()
    enough = trials[trials["architecture"] == "vgg16"]
    captions = figures.draw(enough, statistics.summarise(enough), tmp_path)
    assert not any("Warning" in caption for caption in captions.values())


def test_captions_say_found_or_not_found_but_never_that_there_is_nothing(tmp_path):
    random = np.random.default_rng(0)
    trials = drawn(120).assign(architecture="vgg16", pytorch_test_accuracy=random.uniform(0.4, 0.8, 120))
    trials["tensorflow_test_accuracy"] = trials["pytorch_test_accuracy"] - random.uniform(-0.1, 0.1, 120)
    for table_, words in ((trials, "vgg16: no association found"), (drawn(120), "at equal optimizer steps")):
        table_ = statistics.prepared(table_, 50_000, 10_000, 10)
        caption = figures.draw(table_, statistics.summarise(table_), tmp_path)["associations"]
        assert words in caption
        assert "not that there is none" in caption
        assert "no information" not in caption


def test_a_difference_between_architectures_is_found_and_none_where_there_is_none():
    trials = drawn(90, seed=1)
    trials["architecture"] = np.repeat(["one", "two", "far"], 30)
    trials["difference"] = trials["pytorch_test_accuracy"] - trials["tensorflow_test_accuracy"]
    trials.loc[trials["architecture"] == "far", "difference"] += 0.1
    found = groups.comparisons(trials).set_index(["first", "second"])
    assert found.loc[("one", "two"), "corrected"] > 0.05
    assert (found.drop(index=("one", "two"))["corrected"] < 0.01).all()
    assert (found["corrected"] >= found["p_value"]).all()


@pytest.mark.parametrize("shared", ["hyperparameters", "points"])
def test_architectures_that_share_their_configurations_are_compared_in_pairs(shared):
    random = np.random.default_rng(0)
    one, other = random.uniform(0.1, 0.3, 10), random.uniform(0.05, 0.2, 10)
    trials = pd.DataFrame({"architecture": ["one"] * 10 + ["other"] * 10, "difference": [*one, *-other]})
    trials["learning_rate"] = np.tile(np.arange(10) / 100 + 0.01, 2)
    if shared == "points":
        # Two rows of each point, whose hyperparameters are not written with the same digits in both.
        trials = pd.concat([trials, trials.assign(learning_rate=trials["learning_rate"] + 0.001)])
        trials["point"] = trials["configuration"] = np.tile(np.arange(1, 11), 4)
        trials.loc[trials["architecture"] == "one", "learning_rate"] += 1e-10
    found = groups.comparisons(trials).iloc[0]
    signs = np.array(list(itertools.product((1, -1), repeat=10)))
    expected = (np.abs(signs @ (one - other)) >= (one - other).sum() - 1e-9).mean()
    assert found["p_value"] == pytest.approx(expected)
    assert found["further"] == pytest.approx((one - other).mean())
    other_rows = trials["architecture"] == "other"
    apart = trials.assign(learning_rate=trials["learning_rate"] + other_rows).drop(columns="point", errors="ignore")
    assert groups.comparisons(apart)["p_value"][0] != found["p_value"]


def test_any_number_of_architectures_is_drawn_each_with_looks_of_its_own(tmp_path):
    names = np.array(["vgg16", "resnet50", "densenet121", "smallcnn", "mine", "theirs", "yours"])
    trials = drawn(21, trial=[f"t{k}" for k in range(21)], semantics="native").assign(architecture=np.tile(names, 3))
    trials = statistics.prepared(trials, 50_000, 10_000, 10)
    captions = figures.draw(trials, statistics.summarise(trials), tmp_path)
    # The last of the captions leaves it at that.
    said = [caption for caption in captions.values() if ": " in caption.replace("Semantics: ", "").split("Warning")[0]]
    assert len(said) == 3
    assert all(caption.count(f"{name}: ") == 1 for caption in said for name in names)
    for name in captions:
        svg = (tmp_path / f"figures/{name}.svg").read_text()
        assert all(f"{architecture}" in svg for architecture in names)
    many = looks.Shown(trials, [*names, *(f"a{k:02d}" for k in range(28))], "native", trials, None)
    styles = [many.style(name) for name in many.architectures]
    assert len(set(styles)) == 35
    assert [colour for colour, *_ in styles[:7]] == list(looks.COLOURS)
