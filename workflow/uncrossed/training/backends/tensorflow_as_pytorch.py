"""How TensorFlow does what PyTorch does, mechanism by mechanism; `semantics.MECHANISMS` has the formulas."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops

from uncrossed.study.trial import Trial

# After which layers PyTorch's models drop out.
DROPOUT_AFTER = {"vgg16": ("fc1", "fc2"), "smallcnn": ("pool3",)}
STRIDED_STAGES = ("conv3", "conv4", "conv5")


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

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Multiply by the factors in training; the identity in evaluation."""
        return inputs * tf.cast(self.mask, inputs.dtype) if training else inputs


class BiasCorrectedAdam(keras.optimizers.Adam):
    """Adam with epsilon after bias correction and corrections in float64, as in PyTorch."""

    def __init__(self, learning_rate: float, epsilon: float):
        """Take constants that are never rounded to float32."""
        super().__init__(learning_rate=learning_rate, epsilon=epsilon)
        self.exact_learning_rate = learning_rate

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable; Keras' own learning rate is ignored."""
        index = self._get_variable_index(variable)
        m, v = self._momentums[index], self._velocities[index]
        step = tf.cast(self.iterations + 1, tf.float64)
        correction1 = 1 - tf.constant(self.beta_1, tf.float64) ** step
        correction2 = tf.sqrt(1 - tf.constant(self.beta_2, tf.float64) ** step)
        step_size = tf.cast(self.exact_learning_rate / correction1, gradient.dtype)
        m.assign_add((gradient - m) * (1 - self.beta_1))
        v.assign(v * self.beta_2 + (1 - self.beta_2) * gradient * gradient)
        variable.assign_sub(step_size * m / (tf.sqrt(v) / tf.cast(correction2, gradient.dtype) + self.epsilon))


def imitate(model: keras.Model, row: Trial, mechanisms: Mapping[str, str]) -> keras.Model:
    """A changed copy of a stock model, with its initial weights; it is returned as it is where nothing changes.

    Args:
        model: as keras.applications ships it.
        row: whose architecture it has.
        mechanisms: what it has to do otherwise, as `semantics.effective` says.
    """
    structural = mechanisms.keys() - {"initializer", "initial_weights", "adam_epsilon"}
    if not structural:
        return model

    def clone(layer: layers.Layer) -> layers.Layer:
        kind, config = type(layer), layer.get_config()
        if isinstance(layer, layers.BatchNormalization):
            if "batchnorm_momentum" in mechanisms:
                config["momentum"] = 0.9
            if "batchnorm_epsilon" in mechanisms:
                config["epsilon"] = 1e-5
            if "batchnorm_variance" in mechanisms:
                kind = UnbiasedBatchNormalization
        if isinstance(layer, layers.Conv2D):
            if "conv_bias" in mechanisms:
                config["use_bias"] = False
            if "stride" in mechanisms and layer.name in _strided(1):
                config["strides"] = 1
            if "stride" in mechanisms and layer.name in _strided(2):
                config |= {"strides": 2, "padding": "valid"}
        return kind.from_config(config)

    dropout = SharedDropout if "dropout_masks" in mechanisms else lambda name: layers.Dropout(0.5, name=name)
    places = DROPOUT_AFTER.get(row.architecture, ()) if "dropout" in mechanisms else ()

    def call(layer: layers.Layer, *arguments: Any, **options: Any) -> Any:
        if "stride" in mechanisms and layer.name in _strided(2):
            # Symmetric padding, where 'same' at stride 2 would pad on the right and below only.
            arguments = (layers.ZeroPadding2D(1, name=f"{layer.name}_pad")(arguments[0]), *arguments[1:])
        outputs = layer(*arguments, **options)
        if layer.name in places:
            outputs = dropout(name=f"dropout{places.index(layer.name) + 1}")(outputs)
        return outputs

    changed = keras.models.clone_model(model, clone_function=clone, call_function=call)
    stock = {variable.path: variable for variable in model.weights}
    for variable in changed.weights:
        variable.assign(stock[variable.path])
    return changed


def _strided(convolution: int) -> set[str]:
    return {f"{stage}_block1_{convolution}_conv" for stage in STRIDED_STAGES}
