"""The backend's steps equal `train_on_batch` over keras.applications' models and Keras' Adam, bit for bit.

`native_tensorflow.py ARCHITECTURE...`
"""

import sys

import numpy as np

from uncrossed.study.trial import Settings, Trial
from uncrossed.training import backends
from uncrossed.training.architectures import load

settings = Settings()
backend = backends.load("tensorflow", settings)
backend.configure(settings)

import keras  # noqa: E402

random = np.random.default_rng(0)
images = {split: random.integers(0, 256, (20, 32, 32, 3), dtype=np.uint8) for split in ("train", "test")}
labels = {split: random.integers(0, 10, 20, dtype=np.uint8) for split in ("train", "test")}
stock = {"vgg16": keras.applications.VGG16, "resnet50": keras.applications.ResNet50, "smallcnn": None}
# The same steps, one in a call, and of smallcnn two as well.
for architecture, together in [(name, 1) for name in sys.argv[1:]] + [("smallcnn", 2)] * ("smallcnn" in sys.argv):
    application = stock[architecture]
    row = {"trial": "t", "architecture": architecture, "learning_rate": 0.01, "batch_size": 8, "adam_epsilon": 1e-4}
    network = load(architecture).on((32, 32, 3), 10)
    learner = backend.Learner(Trial(**row, epochs=1, seed=5), network, settings, images, labels)
    learner.together = together
    logits = learner.train([(0, 8), (8, 16), (16, 20)])
    assert logits.shape == (20, 10)
    assert learner.steps == 3

    keras.utils.set_random_seed(5)
    if application is None:
        model = load("smallcnn").on((32, 32, 3), 10).model("tensorflow")
    else:
        model = application(weights=None, input_shape=(32, 32, 3), classes=10, classifier_activation=None)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01, epsilon=1e-4), loss, jit_compile=False)
    for start, stop in ((0, 8), (8, 16), (16, 20)):
        model.train_on_batch(images["train"][start:stop].astype(np.float32) / 255, labels["train"][start:stop])
    found = learner.weights()
    assert list(found) == [variable.path for variable in model.weights]
    for variable in model.weights:
        assert found[variable.path].tobytes() == variable.numpy().tobytes(), (architecture, variable.path)
    assert type(learner.model) is type(model)
    assert [type(layer) for layer in learner.model.layers] == [type(layer) for layer in model.layers]
    assert type(learner.optimizer) is keras.optimizers.Adam
