"""What is compared of each kind of layer: how either library says it, in one common form, and what to write.

A setting is compared in a form that both sides have: the momentum of batch normalisation as the share of the old
statistics that is kept, padding as what the windows touch, a length as a number for each direction.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from uncrossed.explain.differences import windows
from uncrossed.explain.differences.calls import Call, plain
from uncrossed.explain.differences.windows import each, text

Reader = Callable[[Call], Any]
# Text with the value in braces, or a function of the value and of that side's call.
Writer = str | Callable[[Any, Call], str]


@dataclass(frozen=True)
class Setting:
    """One setting of a kind.

    Attributes:
        name: its name here, in causes.
        pytorch: reads it from a call of PyTorch's.
        keras: reads it from a call of Keras'.
        in_pytorch: what to write there to have a value.
        in_keras: what to write there.
        where: what shows it: `evaluation`, `training`, `statistics` (of batch normalisation after a step), `gradients`,
            or `configuration` alone.
    """

    name: str
    pytorch: Reader
    keras: Reader
    in_pytorch: Writer
    in_keras: Writer
    where: str = "evaluation"

    def write(self, side: str, value: Any, call: Call) -> str:
        """What to write on a side."""
        writer = self.in_pytorch if side == "pytorch" else self.in_keras
        return writer(value, call) if callable(writer) else writer.format(text(value))


def _number(name: str) -> Reader:
    def read(call: Call) -> float | None:
        value = call.get(name)
        return None if value is None else float(value)

    return read


def directions(call: Call, channels_first: bool) -> tuple[int, ...]:
    """The sizes of a call's input in each direction that windows move in."""
    return call.x[2:] if channels_first else call.x[1:-1]


def _has(part: str) -> Reader:
    return lambda call: part in call.arrays


# Convolutions.


def _groups(call: Call) -> int:
    if call.function.startswith("depthwise"):
        return call.x[-1]
    return int(call.get("groups", 1))


STRIDE = Setting("stride", each("stride", 1), each("strides", 1), "stride={}", "strides={}")
PADDING = Setting(
    "padding", windows.reached_by_pytorch, windows.reached_by_keras, windows.pad_in_pytorch, windows.pad_in_keras
)
CROPPING = Setting(
    "padding", windows.cropped_by_pytorch, windows.cropped_by_keras, windows.crop_in_pytorch, windows.crop_in_keras
)
DILATION = Setting("dilation", each("dilation", 1), each("dilation_rate", 1), "dilation={}", "dilation_rate={}")
GROUPS = Setting("groups", _groups, _groups, "groups={}", "groups={} (or DepthwiseConv2D, where it is the channels)")
BIAS = Setting("bias", _has("bias"), _has("bias"), "bias={}", "use_bias={}")


# Normalisation.

EPSILON = Setting("epsilon", _number("eps"), _number("epsilon"), "eps={}", "epsilon={}")
SCALED = Setting(
    "scale",
    _has("weight"),
    _has("gamma"),
    lambda value, call: "affine=True" if value else "no weight: affine=False, and a bias of one's own",
    "scale={}",
)
SHIFTED = Setting(
    "shift",
    _has("bias"),
    _has("beta"),
    lambda value, call: "bias=True" if value else "no bias: affine=False, and a weight of one's own",
    "center={}",
)


def _kept(call: Call) -> float | None:
    momentum = call.get("momentum")
    return None if momentum is None else float(f"{1 - momentum:.12g}")


def _momentum_in_pytorch(value: float, call: Call) -> str:
    return f"momentum={1 - value:.12g}"


def _momentum_in_keras(value: float | None, call: Call) -> str:
    return "(Keras has no average of all steps)" if value is None else f"momentum={text(value)}"


def _never(call: Call) -> None:
    return None


def _normalised(call: Call) -> int:
    return math.prod(call.get("normalized_shape", ()))


def _normalised_by_keras(call: Call) -> int:
    axis = call.get("axis", -1)
    return math.prod(call.x[a] for a in (axis if isinstance(axis, (list, tuple)) else [axis]))


