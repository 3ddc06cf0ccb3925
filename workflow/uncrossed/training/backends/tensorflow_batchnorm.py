"""Keras' batch normalisation in training, bit for bit, in fewer operations and passes over memory.

Keras leaves the gradient to TensorFlow, which spreads what is one number for each channel over a whole batch before it
divides it by a count; and it updates each layer's statistics alone. Here these are updated together after a step's last
layer, and those of views with them.
"""

import contextlib
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from tensorflow.python.eager import record

from uncrossed.training.backends.tensorflow_as_pytorch import UnbiasedBatchNormalization
from uncrossed.training.backends.tensorflow_views import Statistics, Views


class Seen(NamedTuple):
    """What a layer saw of a batch: mean and (biased) variance of each channel, over so many values.

    Where Keras has updated the layer's own statistics, `updated`, those of views are left.
    """

    layer: layers.BatchNormalization
    mean: tf.Tensor
    variance: tf.Tensor
    count: int
    updated: bool = False


@contextlib.contextmanager
def together(model: keras.Model, views: Views) -> Iterator[None]:
    """Calls of the model in training, while the block runs; at its end its statistics and its views' are updated.

    Layers that normalise anything but the channels of float tensors do what Keras does.
    """
    seen: list[Seen] = []
    changed = {layer: _call for layer in model.layers if _usual(layer)}
    if views.views:
        others = (layer for layer in model.layers if isinstance(layer, layers.BatchNormalization))
        changed = dict.fromkeys(others, _call_of_keras) | changed
    for layer, call in changed.items():
        vars(layer)["call"] = partial(call, layer, seen, bool(views.views))
    try:
        yield
    finally:
        for layer in changed:
            del vars(layer)["call"]
    while seen:  # a layer that was called again is updated again
        first = {id(entry.layer): entry for entry in reversed(seen)}
        _move((entry, _own(entry.layer)) for entry in first.values() if not entry.updated)
        for view in views.views.values():
            _move((entry, view[entry.layer.name]) for entry in first.values())
        seen = [entry for entry in seen if first[id(entry.layer)] is not entry]


def _own(layer: layers.BatchNormalization) -> Statistics:
    unbiased = isinstance(layer, UnbiasedBatchNormalization)
    return Statistics(layer.moving_mean.value, layer.moving_variance.value, layer.momentum, unbiased)


def _usual(layer: layers.Layer) -> bool:
    if type(layer) not in (layers.BatchNormalization, UnbiasedBatchNormalization):
        return False
    plain = layer.trainable and not layer.renorm and not layer.synchronized and layer.scale and layer.center
    return plain and layer.axis in (-1, layer.input_spec.ndim - 1) and layer.compute_dtype in ("float32", "float64")


def _call(
    layer: layers.BatchNormalization, seen: list[Seen], carried: bool, x: tf.Tensor, training: bool, mask: Any = None
) -> tf.Tensor:
    if mask is not None or not x.shape.is_fully_defined() or x.dtype != layer.compute_dtype:
        return _call_of_keras(layer, seen, carried, x, training, mask)
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


def _call_of_keras(
    layer: layers.BatchNormalization, seen: list[Seen], carried: bool, x: tf.Tensor, training: bool, mask: Any = None
) -> tf.Tensor:
    """What Keras does, its own update included; views need what it saw."""
    y = type(layer).call(layer, x, training, mask)
    if carried and layer.trainable:
        mean, variance = ops.moments(x, axes=layer._reduction_axes)
        seen.append(Seen(layer, mean, variance, x.shape.num_elements() // x.shape[-1], updated=True))
    return y


def _move(entries: Iterable[tuple[Seen, Statistics]]) -> None:
    """Move statistics towards what their layers saw."""
    found = list(entries)
    for momentum in sorted({statistics.momentum for _, statistics in found}):
        _move_with([entry for entry in found if entry[1].momentum == momentum], momentum)


def _move_with(entries: list[tuple[Seen, Statistics]], momentum: float) -> None:
    variances = tf.concat([seen.variance for seen, _ in entries], 0)
    if any(statistics.unbiased for _, statistics in entries):
        dtype = variances.dtype.as_numpy_dtype
        counts = [dtype(seen.count) for seen, _ in entries]
        unbiased = [
            count / (count - 1) if statistics.unbiased else dtype(1)
            for count, (_, statistics) in zip(counts, entries, strict=True)
        ]
        variances *= np.repeat(unbiased, [seen.variance.shape[0] for seen, _ in entries])
    found = tf.concat([*(seen.mean for seen, _ in entries), variances], 0)
    variables = [statistics.mean for _, statistics in entries] + [statistics.variance for _, statistics in entries]
    new = tf.concat(variables, 0) * momentum + found * (1.0 - momentum)
    for variable, part in zip(variables, tf.split(new, [variable.shape[0] for variable in variables]), strict=True):
        variable.assign(part)
