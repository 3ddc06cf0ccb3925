"""What each kind computes from its settings in the common form, in PyTorch: so a setting can be that of the other side.

Inputs and arrays are laid out as PyTorch's. A formula is given all settings of a kind, those of PyTorch's model but for
the ones that are tried.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.nn import functional

from uncrossed.explain.differences import curves
from uncrossed.explain.differences.operations import Operation
from uncrossed.explain.differences.settings import directions

Tensor = torch.Tensor
Tensors = Mapping[str, Tensor]
Settings = Mapping[str, Any]


def _padded(x: Tensor, reach: Sequence[tuple[int, int]], value: float) -> Tensor:
    return functional.pad(x, [side for pair in reversed(reach) for side in pair], value=value)


def conv(x: Tensor, arrays: Tensors, settings: Settings, operation: Operation) -> Tensor:
    """A convolution with what the windows touch padded by zeros."""
    weight = arrays["weight"]
    function = getattr(functional, f"conv{x.ndim - 2}d")
    bias = arrays.get("bias") if settings["bias"] else None
    options = settings["stride"], 0, settings["dilation"], settings["groups"]
    return function(_padded(x, settings["padding"], 0.0), weight, bias, *options)


def conv_transpose(x: Tensor, arrays: Tensors, settings: Settings, operation: Operation) -> Tensor:
    """A transposed convolution whose full output is cropped."""
    weight = arrays["weight"]
    count = x.ndim - 2
    function = getattr(functional, f"conv_transpose{count}d")
    bias = arrays.get("bias") if settings["bias"] else None
    groups = operation.call.get("groups") or 1
    full = function(x, weight, None, settings["stride"], 0, 0, groups, settings["dilation"])
    full = _padded(full, [(-before, -after) for before, after in settings["padding"]], 0.0)
    return full if bias is None else full + bias.reshape(-1, *[1] * count)


def dense(x: Tensor, arrays: Tensors, settings: Settings, operation: Operation) -> Tensor:
    """A dense layer."""
    weight, bias = arrays["weight"], arrays.get("bias") if settings["bias"] else None
    return functional.conv2d(x, weight, bias) if weight.ndim == 4 else functional.linear(x, weight, bias)


def batchnorm(x: Tensor, arrays: Tensors, settings: Settings, operation: Operation | None) -> Tensor:
    """Batch normalisation, and in training its statistics' step."""
    mean, variance = arrays.get("running_mean"), arrays.get("running_var")
    weight = arrays.get("weight") if settings["scale"] else None
    bias = arrays.get("bias") if settings["shift"] else None
    keep = settings["momentum"] or 0.0  # of an average of all steps the first one is seen
    unbiased = settings.get("variance") != "biased"
    # A copy: what batch normalisation has changed, its way back must find unchanged.
    kept = None if variance is None else variance.detach().clone()
    training = settings["training"] or mean is None
    made = functional.batch_norm(x, mean, kept, weight, bias, training, 1 - keep, settings["epsilon"])
    if training and variance is not None:
        count = x.numel() / x.shape[1]
        with torch.no_grad():
            step = (kept - keep * variance) * (1 if unbiased else (count - 1) / count)
            variance.copy_(keep * variance + step)
    return made


def layernorm(x: Tensor, arrays: Tensors, settings: Settings, operation: Operation) -> Tensor:
    """Layer normalisation over the last axes."""
    over: list[int] = []
    for size in reversed(x.shape[1:]):
        if torch.Size(over).numel() == settings["over"]:
            break
        over.insert(0, size)
    weight = arrays.get("weight") if settings["scale"] else None
    bias = arrays.get("bias") if settings["shift"] else None
    return functional.layer_norm(x, over, weight, bias, settings["epsilon"])


def groupnorm(x: Tensor, arrays: Tensors, settings: Settings, operation: Operation) -> Tensor:
    """Group normalisation."""
    weight = arrays.get("weight") if settings["scale"] else None
    bias = arrays.get("bias") if settings["shift"] else None
    return functional.group_norm(x, settings["groups"], weight, bias, settings["epsilon"])


def embedding(x: Tensor, arrays: Tensors, settings: Settings, operation: Operation) -> Tensor:
    """A row for each number; one row may have no gradient."""
    return functional.embedding(x, arrays["weight"], settings["frozen_row"])


