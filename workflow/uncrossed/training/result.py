"""A finished training: what its trial file holds. Plain data; the file is `uncrossed.results.trial_file`."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

# A result's curves, in the order in which they are measured and stored; and those of a view.
CURVES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
TEST_CURVES = CURVES[2:]


@dataclass
class View:
    """What of a finished training is another with other running statistics; all else is the training's own.

    Attributes:
        curves: for each of TEST_CURVES a float64 array with one value per epoch.
        logits: float32, test examples x classes, after the last epoch.
        weights: for each kept epoch the running statistics by name, in model order.
    """

    curves: dict[str, np.ndarray]
    logits: np.ndarray
    weights: dict[int, dict[str, np.ndarray]]


@dataclass
class Result:
    """A finished training.

    Attributes:
        attributes: the root attributes, JSON objects decoded.
        curves: for each of CURVES a float64 array with one value per epoch.
        logits: float32, test examples x classes, after the last epoch.
        labels: uint8 or, of more than 256 classes, uint16; test examples.
        weights: for each kept epoch the arrays by name, in model order.
        views: those that the training carried, by name; they are in no trial file.
    """

    attributes: dict[str, Any]
    curves: dict[str, np.ndarray]
    logits: np.ndarray
    labels: np.ndarray
    weights: dict[int, dict[str, np.ndarray]] = field(default_factory=dict)
    views: dict[str, View] = field(default_factory=dict)
