"""The differences that can be read: other shapes, other settings, and what one side alone has."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from uncrossed.explain.differences import curves
from uncrossed.explain.differences.kinds import KINDS, kernel_of
from uncrossed.explain.differences.operations import Operation, start_or
from uncrossed.explain.differences.pairing import Pair, Pairs

# In the order in which one would mend them.
STAGES = (
    "arrays",
    "evaluation",
    "training",
    "statistics",
    "gradients",
    "configuration",
    "initial",
    "optimizer",
    "loss",
)
# What can be computed where only Keras' model has it.
INSERTED = ("activation", "rescaling", "pool", "pad", "batchnorm", "layernorm", "groupnorm")
# Shape decides them: they are seen in the arrays.
SIDES = ("pytorch", "tensorflow")


@dataclass(eq=False)
class Difference:
    """One difference, in one or many layers.

    Attributes:
        cause: KIND.SETTING, as `batchnorm.epsilon`; KIND.missing, KIND.shape.
        what: what differs, in words.
        layers: PyTorch's name and Keras' of each layer; None where a side has none.
        pytorch: PyTorch's value.
        tensorflow: Keras' value.
        in_pytorch: what to write on PyTorch's side to have Keras' value.
        in_keras: what to write on Keras' side to have PyTorch's.
        where: one of STAGES: what shows it.
        seen: what was measured of it.
        pairs: the operations.
        certain: whether it counts without being seen in the function.
    """

    cause: str
    what: str
    layers: list[tuple[str | None, str | None]]
    pytorch: Any
    tensorflow: Any
    in_pytorch: str
    in_keras: str
    where: str
    seen: list[str] = field(default_factory=list)
    pairs: list[tuple[Operation | None, Operation | None]] = field(default_factory=list)
    certain: bool = True

    @property
    def setting(self) -> str:
        """What follows the kind in the cause."""
        return self.cause.partition(".")[2]

    def plain(self) -> dict[str, Any]:
        """As data for JSON."""
        return {
            "cause": self.cause,
            "what": self.what,
            "layers": [{"pytorch": ours, "tensorflow": theirs} for ours, theirs in self.layers],
            "pytorch": _plain(self.pytorch),
            "tensorflow": _plain(self.tensorflow),
            "write": {"pytorch": self.in_pytorch, "tensorflow": self.in_keras},
            "shown_by": self.where,
            "measured": self.seen,
        }


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_plain(part) for part in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


def differences(pairs: Pairs, shapes: Mapping[str, tuple[int, ...]]) -> list[Difference]:
    """All differences that can be read.

    Args:
        pairs: the pairs of operations.
        shapes: of arrays in PyTorch's layout, as `pairing.pair` takes them.
    """
    found: dict[Any, Difference] = {}

    def add(key: Any, difference: Difference) -> None:
        difference.layers = list(difference.layers)
        if key in found:
            found[key].layers += difference.layers
            found[key].pairs += difference.pairs
        else:
            found[key] = difference

    for ours, theirs in pairs.pairs:
        for difference in _settings(ours, theirs, shapes):
            add((difference.cause, str(difference.pytorch), str(difference.tensorflow)), difference)
    for side, operations in (("pytorch", pairs.only_pytorch), ("tensorflow", pairs.only_keras)):
        for operation in operations:
            if operation.known:
                difference = _missing(side, operation, pairs)
                # Rates of stochastic depth grow from layer to layer.
                alike = {name: value for name, value in operation.settings.items() if name != "rate"}
                add((difference.cause, side, str(alike)), difference)
    for difference in found.values():
        _say_rates(difference)
    return list(found.values())


def _say_rates(difference: Difference) -> None:
    """Of dropout that one side alone has, and that drops more in one layer than in another, say so."""
    rates = {o.settings["rate"] for pair in difference.pairs for o in pair if o is not None and "rate" in o.settings}
    if difference.setting == "missing" and len(rates) > 1:
        said = f"rates from {min(rates):.3g} to {max(rates):.3g}"
        side = "pytorch" if difference.tensorflow is None else "tensorflow"
        setattr(difference, side, f"{getattr(difference, side)} and others: {said}")


def _settings(ours: Operation, theirs: Operation, shapes: Mapping[str, tuple[int, ...]]) -> Iterable[Difference]:
    kind = KINDS.get(ours.kind)
    if kind is None or not ours.known or ours.kind != theirs.kind or not theirs.known:
        return  # what is not known is named elsewhere, and compared by what it computes
    both = [(ours.name, theirs.name)]
    if ours.kind == "activation":
        yield from _activations(ours, theirs)
        return
    if ours.kind == "rescaling":
        ours.settings, theirs.settings = (_short(operation.settings) for operation in (ours, theirs))
        for name in ("scale", "offset"):
            a, b = ours.settings[name], theirs.settings[name]
            if not np.allclose(a, b, rtol=1e-9, atol=1e-12):
                texts = [
                    f"x * {_values(s['scale'])} + {_values(s['offset'])}" for s in (ours.settings, theirs.settings)
                ]
                what = f"rescaling {name}"
                yield Difference(
                    f"rescaling.{name}", what, both, a, b, texts[1], texts[0], "evaluation", pairs=[(ours, theirs)]
                )
        return
    shape_differs = False
    for setting in kind.settings:
        a, b = ours.settings.get(setting.name), theirs.settings.get(setting.name)
        if _equal(a, b) or (setting.name == "axis" and None in (a, b)):
            continue
        moved = any(not _equal(ours.settings.get(o), theirs.settings.get(o)) for o in ("stride", "dilation", "size"))
        if setting.name == "padding" and ours.kind != "conv_transpose" and moved and same_start(ours, theirs):
            continue  # where windows end follows from the others
        name = setting.name
        if ours.kind == "pool" and name == "padding" and ours.plain.get("floored") == b:
            name = "ceil_mode"
        shape_differs |= name == "groups"
        ours_text, theirs_text = (
            _written(setting, "pytorch", b, ours),
            _written(setting, "keras", a, theirs),
        )
        if name == "ceil_mode":
            ours_text = "ceil_mode=False"
        yield Difference(
            f"{ours.kind}.{name}",
            f"{name.replace('_', ' ')} of {kind.noun}",
            both,
            a,
            b,
            ours_text,
            theirs_text,
            setting.where,
            pairs=[(ours, theirs)],
        )
    a, b = (shapes.get(f"weight of {operation.key}") for operation in (ours, theirs))
    if a != b and ours.weighted and not shape_differs:
        yield Difference(
            f"{ours.kind}.shape",
            f"shape of {kind.noun} (as PyTorch lays it)",
            both,
            a,
            b,
            f"a {kind.module} of the shape {b}",
            f"a {kind.layer} of the shape {a}",
            "arrays",
            pairs=[(ours, theirs)],
        )


def _written(setting: Any, side: str, value: Any, operation: Operation) -> str:
    try:
        return setting.write(side, value, operation.call)
    except (TypeError, ValueError, KeyError, AttributeError, IndexError):
        return f"{setting.name} of {value}"


def same_start(ours: Operation, theirs: Operation) -> bool:
    """Whether two windows of perhaps other sizes begin alike: the same distance from where their middle is inside."""
    starts = []
    for operation in (ours, theirs):
        reach = operation.settings.get("padding")
        if reach is None:
            return False
        sizes = operation.settings.get("size") or kernel_of(operation.call)
        dilation = operation.settings.get("dilation") or (1,) * len(sizes)
        starts.append([b - d * (k - 1) // 2 for (b, _), k, d in zip(reach, sizes, dilation, strict=True)])
    return starts[0] == starts[1]


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= 1e-9 * max(abs(a), abs(b))
    if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b):
        return all(map(_equal, a, b))
    return a == b


def _values(value: Any) -> str:
    if isinstance(value, tuple):
        return "(" + ", ".join(f"{v:g}" for v in value[:4]) + (", ...)" if len(value) > 4 else ")")
    return f"{value:g}"


def _short(settings: Mapping[str, Any]) -> dict[str, Any]:
    """One number where all are one."""
    return {
        name: value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value
        for name, value in settings.items()
    }


def _activations(ours: Operation, theirs: Operation) -> Iterable[Difference]:
    a, b = dict(ours.settings), dict(theirs.settings)
    names = a.pop("function"), b.pop("function")
    both, pairs = [(ours.name, theirs.name)], [(ours, theirs)]
    texts = [written(operation, side) for operation, side in ((theirs, "pytorch"), (ours, "keras"))]
    if names[0] != names[1]:
        yield Difference("activation.function", "activation", both, *names, *texts, "evaluation", pairs=pairs)
        return
    for name, value in a.items():
        if not _equal(value, b.get(name)):
            what = f"{name} of {names[0]}"
            cause = f"activation.{name}"
            yield Difference(cause, what, both, value, b.get(name), *texts, "evaluation", pairs=pairs)


def written(operation: Operation, side: str) -> str:
    """How a side writes an operation that has no arrays."""
    settings = dict(operation.settings)
    if operation.kind == "activation":
        name = settings.pop("function")
        settings.pop("axis", None)
        return curves.written(name, settings, side)
    if operation.kind == "rescaling":
        short = _short(settings)
        if side == "pytorch":
            return f"x = x * {_values(short['scale'])} + {_values(short['offset'])}"
        return f"layers.Rescaling({_values(short['scale'])}, offset={_values(short['offset'])})"
    kind = KINDS[operation.kind]
    name = kind.module if side == "pytorch" else kind.layer
    if operation.kind == "dropout":
        return f"{name}({settings['rate']:g})" + (
            "" if settings["drops"] == "single numbers" else " of " + settings["drops"]
        )
    if operation.kind == "pool":
        form = settings["form"]
        name = (
            ("nn.MaxPool2d" if form == "max" else "nn.AvgPool2d")
            if side == "pytorch"
            else ("layers.MaxPooling2D" if form == "max" else "layers.AveragePooling2D")
        )
        strides = "stride" if side == "pytorch" else "strides"
        return f"{name}({_one(settings['size'])}, {strides}={_one(settings['stride'])})"
    return name


def _one(value: Any) -> str:
    return str(value[0]) if isinstance(value, tuple) and len(set(value)) == 1 else str(value)


def _missing(side: str, operation: Operation, pairs: Pairs) -> Difference:
    kind = KINDS[operation.kind]
    ours = side == "pytorch"
    has, lacks = ("PyTorch", "Keras") if ours else ("Keras", "PyTorch")
    after = _place(operation, pairs, ours)
    add = f"add {written(operation, 'keras' if ours else 'pytorch')} after {after}"
    leave_out = f"leave out {operation.name}"
    value = _brief(operation)
    where = "configuration" if operation.kind == "dropout" else "evaluation"
    return Difference(
        f"{operation.kind}.missing",
        f"{kind.noun} that {has} alone has, and {lacks} lacks",
        [(operation.name, None) if ours else (None, operation.name)],
        value if ours else None,
        None if ours else value,
        leave_out if ours else add,
        add if ours else leave_out,
        "arrays" if operation.weighted else where,
        pairs=[(operation, None) if ours else (None, operation)],
    )


def _brief(operation: Operation) -> str:
    if operation.kind in ("activation", "dropout", "rescaling", "pool"):
        return written(operation, "pytorch")
    return KINDS[operation.kind].noun


def _place(operation: Operation, pairs: Pairs, ours: bool) -> str:
    """After which layer of the side that lacks it an operation would stand."""
    current: Operation | None = operation
    while current is not None:
        current = current.inputs[0] if current.inputs else None
        other = pairs.of_pytorch(current) if ours else pairs.of_keras(current)
        if other is not None:
            return other.name
    return start_or(None)


def partner_before(operation: Operation | None, pairs: Pairs, ours: bool) -> Operation | None:
    """The nearest operation before that has a counterpart; None for the model's input."""
    current = operation
    while current is not None:
        other = pairs.of_pytorch(current) if ours else pairs.of_keras(current)
        if other is not None:
            return current
        current = current.inputs[0] if current.inputs else None
    return None


def paired(difference: Difference) -> list[Pair]:
    """The pairs of a difference that both sides have."""
    return [(ours, theirs) for ours, theirs in difference.pairs if ours is not None and theirs is not None]


def place(ours: Operation | None, theirs: Operation | None, pairs: Pairs, places: Mapping[int, int]) -> float:
    """Where a pair, or what one side alone has, stands in the order of PyTorch's execution."""
    if ours is not None and id(ours) in places:
        return places[id(ours)]
    if ours is not None:
        before = partner_before(ours, pairs, ours=True)
    else:
        before = pairs.of_keras(partner_before(theirs, pairs, ours=False))
    return -0.5 if before is None else places[id(before)] + 0.5
