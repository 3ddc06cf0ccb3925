"""What both frameworks may be given: initial weights and dropout masks, drawn once with NumPy, from the seed.

Every array has a random stream of its own, keyed by seed and name, so that it depends on no other array. Names and
layouts are PyTorch's: kernels of convolutions are outputs x inputs x height x width, of dense layers outputs x inputs.
"""

import hashlib
from collections.abc import Mapping

import numpy as np

from uncrossed.training.arrays import LAYERS


def _stream(*key: object) -> np.random.Generator:
    seed = hashlib.sha256("/".join(map(str, key)).encode()).digest()[:16]
    return np.random.Generator(np.random.Philox(key=int.from_bytes(seed, "little")))


def initial_weights(
    architecture: str, initializer: str, seed: int, shapes: Mapping[str, tuple[int, ...]], key: str = "shared"
) -> dict[str, np.ndarray]:
    """Draw a model's initial weights by one framework's scheme; see `initializer` in `semantics.MECHANISMS`.

    Args:
        architecture: one that has a name map.
        initializer: `pytorch` or `tensorflow`: whose scheme.
        seed: the row's.
        shapes: the arrays that are wanted, by PyTorch's name.
        key: `shared`, or a framework's name for draws of its own.

    Returns:
        float64 arrays by PyTorch's name; batch normalisation starts as the identity.
    """
    kinds = {layer.pytorch: layer.kind for layer in LAYERS[architecture]}
    arrays = {}
    for name, shape in shapes.items():
        layer, part = name.rsplit(".", 1)
        random = _stream("initial_weights", key, initializer, seed, name)
        if kinds[layer] == "batchnorm":
            arrays[name] = np.full(shape, float(part in ("weight", "running_var")))
            continue
        kernel = shapes[f"{layer}.weight"]
        area = int(np.prod(kernel[2:]))
        fans = kernel[1] * area, kernel[0] * area
        draw = _glorot if initializer == "tensorflow" else _torchvision
        arrays[name] = draw(random, architecture, kinds[layer], part, shape, *fans)
    return arrays


def _glorot(
    random: np.random.Generator, _: str, kind: str, part: str, shape: tuple[int, ...], fan_in: int, fan_out: int
) -> np.ndarray:
    if part == "bias":
        return np.zeros(shape)
    bound = np.sqrt(6 / (fan_in + fan_out))
    return random.uniform(-bound, bound, shape)


def _torchvision(
    random: np.random.Generator,
    architecture: str,
    kind: str,
    part: str,
    shape: tuple[int, ...],
    fan_in: int,
    fan_out: int,
) -> np.ndarray:
    # Where torchvision does not say otherwise, PyTorch's layers draw weights and biases from U(±1/sqrt(fan_in)).
    default_bias = architecture == "smallcnn" or (architecture, kind) == ("resnet50", "dense")
    if part == "bias" and not default_bias:
        return np.zeros(shape)
    if part == "weight" and kind == "conv" and architecture != "smallcnn":
        fan = fan_in if architecture == "densenet121" else fan_out
        return random.standard_normal(shape) * np.sqrt(2 / fan)
    if part == "weight" and architecture == "vgg16":
        return random.standard_normal(shape) * 0.01
    bound = 1 / np.sqrt(fan_in)
    return random.uniform(-bound, bound, shape)


def dropout_mask(seed: int, step: int, layer: int, shape: tuple[int, int]) -> np.ndarray:
    """The factors of one dropout layer in one step: 0 or 2, each with probability one half.

    Args:
        seed: the row's.
        step: optimizer steps taken before this one.
        layer: the layer's number among the model's dropout layers, from 0.
        shape: examples x features.

    Returns:
        float32, examples x features.
    """
    count = shape[0] * shape[1]
    bits = np.frombuffer(_stream("dropout_masks", seed, step, layer).bytes(-(-count // 8)), dtype=np.uint8)
    return np.unpackbits(bits, count=count).reshape(shape).astype(np.float32) * 2
