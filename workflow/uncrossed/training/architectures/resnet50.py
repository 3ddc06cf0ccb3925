"""ResNet50: torchvision's v1.5, keras.applications' v1."""

from uncrossed.training.arrays import Layer
from uncrossed.training.draws import KERAS, PYTORCH, he_normal_fan_out, zeros

BLOCKS = (3, 4, 6, 3)

DRAWS = {
    "pytorch": PYTORCH | {"conv.weight": he_normal_fan_out, "conv.bias": zeros},
    "tensorflow": KERAS,
}
BATCHNORM = {"pytorch": (0.1, 1e-5), "tensorflow": (0.99, 1.001e-5)}
CONV_BIAS = "tensorflow"
STRIDE = tuple(
    (
        (f"layer{stage}.0.conv1", f"layer{stage}.0.conv2"),
        (f"conv{stage + 1}_block1_1_conv", f"conv{stage + 1}_block1_2_conv"),
    )
    for stage in (2, 3, 4)
)
# On a CPU weights with channels first are 6 % faster at batch size 128 than channels last for both.
CHANNELS_FIRST_BELOW, WEIGHTS_CHANNELS_FIRST = 48, True


def layers(shape, classes):
    """The name map."""
    yield Layer("conv1", "conv1_conv", "conv")
    yield Layer("bn1", "conv1_bn", "batchnorm")
    for stage, blocks in enumerate(BLOCKS, start=1):
        for block in range(blocks):
            theirs, ours = f"conv{stage + 1}_block{block + 1}", f"layer{stage}.{block}"
            for k in (1, 2, 3):
                yield Layer(f"{ours}.conv{k}", f"{theirs}_{k}_conv", "conv")
                yield Layer(f"{ours}.bn{k}", f"{theirs}_{k}_bn", "batchnorm")
            if block == 0:
                yield Layer(f"{ours}.downsample.0", f"{theirs}_0_conv", "conv")
                yield Layer(f"{ours}.downsample.1", f"{theirs}_0_bn", "batchnorm")
    yield Layer("fc", "predictions", "dense")


def parameters(shape, classes):
    """The number of PyTorch's trained parameters."""
    return 23_508_032 + 7 * 7 * (shape[2] - 3) * 64 + 2049 * classes


def pytorch(shape, classes):
    """Torchvision's ResNet50."""
    import torchvision
    from torch import nn

    model = torchvision.models.resnet50(num_classes=classes)
    if shape[2] != 3:
        model.conv1 = nn.Conv2d(shape[2], 64, kernel_size=7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
    return model


def tensorflow(shape, classes):
    """keras.applications' ResNet50."""
    import keras

    return keras.applications.ResNet50(weights=None, input_shape=shape, classes=classes, classifier_activation=None)
