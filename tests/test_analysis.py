"""The analysis: its numbers against small computations of another kind, its edge cases, its figures."""

import json
import time

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import cohen_kappa_score

from conftest import REPOSITORY, need, uncrossed
from uncrossed.analysis import analyse, figures, groups, intervals, looks, predictions, statistics
from uncrossed.common.errors import InputError
from uncrossed.results import trial_file
from uncrossed.study.hyperparameters import HYPERPARAMETERS
from uncrossed.training.architectures import load

PUBLISHED = REPOSITORY.parent / "shared/data/published"
ROW = {"architecture": "smallcnn", "learning_rate": 0.01, "batch_size": 32, "adam_epsilon": 1e-7, "epochs": 5}


def table(accuracies, **columns):
    """A table of trials from pairs of accuracies."""
    values = np.array(accuracies, float).reshape(-1, 2)
    sides = {"pytorch_test_accuracy": values[:, 0], "tensorflow_test_accuracy": values[:, 1]}
    return pd.DataFrame({**{name: [value] * len(values) for name, value in ROW.items()}, **sides, **columns})


def drawn(count, seed=0, **columns):
    """A table of pairs whose difference shrinks with epochs, of two architectures."""
    random = np.random.default_rng(seed)
    epochs = random.integers(1, 50, count)
    pytorch = random.uniform(0.4, 0.8, count)
    values = {
        "architecture": np.where(np.arange(count) % 2, "smallcnn", "vgg16"),
        "learning_rate": random.uniform(1e-4, 0.1, count),
        "batch_size": random.integers(10, 1000, count),
        "adam_epsilon": random.uniform(1e-8, 1, count),
        "epochs": epochs,
    }
    tensorflow = np.clip(pytorch - 0.5 / epochs + random.normal(0, 0.02, count), 0, 1)
    return table(np.column_stack([pytorch, tensorflow]), **values, **columns)


def summarise(trials, test=10_000, classes=10):
    """The summary of a table, by architecture, semantics and statistic."""
    summary = statistics.summarise(statistics.prepared(trials, 50_000, test, classes))
    return summary.set_index(["architecture", "semantics", "statistic"])


def number(summary, statistic, architecture="smallcnn", semantics="native"):
    """A value of such a summary."""
    return summary.loc[(architecture, semantics, statistic), "value"]


def published():
    """The published study as a table of trials."""
    parts = []
    for name, architecture in (("vgg", "vgg16"), ("resnet", "resnet50"), ("densenet", "densenet121")):
        part = pd.read_csv(PUBLISHED / f"{name}_cifar10_wandb_export.csv")
        part = part.rename(columns={"pt_test_acc": "pytorch_test_accuracy", "tf_test_acc": "tensorflow_test_accuracy"})
        parts.append(part.assign(architecture=architecture, trial=part["Name"], semantics="published"))
    columns = ["trial", "architecture", "semantics", *HYPERPARAMETERS]
    return pd.concat(parts, ignore_index=True)[[*columns, "pytorch_test_accuracy", "tensorflow_test_accuracy"]]