def gru(x: Tensor, arrays: Tensors, settings: Settings, operation: Operation) -> tuple[Tensor, Tensor]:
    """A GRU over examples x steps x features, whose reset gate acts after or before the recurrent product."""
    inner, recurrent = arrays["weight_ih_l0"], arrays["weight_hh_l0"]
    size = recurrent.shape[1]
    zero = torch.zeros(3 * size, dtype=x.dtype)
    first, second = arrays.get("bias_ih_l0", zero), arrays.get("bias_hh_l0", zero)
    state, made = torch.zeros(x.shape[0], size, dtype=x.dtype), []
    for step in range(x.shape[1]):
        a = functional.linear(x[:, step], inner, first).chunk(3, 1)
        b = functional.linear(state, recurrent, second).chunk(3, 1)
        reset, update = torch.sigmoid(a[0] + b[0]), torch.sigmoid(a[1] + b[1])
        if settings["reset_after"]:
            new = torch.tanh(a[2] + reset * b[2])
        else:
            product = functional.linear(reset * state, recurrent[2 * size :], second[2 * size :])
            new = torch.tanh(a[2] + product)
        state = (1 - update) * new + update * state
        made.append(state)
    return torch.stack(made, 1), state[None]


def activation(x: Tensor, arrays: Tensors, settings: Settings, operation: Operation | None) -> Tensor:
    """A named function."""
    name = settings["function"]
    if name in ("softmax", "log_softmax"):
        return getattr(functional, name)(x, dim=1 if x.ndim == 4 else -1)
    formula = curves.KNOWN[name].formula
    if settings.get("single"):
        formula = curves.SINGLE.get(name, formula)
    others = ("function", "axis", "single", "training")
    return formula(x, **{key: value for key, value in settings.items() if key not in others})


def rescaling(x: Tensor, arrays: Tensors, settings: Settings, operation: Operation | None) -> Tensor:
    """A factor and a summand, for all or for each channel."""
    values = [torch.as_tensor(settings[name], dtype=x.dtype) for name in ("scale", "offset")]
    shape = (-1, *[1] * (x.ndim - 2)) if x.ndim > 2 else (-1,)
    scale, offset = (value.reshape(shape) if value.ndim else value for value in values)
    return x * scale + offset


def pool(x: Tensor, arrays: Tensors, settings: Settings, operation: Operation | None) -> Tensor:
    """Pooling where windows reach over the edge by what is padded."""
    count = x.ndim - 2
    reach, size, stride = settings["padding"], list(settings["size"]), list(settings["stride"])
    average = getattr(functional, f"avg_pool{count}d")
    if settings["form"] == "max":
        value = 0.0 if settings["padded_with"] == "zeros" else float("-inf")
        return getattr(functional, f"max_pool{count}d")(_padded(x, reach, value), size, stride)
    padded = _padded(x, reach, 0.0)
    if settings["padded_with"] == "zeros":
        return average(padded, size, stride)
    return average(padded, size, stride) / average(_padded(torch.ones_like(x), reach, 0.0), size, stride)


def global_pool(x: Tensor, arrays: Tensors, settings: Settings, operation: Operation) -> Tensor:
    """One number of each channel; the shape is that of the model's own."""
    shape = (x.shape[0], *operation.call.y[1:])
    axes = tuple(range(2, x.ndim))
    if operation.call.function in ("mean", "amax", "max"):
        dims = operation.call.get("dim")
        axes = tuple(dims) if isinstance(dims, (list, tuple)) else (dims,)
    made = x.mean(axes) if settings["form"] == "average" else x.amax(axes)
    return made.reshape(shape)


def pad(x: Tensor, arrays: Tensors, settings: Settings, operation: Operation) -> Tensor:
    """Padding."""
    filled = settings["filled_with"]
    amounts = [side for pair in reversed(settings["amounts"]) for side in pair]
    try:
        return functional.pad(x, amounts, value=float(filled))
    except ValueError:
        return functional.pad(x, amounts, mode=filled)


def upsampling(x: Tensor, arrays: Tensors, settings: Settings, operation: Operation) -> Tensor:
    """Upsampling to what the factor gives."""
    size = [round(n * factor) for n, factor in zip(directions(operation.call, True), settings["factor"], strict=True)]
    form = settings["form"]
    if form == "nearest":
        return functional.interpolate(x, size=size, mode="nearest")
    names = {1: {"linear": "linear"}, 2: {"linear": "bilinear", "cubic": "bicubic"}, 3: {"linear": "trilinear"}}
    mode = names[len(size)][form]
    return functional.interpolate(x, size=size, mode=mode, align_corners=settings["aligned_corners"])


def dropout(x: Tensor, arrays: Tensors, settings: Settings, operation: Operation | None) -> Tensor:
    """Nothing: both sides are compared without it."""
    return x


FORMULAS: dict[str, Callable[..., Any]] = {
    formula.__name__: formula
    for formula in (
        *(conv, conv_transpose, dense, batchnorm, layernorm, groupnorm, embedding, gru),
        *(activation, rescaling, pool, global_pool, pad, upsampling, dropout),
    )
}
