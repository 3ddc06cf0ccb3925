"""MobileNetV2 of torchvision and keras.applications."""

from uncrossed.training.arrays import Layer
from uncrossed.training.draws import KERAS, PYTORCH, he_normal_fan_out, normal, zeros

DRAWS = {
    "pytorch": PYTORCH
    | {
        "conv.weight": he_normal_fan_out,
        "depthwise.weight": he_normal_fan_out,
        "dense.weight": normal(0.01),
        "dense.bias": zeros,
    },
    "tensorflow": KERAS,
}
BATCHNORM = {"pytorch": (0.1, 1e-5), "tensorflow": (0.999, 1e-3)}
DROPOUT = {"predictions": 0.2}
PADDING = (
    ("features.0.0", "Conv1"),
    *((f"features.{block + 1}.conv.1.0", f"block_{block}_depthwise") for block in (1, 3, 6, 13)),
)


def layers(shape, classes):
    """The name map."""
    yield Layer("features.0.0", "Conv1", "conv")
    yield Layer("features.0.1", "bn_Conv1", "batchnorm")
    yield Layer("features.1.conv.0.0", "expanded_conv_depthwise", "depthwise")
    yield Layer("features.1.conv.0.1", "expanded_conv_depthwise_BN", "batchnorm")
    yield Layer("features.1.conv.1", "expanded_conv_project", "conv")
    yield Layer("features.1.conv.2", "expanded_conv_project_BN", "batchnorm")
    for block in range(1, 17):
        ours, theirs = f"features.{block + 1}.conv", f"block_{block}"
        yield Layer(f"{ours}.0.0", f"{theirs}_expand", "conv")
        yield Layer(f"{ours}.0.1", f"{theirs}_expand_BN", "batchnorm")
        yield Layer(f"{ours}.1.0", f"{theirs}_depthwise", "depthwise")
        yield Layer(f"{ours}.1.1", f"{theirs}_depthwise_BN", "batchnorm")
        yield Layer(f"{ours}.2", f"{theirs}_project", "conv")
        yield Layer(f"{ours}.3", f"{theirs}_project_BN", "batchnorm")
    yield Layer("features.18.0", "Conv_1", "conv")
    yield Layer("features.18.1", "Conv_1_bn", "batchnorm")
    yield Layer("classifier.1", "predictions", "dense")


def parameters(shape, classes):
    """The number of PyTorch's trained parameters."""
    return 2_223_872 + 9 * (shape[2] - 3) * 32 + 1281 * classes


def pytorch(shape, classes):
    """Torchvision's MobileNetV2."""
    import torchvision

    return torchvision.models.mobilenet_v2(num_classes=classes)


def tensorflow(shape, classes):
    """keras.applications' MobileNetV2."""
    import keras

    return keras.applications.MobileNetV2(weights=None, input_shape=shape, classes=classes, classifier_activation=None)
