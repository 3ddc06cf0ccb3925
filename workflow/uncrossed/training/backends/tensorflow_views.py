"""TensorFlow's views: the running statistics that a model in training would have with other evaluation mechanisms."""

from collections.abc import Mapping
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from uncrossed.common.errors import InputError
from uncrossed.training.architectures import Architecture
from uncrossed.training.backends.tensorflow_as_pytorch import pytorch_momentum
from uncrossed.training.checkpoint import Arrays
from uncrossed.training.views import Ways


class Statistics(NamedTuple):
    """Running statistics of a layer, how much of them a step keeps, and whether variances are unbiased."""

    mean: tf.Variable
    variance: tf.Variable
    momentum: float
    unbiased: bool


class Views:
    """The views of a model; `tensorflow_batchnorm` moves them after each step."""

    def __init__(self, model: keras.Model, architecture: Architecture, ways: Mapping[str, Ways]):
        """Begin with the model's own statistics.

        Args:
            model: with its initial weights.
            architecture: of the model.
            ways: the views by name, as `views.others` gives them; there may be none.

        Raises:
            InputError: a layer trains with its running statistics, so that others would be another training's.
        """
        normalising = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
        if ways and (renormalising := [layer.name for layer in normalising if layer.renorm]):
            raise InputError(f"{architecture.name}: {renormalising[0]} has renorm=True, which allows no views")
        # Of each view the statistics by the layers' names.
        self.views = {
            name: {layer.name: _begun(layer, architecture, way) for layer in normalising} for name, way in ways.items()
        }
        self.paths = {layer.name: (layer.moving_mean.path, layer.moving_variance.path) for layer in normalising}

    def statistics(self) -> dict[str, Arrays]:
        """Copies of each view's statistics by their Keras path, in model order."""
        return {
            view: {path: variable.numpy().copy() for path, variable in self._named(view).items()} for view in self.views
        }

    def set_statistics(self, views: Mapping[str, Mapping[str, np.ndarray]]) -> None:
        """Set all views' statistics."""
        for view, arrays in views.items():
            for path, variable in self._named(view).items():
                variable.assign(arrays[path])

    def _named(self, view: str) -> dict[str, tf.Variable]:
        """A view's variables by the Keras paths of the model's own."""
        return {
            path: variable
            for name, statistics in self.views[view].items()
            for path, variable in zip(self.paths[name], (statistics.mean, statistics.variance), strict=True)
        }


def _begun(layer: layers.BatchNormalization, architecture: Architecture, way: Ways) -> Statistics:
    """A view's statistics of a layer before training."""
    momentum = layer.momentum
    if "batchnorm_momentum" in way:
        stock, _ = architecture.BATCHNORM["tensorflow"]
        momentum = stock if way["batchnorm_momentum"] == "tensorflow" else pytorch_momentum(architecture)
    mean, variance = (tf.Variable(own.value, trainable=False) for own in (layer.moving_mean, layer.moving_variance))
    return Statistics(mean, variance, momentum, way["batchnorm_variance"] == "pytorch")
