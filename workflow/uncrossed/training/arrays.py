"""The name map: which PyTorch layer is which Keras layer, one explicit list per architecture.

It serves to give both models the same initial weights, to copy a training's state from one to the other, and to compare
trained weights layer by layer. The canonical form of an array is PyTorch's: its name and its layout.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

# For each kind of layer, PyTorch's array names with Keras', and the axes that turn PyTorch's layout into Keras'.
KINDS: dict[str, dict[str, tuple[str, tuple[int, ...]]]] = {
    "conv": {"weight": ("kernel", (2, 3, 1, 0)), "bias": ("bias", (0,))},
    "dense": {"weight": ("kernel", (1, 0)), "bias": ("bias", (0,))},
    "batchnorm": {
        "weight": ("gamma", (0,)),
        "bias": ("beta", (0,)),
        "running_mean": ("moving_mean", (0,)),
        "running_var": ("moving_variance", (0,)),
    },
}


@dataclass(frozen=True)
class Layer:
    """One layer with weights: its names in the two models, and its kind (`conv`, `dense`, `batchnorm`)."""

    pytorch: str
    tensorflow: str
    kind: str


def _vgg16() -> Iterator[Layer]:
    place = 0
    for block, count in enumerate((2, 2, 3, 3, 3), start=1):
        for k in range(1, count + 1):
            yield Layer(f"features.{place}", f"block{block}_conv{k}", "conv")
            place += 2  # the convolution and its ReLU
        place += 1  # the pooling
    for place, name in ((0, "fc1"), (3, "fc2"), (6, "predictions")):
        yield Layer(f"classifier.{place}", name, "dense")


def _resnet50() -> Iterator[Layer]:
    yield Layer("conv1", "conv1_conv", "conv")
    yield Layer("bn1", "conv1_bn", "batchnorm")
    for stage, blocks in enumerate((3, 4, 6, 3), start=1):
        for block in range(blocks):
            theirs, ours = f"conv{stage + 1}_block{block + 1}", f"layer{stage}.{block}"
            for k in (1, 2, 3):
                yield Layer(f"{ours}.conv{k}", f"{theirs}_{k}_conv", "conv")
                yield Layer(f"{ours}.bn{k}", f"{theirs}_{k}_bn", "batchnorm")
            if block == 0:
                yield Layer(f"{ours}.downsample.0", f"{theirs}_0_conv", "conv")
                yield Layer(f"{ours}.downsample.1", f"{theirs}_0_bn", "batchnorm")
    yield Layer("fc", "predictions", "dense")


def _densenet121() -> Iterator[Layer]:
    yield Layer("features.conv0", "conv1_conv", "conv")
    yield Layer("features.norm0", "conv1_bn", "batchnorm")
    for block, count in enumerate((6, 12, 24, 16), start=1):
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


def _smallcnn() -> Iterator[Layer]:
    for k in (1, 2, 3):
        yield Layer(f"conv{k}", f"conv{k}", "conv")
        yield Layer(f"batchnorm{k}", f"batchnorm{k}", "batchnorm")
    yield Layer("dense", "dense", "dense")


LAYERS: dict[str, tuple[Layer, ...]] = {
    "vgg16": tuple(_vgg16()),
    "resnet50": tuple(_resnet50()),
    "densenet121": tuple(_densenet121()),
    "smallcnn": tuple(_smallcnn()),
}


def array_names(architecture: str) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Every array that both models may have: PyTorch's name to Keras' path and the axes that lead to Keras' layout."""
    return {
        f"{layer.pytorch}.{ours}": (f"{layer.tensorflow}/{theirs}", axes)
        for layer in LAYERS[architecture]
        for ours, (theirs, axes) in KINDS[layer.kind].items()
    }


def to_pytorch(architecture: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Keras' arrays, by path, as PyTorch's, by name and in PyTorch's layout."""
    return {
        name: np.ascontiguousarray(arrays[path].transpose(np.argsort(axes)))
        for name, (path, axes) in array_names(architecture).items()
        if path in arrays
    }


def to_tensorflow(architecture: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """PyTorch's arrays, by name, as Keras', by path and in Keras' layout; what Keras lacks is left out."""
    return {
        path: np.ascontiguousarray(arrays[name].transpose(axes))
        for name, (path, axes) in array_names(architecture).items()
        if name in arrays
    }
