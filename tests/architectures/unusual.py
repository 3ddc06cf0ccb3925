"""Batch normalisation as few models have it: called twice, without scale and shift; and dropout on both sides."""

from uncrossed.training.arrays import Layer
from uncrossed.training.draws import KERAS, PYTORCH

DRAWS = {"pytorch": PYTORCH, "tensorflow": KERAS}
BATCHNORM = {"pytorch": (0.1, 1e-5), "tensorflow": (0.99, 1e-3)}
DROPOUT = {"dropout": 0.5}
DROPOUT_IN_BOTH = True


def layers(shape, classes):
    """The name map."""
    yield Layer("first", "first", "conv")
    yield Layer("twice", "twice", "batchnorm")
    yield Layer("second", "second", "conv")
    yield Layer("plain", "plain", "batchnorm")
    yield Layer("logits", "logits", "dense")


def parameters(shape, classes):
    """The number of PyTorch's trained parameters."""
    return 9 * shape[2] * 8 + 8 + 16 + 9 * 8 * 8 + 8 + 9 * classes


def pytorch(shape, classes):
    """It, in PyTorch."""
    import torch
    from torch import nn

    class Unusual(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(shape[2], 8, 3, stride=2)
            self.twice = nn.BatchNorm2d(8)
            self.second = nn.Conv2d(8, 8, 3)
            self.plain = nn.BatchNorm2d(8, affine=False)
            self.dropout = nn.Dropout(0.5)
            self.logits = nn.Linear(8, classes)

        def forward(self, images):
            x = torch.relu(self.twice(self.first(images)))
            x = self.plain(torch.relu(self.twice(self.second(x))))
            return self.logits(self.dropout(x.mean(dim=(2, 3))))

    return Unusual()


def tensorflow(shape, classes):
    """It, in Keras."""
    import keras
    from keras import layers

    images = keras.Input(shape)
    twice = layers.BatchNormalization(name="twice")
    x = layers.ReLU()(twice(layers.Conv2D(8, 3, strides=2, name="first")(images)))
    x = layers.ReLU()(twice(layers.Conv2D(8, 3, name="second")(x)))
    x = layers.BatchNormalization(name="plain", scale=False, center=False)(x)
    x = layers.Dropout(0.5, name="dropout")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(images, layers.Dense(classes, name="logits")(x))
