"""DenseNet121 of torchvision and keras.applications."""

from uncrossed.training.arrays import Layer
from uncrossed.training.draws import KERAS, PYTORCH, he_normal_fan_in, zeros

BLOCKS = (6, 12, 24, 16)

DRAWS = {
    "pytorch": PYTORCH | {"conv.weight": he_normal_fan_in, "dense.bias": zeros},
    "tensorflow": KERAS,
}
BATCHNORM = {"pytorch": (0.1, 1e-5), "tensorflow": (0.99, 1.001e-5)}


def layers(shape, classes):
    """The name map."""
    yield Layer("features.conv0", "conv1_conv", "conv")
    yield Layer("features.norm0", "conv1_bn", "batchnorm")
    for block, count in enumerate(BLOCKS, start=1):
        for k in range(1, count + 1):
            theirs, ours = f"conv{block + 1}_block{k}", f"features.denseblock{block}.denselayer{k}"
            yield Layer(f"{ours}.norm1", f"{theirs}_0_bn", "batchnorm")
            yield Layer(f"{ours}.conv1", f"{theirs}_1_conv", "conv")
            yield Layer(f"{ours}.norm2", f"{theirs}_1_bn", "batchnorm")
            yield Layer(f"{ours}.conv2", f"{theirs}_2_conv", "conv")
        if block < 4:
            yield Layer(f"features.transition{block}.norm", f"pool{block + 1}_bn", "batchnorm")
            yield Layer(f"features.transition{block}.conv", f"pool{block + 1}_conv", "conv")
    yield Layer("features.norm5", "bn", "batchnorm")
    yield Layer("classifier", "predictions", "dense")


def parameters(shape, classes):
    """The number of PyTorch's trained parameters."""
    return 6_953_856 + 7 * 7 * (shape[2] - 3) * 64 + 1025 * classes


def pytorch(shape, classes):
    """Torchvision's DenseNet121."""
    import torchvision
    from torch import nn

    model = torchvision.models.densenet121(num_classes=classes)
    if shape[2] != 3:
        model.features.conv0 = nn.Conv2d(shape[2], 64, kernel_size=7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(model.features.conv0.weight)
    return model


def tensorflow(shape, classes):
    """keras.applications' DenseNet121."""
    import keras

    return keras.applications.DenseNet121(weights=None, input_shape=shape, classes=classes, classifier_activation=None)
