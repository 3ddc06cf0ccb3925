"""A perceptron with one hidden layer."""

from uncrossed.training.arrays import Layer
from uncrossed.training.draws import KERAS, PYTORCH

DRAWS = {"pytorch": PYTORCH, "tensorflow": KERAS}


def layers(shape, classes):
    """The name map."""
    height, width, channels = shape
    yield Layer("1", "hidden", "dense", flattened=(channels, height, width))
    yield Layer("3", "logits", "dense")


def parameters(shape, classes):
    """The number of PyTorch's trained parameters."""
    height, width, channels = shape
    return (height * width * channels + 1) * 64 + 65 * classes


def pytorch(shape, classes):
    """It."""
    from torch import nn

    height, width, channels = shape
    return nn.Sequential(nn.Flatten(), nn.Linear(height * width * channels, 64), nn.ReLU(), nn.Linear(64, classes))


def tensorflow(shape, classes):
    """It."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Flatten(name="flatten"),
            layers.Dense(64, activation="relu", name="hidden"),
            layers.Dense(classes, name="logits"),
        ]
    )
