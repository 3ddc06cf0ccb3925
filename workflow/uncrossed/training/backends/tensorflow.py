"""TensorFlow's side: Keras' model, optimizer and one traced step; stock unless the row says otherwise."""

import contextlib
import math
import random
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from uncrossed.common import cuda
from uncrossed.training import draws
from uncrossed.training.architectures import Network
from uncrossed.training.arrays import to_pytorch, to_tensorflow
from uncrossed.training.backends import DeviceError, cpu, tensorflow_batchnorm
from uncrossed.training.backends.tensorflow_as_pytorch import SharedDropout, imitate
from uncrossed.training.backends.tensorflow_views import Views
from uncrossed.training.effective import effective
from uncrossed.training.optimizers import adam
from uncrossed.training.views import Ways

FRAMEWORK = "tensorflow"
# Keras' epsilon and layout of images as it ships.
SHIPPED = 1e-7, "channels_last"
# One call takes several steps on small batches, of this many examples together, in trainings of so many steps that the
# longer compilation (0.2 to 3 s) pays: it saves 0.4 ms of 3.2 a step for smallcnn on a CPU, 3 of 125 for densenet121.
TOGETHER, LONG = 256, 2000


def configure(settings: Any) -> str:
    """Set threads, precision, determinism and kernels; return the device kind.

    TensorFlow's kernels share a pool of its own, which has the threads that it is told to have.

    Raises:
        DeviceError: a GPU is asked for and TensorFlow sees none.
    """
    tf.config.threading.set_intra_op_parallelism_threads(settings.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    _set_keras(settings.precision, settings.precision, *SHIPPED)
    if settings.deterministic:
        tf.config.experimental.enable_op_determinism()
    # Grappler rewrites the graph: slower to start, no faster to run, and other bits.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    tf.config.experimental.enable_tensor_float_32_execution(settings.tf32)
    if settings.device == "cpu":
        tf.config.set_visible_devices([], "GPU")
        return cpu()
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        cuda = tf.sysconfig.get_build_info().get("cuda_version", "none")
        raise DeviceError(f"the job asks for a GPU and TensorFlow {tf.__version__} (CUDA {cuda}) sees none")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    return f"gpu {tf.config.experimental.get_device_details(gpus[0]).get('device_name', 'unknown')}"


def _set_keras(floatx: str, policy: str | keras.DTypePolicy, epsilon: float, data_format: str) -> None:
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)
    keras.config.set_epsilon(epsilon)
    keras.config.set_image_data_format(data_format)


def versions() -> dict[str, str]:
    """Versions of what decides the bits of a result."""
    found = {"tensorflow": tf.__version__, "keras": keras.__version__, "numpy": np.__version__}
    if tf.config.list_physical_devices("GPU"):
        # Looking for GPUs has loaded the libraries.
        found |= {"cuda": tf.sysconfig.get_build_info()["cuda_version"], **cuda.versions()}
    return found


@contextlib.contextmanager
def surroundings(precision: str) -> Iterator[None]:
    """All that a built model depends on besides its row, while the block runs: the process may be its user's."""
    config = keras.config
    before = config.floatx(), config.dtype_policy(), config.epsilon(), config.image_data_format()
    states = random.getstate(), np.random.get_state()
    _set_keras(precision, precision, *SHIPPED)
    try:
        yield
    finally:
        _set_keras(*before)
        random.setstate(states[0])
        np.random.set_state(states[1])


def structure(network: Network, mechanisms: Mapping[str, str]) -> keras.Model:
    """The network's model; its weights are whatever the process draws."""
    model = network.model(FRAMEWORK)
    if isinstance(model, keras.Sequential):
        # Its variables are named after it, and it after how many the process has made; and only others can be changed.
        stock, model = model, keras.models.clone_model(keras.Model(model.inputs, model.outputs))
        model.set_weights(stock.get_weights())
    return imitate(model, network, mechanisms) if mechanisms else model


