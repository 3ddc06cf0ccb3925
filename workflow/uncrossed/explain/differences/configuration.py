"""The differences that can be read: other shapes, other settings, and what one side alone has."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from uncrossed.explain.differences import curves
from uncrossed.explain.differences.kinds import KINDS
from uncrossed.explain.differences.operations import START, Operation
from uncrossed.explain.differences.pairing import Pairs
from uncrossed.explain.differences.settings import Setting
from uncrossed.explain.differences.windows import kernel_of

# What shows a difference, in the order in which one would mend them.
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
# Settings whose names say too little.
WORDS = {"padded_with": "filling of the padding", "drops": "extent of what is dropped at once", "over": "extent"}
WORDS["in_evaluation"] = "action in evaluation, too,"
ACTIVATION, RESCALING = "activation", "rescaling"


@dataclass(eq=False)
class Difference:
    """One difference, in one or many layers.

    Attributes:
        cause: KIND.SETTING, as `batchnorm.epsilon`; KIND.missing, KIND.shape.
        what: what differs, in words.
        pairs: the operations; None where a side has none.
        pytorch: PyTorch's value.
        tensorflow: Keras' value.
        in_pytorch: what to write on PyTorch's side to have Keras' value.
        in_keras: what to write on Keras' side to have PyTorch's.
        where: one of STAGES: what shows it.
        seen: what was measured of it.
    """

    cause: str
    what: str
    pairs: list[tuple[Operation | None, Operation | None]]
    pytorch: Any
    tensorflow: Any
    in_pytorch: str
    in_keras: str
    where: str
    seen: list[str] = field(default_factory=list)

    @property
    def setting(self) -> str:
        """What follows the kind in the cause."""
        return self.cause.partition(".")[2]

    @property
    def layers(self) -> list[tuple[str | None, str | None]]:
        """PyTorch's name and Keras' of each layer; None where a side has none."""
        if not self.pairs:
            return [(f"the {self.where}", f"the {self.where}")]
        return [(ours and ours.name, theirs and theirs.name) for ours, theirs in self.pairs]

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
    return value.item() if isinstance(value, np.generic) else value


def differences(pairs: Pairs, shapes: Mapping[str, tuple[int, ...]]) -> list[Difference]:
    """All differences that can be read.

    Args:
        pairs: the pairs of operations.
        shapes: of arrays in PyTorch's layout, as `pairing.pair` takes them.
    """
    found: dict[Any, Difference] = {}
    for ours, theirs in pairs.pairs:
        # What is not known is named elsewhere, and compared by what it computes.
        if ours.kind == theirs.kind and ours.known and theirs.known:
            for difference in _of_pair(ours, theirs, shapes):
                key = difference.cause, str(difference.pytorch), str(difference.tensorflow)
                found.setdefault(key, difference).pairs.append((ours, theirs))
    for side, operations in (("pytorch", pairs.only_pytorch), ("tensorflow", pairs.only_keras)):
        for operation in operations:
            if operation.known:
                # Rates of stochastic depth grow from layer to layer.
                alike = {name: value for name, value in operation.settings.items() if name != "rate"}
                difference = found.setdefault((side, operation.kind, str(alike)), _missing(side, operation, pairs))
                difference.pairs.append((operation, None) if side == "pytorch" else (None, operation))
    for difference in found.values():
        _say_rates(difference)
    return list(found.values())


def _of_pair(ours: Operation, theirs: Operation, shapes: Mapping[str, tuple[int, ...]]) -> Iterable[Difference]:
    if ours.kind == ACTIVATION:
        yield from _activations(ours, theirs)
    elif ours.kind == RESCALING:
        yield from _rescalings(ours, theirs)
    else:
        yield from _settings(ours, theirs, shapes)


def _settings(ours: Operation, theirs: Operation, shapes: Mapping[str, tuple[int, ...]]) -> Iterable[Difference]:
    kind, one, other = KINDS[ours.kind], ours.settings, theirs.settings
    moved = any(not _equal(one.get(name), other.get(name)) for name in ("stride", "dilation", "size"))
    found = []
    for setting in kind.settings:
        name, a, b = setting.name, one.get(setting.name), other.get(setting.name)
        if _equal(a, b) or (name == "axis" and None in (a, b)):
            continue
        if name == "padding" and ours.kind != "conv_transpose" and moved and same_start(ours, theirs):
            continue  # where windows end follows from the others
        texts = _written(setting, "pytorch", b, ours), _written(setting, "keras", a, theirs)
        if name == "padding" and ours.floored is not None and ours.floored == b:
            name, texts = "ceil_mode", ("ceil_mode=False", texts[1])
        what = f"{WORDS.get(name) or name.replace('_', ' ')} of {kind.noun}"
        found.append(Difference(f"{ours.kind}.{name}", what, [], a, b, *texts, setting.where))
    yield from found
    a, b = (shapes.get(f"weight of {operation.key}") for operation in (ours, theirs))
    if a != b and ours.weighted and not any(difference.setting == "groups" for difference in found):
        what = f"shape of {kind.noun} (as PyTorch lays it)"
        texts = f"a {kind.module} of the shape {b}", f"a {kind.layer} of the shape {a}"
        yield Difference(f"{ours.kind}.shape", what, [], a, b, *texts, "arrays")


def _activations(ours: Operation, theirs: Operation) -> Iterable[Difference]:
    a, b = dict(ours.settings), dict(theirs.settings)
    names = a.pop("function"), b.pop("function")
    texts = written(theirs, "pytorch"), written(ours, "keras")
    if names[0] != names[1]:
        yield Difference("activation.function", "activation", [], *names, *texts, "evaluation")
        return
    for name, value in a.items():
        if not _equal(value, b.get(name)):
            what = f"{name} of {names[0]}"
            yield Difference(f"activation.{name}", what, [], value, b.get(name), *texts, "evaluation")


def _rescalings(ours: Operation, theirs: Operation) -> Iterable[Difference]:
    ours.settings, theirs.settings = _short(ours.settings), _short(theirs.settings)
    texts = [_affine(o.settings) for o in (theirs, ours)]
    for name in ("scale", "offset"):
        a, b = ours.settings[name], theirs.settings[name]
        if not np.allclose(a, b, rtol=1e-9, atol=1e-12):
            yield Difference(f"rescaling.{name}", f"rescaling {name}", [], a, b, *texts, "evaluation")


def _missing(side: str, operation: Operation, pairs: Pairs) -> Difference:
    ours = side == "pytorch"
    has, lacks = ("PyTorch", "Keras") if ours else ("Keras", "PyTorch")
    before = partner_before(operation, pairs, ours)
    partner = pairs.of_pytorch(before) if ours else pairs.of_keras(before)
    add = f"add {written(operation, 'keras' if ours else 'pytorch')} after {START if partner is None else partner.name}"
    leave_out = f"leave out {operation.name}"
    noun = KINDS[operation.kind].noun
    own = "pytorch" if ours or operation.kind == RESCALING else "keras"
    value = written(operation, own) if operation.kind in (ACTIVATION, RESCALING, "dropout", "pool") else noun
    return Difference(
        f"{operation.kind}.missing",
        f"{noun} that {has} alone has, and {lacks} lacks",
        [],
        value if ours else None,
        None if ours else value,
        leave_out if ours else add,
        add if ours else leave_out,
        "arrays" if operation.weighted else "configuration" if operation.kind == "dropout" else "evaluation",
    )


def _say_rates(difference: Difference) -> None:
    """Of dropout that one side alone has, and that drops more in one layer than in another, say so."""
    rates = {o.settings["rate"] for pair in difference.pairs for o in pair if o is not None and "rate" in o.settings}
    if difference.setting == "missing" and len(rates) > 1:
        side = "pytorch" if difference.tensorflow is None else "tensorflow"
        said = f"{getattr(difference, side)} and others: rates from {min(rates):.3g} to {max(rates):.3g}"
        setattr(difference, side, said)


# How settings are compared and written.


def _written(setting: Setting, side: str, value: Any, operation: Operation) -> str:
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


def _affine(settings: Mapping[str, Any]) -> str:
    scaled, offset = f"x * {_values(settings['scale'])}", settings["offset"]
    if isinstance(offset, tuple):
        return f"{scaled} + {_values(offset)}"
    return f"{scaled} {'-' if offset < 0 else '+'} {abs(offset):g}" if offset else scaled


def _one(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value


def _short(settings: Mapping[str, Any]) -> dict[str, Any]:
    """One number where all are one."""
    return {name: _one(value) for name, value in settings.items()}


def written(operation: Operation, side: str) -> str:
    """How a side writes an operation that has no arrays."""
    settings, kind, ours = _short(operation.settings), KINDS[operation.kind], side == "pytorch"
    name = kind.module if ours else kind.layer
    if operation.kind == ACTIVATION:
        parameters = {key: value for key, value in settings.items() if key not in ("function", "axis")}
        return curves.written(settings["function"], parameters, side)
    if operation.kind == RESCALING:
        scale, offset = _values(settings["scale"]), _values(settings["offset"])
        return f"x = {_affine(settings)}" if ours else f"layers.Rescaling({scale}, offset={offset})"
    if operation.kind == "dropout":
        dropped = settings["drops"]
        return f"{name}({settings['rate']:g})" + ("" if dropped == "single numbers" else f" of {dropped}")
    if operation.kind == "pool":
        words = ("nn.MaxPool2d", "nn.AvgPool2d") if ours else ("layers.MaxPooling2D", "layers.AveragePooling2D")
        name = words[settings["form"] != "max"]
        return f"{name}({settings['size']}, {'stride' if ours else 'strides'}={settings['stride']})"
    return name


# Where differences stand.


def partner_before(operation: Operation | None, pairs: Pairs, ours: bool) -> Operation | None:
    """The operation, or the nearest before it, that has a counterpart; None for the model's input."""
    current = operation
    while current is not None:
        if (pairs.of_pytorch(current) if ours else pairs.of_keras(current)) is not None:
            return current
        current = current.inputs[0] if current.inputs else None
    return None


def place(ours: Operation | None, theirs: Operation | None, pairs: Pairs, places: Mapping[int, int]) -> float:
    """Where a pair, or what one side alone has, stands in the order of PyTorch's execution."""
    if ours is not None and id(ours) in places:
        return places[id(ours)]
    if ours is not None:
        before = partner_before(ours, pairs, ours=True)
    else:
        before = pairs.of_keras(partner_before(theirs, pairs, ours=False))
    return -0.5 if before is None else places[id(before)] + 0.5
