"""A small result of a training, and views."""

from pathlib import Path

import numpy as np

from uncrossed.results import trial_file, views_file
from uncrossed.study import layout
from uncrossed.training.result import TEST_CURVES, View


def make(**changes: object) -> trial_file.Result:
    """A small result with arrays of every kind; `changes` replace attributes."""
    random = np.random.default_rng(0)
    attributes = {
        "framework": "pytorch",
        "row": {"trial": "a", "learning_rate": 0.1},
        "settings": {"threads": 1},
        "dataset": {"name": "digits"},
        "versions": {"torch": "2"},
        "status": "completed",
        "device": "cpu",
        "dataset_sha256": "0" * 64,
        "code_sha256": "1" * 64,
    }
    weights = {
        "b.weight": random.standard_normal((3, 2, 2)).astype(np.float32),
        "a.num_batches_tracked": np.array(7, dtype=np.int64),
        "nested/kernel": random.standard_normal(5),
    }
    return trial_file.Result(
        attributes | changes,
        {name: random.random(4) for name in trial_file.CURVES},
        random.standard_normal((6, 10)).astype(np.float32),
        np.arange(6, dtype=np.uint8),
        {0: weights, 4: {name: array + 1 for name, array in weights.items()}},
    )


VIEWS = ("batchnorm_momentum=pytorch;batchnorm_variance=tensorflow", "batchnorm_variance=pytorch")


def carry(path: Path) -> dict[str, View]:
    """Write made-up views beside a trial file, of each kept epoch's first array; what they are."""
    result, random = trial_file.read(path), np.random.default_rng(1)
    for name in VIEWS:
        result.views[name] = View(
            {curve: random.random(len(result.curves[curve])) for curve in TEST_CURVES},
            random.standard_normal(result.logits.shape).astype(np.float32),
            {epoch: {next(iter(arrays)): random.standard_normal(3)} for epoch, arrays in result.weights.items()},
        )
    views_file.write(layout.views_beside(path), result)
    return result.views
