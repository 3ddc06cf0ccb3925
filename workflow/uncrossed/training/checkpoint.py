"""The checkpoint: a training between two of its steps, all that it needs to go on and end with the same bytes.

Plain data; `uncrossed.job.checkpoint_file` writes every field of it, whatever they are, and reads it back.
"""

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

Arrays = dict[str, np.ndarray]


@dataclass
class Checkpoint:
    """A training between two of its steps.

    Attributes:
        epoch: the epoch in progress, from 1.
        steps: optimizer steps taken since the beginning.
        curves: for each curve a float64 array with one value per epoch, NaN where it is not known yet.
        logits: what the epoch's steps saw so far, examples x classes.
        seconds: float64, of each finished epoch, and of the one in progress so far.
        weights: the model's arrays by name.
        optimizer: for each of the optimizer's slots its arrays by the weights' names.
        random: the framework's random generators, by names of its backend.
        kept: for each kept epoch, as text, the arrays by name, in model order.
        views: for each view by name `statistics`, its running statistics by name; `curves` and `kept` as above, of
            TEST_CURVES and of running statistics.
    """

    epoch: int
    steps: int
    curves: Arrays
    logits: np.ndarray
    seconds: np.ndarray
    weights: Arrays = field(default_factory=dict)
    optimizer: dict[str, Arrays] = field(default_factory=dict)
    random: Arrays = field(default_factory=dict)
    kept: dict[str, Arrays] = field(default_factory=dict)
    views: dict[str, dict[str, Any]] = field(default_factory=dict)


class Saved(Protocol):
    """Where a training keeps its last checkpoint: `uncrossed.job.checkpoint_file.CheckpointFile` is one."""

    def load(self, identity: dict[str, Any]) -> Checkpoint | None:
        """The last one of the training with this identity, if there is one."""

    def due(self) -> bool:
        """Whether it is time to save again."""

    def save(self, identity: dict[str, Any], checkpoint: Checkpoint) -> bool:
        """Keep one; whether that was possible."""
