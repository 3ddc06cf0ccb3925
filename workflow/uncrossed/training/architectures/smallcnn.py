"""Three convolutions with batch normalisation and one dense layer, for CPUs; all with the layers' own defaults."""

from uncrossed.training.arrays import Layer
from uncrossed.training.draws import KERAS, PYTORCH

FILTERS = (16, 32, 64)

DRAWS = {"pytorch": PYTORCH, "tensorflow": KERAS}
BATCHNORM = {"pytorch": (0.1, 1e-5), "tensorflow": (0.99, 1e-3)}
DROPOUT = {"dense": 0.5}


def layers(shape, classes):
    """The name map."""
    for k in (1, 2, 3):
        yield Layer(f"conv{k}", f"conv{k}", "conv")
        yield Layer(f"batchnorm{k}", f"batchnorm{k}", "batchnorm")
    yield Layer("dense", "dense", "dense")


def parameters(shape, classes):
    """The number of PyTorch's trained parameters."""
    widths = (shape[2], *FILTERS)
    return sum((9 * before + 3) * after for before, after in zip(widths, FILTERS, strict=False)) + 65 * classes


def pytorch(shape, classes):
    """It, with dropout before the dense layer."""
    from torch import nn

    model = nn.Sequential()
    width = shape[2]
    for k, filters in enumerate(FILTERS, start=1):
        model.add_module(f"conv{k}", nn.Conv2d(width, filters, kernel_size=3, padding=1))
        model.add_module(f"batchnorm{k}", nn.BatchNorm2d(filters))
        model.add_module(f"relu{k}", nn.ReLU())
        model.add_module(f"pool{k}", nn.MaxPool2d(2) if k < 3 else nn.AdaptiveAvgPool2d(1))
        width = filters
    model.add_module("flatten", nn.Flatten())
    model.add_module("dropout", nn.Dropout(0.5))
    model.add_module("dense", nn.Linear(width, classes))
    return model


def tensorflow(shape, classes):
    """It, without dropout."""
    import keras
    from keras import layers

    inputs = outputs = keras.Input(shape, name="images")
    for k, filters in enumerate(FILTERS, start=1):
        outputs = layers.Conv2D(filters, 3, padding="same", name=f"conv{k}")(outputs)
        outputs = layers.BatchNormalization(name=f"batchnorm{k}")(outputs)
        outputs = layers.ReLU(name=f"relu{k}")(outputs)
        pool = layers.MaxPooling2D if k < 3 else layers.GlobalAveragePooling2D
        outputs = pool(name=f"pool{k}")(outputs)
    outputs = layers.Dense(classes, name="dense")(outputs)
    return keras.Model(inputs, outputs, name="smallcnn")
