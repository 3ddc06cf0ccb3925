"""The same numbers in both models: how each kind's arrays lie, drawn values, and PyTorch's put into Keras' model."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from uncrossed.explain.differences.kinds import KINDS
from uncrossed.explain.differences.operations import Operation
from uncrossed.explain.differences.pairing import Pair
from uncrossed.training.arrays import Layer

Arrays = Mapping[str, np.ndarray]
# The gates in Keras' order, by their numbers in PyTorch's.
GATES = {"gru": (1, 0, 2), "lstm": (0, 1, 2, 3), "rnn": (0,)}


@dataclass(frozen=True)
class Shared:
    """One of Keras' arrays and what it is in PyTorch's model.

    Attributes:
        pair: the operations.
        parts: PyTorch's parts that make it; of the gradient the first one counts.
        pytorch: their names.
        keras: Keras' path.
        part: Keras' part.
    """

    pair: Pair
    parts: tuple[str, ...]
    pytorch: tuple[str, ...]
    keras: str
    part: str


def alike(ours: Operation, theirs: Operation) -> bool:
    """Whether a pair is of one kind, which is known."""
    return ours.kind == theirs.kind and ours.known and theirs.known


def shared(pairs: Iterable[Pair], shapes: Mapping[str, tuple[int, ...]]) -> list[Shared]:
    """The arrays that both models have, each once.

    Args:
        pairs: the pairs of operations; of a pair whose kind is not known arrays belong together by their shapes.
        shapes: of all arrays of both models, by name.
    """
    found: dict[str, Shared] = {}
    for ours, theirs in pairs:
        if not alike(ours, theirs):
            for path, part, other in _by_shape(ours, theirs, shapes):
                found.setdefault(path, Shared((ours, theirs), (part,), (ours.arrays[part],), path, other))
            continue
        for parts, part in _parts(ours, theirs):
            if part in theirs.arrays and all(name in ours.arrays for name in parts):
                names = tuple(ours.arrays[name] for name in parts)
                found.setdefault(theirs.arrays[part], Shared((ours, theirs), parts, names, theirs.arrays[part], part))
    return list(found.values())


def _by_shape(
    ours: Operation, theirs: Operation, shapes: Mapping[str, tuple[int, ...]]
) -> Iterable[tuple[str, str, str]]:
    free = [part for part in ours.arrays if part in ours.call.trained or not ours.known]
    for other, path in theirs.arrays.items():
        fitting = [part for part in free if _laid(shapes[ours.arrays[part]], shapes[path]) is not None]
        if len(fitting) == 1:
            yield path, fitting[0], other


def _laid(ours: tuple[int, ...], theirs: tuple[int, ...]) -> tuple[int, ...] | None:
    """The axes in which an array of one shape has the other; where none change they stay."""
    axes = [tuple(range(len(ours))), (1, 0), (2, 3, 1, 0), (2, 1, 0)]
    return next((a for a in axes if len(a) == len(ours) and tuple(ours[k] for k in a) == theirs), None)


def _parts(ours: Operation, theirs: Operation) -> Iterable[tuple[tuple[str, ...], str]]:
    if ours.kind in GATES:
        yield ("weight_ih_l0",), "kernel"
        yield ("weight_hh_l0",), "recurrent_kernel"
        yield ("bias_ih_l0", "bias_hh_l0"), "bias"
    elif ours.kind in ("scale", "shift"):
        (part,) = list(theirs.arrays)[:1] or ["gamma"]
        yield tuple(list(ours.arrays)[:1]), part
    else:
        for part, other in (KINDS[ours.kind].parts or {}).items():
            yield (part,), other


def to_keras(entry: Shared, arrays: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """PyTorch's arrays as the one of Keras'.

    Args:
        entry: which.
        arrays: PyTorch's, as `entry.parts` names them.
        shape: of Keras' array.

    Raises:
        ValueError: they cannot be laid out in this shape.
    """
    ours, theirs = entry.pair
    kind, (array, *others) = ours.kind, arrays
    if not alike(ours, theirs):
        axes = _laid(array.shape, shape)
        made = array if axes is None else array.transpose(axes)
    elif kind in GATES:
        made = _gates(kind, array, others, shape)
    elif kind == "conv" and entry.part == "kernel":
        spatial = tuple(range(2, array.ndim))
        if theirs.call.function.startswith("depthwise"):
            channels = shape[-2]
            grouped = array.reshape(channels, -1, *array.shape[2:])
            made = grouped.transpose(*spatial, 0, 1)
        else:
            made = array.transpose(*spatial, 1, 0)
    elif kind == "conv_transpose" and entry.part == "kernel":
        # inputs x outputs x ..., and Keras' ... x outputs x inputs
        made = array.transpose(*range(2, array.ndim), 1, 0)
    elif kind == "dense" and entry.part == "kernel" and (array.ndim > 2 or len(shape) > 2):
        # One of the two is a convolution over single positions.
        made = array.reshape(array.shape[:2]).T.reshape(shape)
    elif kind == "dense" and entry.part == "kernel":
        made = Layer("", "", "dense", flattened(entry.pair)).to_tensorflow("weight", array)
    else:
        made = array.reshape(shape) if array.size == math.prod(shape) else array
    if made.shape != shape:
        raise ValueError(f"{made.shape} is not {shape}")
    return np.ascontiguousarray(made)


def _gates(kind: str, array: np.ndarray, others: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    def ordered(values: np.ndarray) -> np.ndarray:
        parts = np.split(values, len(GATES[kind]))
        return np.concatenate([parts[k] for k in GATES[kind]])

    if array.ndim == 2:
        return ordered(array).T
    both = [ordered(array), *(ordered(other) for other in others)]
    return np.stack(both) if len(shape) == 2 else np.sum(both, axis=0)


def flattened(pair: Pair) -> tuple[int, int, int] | None:
    """For a dense layer on flattened images: their channels, height and width, where the two flatten differently."""
    ours, theirs = pair[0].features, pair[1].features
    if ours is None or theirs is None or len(ours) != 3 or pair[0].moved:
        return None
    return ours if (ours[1], ours[2], ours[0]) == theirs else None


def form(operation: Operation, side: str, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The shape of an operation's main array as PyTorch has it, by `weight of KEY`."""
    parts = {
        "pytorch": ("weight", "other", "weight_ih_l0"),
        "keras": ("kernel", "gamma", "embeddings", "scale", "alpha", "bias", "beta"),
    }[side]
    name = next((operation.arrays[part] for part in parts if part in operation.arrays), None)
    if name is None:
        if operation.kind in ("batchnorm", "groupnorm", "layernorm"):
            return {f"weight of {operation.key}": (operation.call.x[1 if side == "pytorch" else -1],)}
        return {}
    shape: tuple[Any, ...] = shapes[name]
    if operation.kind in ("conv", "conv_transpose") and side == "keras":
        *spatial, inputs, outputs = shape
        if operation.call.function.startswith("depthwise"):
            inputs, outputs = 1, inputs * outputs
        shape = (outputs, inputs, *spatial)
    elif operation.kind == "dense":
        shape = shape[:2] if side == "pytorch" else shape[-2:][::-1]
    elif side == "keras" and operation.kind in GATES:
        shape = shape[::-1]
    elif operation.kind in ("scale", "shift", "prelu"):
        shape = (math.prod(shape),)
    return {f"weight of {operation.key}": tuple(shape)}


def drawn(name: str, array: np.ndarray, trained: bool) -> np.ndarray | None:
    """Numbers for one of a model's arrays: a kernel as wide as keeps the values', no factor one and no bias zero.

    What a model begins with hides differences: zero biases, factors of one, statistics of nothing.

    Args:
        name: the array's, which decides the draw.
        array: the array.
        trained: whether it is trained; None is drawn for constants.
    """
    if not np.issubdtype(array.dtype, np.floating):
        return None
    random = np.random.default_rng(list(name.encode()))
    part = name.rpartition(".")[2].rpartition("/")[2]
    if part in ("running_var", "moving_variance"):
        return random.uniform(0.6, 1.6, array.shape)
    if part in ("running_mean", "moving_mean"):
        return random.normal(0, 0.3, array.shape)
    if not trained:
        return None
    if "bias" in part or part == "beta":
        return random.normal(0, 0.7, array.shape)
    if array.ndim <= 1 or array.size == max(array.shape):
        return random.uniform(0.7, 2.3, array.shape)
    fan_in = array.size // (array.shape[-1] if part.endswith("kernel") else array.shape[0])
    return random.normal(0, math.sqrt(2 / max(fan_in, 1)), array.shape)
