"""TensorFlow's side: keras.applications' models, Keras' Adam, one traced step; stock unless the row says otherwise."""

import contextlib
import math
import random
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from uncrossed.datasets.dataset_file import CLASSES
from uncrossed.study.identity import cpu
from uncrossed.study.semantics import effective
from uncrossed.study.trial import Settings, Trial
from uncrossed.training import draws
from uncrossed.training.arrays import to_pytorch, to_tensorflow
from uncrossed.training.backends import DeviceError
from uncrossed.training.backends.tensorflow_as_pytorch import BiasCorrectedAdam, SharedDropout, imitate

FRAMEWORK = "tensorflow"
SHAPE = (32, 32, 3)
# Keras' epsilon and layout of images as it ships.
SHIPPED = 1e-7, "channels_last"
# One call takes several steps on small batches, of this many examples together, in trainings of so many steps that the
# longer compilation (0.2 to 3 s) pays: it saves 0.4 ms of 3.2 a step for smallcnn on a CPU, 3 of 125 for densenet121.
TOGETHER, LONG = 256, 2000


def configure(settings: Settings) -> str:
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
        info = tf.sysconfig.get_build_info()
        found |= {"cuda": info["cuda_version"], "cudnn": info["cudnn_version"]}
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


def structure(row: Trial, mechanisms: Mapping[str, str]) -> keras.Model:
    """The row's model, with 10 logits; its weights are whatever the process draws."""
    model = MODELS[row.architecture]()
    return imitate(model, row, mechanisms) if mechanisms else model


def build(row: Trial, mechanisms: Mapping[str, str]) -> keras.Model:
    """The row's untrained model; weights are drawn from the row's seed."""
    keras.utils.set_random_seed(row.seed)
    model = structure(row, mechanisms)
    if "initializer" in mechanisms:
        known = to_pytorch(row.architecture, {variable.path: variable.numpy() for variable in model.weights})
        shapes = {name: array.shape for name, array in known.items()}
        key = mechanisms.get("initial_weights", FRAMEWORK)
        drawn = draws.initial_weights(row.architecture, mechanisms["initializer"], row.seed, shapes, key)
        set_weights(model, to_tensorflow(row.architecture, drawn))
    return model


def set_weights(model: keras.Model, weights: Mapping[str, np.ndarray]) -> None:
    """Set some or all of a model's variables by their Keras path."""
    for variable in model.weights:
        if variable.path in weights:
            variable.assign(weights[variable.path])


