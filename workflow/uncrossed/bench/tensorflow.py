"""What the loop is measured against in TensorFlow: the bare step, and the plain program that a user would write."""

from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf

from uncrossed.study.trial import Settings, Trial
from uncrossed.training.architectures import Network
from uncrossed.training.backends import tensorflow


def wait() -> None:
    """Until the device has done what it was given."""
    if tf.config.list_physical_devices("GPU"):
        tf.test.experimental.sync_devices()


def memory() -> int:
    """Peak of the GPU's memory so far in MB; 0 without one."""
    if not tf.config.list_physical_devices("GPU"):
        return 0
    return round(tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**20)


def bare(learner: tensorflow.Learner, size: int) -> Callable[[int], None]:
    """Steps of a learner's model and optimizer on one batch that is on the device already: the limit of any loop."""
    images, labels = tf.identity(learner.batch("train", 0, size)), tf.identity(learner.labels["train"][:size])
    step = tf.function(learner.learn, autograph=False, jit_compile=False)

    def run(steps: int) -> None:
        for _ in range(steps):
            logits = step(images, labels)
        logits.numpy()

    return run


def plain(
    row: Trial,
    network: Network,
    settings: Settings,
    images: Mapping[str, np.ndarray],
    labels: Mapping[str, np.ndarray],
) -> Callable[[int], None]:
    """Steps of a plain program: `model.fit` on float arrays, with TensorFlow's optimization of graphs as it ships."""
    model = tensorflow.build(row.seed, network, {})
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=row.learning_rate, epsilon=row.adam_epsilon),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,  # as with determinism, where Keras leaves XLA off
    )
    floats, targets = images["train"].astype(np.float32) / 255, labels["train"].astype(np.int32)

    def run(steps: int) -> None:
        count = steps * row.batch_size
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})
        shuffle = settings.order == "shuffled"
        model.fit(floats[:count], targets[:count], batch_size=row.batch_size, shuffle=shuffle, verbose=0)
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})

    return run