def _groups_of_channels(call: Call) -> int:
    if call.function == "instancenorm":
        return call.x[1]
    return int(call.get("num_groups", 0))


def _keras_groups_of_channels(call: Call) -> int:
    groups, axis = call.get("groups"), call.get("axis", -1)
    return call.x[axis] if groups == -1 else int(groups)


# Pooling.


def _form(call: Call) -> str:
    return "max" if "max" in call.function else "average"


def _filled_in_pytorch(call: Call) -> str:
    """What a window sees beyond the input."""
    if _form(call) == "max":
        return "nothing"
    reach, nominal = windows.reached_by_pytorch(call), windows.padding_before(call)
    counted = bool(call.get("count_include_pad", True))
    if counted and any(after > before for (_, after), before in zip(reach, nominal, strict=True)):
        # What `ceil_mode` adds beyond the padding is not counted.
        return "zeros" if any(nominal) else "nothing"
    return "zeros" if counted and any(side > 0 for pair in reach for side in pair) else "nothing"


# Recurrent layers.


def _named(name: str) -> Reader:
    def read(call: Call) -> str:
        value = call.get(name)
        return plain(getattr(value, "__name__", str(value)))

    return read


def _biases(call: Call) -> int:
    return sum(part.startswith("bias_") for part in call.arrays)


def _keras_biases(call: Call) -> int:
    if "bias" not in call.arrays:
        return 0
    return 2 if call.function == "gru" and call.get("reset_after") else 1


def _biases_in_pytorch(value: int, call: Call) -> str:
    return f"freeze one of its two biases, of which the sum acts, at zero ({value} in Keras)" if value else "bias=False"


def _biases_in_keras(value: int, call: Call) -> str:
    if value == 2 and call.function != "gru":
        return "use_bias=True (Keras has one bias: half the step of PyTorch's two)"
    return f"use_bias={bool(value)}" + (", reset_after=True" if value == 2 else "")


BIASES = Setting("biases", _biases, _keras_biases, _biases_in_pytorch, _biases_in_keras, "configuration")
TANH = Setting("activation", lambda call: "tanh", _named("activation"), "(PyTorch's is fixed: {})", 'activation="{}"')
BACKWARDS = Setting(
    "backwards",
    lambda call: False,
    lambda call: bool(call.get("go_backwards", False)),
    "(PyTorch reads forwards)",
    "go_backwards={}",
)
GATES = Setting(
    "recurrent_activation",
    lambda call: "sigmoid",
    _named("recurrent_activation"),
    "(PyTorch's is fixed: {})",
    'recurrent_activation="{}"',
)
RESET_AFTER = Setting(
    "reset_after",
    lambda call: True,
    lambda call: bool(call.get("reset_after")),
    "(PyTorch's GRU resets after the product)",
    "reset_after={}",
)
RECURRENT = (TANH, BIASES, BACKWARDS)

# Dropout.


def _rate(call: Call) -> float:
    for name in ("p", "rate", "drop_path_rate", "drop_prob"):
        value = call.get(name)
        if value is not None:
            return float(value)
    return 0.0


def _dropped(call: Call) -> str:
    for word, form in (("alpha", "single numbers, for SELU"), ("gaussian", "nothing, but multiplies with noise")):
        if word in call.function:
            return form
    if call.function in ("stochasticdepth", "droppath"):
        return "whole batch" if call.get("mode") == "batch" else "whole examples"
    if call.function in ("dropout1d", "dropout2d", "dropout3d", "featuredropout") or "spatial" in call.function:
        return "whole channels"
    shape = call.get("noise_shape")
    if shape is not None:
        ones = [size == 1 for size in shape]
        if all(ones[1:]):
            return "whole batch" if ones[0] else "whole examples"
        if any(ones):
            return "whole channels" if not ones[-1] else f"noise of shape {tuple(shape)}"
    return "single numbers"


