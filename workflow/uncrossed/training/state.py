"""What the loop makes: the state of a training between two steps, and its result. Plain data; files are elsewhere."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

# A result's curves, in the order in which they are measured and stored.
CURVES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")

Weights = dict[str, np.ndarray]


@dataclass
class State:
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
        kept: for each kept epoch the arrays by name, in model order.
    """

    epoch: int
    steps: int
    curves: Weights
    logits: np.ndarray
    seconds: np.ndarray
    weights: Weights = field(default_factory=dict)
    optimizer: dict[str, Weights] = field(default_factory=dict)
    random: Weights = field(default_factory=dict)
    kept: dict[int, Weights] = field(default_factory=dict)


@dataclass
class Result:
    """A finished training: what its trial file holds.

    Attributes:
        attributes: the root attributes, JSON objects decoded.
        curves: for each of CURVES a float64 array with one value per epoch.
        logits: float32, test examples x classes, after the last epoch.
        labels: uint8, test examples.
        weights: for each kept epoch the arrays by name, in model order.
    """

    attributes: dict[str, Any]
    curves: dict[str, np.ndarray]
    logits: np.ndarray
    labels: np.ndarray
    weights: dict[int, Weights] = field(default_factory=dict)


class Saved(Protocol):
    """Where a training's state is kept while it is under way: `uncrossed.job.checkpoint.Checkpoint` is one."""

    def load(self, identity: dict[str, Any]) -> State | None:
        """The last state of the training with this identity, if there is one."""

    def due(self) -> bool:
        """Whether it is time to save again."""

    def save(self, identity: dict[str, Any], state: State) -> bool:
        """Keep a state; whether that was possible."""
