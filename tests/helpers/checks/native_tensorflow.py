"""The backend's steps equal Keras' own over the same model, bit for bit: its layers, its loss and its Adam.

`native_tensorflow.py SEMANTICS ARCHITECTURE...`; `native` is compared with `train_on_batch` over keras.applications'
models.
"""

import sys

import numpy as np

from uncrossed.study.trial import Settings, Trial
from uncrossed.training import backends, draws
from uncrossed.training.architectures import load
from uncrossed.training.effective import effective

settings = Settings()
backend = backends.load("tensorflow", settings)
backend.configure(settings)

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

SIZE, EXAMPLES, SEED = 8, 36, 5
BATCHES = [(start, min(start + SIZE, EXAMPLES)) for start in range(0, EXAMPLES, SIZE)]
random = np.random.default_rng(0)
images = {split: random.integers(0, 256, (EXAMPLES, 32, 32, 3), dtype=np.uint8) for split in ("train", "test")}
labels = {split: random.integers(0, 10, EXAMPLES, dtype=np.uint8) for split in ("train", "test")}
applications = keras.applications
STOCK = {"vgg16": applications.VGG16, "resnet50": applications.ResNet50, "densenet121": applications.DenseNet121}


class PyTorchsAdam(keras.optimizers.Adam):
    """Keras' optimizer with PyTorch's update, weight by weight: epsilon after bias correction, in float64."""

    def update_step(self, gradient, variable, learning_rate):
        """Update one weight; Keras' learning rate is a float32."""
        index = self._get_variable_index(variable)
        m, v = self._momentums[index], self._velocities[index]
        step = tf.cast(self.iterations + 1, tf.float64)
        correction1 = 1 - tf.constant(self.beta_1, tf.float64) ** step
        correction2 = tf.sqrt(1 - tf.constant(self.beta_2, tf.float64) ** step)
        m.assign_add((gradient - m) * (1 - self.beta_1))
        v.assign(v * self.beta_2 + (1 - self.beta_2) * gradient * gradient)
        size = tf.cast(0.01 / correction1, gradient.dtype)
        variable.assign_sub(size * m / (tf.sqrt(v) / tf.cast(correction2, gradient.dtype) + self.epsilon))


def stock(architecture: str) -> keras.Model:
    """The model as its maker has it, trained by Keras' own program."""
    keras.utils.set_random_seed(SEED)
    if architecture in STOCK:
        options = {"weights": None, "input_shape": (32, 32, 3), "classes": 10, "classifier_activation": None}
        model = STOCK[architecture](**options)
    else:
        model = load(architecture).on((32, 32, 3), 10).model("tensorflow")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01, epsilon=1e-4), loss, jit_compile=False)
    for start, stop in BATCHES:
        model.train_on_batch(images["train"][start:stop].astype(np.float32) / 255, labels["train"][start:stop])
    return model


def imitation(trial: Trial) -> keras.Model:
    """A model that imitates PyTorch's, trained by a plain loop."""
    network = load(trial.architecture).on((32, 32, 3), 10)
    mechanisms = effective(trial.semantics, "tensorflow", {*network.architecture.touching, *trial.touching})
    model = backend.build(SEED, network, mechanisms)
    masked = [layer for layer in model.layers if type(layer).__name__ == "SharedDropout"]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    kind = PyTorchsAdam if "adam_epsilon" in mechanisms else keras.optimizers.Adam
    optimizer = kind(0.01, epsilon=1e-4)

    @tf.function(reduce_retracing=True, autograph=False, jit_compile=False)
    def learn(images: tf.Tensor, labels: tf.Tensor, *masks: tf.Tensor) -> None:
        for layer, mask in zip(masked, masks, strict=True):
            layer.mask = mask
        with tf.GradientTape() as tape:
            found = loss(labels, model(images, training=True))
        weights = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(found, weights), weights, strict=True))

    optimizer.build(model.trainable_variables)
    for step, (start, stop) in enumerate(BATCHES):
        masks = [
            tf.constant(draws.dropout_mask(SEED, step, k, (stop - start, *layer.output.shape[1:]), layer.rate))
            for k, layer in enumerate(masked)
        ]
        floats = tf.constant(images["train"][start:stop].astype(np.float32) / 255)
        learn(floats, tf.constant(labels["train"][start:stop]), *masks)
    return model


for architecture in sys.argv[2:]:
    row = {"trial": "t", "architecture": architecture, "learning_rate": 0.01, "batch_size": SIZE, "adam_epsilon": 1e-4}
    trial = Trial(**row, epochs=1, seed=SEED, semantics=sys.argv[1])
    expected = stock(architecture) if sys.argv[1] == "native" else imitation(trial)
    # The same steps, one in a call, and of smallcnn two as well.
    for together in (1, 2) if architecture == "smallcnn" and sys.argv[1] == "native" else (1,):
        learner = backend.Learner(trial, load(architecture).on((32, 32, 3), 10), settings, images, labels)
        learner.together = together
        logits = learner.train(BATCHES)
        assert logits.shape == (EXAMPLES, 10)
        assert learner.steps == len(BATCHES)
        found = learner.weights()
        assert list(found) == [variable.path for variable in expected.weights]
        for variable in expected.weights:
            assert found[variable.path].tobytes() == variable.numpy().tobytes(), (architecture, variable.path)
        assert type(learner.model) is type(expected)
        assert [type(layer) for layer in learner.model.layers] == [type(layer) for layer in expected.layers]