def _dropped_always(call: Call) -> bool:
    """Whether a function of PyTorch's drops in evaluation mode, in which the call was read."""
    function = call.source.startswith(("F.", "torch."))
    return function and bool(call.get("training", call.get("train", False)))


# How either side writes what is dropped.
DROPPED = {
    "single numbers": ("nn.Dropout", "layers.Dropout"),
    "whole channels": ("nn.Dropout2d", "layers.SpatialDropout{n}D"),
    "whole examples": ("torchvision.ops.StochasticDepth(mode='row')", "layers.Dropout(rate, noise_shape=(None{ones}))"),
    "whole batch": ("torchvision.ops.StochasticDepth(mode='batch')", "layers.Dropout(rate, noise_shape=(1{ones}))"),
}


def _dropout_in_pytorch(value: Any, call: Call) -> str:
    return DROPPED.get(value, (value, value))[0]


def _dropout_in_keras(value: Any, call: Call) -> str:
    return DROPPED.get(value, (value, value))[1].format(n=max(len(call.x) - 2, 1), ones=", 1" * (len(call.x) - 1))


# Others.


def _padded_by_pytorch(call: Call) -> tuple[tuple[int, int], ...]:
    amounts = list(call.get("pad", ()))
    pairs = [tuple(amounts[k : k + 2]) for k in range(0, len(amounts), 2)][::-1]
    return ((0, 0),) * (len(call.x) - 2 - len(pairs)) + tuple(pairs)


def _padded_by_keras(call: Call) -> tuple[tuple[int, int], ...]:
    amounts = call.get("padding", call.get("pad_width"))
    if call.function == "pad":
        return tuple(tuple(pair) for pair in amounts)[1:-1]
    if isinstance(amounts, int) or (len(amounts) == 2 and len(call.x) == 3):
        amounts = (amounts,)
    return tuple((pair, pair) if isinstance(pair, int) else tuple(pair) for pair in amounts)


def _filling(call: Call) -> str:
    mode = call.get("mode", "constant")
    value = call.get("value", call.get("constant_values")) or 0
    return f"{value:g}" if mode == "constant" else str(mode)


def _grown(call: Call, channels_first: bool) -> tuple[float, ...]:
    sizes = directions(call, channels_first)
    after = call.y[2:] if channels_first else call.y[1:-1]
    return tuple(out / size for size, out in zip(sizes, after, strict=True))


def _joined(call: Call, channels_first: bool) -> str | None:
    axis = call.get("dim", 0) if channels_first else call.get("axis", -1)
    count = len(call.y)
    if count != 4:  # of sequences it is not known which axis holds the channels
        return None
    axis %= count
    return "channels" if axis == (1 if channels_first else count - 1) else f"direction {axis}"


def _merging(call: Call) -> str:
    words = ("add", "sub", "mul", "div", "max", "min", "average")
    name = {"iadd": "add", "radd": "add", "truedivide": "div", "realdiv": "div"}.get(call.function, call.function)
    return next((word for word in words if word in name), name)


def _read_alike(read: Callable[[Call, bool], Any]) -> tuple[Reader, Reader]:
    """Readers of both sides that differ in where channels lie."""
    return lambda call: read(call, True), lambda call: read(call, False)


def _bi(value: str) -> str:
    return f"bi{value}" if value in ("linear", "cubic") else value


def _interpolated(call: Call) -> str:
    return str(call.get("mode", call.get("interpolation", "nearest"))).removeprefix("bi").removeprefix("tri")


def _fill_in_pytorch(value: str, call: Call) -> str:
    if _form(call) == "average":
        return f"count_include_pad={value == 'zeros'}"
    return "F.pad(x, ...) before it and padding=0, which pads with zeros"


def _fill_in_keras(value: str, call: Call) -> str:
    return "layers.ZeroPadding2D before it, whose zeros are counted" if value == "zeros" else 'padding="same"'


