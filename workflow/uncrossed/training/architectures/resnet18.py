"""ResNet18: torchvision's, and the same blocks in Keras with the conventions of keras.applications' ResNet50.

keras.applications has none. What is written here for it has, as its ResNet50, a bias in every convolution, its batch
normalisation's momentum and epsilon, its names, and zero padding of its own before strided convolutions.
"""

from uncrossed.training.arrays import Layer
from uncrossed.training.draws import KERAS, PYTORCH, he_normal_fan_out, zeros

FILTERS = (64, 128, 256, 512)

DRAWS = {
    "pytorch": PYTORCH | {"conv.weight": he_normal_fan_out, "conv.bias": zeros},
    "tensorflow": KERAS,
}
BATCHNORM = {"pytorch": (0.1, 1e-5), "tensorflow": (0.99, 1.001e-5)}
CONV_BIAS = "tensorflow"


def layers(shape, classes):
    """The name map."""
    yield Layer("conv1", "conv1_conv", "conv")
    yield Layer("bn1", "conv1_bn", "batchnorm")
    for stage in (1, 2, 3, 4):
        for block in (0, 1):
            theirs, ours = f"conv{stage + 1}_block{block + 1}", f"layer{stage}.{block}"
            for k in (1, 2):
                yield Layer(f"{ours}.conv{k}", f"{theirs}_{k}_conv", "conv")
                yield Layer(f"{ours}.bn{k}", f"{theirs}_{k}_bn", "batchnorm")
            if block == 0 and stage > 1:
                yield Layer(f"{ours}.downsample.0", f"{theirs}_0_conv", "conv")
                yield Layer(f"{ours}.downsample.1", f"{theirs}_0_bn", "batchnorm")
    yield Layer("fc", "predictions", "dense")


def parameters(shape, classes):
    """The number of PyTorch's trained parameters."""
    return 11_176_512 + 7 * 7 * (shape[2] - 3) * 64 + 513 * classes


def pytorch(shape, classes):
    """Torchvision's ResNet18."""
    import torchvision
    from torch import nn

    model = torchvision.models.resnet18(num_classes=classes)
    if shape[2] != 3:
        model.conv1 = nn.Conv2d(shape[2], 64, kernel_size=7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
    return model


def tensorflow(shape, classes):
    """The same in Keras."""
    import keras
    from keras import layers

    def normalised(x, name):
        return layers.BatchNormalization(epsilon=1.001e-5, name=name)(x)

    def convolved(x, filters, strides, name):
        if strides == 1:
            return layers.Conv2D(filters, 3, padding="same", name=name)(x)
        x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
        return layers.Conv2D(filters, 3, strides=strides, name=name)(x)

    def block(x, filters, strides, name):
        shortcut = x
        if strides > 1:
            shortcut = layers.Conv2D(filters, 1, strides=strides, name=f"{name}_0_conv")(x)
            shortcut = normalised(shortcut, f"{name}_0_bn")
        x = normalised(convolved(x, filters, strides, f"{name}_1_conv"), f"{name}_1_bn")
        x = layers.Activation("relu", name=f"{name}_1_relu")(x)
        x = normalised(convolved(x, filters, 1, f"{name}_2_conv"), f"{name}_2_bn")
        x = layers.Add(name=f"{name}_add")([shortcut, x])
        return layers.Activation("relu", name=f"{name}_out")(x)

    inputs = keras.Input(shape, name="images")
    x = layers.ZeroPadding2D(3, name="conv1_pad")(inputs)
    x = layers.Conv2D(64, 7, strides=2, name="conv1_conv")(x)
    x = layers.Activation("relu", name="conv1_relu")(normalised(x, "conv1_bn"))
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    for stage, filters in enumerate(FILTERS, start=2):
        for number in (1, 2):
            strides = 2 if number == 1 and stage > 2 else 1
            x = block(x, filters, strides, f"conv{stage}_block{number}")
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    return keras.Model(inputs, layers.Dense(classes, name="predictions")(x), name="resnet18")
