"""Tables of made-up pairs for the analysis, and the published study as one."""

import numpy as np
import pandas as pd

from helpers.published_2021 import published_folder
from uncrossed.analysis import statistics
from uncrossed.results import trial_file
from uncrossed.study.hyperparameters import HYPERPARAMETERS

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
        part = pd.read_csv(published_folder() / f"{name}_cifar10_wandb_export.csv")
        part = part.rename(columns={"pt_test_acc": "pytorch_test_accuracy", "tf_test_acc": "tensorflow_test_accuracy"})
        parts.append(part.assign(architecture=architecture, trial=part["Name"], semantics="published"))
    columns = ["trial", "architecture", "semantics", *HYPERPARAMETERS]
    return pd.concat(parts, ignore_index=True)[[*columns, "pytorch_test_accuracy", "tensorflow_test_accuracy"]]


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
