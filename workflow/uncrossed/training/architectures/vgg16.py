"""VGG16 with torchvision's and keras.applications' layers and a head of two layers with 4096 features.

Torchvision's average pool before the head is left out, as in the 2021 study, and as Keras' model has none.
"""

from uncrossed.training.arrays import Layer
from uncrossed.training.draws import KERAS, PYTORCH, he_normal_fan_out, normal, zeros

BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))

DRAWS = {
    "pytorch": PYTORCH
    | {
        "conv.weight": he_normal_fan_out,
        "conv.bias": zeros,
        "dense.weight": normal(0.01),
        "dense.bias": zeros,
    },
    "tensorflow": KERAS,
}
DROPOUT = {"fc2": 0.5, "predictions": 0.5}
CHANNELS_FIRST_BELOW = 32


def _pooled(shape):
    return 512, shape[0] // 32, shape[1] // 32


def layers(shape, classes):
    """The name map."""
    place = 0
    for block, (_, count) in enumerate(BLOCKS, start=1):
        for k in range(1, count + 1):
            yield Layer(f"features.{place}", f"block{block}_conv{k}", "conv")
            place += 2  # the convolution and its ReLU
        place += 1  # the pooling
    yield Layer("classifier.0", "fc1", "dense", flattened=_pooled(shape))
    yield Layer("classifier.3", "fc2", "dense")
    yield Layer("classifier.6", "predictions", "dense")


def parameters(shape, classes):
    """The number of PyTorch's trained parameters."""
    total, inputs = 0, shape[2]
    for filters, count in BLOCKS:
        for _ in range(count):
            total += (9 * inputs + 1) * filters
            inputs = filters
    channels, height, width = _pooled(shape)
    return total + (channels * height * width + 1) * 4096 + 4097 * 4096 + 4097 * classes


def pytorch(shape, classes):
    """Torchvision's VGG16 without its average pool."""
    import torchvision
    from torch import nn

    model = torchvision.models.vgg16(num_classes=classes)
    model.avgpool = nn.Identity()
    channels, height, width = _pooled(shape)
    first = nn.Linear(channels * height * width, 4096)
    # As torchvision initialises the layer that this one replaces.
    nn.init.normal_(first.weight, 0, 0.01)
    nn.init.constant_(first.bias, 0)
    model.classifier[0] = first
    if shape[2] != 3:
        model.features[0] = nn.Conv2d(shape[2], 64, kernel_size=3, padding=1)
        nn.init.kaiming_normal_(model.features[0].weight, mode="fan_out", nonlinearity="relu")
        nn.init.constant_(model.features[0].bias, 0)
    return model


def tensorflow(shape, classes):
    """keras.applications' VGG16."""
    import keras

    return keras.applications.VGG16(weights=None, input_shape=shape, classes=classes, classifier_activation=None)
