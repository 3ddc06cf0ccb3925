"""A report as text: differences numbered in the order in which one would mend them, each with what to write."""

import textwrap
from collections.abc import Iterator

from uncrossed.explain.differences.configuration import Difference
from uncrossed.explain.differences.report import Report

WIDTH = 110
# How many layers of one difference are named.
NAMED = 4


def printed(report: Report, with_map: bool = False) -> str:
    """The report.

    Args:
        report: what `examine` found.
        with_map: with the name map, as an architecture's file has it.
    """
    return "\n".join(_lines(report, with_map))


def _lines(report: Report, with_map: bool) -> Iterator[str]:
    weighted = [pair for pair in report.pairs if pair["arrays"]]
    yield f"{report.name}, on inputs of {report.inputs}"
    counts = report.parameters
    yield from _wrapped(
        f"trained parameters: PyTorch {counts['pytorch']:,}, Keras {counts['tensorflow']:,}; {len(weighted)} layers "
        f"with arrays and {len(report.pairs) - len(weighted)} without are paired",
    )
    for name, (channels, height, width) in report.flattened:
        yield from _wrapped(
            f"{name}: its inputs are {channels} x {height} x {width} images, flattened channels first in PyTorch and "
            "last in Keras: where weights are copied, this layer's need another order",
        )
    for ours, theirs in report.ambiguous:
        yield from _wrapped(
            f"{ours} is taken for {theirs}, and could be another: settle it in the file by "
            f'PAIRS = {{"{ours}": "{theirs}"}}',
        )
    if with_map:
        yield ""
        flattened = dict(report.flattened)
        for pair in weighted:
            more = f", flattened={flattened[pair['pytorch']]}" if pair["pytorch"] in flattened else ""
            yield f'Layer("{pair["pytorch"]}", "{pair["tensorflow"]}", "{pair["kind"]}"{more})'
    yield ""
    if report.differences:
        count = len(report.differences)
        yield "1 difference:" if count == 1 else f"{count} differences, in the order in which to mend them:"
    else:
        yield "no difference is left"
    for number, difference in enumerate(report.differences, start=1):
        yield ""
        yield from _wrapped(f"{number}. {difference.cause}: {difference.what}", hanging=True)
        yield from _wrapped(f"   {_layers(difference)}", hanging=True)
        if difference.pytorch is not None or difference.tensorflow is not None:
            yield from _wrapped(
                f"   now: PyTorch {_value(difference.pytorch)}, Keras {_value(difference.tensorflow)}", True
            )
        if difference.in_pytorch == difference.in_keras:
            yield from _wrapped(f"   write: {difference.in_pytorch}", True)
        else:
            yield from _wrapped(f"   write: in PyTorch {difference.in_pytorch}", True)
            yield from _wrapped(f"   or:    in Keras {difference.in_keras}", True)
        for sentence in difference.seen or [_unseen(difference)]:
            yield from _wrapped(f"   seen: {sentence}", True)
    yield ""
    if report.agreed:
        left = {mode: size for mode, size in report.agreed.items() if mode in ("evaluation", "training")}
        texts = " and ".join(f"{size:.0e} in {mode}" for mode, size in left.items())
        others = [mode for mode in ("statistics", "gradients") if mode in report.agreed]
        also = f"; {' and '.join(others)} agree too" if others else ""
        with_all = "with all of them taken away" if report.differences else "as they are"
        if left:
            yield from _wrapped(f"with the same weights in float64 and {with_all}, outputs agree up to {texts}{also}")
    if report.unknown:
        names = ", ".join(f"{one['layer']} ({one['kind']})" for one in report.unknown[:8])
        more = f" and {len(report.unknown) - 8} more" if len(report.unknown) > 8 else ""
        yield from _wrapped(f"not compared by configuration, but by what they compute: {names}{more}")
    for note in report.notes[:12]:
        yield from _wrapped(f"note: {note}")
    if len(report.notes) > 12:
        yield f"and {len(report.notes) - 12} more notes (--json has all)"


def _layers(difference: Difference) -> str:
    names = [
        ours if ours == theirs or theirs is None else theirs if ours is None else f"{ours} / {theirs}"
        for ours, theirs in difference.layers[:NAMED]
    ]
    more = len(difference.layers) - NAMED
    return "in " + ", ".join(str(name) for name in names) + (f" and {more} more layers" if more > 0 else "")


def _value(value: object) -> str:
    if value is None:
        return "has none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, (list, tuple)) and len(value) > 8:
        return f"({', '.join(map(_value, value[:4]))}, ...)"
    return str(value)


def _unseen(difference: Difference) -> str:
    if difference.cause.startswith("dropout"):
        return "read from both models; what they compute is compared without dropout"
    return "read from both models; one pass does not show it"


def _wrapped(text: str, hanging: bool = False) -> list[str]:
    start = len(text) - len(text.lstrip())
    indent = " " * (start + 3) if hanging else ""
    return textwrap.wrap(
        text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    ) or [""]
