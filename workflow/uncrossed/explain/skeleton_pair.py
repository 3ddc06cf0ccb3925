"""A tiny convolutional network: put your model's description here."""

from uncrossed.training.arrays import Layer
from uncrossed.training.draws import PYTORCH

# What `uncrossed diff` needs are the two functions `pytorch` and `tensorflow`; replace their bodies by your models.
# They return untrained models. `shape` is (height, width, channels) of an image, `classes` the number of outputs;
# functions without arguments are right, too. PyTorch's model gets images with channels first, Keras' with channels
# last.

# What the models are tried on, unless --shape and --classes say otherwise. For models of words: SHAPE = (LENGTH,) and
# VOCABULARY = 1000. For sequences that both sides take in one layout: SHAPE = (LENGTH, FEATURES).
SHAPE = (8, 8, 3)
CLASSES = 4

# Which PyTorch layer is which Keras layer, where `uncrossed diff` says that it is ambiguous.
PAIRS = {
    # "features.0": "conv2d",
}


def pytorch(shape, classes):
    """PyTorch's side."""
    from torch import nn

    height, width, channels = shape
    return nn.Sequential(
        nn.Conv2d(channels, 8, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(8 * (height // 2) * (width // 2), classes),
    )


def tensorflow(shape, classes):
    """Keras' side."""
    import keras
    from keras import layers
    from keras.initializers import RandomUniform

    def drawn(fan_in):
        # What PyTorch's layers begin with; Keras' own are "glorot_uniform" for kernels and "zeros" for biases.
        bound = fan_in**-0.5
        return {"kernel_initializer": RandomUniform(-bound, bound), "bias_initializer": RandomUniform(-bound, bound)}

    height, width, channels = shape
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Conv2D(8, 3, padding="same", activation="relu", name="conv", **drawn(9 * channels)),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(classes, name="logits", **drawn(8 * (height // 2) * (width // 2))),
        ]
    )


# What both are trained with, if it is to be compared: leave it out, or replace it.


def pytorch_optimizer(parameters):
    """PyTorch's optimizer."""
    import torch

    return torch.optim.SGD(parameters, lr=0.01, momentum=0.9)


def tensorflow_optimizer():
    """Keras' optimizer."""
    import keras

    return keras.optimizers.SGD(learning_rate=0.01, momentum=0.9)


def pytorch_loss():
    """A function of outputs and targets."""
    from torch import nn

    return nn.CrossEntropyLoss()


def tensorflow_loss():
    """A function of targets and outputs."""
    import keras

    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


# The rest is needed to train the pair in a study, and for `uncrossed architecture check`: docs/extending.md has it.
# `uncrossed diff FILE --map` prints the lines of `layers`.


def layers(shape, classes):
    """The name map."""
    height, width, _ = shape
    yield Layer("0", "conv", "conv")
    yield Layer("4", "logits", "dense", flattened=(8, height // 2, width // 2))


def parameters(shape, classes):
    """The number of trained parameters."""
    height, width, channels = shape
    return (9 * channels + 1) * 8 + (8 * (height // 2) * (width // 2) + 1) * classes


# How each side draws its initial weights: here both as PyTorch's layers do.
DRAWS = {"pytorch": PYTORCH, "tensorflow": PYTORCH}
