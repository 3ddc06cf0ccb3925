"""How far padding reaches: what libraries call `same`, `padding=1` or `ceil_mode`, as what the windows really touch.

A window that begins at the padded start and one that ends at the padded end need not be the same: with a stride the
last columns of a padding may lie beyond the last window. Two layers agree where first windows begin, and last windows
end, at the same places; so padding is compared as (before, after), `after` being negative where columns are left over.
"""

from collections.abc import Callable, Sequence
from typing import Any

from uncrossed.explain.differences.calls import Call

Reach = tuple[tuple[int, int], ...]


def same(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """What TensorFlow pads where a layer says `same`: the odd one goes after."""
    total = max((-(-size // stride) - 1) * stride + dilation * (kernel - 1) + 1 - size, 0)
    return total // 2, total - total // 2


def reached(
    sizes: Sequence[int],
    outputs: Sequence[int],
    before: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
) -> Reach:
    """What the windows of one layer touch beyond its input.

    Args:
        sizes: of the input, each direction.
        outputs: of the output.
        before: what is padded before.
        kernel: sizes of the window.
        stride: of the window.
        dilation: of the window.
    """
    parts = zip(sizes, outputs, before, kernel, stride, dilation, strict=True)
    return tuple((b, (out - 1) * s + d * (k - 1) + 1 - size - b) for size, out, b, k, s, d in parts)


def symmetric(reach: Reach, stride: Sequence[int]) -> tuple[int, ...] | None:
    """The padding on both sides that makes windows reach so far; None where no symmetric one does."""
    if all(before >= 0 and 0 <= before - after < s for (before, after), s in zip(reach, stride, strict=True)):
        return tuple(before for before, _ in reach)
    return None


def transposed_same(size: int, output: int, kernel: int, stride: int) -> tuple[int, int]:
    """What TensorFlow crops from a transposed convolution's full output where a layer says `same`."""
    before, _ = same(output, kernel, stride)
    return before, (size - 1) * stride + kernel - output - before


# How layers say it.


def text(value: Any) -> str:
    """A value as it is written."""
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, tuple) and len(set(value)) == 1:
        return text(value[0])
    return str(value)


def each(name: str, default: Any = None, alternative: str = "") -> Callable[[Call], tuple[int, ...]]:
    """A length in each direction; `alternative` holds where there is none."""

    def read(call: Call) -> tuple[int, ...]:
        value = call.get(name, default)
        if value is None or value in ((), []):
            value = call.get(alternative) if alternative else default
        count = len(call.x) - 2
        values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * count
        return tuple(int(v) for v in (values * count if len(values) == 1 else values))

    return read


def kernel_of(call: Call) -> tuple[int, ...]:
    """The sizes of the window: of the kernel, or of a pooling layer."""
    for name in ("kernel_size", "pool_size"):
        if call.get(name) is not None:
            return each(name)(call)
    return tuple(call.says("weight").shape[2:])


def padding_before(call: Call) -> tuple[int, ...]:
    """What PyTorch's layer pads before, in each direction."""
    value = call.get("padding", 0)
    if value == "valid":
        value = 0
    if value == "same":
        # PyTorch's: stride 1 only, the odd one after, as Keras'.
        spans = zip(kernel_of(call), each("dilation", 1)(call), strict=True)
        return tuple(dilation * (kernel - 1) // 2 for kernel, dilation in spans)
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    return values * (len(call.x) - 2) if len(values) == 1 else values


def reached_by_pytorch(call: Call) -> Reach:
    """What the windows of PyTorch's layer touch."""
    stride, dilation = each("stride", 1, "kernel_size")(call), each("dilation", 1)(call)
    return reached(call.x[2:], call.y[2:], padding_before(call), kernel_of(call), stride, dilation)


def reached_by_keras(call: Call) -> Reach:
    """What the windows of Keras' layer touch."""
    sizes, outputs = call.x[1:-1], call.y[1:-1]
    kernel, stride = kernel_of(call), each("strides", 1, "pool_size")(call)
    dilation = each("dilation_rate", 1)(call)
    padding = call.get("padding", "valid")
    parts = zip(sizes, kernel, stride, dilation, strict=True)
    before = [same(*part)[0] if padding == "same" else 0 for part in parts]
    if padding == "causal":
        before = [dilation[0] * (kernel[0] - 1)]
    return reached(sizes, outputs, before, kernel, stride, dilation)


def pad_in_pytorch(reach: Reach, call: Call) -> str:
    """How PyTorch's layer comes to touch so much."""
    stride = each("stride", 1, "kernel_size")(call)
    if all(pair == (0, 0) for pair in reach):
        return "padding=0"
    if (even := symmetric(reach, stride)) is not None:
        return f"padding={text(even)}"
    amounts = tuple(side for pair in reversed(reach) for side in pair)
    filled = ", value=-torch.inf" if call.function.startswith("maxpool") else ""
    return f"F.pad(x, {amounts}{filled}) before it and padding=0"


def pad_in_keras(reach: Reach, call: Call) -> str:
    """How Keras' layer comes to touch so much."""
    sizes, kernel = call.x[1:-1], kernel_of(call)
    stride, dilation = each("strides", 1, "pool_size")(call), each("dilation_rate", 1)(call)
    if all(before == 0 and after <= 0 for before, after in reach):
        return 'padding="valid"'
    parts = zip(sizes, kernel, stride, dilation, strict=True)
    if all(pair == same(*part) for pair, part in zip(reach, parts, strict=True)) and set(stride) == {1}:
        return 'padding="same"'
    even = symmetric(reach, stride)
    amounts = reach if even is None else even
    padded = f'layers.ZeroPadding{len(reach)}D({text(amounts)}) before it and padding="valid"'
    if "pool" in call.function:
        padded += " (where values may be negative: padding with -inf)"
    return padded


def cropped_by_pytorch(call: Call) -> Reach:
    """What PyTorch's transposed convolution crops from its full output."""
    padding, extra = padding_before(call), each("output_padding", 0)(call)
    return tuple((p, p - e) for p, e in zip(padding, extra, strict=True))


def cropped_by_keras(call: Call) -> Reach:
    """What Keras' transposed convolution crops."""
    parts = zip(call.x[1:-1], call.y[1:-1], kernel_of(call), each("strides", 1)(call), strict=True)
    if call.get("padding") == "same":
        return tuple(transposed_same(*part) for part in parts)
    return tuple((0, (size - 1) * stride + kernel - output) for size, output, kernel, stride in parts)


def crop_in_pytorch(reach: Reach, call: Call) -> str:
    """How PyTorch's transposed convolution comes to crop so much."""
    extra = tuple(before - after for before, after in reach)
    if any(e < 0 for e in extra):
        return f"padding=0, then x[:, :, {', '.join(f'{b}:{-a or None}' for b, a in reach)}]"
    return f"padding={text(tuple(b for b, _ in reach))}, output_padding={text(extra)}"


def crop_in_keras(reach: Reach, call: Call) -> str:
    """How Keras' transposed convolution comes to crop so much."""
    return f'padding="valid", then layers.Cropping{len(reach)}D({text(reach)})'