def loss_gradient(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The gradient of the training loss, a mean over examples, with respect to the logits; examples x 10."""
    tensor = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, tensor)
    return tape.gradient(loss, tensor).numpy()


class Learner:
    """A model in training, its optimizer, and the images on its device.

    Attributes:
        model: maps float images, examples x 32 x 32 x 3 in [0, 1], to logits, examples x 10.
        optimizer: Adam, as shipped unless the row says otherwise.
        steps: how many optimizer steps were taken.
    """

    def __init__(
        self, row: Trial, settings: Settings, images: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray]
    ):
        """Build model and optimizer; move the images (uint8 NHWC) and labels (uint8) of both splits to the device."""
        self.images = {split: tf.constant(array) for split, array in images.items()}
        self.labels = {split: tf.constant(array, tf.int32) for split, array in labels.items()}
        self.dtype = getattr(tf, settings.precision)
        self.seed, self.steps = row.seed, 0
        mechanisms = effective(row.semantics, FRAMEWORK, row.architecture)
        self.model = build(row, mechanisms)
        weights = {id(variable) for variable in self.model.weights}
        # Of dropout layers; their paths depend on what the process built before.
        self.generators = [variable for variable in self.model.variables if id(variable) not in weights]
        self.masked = [layer for layer in self.model.layers if isinstance(layer, SharedDropout)]
        self.features = self.masked[0].output.shape[-1] if self.masked else 0
        # It computes in the precision that is set when it is made.
        self.loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        adam = BiasCorrectedAdam if "adam_epsilon" in mechanisms else keras.optimizers.Adam
        self.optimizer = adam(learning_rate=row.learning_rate, epsilon=row.adam_epsilon)
        self.optimizer.build(self.model.trainable_variables)
        steps = row.epochs * math.ceil(len(labels["train"]) / row.batch_size)
        self.together = max(1, TOGETHER // row.batch_size) if steps >= LONG and not self.masked else 1
        # Bounds are tensors, so that one trace serves every batch, the smaller last one included.
        bounds = [tf.TensorSpec((), tf.int32)] * 2
        masks = [tf.TensorSpec((None, self.features), tf.float32)] * len(self.masked)
        self.traced_step = tf.function(self.step, [*bounds, *masks], autograph=False, jit_compile=False)
        several = [tf.TensorSpec((None, 2), tf.int32)]
        self.traced_steps = tf.function(self.several_steps, several, autograph=False, jit_compile=False)
        self.traced_predict = tf.function(self.predict_batch, bounds, autograph=False, jit_compile=False)

    def train(self, batches: Iterable[tuple[int, int]]) -> np.ndarray:
        """One step on each batch of training examples, in order.

        Returns:
            The logits that the steps saw, examples x 10.
        """
        logits, batches = [], iter(batches)
        while several := list(islice(batches, self.together)):
            if self.together > 1:
                logits.append(self.traced_steps(several))
            else:
                ((start, stop),) = several
                shape = (stop - start, self.features)
                masks = [draws.dropout_mask(self.seed, self.steps, k, shape) for k in range(len(self.masked))]
                logits.append(self.traced_step(start, stop, *masks))
            self.steps += len(several)
        return tf.concat(logits, axis=0).numpy()

    def step(self, start: tf.Tensor, stop: tf.Tensor, *masks: tf.Tensor) -> tf.Tensor:
        """One optimizer step on the training examples from `start` to before `stop`; returns their logits."""
        for layer, mask in zip(self.masked, masks, strict=True):
            layer.mask = mask
        with tf.GradientTape() as tape:
            logits = self.model(self.batch("train", start, stop), training=True)
            loss = self.loss(self.labels["train"][start:stop], logits)
        weights = self.model.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return logits

    def several_steps(self, batches: tf.Tensor) -> tf.Tensor:
        """One step on each batch, bounds as int32, steps x 2; returns the logits of all their examples."""

        def step(k: tf.Tensor, logits: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            return k + 1, logits.write(k, self.step(batches[k, 0], batches[k, 1]))

        count = tf.shape(batches)[0]
        none = tf.TensorArray(self.dtype, count, infer_shape=False, element_shape=(None, CLASSES))
        return tf.while_loop(lambda k, _: k < count, step, (0, none), parallel_iterations=1)[1].concat()

    def predict(self, batches: Iterable[tuple[int, int]]) -> np.ndarray:
        """Logits of the test examples in evaluation mode, examples x 10."""
        return tf.concat([self.traced_predict(start, stop) for start, stop in batches], axis=0).numpy()

    def predict_batch(self, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        """Logits of the test examples from `start` to before `stop`."""
        return self.model(self.batch("test", start, stop), training=False)

    def batch(self, split: str, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        """The images from `start` to before `stop` as floats in [0, 1], examples x 32 x 32 x 3."""
        return tf.cast(self.images[split][start:stop], self.dtype) / 255

    def weights(self) -> dict[str, np.ndarray]:
        """Copies of the model's variables by their Keras path, in model order."""
        return {variable.path: variable.numpy().copy() for variable in self.model.weights}

    def set_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        """Set some or all of the model's variables by their Keras path."""
        set_weights(self.model, weights)

    def moments(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Adam's first and second moments by the weights' paths; zeros before the first step."""
        paths = [variable.path for variable in self.model.trainable_variables]
        first, second = (
            {path: moment.numpy() for path, moment in zip(paths, moments, strict=True)}
            for moments in (self.optimizer._momentums, self.optimizer._velocities)
        )
        return first, second

    def set_moments(self, steps: int, first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray]) -> None:
        """Set the number of steps taken and Adam's moments of some or all weights."""
        self.steps = steps
        self.optimizer.iterations.assign(steps)
        for k, variable in enumerate(self.model.trainable_variables):
            for moments, values in ((self.optimizer._momentums, first), (self.optimizer._velocities, second)):
                moments[k].assign(values.get(variable.path, np.zeros(variable.shape)))

    def random(self) -> dict[str, np.ndarray]:
        """The states of the random generators."""
        return {str(k): generator.numpy().copy() for k, generator in enumerate(self.generators)}

    def set_random(self, states: Mapping[str, np.ndarray]) -> None:
        """Set the states of the random generators."""
        for k, generator in enumerate(self.generators):
            generator.assign(states[str(k)])


def vgg16() -> keras.Model:
    """keras.applications' VGG16 for 32 x 32 images."""
    return keras.applications.VGG16(weights=None, input_shape=SHAPE, classes=CLASSES, classifier_activation=None)


def resnet50() -> keras.Model:
    """keras.applications' ResNet50 for 32 x 32 images."""
    return keras.applications.ResNet50(weights=None, input_shape=SHAPE, classes=CLASSES, classifier_activation=None)


def densenet121() -> keras.Model:
    """keras.applications' DenseNet121 for 32 x 32 images."""
    return keras.applications.DenseNet121(weights=None, input_shape=SHAPE, classes=CLASSES, classifier_activation=None)


def smallcnn() -> keras.Model:
    """Three convolutions with batch normalisation and a dense layer, all with Keras' layer defaults."""
    inputs = outputs = keras.Input(SHAPE, name="images")
    for k, filters in enumerate((16, 32, 64), start=1):
        outputs = layers.Conv2D(filters, 3, padding="same", name=f"conv{k}")(outputs)
        outputs = layers.BatchNormalization(name=f"batchnorm{k}")(outputs)
        outputs = layers.ReLU(name=f"relu{k}")(outputs)
        pool = layers.MaxPooling2D if k < 3 else layers.GlobalAveragePooling2D
        outputs = pool(name=f"pool{k}")(outputs)
    outputs = layers.Dense(CLASSES, name="dense")(outputs)
    return keras.Model(inputs, outputs, name="smallcnn")


MODELS = {"vgg16": vgg16, "resnet50": resnet50, "densenet121": densenet121, "smallcnn": smallcnn}
