"""The name map: which PyTorch layer is which Keras layer, and how an array of one lies in the other.

It serves to give both models the same initial weights, to copy a training's state from one to the other, and to compare
trained weights layer by layer. The canonical form of an array is PyTorch's: its name and its layout. Each architecture
has a map of its own; see `uncrossed.training.architectures`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

# For each kind of layer, PyTorch's array names with Keras', and the axes that turn PyTorch's layout into Keras'.
KINDS: dict[str, dict[str, tuple[str, tuple[int, ...]]]] = {
    "conv": {"weight": ("kernel", (2, 3, 1, 0)), "bias": ("bias", (0,))},
    "depthwise": {"weight": ("kernel", (2, 3, 0, 1)), "bias": ("bias", (0,))},
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
    """One layer with weights.

    Attributes:
        pytorch: its name in PyTorch's model.
        tensorflow: its name in Keras' model.
        kind: one of KINDS; a `depthwise` convolution has one kernel per channel.
        flattened: for a dense layer whose inputs are flattened images, their channels, height and width: PyTorch
            flattens channels first, Keras channels last.
    """

    pytorch: str
    tensorflow: str
    kind: str
    flattened: tuple[int, int, int] | None = None

    def arrays(self) -> Iterator[tuple[str, str, str]]:
        """PyTorch's name, Keras' path and the part (`weight`, ...) of every array that the layer may have."""
        for part, (theirs, _) in KINDS[self.kind].items():
            yield f"{self.pytorch}.{part}", f"{self.tensorflow}/{theirs}", part

    def to_tensorflow(self, part: str, array: np.ndarray) -> np.ndarray:
        """PyTorch's array in Keras' layout."""
        _, axes = KINDS[self.kind][part]
        if part == "weight" and self.flattened:
            outputs = array.shape[0]
            return np.ascontiguousarray(
                array.reshape(outputs, *self.flattened).transpose(2, 3, 1, 0).reshape(-1, outputs)
            )
        return np.ascontiguousarray(array.transpose(axes))

    def to_pytorch(self, part: str, array: np.ndarray) -> np.ndarray:
        """Keras' array in PyTorch's layout."""
        _, axes = KINDS[self.kind][part]
        if part == "weight" and self.flattened:
            channels, height, width = self.flattened
            outputs = array.shape[1]
            return np.ascontiguousarray(
                array.reshape(height, width, channels, outputs).transpose(3, 2, 0, 1).reshape(outputs, -1)
            )
        return np.ascontiguousarray(array.transpose(np.argsort(axes)))


def to_pytorch(layers: Iterable[Layer], arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Keras' arrays, by path, as PyTorch's, by name and in PyTorch's layout; what is in no layer is left out."""
    return {
        name: layer.to_pytorch(part, arrays[path])
        for layer in layers
        for name, path, part in layer.arrays()
        if path in arrays
    }


def to_tensorflow(layers: Iterable[Layer], arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """PyTorch's arrays, by name, as Keras', by path and in Keras' layout; what is in no layer is left out."""
    return {
        path: layer.to_tensorflow(part, arrays[name])
        for layer in layers
        for name, path, part in layer.arrays()
        if name in arrays
    }