def test_differences_of_a_hand_made_table():
    found = summarise(table([(0.9, 0.3), (0.5, 0.56), (0.7, 0.7), (0.8, 0.1), (0.1, 0.1)]))
    expected = {
        "pairs": 5,
        "pairs_both_trained": 3,
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
    pd.testing.assert_frame_equal(found.loc["all"], found.loc["smallcnn"])


def test_chance_is_a_binomial_interval_of_the_test_size():
    low, high = statistics.chance_interval(10_000, 10)
    assert (low, high) == pytest.approx((0.1 - 2.576 * 0.003, 0.1 + 2.576 * 0.003), abs=2e-4)
    assert statistics.chance_interval(100, 10)[1] > 0.17
    states = statistics.prepared(table([(0.12, 0.05), (0.1, 0.1)]), 500, 10_000, 10)["state"]
    assert list(states) == ["TensorFlow at chance", "both at chance"]
    assert list(statistics.prepared(table([(0.12, 0.12)]), 500, 100, 10)["state"]) == ["both at chance"]


def test_chance_is_that_of_the_datasets_number_of_classes():
    assert statistics.chance_interval(10_000, 100) == pytest.approx((0.01 - 0.00256, 0.01 + 0.00256), abs=2e-4)
    trials = table([(0.12, 0.05), (0.012, 0.5), (0.5, 0.5)])
    assert list(statistics.prepared(trials, 500, 10_000, 100)["state"]) == [
        *("both trained", "PyTorch at chance", "both trained")
    ]
    assert list(statistics.prepared(trials, 500, 10_000, 2)["state"])[2] == "both at chance"
    assert number(summarise(trials, classes=100), "pairs_both_trained") == 2


def test_steps_count_the_last_partial_batch():
    assert list(statistics.prepared(table([(0.5, 0.5)], batch_size=32, epochs=3), 100, 10, 10)["steps"]) == [12]


def test_correlations_agree_with_scipy():
    trials = drawn(80)
    trials["epochs"] = trials["epochs"] // 10  # ties
    found = summarise(trials)
    absolute = (trials["pytorch_test_accuracy"] - trials["tensorflow_test_accuracy"]).abs()
    for name in HYPERPARAMETERS:
        expected = stats.spearmanr(absolute, trials[name]).statistic
        assert number(found, f"rank_correlation_{name}", "all") == pytest.approx(expected)
    sides = trials["pytorch_test_accuracy"], trials["tensorflow_test_accuracy"]
    assert number(found, "accuracy_pearson", "all") == pytest.approx(stats.pearsonr(*sides).statistic)
    assert number(found, "accuracy_spearman", "all") == pytest.approx(stats.spearmanr(*sides).statistic)


def test_ranks_of_a_resample_are_those_of_the_repeated_values():
    random = np.random.default_rng(0)
    values = random.integers(0, 6, 15)
    indices = random.integers(0, 15, (20, 15))
    counts = np.array([np.bincount(row, minlength=15) for row in indices]).astype(float)
    found = statistics.ranks(values, counts)
    for row, ranks in zip(indices, found, strict=True):
        np.testing.assert_allclose(ranks[row], stats.rankdata(values[row]))


def test_bootstrap_of_a_mean_is_the_textbook_interval():
    values = np.random.default_rng(1).normal(size=400)
    (found,) = intervals.bootstrap([values], lambda data, drawn, _: {"m": data[0][drawn].mean(axis=1)}).values()
    half = 1.96 * values.std() / 20
    assert found == pytest.approx((values.mean(), values.mean() - half, values.mean() + half), abs=0.01)
    # Indices and counts say the same.
    (other,) = intervals.bootstrap([values], lambda data, _, counts: {"m": counts @ data[0] / 400}).values()
    assert other == pytest.approx(found)


def test_bootstrap_intervals_cover(monkeypatch):
    monkeypatch.setattr(intervals, "RESAMPLES", 400)
    random = np.random.default_rng(2)
    covered = []
    for _ in range(200):
        x = random.normal(size=(2, 60))
        x[1] += x[0]
        (found,) = intervals.bootstrap([*x], lambda data, _, c: {"r": statistics.correlation(*data, c)}).values()
        covered.append(found[1] < np.sqrt(0.5) < found[2])
    assert 0.87 < np.mean(covered) < 0.99


def test_mutual_information_finds_what_a_normal_distribution_has_and_no_more():
    x = np.random.default_rng(3).normal(size=(2, 2000))
    mean, low, high = statistics.mutual_information(x[0], 0.8 * x[0] + 0.6 * x[1])
    assert low <= mean <= high
    assert mean == pytest.approx(-0.5 * np.log(1 - 0.64), abs=0.06)
    assert statistics.mutual_information(x[0], x[1])[0] < 0.05
    found = summarise(drawn(300))
    information = number(found, "mutual_information_epochs", "all")
    assert number(found, "normalised_mutual_information_epochs", "all") == pytest.approx(
        np.sqrt(1 - np.exp(-2 * information))
    )
    assert information > 3 * number(found, "mutual_information_floor", "all")
    assert number(found, "mutual_information_batch_size", "all") < 0.2 * information


def test_floors():
    trials = table(
        [(0.5, 0.4), (0.6, 0.8), (0.9, 0.9), (0.5, 0.5), (0.7, 0.68)],
        seed=[0, 1, 0, 0, 0],
        batch_size=[32, 32, 64, 32, 64],
        semantics=["native"] * 3 + ["aligned"] * 2,
    )
    found = summarise(trials)
    assert number(found, "seed_floor") == pytest.approx((0.1 + 0.4) / 2)
    assert np.isnan(number(found, "seed_floor", semantics="aligned"))
    assert (
        number(found, "rounding_floor") == number(found, "rounding_floor", semantics="aligned") == pytest.approx(0.01)
    )
    assert np.isnan(number(summarise(trials[:3]), "rounding_floor"))


def test_diverged_and_missing_pairs_are_counted_and_left_out():
    trials = table(
        [(0.9, 0.4), (0.0, 0.4), (np.nan, 0.4), (np.nan, np.nan)],
        pytorch_status=["completed", "diverged", "missing", "completed"],
        tensorflow_status="completed",
    )
    found = summarise(trials)
    assert [number(found, f"pairs_{state}") for state in ("diverged", "missing", "both_trained")] == [1, 2, 1]
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
    assert np.isnan(number(found, "mutual_information_steps"))
    assert np.isnan(number(found, "rank_correlation_epochs"))  # it does not vary
    mean = found.loc[("smallcnn", "native", "difference_mean")]
    assert mean.notna().tolist() == [count > 0, count > 1, count > 1]


def test_bounds_hold_the_value():
    found = summarise(drawn(200)).dropna()
    found = found[~found.index.get_level_values("statistic").str.startswith("pairs")]
    assert ((found["low"] <= found["value"]) & (found["value"] <= found["high"])).all()


def test_disagreement_against_other_computations():
    random = np.random.default_rng(4)
    labels = random.integers(0, 9, 300)  # class 9 does not occur
    pytorch = random.normal(size=(300, 10)).astype(np.float32)
    pytorch[np.arange(300), labels] += 2
    tensorflow = (pytorch + random.normal(size=(300, 10))).astype(np.float32)
    found = predictions.disagreement(pytorch, tensorflow, labels)
    guesses = pytorch.argmax(1), tensorflow.argmax(1)
    assert found["kappa"] == pytest.approx(cohen_kappa_score(*guesses))
    assert found["agreement"] == np.mean(guesses[0] == guesses[1])
    gap = abs(np.mean(guesses[0] == labels) - np.mean(guesses[1] == labels))
    assert found["churn"] == pytest.approx(1 - found["agreement"] - gap)
    assert found["tensorflow_recall_3"] == np.mean(guesses[1][labels == 3] == 3)
    assert np.isnan(found["pytorch_recall_9"])
    same = predictions.disagreement(pytorch, pytorch, labels)
    assert (same["agreement"], same["kappa"], same["churn"]) == (1, 1, 0)


def test_kappa_and_calibration_by_hand():
    # Two of four agree; both say class 0 for half and class 1 for half: expected agreement 1/2, kappa 0.
    sides = [np.eye(2)[guesses] for guesses in ([0, 0, 1, 1], [0, 1, 0, 1])]
    assert predictions.disagreement(*sides, np.array([0, 0, 1, 1]))["kappa"] == 0
    constant = np.eye(2)[[0, 0]]
    assert np.isnan(predictions.disagreement(constant, constant, np.array([0, 1]))["kappa"])
    # Confidences 0.9, 0.9 (one right) and 0.6 (right): 2/3 |0.5 - 0.9| + 1/3 |1 - 0.6| = 0.4.
    logits = np.log([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    assert predictions.calibration_error(logits, np.array([0, 1, 1])) == pytest.approx(0.4)
    broken = predictions.disagreement(np.array([[np.nan, 1]]), np.array([[0.0, 1]]), np.array([1]))
    assert all(np.isnan(value) for value in broken.values())


def test_distances_of_weights():
    kernel = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)
    pytorch = {"conv1.weight": kernel, "conv1.bias": np.array([3.0, 0]), "batchnorm1.num_batches_tracked": np.array(3)}
    tensorflow = {"conv1/kernel": kernel.transpose(2, 3, 1, 0), "conv1/bias": np.array([0, 4.0])}
    kernels, biases = predictions.distances(load("smallcnn").on((32, 32, 3), 10).layers, pytorch, tensorflow)
    assert kernels == {"layer": "conv1", "array": "weight", "elements": 24, "distance": 0}
    assert biases["distance"] == pytest.approx(5 / np.sqrt(12.5))  # orthogonal: √2


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


def write_study(folder, trials, semantics="aligned", classes=10):
    """A study's folder with trial files of a model of one array."""
    random = np.random.default_rng(5)
    labels = np.resize(np.arange(classes), 60).astype(np.uint8)
    row = {"semantics": {"initial_weights": "shared" if semantics == "aligned" else "independent"}}
    dataset = {"name": "made-up", "format": "cifar10", "train_examples": 200, "test_examples": 60}
    # The last weights are equal.
    kept = {"pytorch": {9999: 0, 10_000: 1}, "tensorflow": {9999: 1, 10_000: 1}}
    for trial in trials["trial"]:
        logits = random.normal(size=(60, classes)).astype(np.float32)
        for framework in ("pytorch", "tensorflow"):
            attributes = dict.fromkeys(trial_file.TEXTS, "x") | {key: {} for key in trial_file.OBJECTS}
            attributes |= {"row": row, "dataset": dataset}
            bias = "dense.bias" if framework == "pytorch" else "dense/bias"
            curves = {name: np.zeros(1) for name in trial_file.CURVES}
            noise = random.normal(size=(60, classes)).astype(np.float32)
            weights = {epoch: {bias: np.full(10, value, np.float32)} for epoch, value in kept[framework].items()}
            result = trial_file.Result(attributes, curves, logits + noise, labels, weights)
            trial_file.write(folder / f"trials/{trial}/{framework}.h5", result)
    (folder / "tables").mkdir()
    trials.to_parquet(folder / "tables/trials.parquet", index=False)


def test_the_command_writes_the_same_bytes_again(tmp_path):
    trials = drawn(24, trial=[f"t{k}" for k in range(24)], semantics="aligned").assign(architecture="smallcnn")
    outputs = []
    for name in ("first", "second"):
        write_study(tmp_path / name, trials)
        outputs.append(uncrossed("analyse", tmp_path / name).stdout)
    assert "smallcnn        24" in outputs[0]
    made = {"tables/summary.csv", "tables/disagreement.csv", "tables/weights.csv", "figures/captions.json"}
    made |= {f"figures/{name}.{kind}" for name in figures.FIGURES for kind in ("svg", "png")}
    for name in made:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes(), name
    captions = json.loads((tmp_path / "first/figures/captions.json").read_text())
    assert captions.keys() == figures.FIGURES.keys()
    svg = (tmp_path / "first/figures/difference-steps.svg").read_text()
    assert "optimizer steps</text>" in svg
    assert "floor: float32 rounding" in svg
    disagreement = pd.read_csv(tmp_path / "first/tables/disagreement.csv")
    assert len(disagreement) == 24
    assert (pd.read_csv(tmp_path / "first/tables/weights.csv")["distance"] == 0).all()


def test_missing_results_are_refused_or_left_out(tmp_path):
    trials = drawn(4, trial=list("abcd"))
    write_study(tmp_path, trials, "native")
    (tmp_path / "trials/c/tensorflow.h5").unlink()
    assert "c/tensorflow.h5: no such trial file" in uncrossed("analyse", tmp_path, code=2).stdout
    uncrossed("analyse", tmp_path, "--partial")
    assert list(pd.read_csv(tmp_path / "tables/disagreement.csv")["trial"]) == ["a", "b", "d"]
    assert not (tmp_path / "tables/weights.csv").exists()
    with h5py.File(tmp_path / "trials/a/pytorch.h5", "r+") as file:
        file["predictions/logits"][0, 0] = 9
    damaged = uncrossed("analyse", tmp_path, "--partial", code=2).stdout
    assert "a/pytorch.h5: array 'predictions/logits' does not match its sha256" in damaged
    trials.assign(pytorch_status="completed", tensorflow_status=["completed"] * 3 + ["missing"]).to_parquet(
        tmp_path / "tables/trials.parquet"
    )
    assert "trial 'd' and 0 more lack a result" in uncrossed("analyse", tmp_path, code=2).stdout
    assert "trials.parquet: missing" in uncrossed("analyse", tmp_path / "nowhere", code=2).stdout


def test_a_table_alone_needs_the_numbers_of_examples(tmp_path):
    (tmp_path / "tables").mkdir()
    drawn(5, trial=list("abcde")).to_parquet(tmp_path / "tables/trials.parquet")
    assert "allowed: --examples TRAIN TEST" in uncrossed("analyse", tmp_path, code=2).stdout
    uncrossed("analyse", tmp_path, "--examples", 50_000, 10_000)
    assert not (tmp_path / "tables/disagreement.csv").exists()
    uncrossed("analyse", tmp_path, "--examples", 50_000, 10_000, "--classes", 2)
    summary = pd.read_csv(tmp_path / "tables/summary.csv").set_index(["architecture", "statistic"])["value"]
    trials = pd.read_parquet(tmp_path / "tables/trials.parquet")
    above = (trials[["pytorch_test_accuracy", "tensorflow_test_accuracy"]] > 0.52).all(axis=1)
    assert summary["all", "pairs_both_trained"] == above.sum()


def test_trial_files_say_how_many_classes_there_are(tmp_path):
    trials = drawn(2, trial=list("ab")).assign(pytorch_test_accuracy=0.15, tensorflow_test_accuracy=0.9)
    write_study(tmp_path, trials, "native", 30)
    assert predictions.size(tmp_path, trials["trial"]) == (200, 60, 30)
    # Of 60 examples up to 0.22 are right by chance with ten classes, up to 0.12 with thirty.
    found = analyse.make(tmp_path).set_index(["architecture", "semantics", "statistic"])
    assert number(found, "pairs_both_trained", "all") == 2
    assert "pytorch_recall_29" in pd.read_csv(tmp_path / "tables/disagreement.csv")


def test_a_few_classes_have_a_whole_confusion_matrix():
    labels = np.array([0, 0, 1, 2])
    logits = np.eye(3)[[0, 1, 1, 0]]
    logits[3] = np.nan
    side = predictions.Predictions(logits, labels)
    shown = predictions.shown_classes([side])
    counts, skipped = predictions.confusion(side, shown)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert skipped == 1


def test_of_many_classes_a_confusion_matrix_shows_the_most_confused_and_all_others_together():
    random = np.random.default_rng(6)
    labels = np.repeat(np.arange(100), 20).astype(np.uint8)
    sides = []
    for confused in (range(40, 45), range(45, 50)):
        guesses = labels.copy()
        wrong = np.isin(labels, confused) & (random.random(2000) < 0.5)
        guesses[wrong] = 99 - guesses[wrong]
        sides.append(predictions.Predictions(np.eye(100, dtype=np.float32)[guesses], labels))
    shown = predictions.shown_classes(sides)
    assert len(shown) == predictions.MOST_CONFUSED
    # Each beside the one that it is confused with.
    assert set(shown) <= {*range(40, 60)}
    assert set(shown) == {99 - label for label in shown}
    for side in sides:
        counts, skipped = predictions.confusion(side, shown)
        assert counts.shape == (11, 11)
        assert counts.sum() == 2000
        assert counts[:-1].sum(axis=1).tolist() == [20] * 10
        assert counts[0, 0] == np.sum((side.logits.argmax(1) == shown[0]) & (labels == shown[0]))
        assert skipped == 0


@pytest.mark.parametrize("classes", [1000, 65_536])
def test_any_number_of_classes_takes_little_time_and_memory(classes):
    labels = np.arange(64) * (classes // 64)
    logits = np.zeros((64, classes), np.float32)
    logits[:, 7] = 1
    side = predictions.Predictions(logits, labels.astype(np.uint16))
    shown = predictions.shown_classes([side, side])
    assert 7 in shown
    assert predictions.confusion(side, shown)[0].sum() == 64
    found = predictions.disagreement(logits, logits, side.labels)
    assert found["agreement"] == 1
    assert len(found) == 5 + 2 * classes * (classes <= 1000)


def test_groups_are_those_of_a_summary_and_work_out_what_it_does_not_say():
    trials = drawn(40, trial=[f"t{k}" for k in range(40)], semantics="native")
    trials["difference"] = trials["pytorch_test_accuracy"] - trials["tensorflow_test_accuracy"]
    trials["both_completed"] = np.arange(40) > 3
    left_out = trials.assign(pytorch_status=np.where(trials["both_completed"], "completed", "diverged"))
    summary = statistics.summarise(statistics.prepared(left_out, 50_000, 10_000, 10))
    own, said = groups.groups(trials), groups.groups(trials, summary)
    for first, second in zip(own, said, strict=True):
        assert (first.pairs, first.left_out, first.ahead + first.behind) == (18, 2, 18)
        for name in groups.OWN:
            assert getattr(first, name) == getattr(second, name)
        assert first.largest == trials.set_index("trial").loc[first.largest_trial, "difference"]
        assert np.isnan(first.trained[0])
        assert np.isfinite(second.trained).all()
    furthest = groups.leading(own)
    assert [group.apart for group in furthest] == sorted((group.apart for group in own), reverse=True)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "trials",
    [
        table([(0.6, 0.5), (0.7, 0.2), (0.5, 0.1)]),
        table([(0.1, 0.1)] * 30),
        table([(np.nan, 0.5)] * 2),
        table([(0.5, 0.5), (0.0, 0.5)], architecture=["vgg16", "other"], pytorch_status=["completed", "diverged"]),
    ],
    ids=["three", "chance", "none", "one-of-two"],
)
def test_figures_of_few_and_of_useless_pairs(trials, tmp_path):
    trials = statistics.prepared(trials, 50_000, 10_000, 10)
    captions = figures.draw(trials, statistics.summarise(trials), tmp_path)
    assert all("nan" not in caption.split() for caption in captions.values())
    assert len(list((tmp_path / "figures").iterdir())) == 2 * len(figures.FIGURES) + 1


def test_any_number_of_architectures_is_drawn_each_with_looks_of_its_own(tmp_path):
    names = np.array(["vgg16", "resnet50", "densenet121", "smallcnn", "mine", "theirs", "yours"])
    trials = drawn(21, trial=[f"t{k}" for k in range(21)], semantics="native").assign(architecture=np.tile(names, 3))
    trials = statistics.prepared(trials, 50_000, 10_000, 10)
    captions = figures.draw(trials, statistics.summarise(trials), tmp_path)
    assert all(caption.count(f"{name}: ") == 1 for caption in captions.values() for name in names)
    for name in figures.FIGURES:
        svg = (tmp_path / f"figures/{name}.svg").read_text()
        assert all(f"{architecture}" in svg for architecture in names)
    many = looks.Shown(trials, [*names, *(f"a{k:02d}" for k in range(28))], "native", trials, None)
    styles = [many.style(name) for name in many.architectures]
    assert len(set(styles)) == 35
    assert [colour for colour, *_ in styles[:7]] == list(looks.COLOURS)


def test_the_published_study(tmp_path):
    need(PUBLISHED.is_dir(), "the published tables")
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
