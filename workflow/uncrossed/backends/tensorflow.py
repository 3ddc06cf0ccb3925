"""TensorFlow's side: keras.applications' models, Keras' Adam, one traced step."""

from collections.abc import Iterable, Mapping

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from uncrossed.backends import DeviceError
from uncrossed.datasets import CLASSES
from uncrossed.identity import cpu
from uncrossed.trial import Settings, Trial

FRAMEWORK = "tensorflow"
SHAPE = (32, 32, 3)


def configure(settings: Settings) -> str:
    """Set threads, precision, determinism and kernels; return the device kind.

    Raises:
        DeviceError: a GPU is asked for and TensorFlow sees none.
    """
    tf.config.threading.set_intra_op_parallelism_threads(settings.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.config.set_floatx(settings.precision)
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


def versions() -> dict[str, str]:
    """Versions of what decides the bits of a result."""
    found = {"tensorflow": tf.__version__, "keras": keras.__version__, "numpy": np.__version__}
    if tf.config.list_physical_devices("GPU"):
        info = tf.sysconfig.get_build_info()
        found |= {"cuda": info["cuda_version"], "cudnn": info["cudnn_version"]}
    return found


def build(row: Trial) -> keras.Model:
    """The row's untrained model, with 10 logits; weights are drawn from the row's seed."""
    keras.utils.set_random_seed(row.seed)
    return MODELS[row.architecture]()


class Learner:
    """A model in training, its optimizer, and the images on its device.

    Attributes:
        model: maps float images, examples x 32 x 32 x 3 in [0, 1], to logits, examples x 10.
        optimizer: Adam as shipped.
    """

    def __init__(
        self, row: Trial, settings: Settings, images: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray]
    ):
        """Build model and optimizer; move the images (uint8 NHWC) and labels (uint8) of both splits to the device."""
        self.images = {split: tf.constant(array) for split, array in images.items()}
        self.labels = {split: tf.constant(array, tf.int32) for split, array in labels.items()}
        self.dtype = getattr(tf, settings.precision)
        self.model = build(row)
        self.loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.optimizer = keras.optimizers.Adam(learning_rate=row.learning_rate, epsilon=row.adam_epsilon)
        self.optimizer.build(self.model.trainable_variables)
        # Bounds are tensors, so that one trace serves every batch, the smaller last one included.
        bounds = [tf.TensorSpec((), tf.int32)] * 2
        self.traced_step = tf.function(self.step, bounds, autograph=False, jit_compile=False)
        self.traced_predict = tf.function(self.predict_batch, bounds, autograph=False, jit_compile=False)

    def train(self, batches: Iterable[tuple[int, int]]) -> np.ndarray:
        """One step on each batch of training examples, in order.

        Returns:
            The logits that the steps saw, examples x 10.
        """
        return tf.concat([self.traced_step(start, stop) for start, stop in batches], axis=0).numpy()

    def step(self, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        """One optimizer step on the training examples from `start` to before `stop`; returns their logits."""
        with tf.GradientTape() as tape:
            logits = self.model(self.batch("train", start, stop), training=True)
            loss = self.loss(self.labels["train"][start:stop], logits)
        weights = self.model.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return logits

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
