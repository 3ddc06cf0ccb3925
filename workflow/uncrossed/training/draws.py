"""What both frameworks may be given: initial weights, dropout masks, an order; drawn once with NumPy, from the seed.

Every array has a random stream of its own, keyed by seed and name, so that it depends on no other array. Names and
layouts are PyTorch's: kernels of convolutions are outputs x inputs x height x width, of dense layers outputs x inputs.

A scheme is how one framework draws the weights of one architecture: a distribution for each kind of array
(`conv.weight`, `dense.bias`, ...), or for an array of one layer by its PyTorch name (`conv1.weight`). `PYTORCH` and
`KERAS` are what layers draw where a model says nothing.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from uncrossed.training.arrays import Layer

Distribution = Callable[[np.random.Generator, tuple[int, ...], int, int], np.ndarray]
Scheme = Mapping[str, Distribution]


def zeros(random: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
    """All zero."""
    return np.zeros(shape)


def ones(random: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
    """All one."""
    return np.ones(shape)


def normal(deviation: float) -> Distribution:
    """N(0, deviation²)."""
    return lambda random, shape, fan_in, fan_out: random.standard_normal(shape) * deviation


def he_normal_fan_in(random: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
    """N(0, 2/fan_in): torch.nn.init.kaiming_normal_."""
    return random.standard_normal(shape) * np.sqrt(2 / fan_in)


def he_normal_fan_out(random: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
    """N(0, 2/fan_out): torch.nn.init.kaiming_normal_ with mode='fan_out'."""
    return random.standard_normal(shape) * np.sqrt(2 / fan_out)


def uniform_fan_in(random: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
    """U(±1/√fan_in): what torch.nn's layers draw, weights and biases."""
    bound = 1 / np.sqrt(fan_in)
    return random.uniform(-bound, bound, shape)


def glorot_uniform(random: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
    """U(±√(6/(fan_in + fan_out))): what Keras' layers draw."""
    bound = np.sqrt(6 / (fan_in + fan_out))
    return random.uniform(-bound, bound, shape)


_IDENTITY: Scheme = {
    "batchnorm.weight": ones,
    "batchnorm.bias": zeros,
    "batchnorm.running_mean": zeros,
    "batchnorm.running_var": ones,
}
_KERNELS = ("conv", "depthwise", "dense")
PYTORCH: Scheme = _IDENTITY | {f"{kind}.{part}": uniform_fan_in for kind in _KERNELS for part in ("weight", "bias")}
KERAS: Scheme = (
    _IDENTITY | {f"{kind}.weight": glorot_uniform for kind in _KERNELS} | {f"{kind}.bias": zeros for kind in _KERNELS}
)


def _stream(*key: object) -> np.random.Generator:
    seed = hashlib.sha256("/".join(map(str, key)).encode()).digest()[:16]
    return np.random.Generator(np.random.Philox(key=int.from_bytes(seed, "little")))


def initial_weights(
    layers: Iterable[Layer],
    scheme: Scheme,
    seed: int,
    shapes: Mapping[str, tuple[int, ...]],
    *key: str,
) -> dict[str, np.ndarray]:
    """Draw a model's initial weights.

    Args:
        layers: the model's name map.
        scheme: how each array is drawn.
        seed: the row's.
        shapes: the arrays that are wanted, by PyTorch's name.
        key: names of this draw: with other names the numbers are others.

    Returns:
        float64 arrays by PyTorch's name.
    """
    arrays = {}
    for layer in layers:
        for name, _, part in layer.arrays():
            if name not in shapes:
                continue
            draw = scheme.get(name) or scheme[f"{layer.kind}.{part}"]
            kernel = shapes[f"{layer.pytorch}.weight"]
            area = int(np.prod(kernel[2:]))
            fans = (kernel[1] * area, kernel[0] * area) if len(kernel) > 1 else (1, 1)
            arrays[name] = draw(_stream("initial_weights", *key, seed, name), shapes[name], *fans)
    return arrays


def permutation(seed: int, epoch: int, examples: int) -> np.ndarray:
    """The order in which an epoch takes the training examples: each once, all orders equally likely.

    Each example gets a random number of 64 bits, and they are sorted by it (Cormen et al., Introduction to Algorithms,
    3rd edition, section 5.3, Permute-By-Sorting); two equal numbers, of which 50,000 hold a pair with a probability of
    1e-10, stay in the dataset's order. The numbers are Philox's as it gives them, which NumPy's documentation of
    `Philox` guarantees to stay; it does not guarantee what `Generator.permutation` makes of them (NEP 19).

    Args:
        seed: the row's.
        epoch: from 1.
        examples: how many there are.

    Returns:
        int64, for each place in the epoch the number of an example in the dataset.
    """
    numbers = _stream("order", seed, epoch).bit_generator.random_raw(examples)
    return np.argsort(numbers, kind="stable").astype(np.int64)


def dropout_mask(seed: int, step: int, layer: int, shape: tuple[int, ...], rate: float = 0.5) -> np.ndarray:
    """The factors of one dropout layer in one step: 0 with probability `rate`, else 1/(1 - rate).

    Args:
        seed: the row's.
        step: optimizer steps taken before this one.
        layer: the layer's number among the model's dropout layers, from 0.
        shape: examples x features.
        rate: the share that is dropped.

    Returns:
        float32, examples x features.
    """
    count = int(np.prod(shape))
    random = _stream("dropout_masks", seed, step, layer)
    if rate == 0.5:  # one bit each
        bits = np.frombuffer(random.bytes(-(-count // 8)), dtype=np.uint8)
        return np.unpackbits(bits, count=count).reshape(shape).astype(np.float32) * 2
    kept = random.random(count, dtype=np.float32).reshape(shape) >= np.float32(rate)
    return kept.astype(np.float32) / np.float32(1 - rate)