def build(seed: int, network: Network, mechanisms: Mapping[str, str]) -> keras.Model:
    """The network's untrained model; weights are drawn from the seed."""
    keras.utils.set_random_seed(seed)
    model = structure(network, mechanisms)
    if "initializer" in mechanisms:
        scheme, key = mechanisms["initializer"], mechanisms.get("initial_weights", FRAMEWORK)
        known = to_pytorch(network.layers, {variable.path: variable.numpy() for variable in model.weights})
        shapes = {name: array.shape for name, array in known.items()}
        drawn = draws.initial_weights(network.layers, network.scheme(scheme), seed, shapes, key, scheme)
        set_weights(model, to_tensorflow(network.layers, drawn))
    return model


def set_weights(model: keras.Model, weights: Mapping[str, np.ndarray]) -> None:
    """Set some or all of a model's variables by their Keras path."""
    for variable in model.weights:
        if variable.path in weights:
            variable.assign(weights[variable.path])


def loss_gradient(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The gradient of the training loss, a mean over examples, with respect to the logits; examples x classes."""
    return cross_entropy_gradient(tf.constant(logits), tf.constant(labels, tf.int32), deterministic=True).numpy()


def cross_entropy_gradient(logits: tf.Tensor, labels: tf.Tensor, deterministic: bool) -> tf.Tensor:
    """The gradient of Keras' loss, a mean over examples, with respect to the logits; without the loss, bit for bit.

    Args:
        logits: float, examples x classes, their number known.
        labels: integers, examples.
        deterministic: in the operations that Keras' loss comes to under TensorFlow's determinism.
    """
    size, classes = logits.shape
    share = tf.constant(1, logits.dtype) / size
    if not deterministic:
        return share * tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(features=logits, labels=labels).backprop
    softmax = tf.exp(tf.nn.log_softmax(logits))
    return tf.one_hot(labels, classes, -share, tf.constant(0, logits.dtype)) + share * softmax


class Learner:
    """A model in training, its optimizer, and the images on its device.

    Attributes:
        model: maps float images, examples x height x width x channels in [0, 1], to logits, examples x classes.
        optimizer: as shipped unless the row says otherwise.
        steps: how many optimizer steps were taken.
        views: the running statistics of other evaluation mechanisms.
    """

    def __init__(
        self,
        row: Any,
        network: Network,
        settings: Any,
        images: Mapping[str, np.ndarray],
        labels: Mapping[str, np.ndarray],
        ways: Mapping[str, Ways] | None = None,
    ):
        """Build model and optimizer; move the images (uint8 NHWC) and labels (integers) of both splits to the device.

        Args:
            row: hyperparameters, seed and semantics.
            network: the row's architecture on the images' shape and classes.
            settings: device, precision and more.
            images: of each split.
            labels: of each split.
            ways: the views to carry by name, as `views.others` gives them.
        """
        self.images = {split: tf.constant(array) for split, array in images.items()}
        self.labels = {split: tf.constant(array, tf.int32) for split, array in labels.items()}
        self.dtype, self.classes = getattr(tf, settings.precision), network.classes
        self.seed, self.steps, self.deterministic = row.seed, 0, settings.deterministic
        mechanisms = effective(row.semantics, FRAMEWORK, network.architecture.touching)
        self.model = build(row.seed, network, mechanisms)
        self.views = Views(self.model, network.architecture, ways or {})
        weights = {id(variable) for variable in self.model.weights}
        # Random generators of dropout layers: numbered, for their paths depend on what the process built before.
        self.generators = [variable for variable in self.model.variables if id(variable) not in weights]
        self.masked = [layer for layer in self.model.layers if isinstance(layer, SharedDropout)]
        self.optimizer = adam.tensorflow(self.model.trainable_variables, row, mechanisms)
        steps = row.epochs * math.ceil(len(labels["train"]) / row.batch_size)
        self.together = max(1, TOGETHER // row.batch_size) if steps >= LONG and not self.masked else 1
        # Shapes are static: one trace for full batches, and one for the smaller last one.
        self.size, traced = row.batch_size, partial(tf.function, autograph=False, jit_compile=False)
        self.traced_step, self.traced_predict = traced(self.step), traced(self.predict_batch)
        self.traced_steps = traced(self.several_steps, [tf.TensorSpec((None,), tf.int32)])

    def train(self, batches: Iterable[tuple[int, int]]) -> np.ndarray:
        """One step on each batch of training examples, in order.

        Returns:
            The logits that the steps saw, examples x classes.
        """
        logits, batches = [], iter(batches)
        while several := list(islice(batches, self.together)):
            full = [start for start, stop in several if stop - start == self.size]
            if self.together > 1 and full:
                logits.append(self.traced_steps(tf.constant(full)))
                self.steps += len(full)
            for start, stop in several[len(full) :] if self.together > 1 else several:
                logits.append(self.traced_step(tf.constant(start), stop - start, *self.masks(stop - start)))
                self.steps += 1
        return tf.concat(logits, axis=0).numpy()

    def masks(self, size: int) -> list[tf.Tensor]:
        """The factors of the next step's dropout that is drawn outside TensorFlow."""
        shapes = [(size, *layer.output.shape[1:]) for layer in self.masked]
        drawn = enumerate(zip(shapes, self.masked, strict=True))
        return [tf.constant(draws.dropout_mask(self.seed, self.steps, k, s, layer.rate)) for k, (s, layer) in drawn]

    def step(self, start: tf.Tensor, size: int, *masks: tf.Tensor) -> tf.Tensor:
        """One optimizer step on `size` training examples from `start` on; returns their logits."""
        for layer, mask in zip(self.masked, masks, strict=True):
            layer.mask = mask
        return self.learn(self.batch("train", start, size), tf.slice(self.labels["train"], [start], [size]))

    def learn(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """One optimizer step on a batch, float images and integer labels; returns their logits."""
        weights = self.model.trainable_variables
        with tf.GradientTape() as tape, tensorflow_batchnorm.together(self.model, self.views):
            logits = self.model(images, training=True)
        upstream = cross_entropy_gradient(logits, labels, self.deterministic)
        # Where the logits depend on no such weight, Keras leaves it alone, and so does Adam at gradients of zero.
        gradients = tape.gradient(logits, weights, upstream, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        self.optimizer.apply(gradients, weights)
        return logits

    def several_steps(self, starts: tf.Tensor) -> tf.Tensor:
        """One step on each of the full batches that start there; returns the logits of all their examples."""

        def step(k: tf.Tensor, logits: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            return k + 1, logits.write(k, self.step(starts[k], self.size))

        count = tf.size(starts)
        none = tf.TensorArray(self.dtype, count, element_shape=(self.size, self.classes))
        return tf.while_loop(lambda k, _: k < count, step, (0, none), parallel_iterations=1)[1].concat()

    def predict(self, batches: Iterable[tuple[int, int]]) -> np.ndarray:
        """Logits of the test examples in evaluation mode, examples x classes."""
        logits = [self.traced_predict(tf.constant(start), stop - start) for start, stop in batches]
        return tf.concat(logits, axis=0).numpy()

    def predict_batch(self, start: tf.Tensor, size: int) -> tf.Tensor:
        """Logits of `size` test examples from `start` on."""
        return self.model(self.batch("test", start, size), training=False)

    def batch(self, split: str, start: tf.Tensor, size: int) -> tf.Tensor:
        """The images from `start` on as floats in [0, 1], `size` examples x height x width x channels."""
        images = self.images[split][start : start + size]
        images.set_shape((size, *images.shape[1:]))
        return tf.cast(images, self.dtype) / 255

    def weights(self) -> dict[str, np.ndarray]:
        """Copies of the model's variables by their Keras path, in model order."""
        return {variable.path: variable.numpy().copy() for variable in self.model.weights}

    def set_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        """Set some or all of the model's variables by their Keras path."""
        set_weights(self.model, weights)

    def optimizer_state(self) -> dict[str, dict[str, np.ndarray]]:
        """The optimizer's arrays by slot and the weights' paths; zeros before the first step."""
        return adam.tensorflow_state(self.optimizer)

    def set_optimizer_state(self, steps: int, state: Mapping[str, Mapping[str, np.ndarray]]) -> None:
        """Set the number of steps taken and the optimizer's arrays of some or all weights; the others are zero."""
        self.steps = steps
        adam.set_tensorflow_state(self.optimizer, steps, state)

    def random(self) -> dict[str, np.ndarray]:
        """The states of the random generators."""
        return {str(k): generator.numpy().copy() for k, generator in enumerate(self.generators)}

    def set_random(self, states: Mapping[str, np.ndarray]) -> None:
        """Set the states of the random generators."""
        for k, generator in enumerate(self.generators):
            generator.assign(states[str(k)])
