"""How Keras' layers do what PyTorch's do, mechanism by mechanism; `study.mechanisms.MECHANISMS` has the formulas."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops

from uncrossed.training.architectures import Architecture, Network
from uncrossed.training.optimizers import adam


@keras.saving.register_keras_serializable("uncrossed")
class UnbiasedBatchNormalization(layers.BatchNormalization):
    """Batch normalisation whose moving variance is the mean of the unbiased ones: Σ(x - mean)²/(n - 1)."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise examples x height x width x channels."""
        before = tf.identity(self.moving_variance) if training else None
        outputs = super().call(inputs, training=training, mask=mask)
        if training:
            count = tf.cast(tf.size(inputs) // tf.shape(inputs)[-1], before.dtype)
            variance = ops.moments(inputs, axes=self._reduction_axes)[1] * (count / (count - 1))
            self.moving_variance.assign(before * self.momentum + variance * (1.0 - self.momentum))
        return outputs


@keras.saving.register_keras_serializable("uncrossed")
class SharedDropout(layers.Layer):
    """Dropout whose factors, examples x features, are set before each step is traced."""

    mask: tf.Tensor

    def __init__(self, rate: float, **options: Any):
        """Take the share that is dropped."""
        super().__init__(**options)
        self.rate = rate

    def get_config(self) -> dict[str, Any]:
        """What makes it again."""
        return {**super().get_config(), "rate": self.rate}

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Multiply by the factors in training; the identity in evaluation."""
        return inputs * tf.cast(self.mask, inputs.dtype) if training else inputs


def pytorch_momentum(architecture: Architecture) -> float:
    """The momentum of PyTorch's layers as Keras' take it."""
    momentum, _ = architecture.BATCHNORM["pytorch"]
    return 1 - momentum


def imitate(model: keras.Model, network: Network, mechanisms: Mapping[str, str]) -> keras.Model:
    """A changed copy of a stock model, with its initial weights; it is returned as it is where nothing changes.

    Args:
        model: as keras.applications or the architecture's file has it.
        network: what the model is of.
        mechanisms: what it has to do otherwise, as `effective.effective` says.
    """
    structural = mechanisms.keys() - {"initializer", "initial_weights", *adam.TOUCHING}
    if not structural:
        return model
    architecture = network.architecture
    # Of pairs of convolutions the first loses its stride and the second gets it.
    pairs = [names for _, names in architecture.STRIDE] if "stride" in mechanisms else []
    slowed, strided = {first for first, _ in pairs}, {second for _, second in pairs}
    padded = {name for _, name in architecture.PADDING} if "padding" in mechanisms else set()
    # Only those that pad by themselves: where a layer before them does it, that layer is changed.
    padded = {name for name in padded if model.get_layer(name).padding == "same"}

    def clone(layer: layers.Layer) -> layers.Layer:
        kind, config = type(layer), layer.get_config()
        if isinstance(layer, layers.BatchNormalization):
            if "batchnorm_momentum" in mechanisms:
                config["momentum"] = pytorch_momentum(architecture)
            if "batchnorm_epsilon" in mechanisms:
                _, config["epsilon"] = architecture.BATCHNORM["pytorch"]
            if "batchnorm_variance" in mechanisms:
                kind = UnbiasedBatchNormalization
        if isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D)):
            if "conv_bias" in mechanisms:
                config["use_bias"] = architecture.CONV_BIAS == "pytorch"
            if layer.name in slowed:
                config["strides"] = 1
            if layer.name in strided:
                config |= {"strides": 2, "padding": "valid"}
            if layer.name in padded:
                config["padding"] = "valid"
        if isinstance(layer, layers.ZeroPadding2D) and "padding" in mechanisms:
            (top, bottom), (left, right) = layer.padding
            if (top, left) != (bottom, right):
                config["padding"] = ((bottom, bottom), (right, right))
        if isinstance(layer, layers.Dropout) and "dropout_masks" in mechanisms:
            return SharedDropout(layer.rate, name=layer.name)
        return kind.from_config(config)

    inserted = {} if architecture.DROPOUT_IN_BOTH or "dropout" not in mechanisms else architecture.DROPOUT
    kind = SharedDropout if "dropout_masks" in mechanisms else layers.Dropout
    names = {name: f"dropout{number}" for number, name in enumerate(inserted, start=1)}

    def call(layer: layers.Layer, *arguments: Any, **options: Any) -> Any:
        if layer.name in strided | padded:
            # Symmetric padding, where 'same' at stride 2 would pad on the right and below only.
            arguments = (layers.ZeroPadding2D(1, name=f"{layer.name}_pad")(arguments[0]), *arguments[1:])
        if layer.name in inserted:
            dropped = kind(inserted[layer.name], name=names[layer.name])(arguments[0])
            arguments = (dropped, *arguments[1:])
        return layer(*arguments, **options)

    changed = keras.models.clone_model(model, clone_function=clone, call_function=call)
    stock = {variable.path: variable for variable in model.weights}
    for variable in changed.weights:
        if variable.path in stock:
            variable.assign(stock[variable.path])
    # What is dropped at random is what the stock layer would drop.
    for layer in filter(_generators, model.layers):
        new = changed.get_layer(layer.name)
        if type(new) is type(layer):
            for ours, theirs in zip(_generators(new), _generators(layer), strict=True):
                ours.assign(theirs)
    return changed


def _generators(layer: layers.Layer) -> list[keras.Variable]:
    """The states of a layer's random generators."""
    weights = {id(variable) for variable in layer.weights}
    return [variable for variable in layer.variables if id(variable) not in weights]
