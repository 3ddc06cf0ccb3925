"""A small result of a training."""

import numpy as np

from uncrossed.results import trial_file


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
