"""How far padding reaches: what libraries call `same`, `padding=1` or `ceil_mode`, as what the windows really touch.

A window that begins at the padded start and one that ends at the padded end need not be the same: with a stride the
last columns of a padding may lie beyond the last window. Two layers agree where first windows begin, and last windows
end, at the same places; so padding is compared as (before, after), `after` being negative where columns are left over.
"""

from collections.abc import Sequence

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
