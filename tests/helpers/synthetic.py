"""A study of made-up results, written with the package's own writers: what reads a study is tested without training."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from uncrossed.common import files
from uncrossed.datasets.definition import DatasetIdentity
from uncrossed.release import release
from uncrossed.results import checksums, tables, trial_file
from uncrossed.study import layout, manifest
from uncrossed.study.study import Study
from uncrossed.study.trial import FRAMEWORKS, Settings, Trial
from uncrossed.training import loop

VERSIONS = {"pytorch": {"torch": "2.0", "numpy": "2.0"}, "tensorflow": {"tensorflow": "2.0", "keras": "3.0"}}


def rows(count: int, epochs: int, architectures: Sequence[str] = ("densenet121", "resnet50", "vgg16")) -> list[Trial]:
    """Rows of random hyperparameters."""
    random = np.random.default_rng(0)
    return [
        Trial(
            trial=f"{architectures[k % len(architectures)]}-{k:04d}",
            architecture=architectures[k % len(architectures)],
            learning_rate=float(f"{10 ** random.uniform(-4, -1):.6g}"),
            batch_size=int(random.integers(10, 250)),
            adam_epsilon=float(f"{10 ** random.uniform(-8, 0):.6g}"),
            epochs=epochs,
            space=k % 16,
        )
        for k in range(count)
    ]


def identity(examples: int) -> DatasetIdentity:
    """A made-up dataset with so many test examples."""
    return DatasetIdentity(name="made-up", format="cifar10", train_examples=1000, test_examples=examples)


def write(
    folder: Path,
    trials: Sequence[Trial],
    examples: int = 200,
    classes: int = 10,
    diverged: str = "",
    failed: str = "",
) -> None:
    """Write a study's manifest, trial files and run records.

    Of the trial `diverged` only one epoch has numbers; TensorFlow's model of the trial `failed` knows the training
    examples and guesses the others.
    """
    manifest.write(folder / "manifest.csv", trials)
    keys = {
        "study": "made",
        "dataset": "made-up",
        "datasets": {"made-up": identity(examples).model_dump(exclude={"name"})},
    }
    kept = Study(keys | {"manifest": layout.MANIFEST}, folder, built=True)
    files.write_json(folder / layout.STUDY_STATEMENT, kept.statement())
    for number, row in enumerate(trials):
        for k, framework in enumerate(FRAMEWORKS):
            random = np.random.default_rng([number, k])
            labels = np.resize(np.arange(classes, dtype=np.uint8), examples)
            logits = random.standard_normal((examples, classes)).astype(np.float32)
            # PyTorch's side knows more.
            share = (0.9 - 0.6 * k) * random.uniform(0.6, 1)
            known = random.random(examples) < share * (row.trial != failed or k == 0)
            logits[known, labels[known]] += 8
            accuracy = float((logits.argmax(1) == labels).mean())
            rise = 1 - 0.9 ** np.arange(1, row.epochs + 1)
            rise = rise / rise[-1] * (1 + 0.02 * random.standard_normal(row.epochs))
            curves = {
                name: (2.3 - 2 * rise if name.endswith("loss") else accuracy * rise) for name in trial_file.CURVES
            }
            if row.trial == failed:
                curves["train_accuracy"] = 0.95 * rise / rise[-1]
            curves["test_loss"][-1], curves["test_accuracy"][-1] = loop.measure(logits, labels)
            status = "completed"
            if row.trial == diverged:
                status, logits[:] = "diverged", np.nan
                curves = {name: np.where(np.arange(row.epochs) > 0, np.nan, 0.0) for name in trial_file.CURVES}
            attributes = {
                "framework": framework,
                "status": status,
                "device": "cpu",
                "dataset_sha256": "0" * 64,
                "code_sha256": "0" * 64,
                "row": row.deciding(),
                "settings": Settings().model_dump(mode="json"),
                "dataset": identity(examples).model_dump(mode="json"),
                "versions": VERSIONS[framework],
            }
            path = folder / f"trials/{row.trial}/{framework}.h5"
            weights = {row.epochs: {"w": random.standard_normal(1)}}
            trial_file.write(path, trial_file.Result(attributes, curves, logits, labels, weights))
            record = {"device": "cpu", "resumed": False, "seconds_per_epoch": [1.0], "versions": VERSIONS[framework]}
            path.with_suffix(".json").write_text(json.dumps(record), encoding="utf-8")


def study(folder: Path, count: int, epochs: int = 3, **options) -> None:
    """Write a study and its tables."""
    write(folder, rows(count, epochs), **options)
    tables.make(folder)


def released(root: Path, trials: Sequence[Trial] = ()) -> Path:
    """Write a released study below `root`, by default with files larger than an upload's chunk."""
    folder = root / "results/made"
    write(folder, trials or rows(6, 2), diverged="vgg16-0002")
    for path in folder.glob("trials/densenet121-0000/*.h5"):
        result = trial_file.read(path)
        result.weights[2]["w"] = np.random.default_rng(0).standard_normal(5_000_000, dtype=np.float32)
        trial_file.write(path, result)
    tables.make(folder)
    checksums.make(folder)
    release.make(folder)
    return folder