_OWN = "a layer of one's own (docs/your-own-pair.md has it); {} keeps the {} variance"
SETTINGS: dict[str, tuple[Setting, ...]] = {
    "conv": (STRIDE, PADDING, DILATION, GROUPS, BIAS),
    "conv_transpose": (STRIDE, CROPPING, DILATION, BIAS),
    "dense": (BIAS,),
    "batchnorm": (
        EPSILON,
        SCALED,
        SHIFTED,
        Setting("momentum", _kept, _number("momentum"), _momentum_in_pytorch, _momentum_in_keras, "statistics"),
        # Measured, not read: `variances` fills it in.
        Setting(
            "variance",
            _never,
            _never,
            _OWN.format("PyTorch's", "unbiased"),
            _OWN.format("Keras'", "biased"),
            "statistics",
        ),
    ),
    "layernorm": (
        EPSILON,
        Setting("over", _normalised, _normalised_by_keras, "normalized_shape of {} numbers", "axis=... of {} numbers"),
        SCALED,
        SHIFTED,
    ),
    "groupnorm": (
        EPSILON,
        Setting("groups", _groups_of_channels, _keras_groups_of_channels, "num_groups={}", "groups={}"),
        SCALED,
        SHIFTED,
    ),
    "embedding": (
        Setting(
            "frozen_row",
            lambda call: call.get("padding_idx"),
            _never,
            "padding_idx={}",
            "(Keras trains every row; set this row's gradient to zero)",
            "gradients",
        ),
        Setting(
            "mask",
            lambda call: False,
            lambda call: bool(call.get("mask_zero", False)),
            "(PyTorch masks nothing: pack the sequences)",
            "mask_zero={}",
            "configuration",
        ),
    ),
    "gru": (RESET_AFTER, GATES, *RECURRENT),
    "lstm": (GATES, *RECURRENT),
    "rnn": RECURRENT,
    "pool": (
        Setting("form", _form, _form, "{} pooling", "{} pooling"),
        Setting("size", each("kernel_size"), each("pool_size"), "kernel_size={}", "pool_size={}"),
        Setting(
            "stride", each("stride", None, "kernel_size"), each("strides", None, "pool_size"), "stride={}", "strides={}"
        ),
        PADDING,
        Setting("padded_with", _filled_in_pytorch, lambda call: "nothing", _fill_in_pytorch, _fill_in_keras),
    ),
    "global_pool": (Setting("form", _form, _form, "{} over all positions", "{} over all positions"),),
    "dropout": (
        Setting("rate", _rate, _rate, "p={}", "rate={}", "configuration"),
        Setting("drops", _dropped, _dropped, _dropout_in_pytorch, _dropout_in_keras, "configuration"),
        Setting(
            "in_evaluation",
            _dropped_always,
            lambda call: call.get("training") is True,
            "training={} where it is called (self.training: in training alone)",
            "training={} where it is called (None: in training alone)",
            "configuration",
        ),
    ),
    "pad": (
        Setting(
            "amounts",
            _padded_by_pytorch,
            _padded_by_keras,
            lambda value, call: f"F.pad(x, {tuple(side for pair in reversed(value) for side in pair)})",
            lambda value, call: f"layers.ZeroPadding{len(value)}D({value})",
        ),
        Setting("filled_with", _filling, _filling, "mode or value {}", "mode or value {}"),
    ),
    "upsampling": (
        Setting("factor", *_read_alike(_grown), "scale_factor={}", "size={}"),
        Setting(
            "form",
            _interpolated,
            _interpolated,
            lambda value, call: f"mode='{_bi(value)}'",
            lambda value, call: f'interpolation="{_bi(value)}"',
        ),
        Setting(
            "aligned_corners",
            lambda call: bool(call.get("align_corners") or False),
            lambda call: False,
            "align_corners={}",
            lambda value, call: "(Keras has no aligned corners: a layer of one's own)" if value else "as it is",
        ),
    ),
    "merge": (Setting("form", _merging, _merging, "{}", "{}"),),
    "concat": (Setting("axis", *_read_alike(_joined), "dim of {}", "axis of {}"),),
}
