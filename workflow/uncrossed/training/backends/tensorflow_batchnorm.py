"""Keras' batch normalisation in training, bit for bit, in fewer operations and passes over memory.

Keras leaves the gradient to TensorFlow, which spreads what is one number for each channel over a whole batch before it
divides it by a count; and it updates each layer's statistics alone. Here these are updated together after a step's last
layer.
"""

import contextlib
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from tensorflow.python.eager import record

from uncrossed.training.backends.tensorflow_as_pytorch import UnbiasedBatchNormalization


class Seen(NamedTuple):
    """What a layer saw of a batch: mean and (biased) variance of each channel, over so many values."""

    layer: layers.BatchNormalization
    mean: tf.Tensor
    variance: tf.Tensor
    count: int


@contextlib.contextmanager
def together(model: keras.Model) -> Iterator[None]:
    """Calls of the model in training, while the block runs; at its end the statistics are updated.

    Layers that normalise anything but the channels of float tensors do what Keras does.
    """
    seen: list[Seen] = []
    changed = [layer for layer in model.layers if _usual(layer)]
    for layer in changed:
        vars(layer)["call"] = partial(_call, layer, seen)
    try:
        yield
    finally:
        for layer in changed:
            del vars(layer)["call"]
    while seen:  # a layer that was called again is updated again
        first = {id(entry.layer): entry for entry in reversed(seen)}
        for momentum in sorted({entry.layer.momentum for entry in first.values()}):
            _update([entry for entry in first.values() if entry.layer.momentum == momentum], momentum)
        seen = [entry for entry in seen if first[id(entry.layer)] is not entry]


def _usual(layer: layers.Layer) -> bool:
    if type(layer) not in (layers.BatchNormalization, UnbiasedBatchNormalization):
        return False
    plain = layer.trainable and not layer.renorm and not layer.synchronized and layer.scale and layer.center
    return plain and layer.axis in (-1, layer.input_spec.ndim - 1) and layer.compute_dtype in ("float32", "float64")


def _call(layer: layers.BatchNormalization, seen: list[Seen], x: tf.Tensor, training: bool, mask: Any = None) -> Any:
    if mask is not None or not x.shape.is_fully_defined() or x.dtype != layer.compute_dtype:
        return type(layer).call(layer, x, training, mask)
    count = x.shape.num_elements() // x.shape[-1]
    axes = list(range(len(x.shape) - 1))
    gamma, beta = (tf.convert_to_tensor(variable.value) for variable in (layer.gamma, layer.beta))
    with record.stop_recording():
        kept = tf.reduce_mean(x, axes, keepdims=True)
        mean, variance = tf.squeeze(kept, axes), tf.reduce_mean(tf.math.squared_difference(x, kept), axes)
        inverse = tf.math.rsqrt(variance + layer.epsilon)
        scale = inverse * gamma
        y = x * scale + (beta - mean * scale)
    seen.append(Seen(layer, mean, variance, count))

    def gradient(dy: tf.Tensor) -> tuple[tf.Tensor, ...]:
        d_beta = tf.reduce_sum(dy, axes)
        d_shift = -d_beta
        d_scale = tf.reduce_sum(x * dy, axes) + mean * d_shift
        d_variance = tf.raw_ops.RsqrtGrad(y=inverse, dy=d_scale * gamma)
        through_mean = tf.broadcast_to(d_shift * scale / count, x.shape)
        through_variance = 2.0 * (d_variance / count) * (x - kept)
        return dy * scale, through_mean, through_variance, d_scale * inverse, d_beta

    # x comes three times, so that its gradient is three parts, which are added to those of others that use it in the
    # order in which TensorFlow would add its own. (`tf.custom_gradient` would fill memory with zeros for each input.)
    record.record_operation("BatchNormalization", [y], [x, x, x, gamma, beta], gradient)
    return y


def _update(seen: list[Seen], momentum: float) -> None:
    """Move the statistics of layers towards what they saw."""
    variances = tf.concat([entry.variance for entry in seen], 0)
    if any(isinstance(entry.layer, UnbiasedBatchNormalization) for entry in seen):
        dtype = variances.dtype.as_numpy_dtype
        counts = [dtype(entry.count) for entry in seen]
        unbiased = [
            count / (count - 1) if isinstance(entry.layer, UnbiasedBatchNormalization) else dtype(1)
            for count, entry in zip(counts, seen, strict=True)
        ]
        variances *= np.repeat(unbiased, [entry.variance.shape[0] for entry in seen])
    found = tf.concat([*(entry.mean for entry in seen), variances], 0)
    statistics = [entry.layer.moving_mean.value for entry in seen]
    statistics += [entry.layer.moving_variance.value for entry in seen]
    new = tf.concat(statistics, 0) * momentum + found * (1.0 - momentum)
    for variable, part in zip(statistics, tf.split(new, [variable.shape[0] for variable in statistics]), strict=True):
        variable.assign(part)
