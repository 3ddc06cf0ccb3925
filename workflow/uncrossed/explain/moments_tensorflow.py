"""What Keras' batch normalisations are given of batches, each of which normalises by the batch's own statistics."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import tensorflow as tf
from keras import layers

from uncrossed.explain.pooling import Moments


def moments(learner: Any, batches: Iterable[tuple[int, int]]) -> Iterator[Moments]:
    """The moments of batches of training examples; the model stays as it is.

    All but batch normalisation does what it does in evaluation.

    Args:
        learner: TensorFlow's.
        batches: the first example of each, and the one after its last.
    """
    noted: dict[int, list[tuple[str, str, int]]] = {}

    def run(start: tf.Tensor, size: int) -> list[tuple[tf.Tensor, tf.Tensor]]:
        seen: list[tuple[tf.Tensor, tf.Tensor]] = []
        changed = [layer for layer in learner.model.layers if isinstance(layer, layers.BatchNormalization)]
        noted[size] = []
        for layer in changed:
            vars(layer)["call"] = partial(_normalise, layer, noted[size], seen)
        try:
            learner.model(learner.batch("train", start, size), training=False)
        finally:
            for layer in changed:
                del vars(layer)["call"]
        return seen

    # Traced: run at once, a Keras model keeps what each of its layers gives until its end.
    traced = tf.function(run, autograph=False, jit_compile=False)
    for start, stop in batches:
        found = traced(tf.constant(start), stop - start)
        for names_and_count, pair in zip(noted[stop - start], found, strict=True):
            yield Moments(*names_and_count, *(one.numpy() for one in pair))


def _normalise(
    layer: layers.BatchNormalization,
    noted: list[tuple[str, str, int]],
    seen: list[tuple[tf.Tensor, tf.Tensor]],
    x: tf.Tensor,
    training: bool | None = None,
    mask: Any = None,
) -> tf.Tensor:
    """Normalise examples x ... x channels, and note the moments of each channel."""
    mean, variance = tf.nn.moments(tf.cast(x, tf.float64), list(range(len(x.shape) - 1)))
    noted.append((layer.moving_mean.path, layer.moving_variance.path, x.shape.num_elements() // x.shape[-1]))
    seen.append((mean, variance))
    beta, gamma = (None if one is None else one.value for one in (layer.beta, layer.gamma))
    mean, variance = (tf.cast(one, x.dtype) for one in (mean, variance))
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, layer.epsilon)
