"""Two convolutions with biases, one of them before batch normalisation, flattened before a dense layer."""

from uncrossed.training.arrays import Layer
from uncrossed.training.draws import KERAS, PYTORCH

DRAWS = {"pytorch": PYTORCH, "tensorflow": KERAS}
BATCHNORM = {"pytorch": (0.1, 1e-5), "tensorflow": (0.99, 1e-3)}


def layers(shape, classes):
    """The name map."""
    height, width, _ = shape
    yield Layer("first", "first", "conv")
    yield Layer("norm", "norm", "batchnorm")
    yield Layer("second", "second", "conv")
    yield Layer("dense", "dense", "dense", flattened=(12, height // 2, width // 2))


def parameters(shape, classes):
    """The number of PyTorch's trained parameters."""
    height, width, channels = shape
    return (9 * channels + 1) * 8 + 16 + (9 * 8 + 1) * 12 + (12 * (height // 2) * (width // 2) + 1) * classes


def pytorch(shape, classes):
    """It."""
    from collections import OrderedDict

    from torch import nn

    height, width, channels = shape
    return nn.Sequential(
        OrderedDict(
            first=nn.Conv2d(channels, 8, 3, padding=1),
            norm=nn.BatchNorm2d(8),
            relu=nn.ReLU(),
            pool=nn.MaxPool2d(2),
            second=nn.Conv2d(8, 12, 3, padding=1),
            relu2=nn.ReLU(),
            flatten=nn.Flatten(),
            dense=nn.Linear(12 * (height // 2) * (width // 2), classes),
        )
    )


def tensorflow(shape, classes):
    """It."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Conv2D(8, 3, padding="same", name="first"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="relu"),
            layers.MaxPooling2D(2, name="pool"),
            layers.Conv2D(12, 3, padding="same", activation="relu", name="second"),
            layers.Flatten(name="flatten"),
            layers.Dense(classes, name="dense"),
        ]
    )
