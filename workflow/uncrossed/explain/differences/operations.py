"""A model as a list of operations in the words of `kinds`: what both libraries write differently is made the same.

Calls that move numbers and change none are left out, zero padding is made part of the window that follows it, chains of
functions of single numbers are one function where they have a name together, and lists that are joined in steps are
joined at once. What is left are the operations that are paired and compared.
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from uncrossed.explain.differences import curves
from uncrossed.explain.differences.calls import MODEL_INPUT, Call, Pass
from uncrossed.explain.differences.kinds import BY_FUNCTION, KINDS, LAYOUTS, WEIGHTED, kernel_of

START = "the input"
# Keeps what is not negative so.
KEEPING = ("pool", "global_pool", "dropout", "concat", "pad")


@dataclass(eq=False)
class Operation:
    """One operation.

    Attributes:
        name: what the model calls the layer, or the function and its place.
        kind: one of KINDS, or the library's name of what is not known.
        known: whether it is one of KINDS.
        settings: by name, in the common form.
        arrays: the model's arrays that it uses, by part.
        inputs: the operations that made its inputs; None for the model's own.
        calls: the keys of the calls that it consists of; what it makes is the last one's.
        call: the call that it was read from.
        features: for features that were flattened from images, the images' shape.
    """

    name: str
    kind: str
    known: bool
    settings: dict[str, Any]
    arrays: dict[str, str]
    inputs: list["Operation | None"]
    calls: list[str]
    call: Call
    features: tuple[int, ...] | None = None
    not_negative: bool = False
    moved: bool = False
    curve: curves.Curve | None = None
    plain: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The key of the value that it makes."""
        return self.calls[-1]

    @property
    def weighted(self) -> bool:
        """Whether its kind has arrays."""
        return self.kind in WEIGHTED or (not self.known and bool(self.call.trained))


@dataclass
class Model:
    """One side's operations in the order of execution, and the arrays that none of them uses."""

    operations: list[Operation]
    output: Operation | None
    unused: list[str]


def read(seen: Pass, side: str, arrays: Iterable[str], trained: Iterable[str]) -> Model:
    """Read a pass in evaluation mode.

    Args:
        seen: the pass.
        side: `pytorch` or `keras`.
        arrays: names of all arrays of the model.
        trained: names of the trained ones.
    """
    last = len(seen.calls) - 1 if seen.output is None else seen.output
    needed = _needed(seen.calls, last)
    made: dict[int, Operation | None] = {MODEL_INPUT: None}
    flat: dict[int, tuple[tuple[int, ...] | None, bool]] = {MODEL_INPUT: (None, False)}
    operations: list[Operation] = []
    for number in sorted(needed):
        call = seen.calls[number]
        sources = [source for source in call.inputs if source is not None]
        inputs = [made[source] for source in sources]
        features, moved = flat[sources[0]] if sources else (None, False)
        features, moved = _flattened(call, side, features, moved)
        flat[number] = features, moved
        if _same_numbers(call, side):
            made[number] = inputs[0] if inputs else None
            continue
        operation = _read(call, side, inputs)
        operation.features, operation.moved = flat[sources[0]][0] if sources else None, moved
        if operation.weighted and operation.kind not in ("batchnorm", "layernorm", "prelu"):
            flat[number] = (None, moved)
        made[number] = operation
        operations.append(operation)
    output = made.get(last) if seen.calls else None
    used = {name for operation in operations for name in operation.arrays.values()}
    operations = _simplified(operations, output)
    unused = [name for name in trained if name not in used]
    return Model(operations, operations[-1] if operations else None, unused)


def _needed(calls: list[Call], last: int) -> set[int]:
    found, open_ = set(), [last] if calls else []
    while open_:
        number = open_.pop()
        if number is None or number == MODEL_INPUT or number in found:
            continue
        found.add(number)
        open_ += [source for source in calls[number].inputs if source is not None]
    return found


def _same_numbers(call: Call, side: str) -> bool:
    """Whether a call moves numbers at most."""
    if call.function in LAYOUTS[side]:
        return True
    sizes = call.x[2:] if side == "pytorch" else call.x[1:-1]
    if _pooled_globally(call, side) and set(sizes) == {1}:
        return True
    if side == "pytorch" and call.function.startswith("adaptive") and call.x == call.y:
        return True
    return call.function in BY_FUNCTION[side] and BY_FUNCTION[side][call.function] == "concat" and len(call.inputs) == 1


def _flattened(
    call: Call, side: str, features: tuple[int, ...] | None, moved: bool
) -> tuple[tuple[int, ...] | None, bool]:
    """The shape of the images that a call's features were flattened from, and whether axes were moved before."""
    if call.function in ("permute", "transpose", "moveaxis", "movedim", "swapaxes"):
        return None, not moved
    if call.function in ("flatten", "view", "reshape", "ravel") and len(call.x) > 2 and len(call.y) == 2:
        sizes = call.x[2:] if side == "pytorch" else call.x[1:-1]
        return (call.x[1:] if np.prod(sizes) > 1 else None), moved
    return (features if len(call.y) == 2 else None), moved


def _read(call: Call, side: str, inputs: list[Operation | None]) -> Operation:
    kind = BY_FUNCTION[side].get(call.function)
    operation = Operation(call.name, call.function, False, {}, dict(call.arrays), inputs, [call.key], call)
    pooled = _pooled_globally(call, side)
    if pooled:
        kind = "global_pool"
    elif kind in ("merge", None) and (special := _curve(call, operation)):
        return special
    elif kind == "merge" and call.arrays and len(call.inputs) == 1:
        kind = "scale" if "mul" in call.function else "shift" if "add" in call.function else None
    elif side == "pytorch" and _in_equal_windows(call):
        kind, call = "pool", _as_pool(call)
        operation.call = call
    if kind in ("gru", "lstm", "rnn") and side == "pytorch" and _deep(call):
        kind = None
    if kind is None:
        return operation
    operation.kind, operation.known = kind, True
    if kind == "activation":
        operation.settings = {"function": "log_softmax" if "log" in call.function else "softmax"}
        operation.settings["axis"] = _softmax_axis(call, side)
        return operation
    if kind == "rescaling":
        return _curve(call, operation) or operation
    for setting in KINDS[kind].settings:
        reader = setting.pytorch if side == "pytorch" else setting.keras
        try:
            operation.settings[setting.name] = reader(call)
        except (TypeError, ValueError, KeyError, AttributeError, IndexError):
            operation.settings[setting.name] = None
    if kind == "pool":
        _ceil_mode(call, side, operation)
    return operation


def _curve(call: Call, operation: Operation) -> Operation | None:
    """The operation as a function of single numbers, or as a rescaling of channels; None where it is neither."""
    if call.again is None or call.trained or len(call.inputs) != 1 or call.x != call.y:
        return None
    shape = (-1, *(1 for _ in call.x[1:]))

    def curve(values: np.ndarray) -> np.ndarray:
        return np.asarray(call.again(values.reshape(shape)))

    try:
        found = curves.identify(lambda values: _once(curve(values)))
    except Exception:  # a layer that takes its own shape alone
        found = None
    if found is None:
        return _softmax(call, operation) or _rescaled(call, operation)
    # A sum or a softmax over an axis, too, is a function of single numbers where that axis has one.
    random = np.random.default_rng(0).normal(0, 3, call.x)
    with np.errstate(all="ignore"):
        same = np.allclose(call.again(random).reshape(-1), _once(curve(random.reshape(-1))), rtol=1e-6, atol=1e-9)
    if not same:
        return _softmax(call, operation) or _rescaled(call, operation)
    name, parameters = found
    operation.known = True
    operation.curve = lambda values: _once(curve(values))
    if name == curves.IDENTITY:
        operation.kind = curves.IDENTITY
    elif name == curves.RESCALING:
        operation.kind, operation.settings = "rescaling", parameters
    else:
        operation.kind, operation.settings = "activation", {"function": name, **parameters}
        operation.not_negative = curves.nonnegative(operation.curve)
    return operation


def _once(values: np.ndarray) -> np.ndarray:
    if values.size != len(values):
        raise ValueError("not a function of single numbers")
    return values.reshape(-1)


def _softmax(call: Call, operation: Operation) -> Operation | None:
    """The operation as a softmax over the last axis, whatever it is called."""
    random = np.random.default_rng(0).normal(size=call.x)
    try:
        made = np.asarray(call.again(random))
    except Exception:  # whatever a layer of the user's own raises for such numbers
        return None
    exact = np.exp(random) / np.exp(random).sum(axis=-1, keepdims=True)
    for name, values in (("softmax", exact), ("log_softmax", np.log(exact))):
        if made.shape == values.shape and np.allclose(made, values, rtol=1e-6, atol=1e-9):
            operation.kind, operation.known = "activation", True
            operation.settings = {"function": name, "axis": "channels"}
            return operation
    return None


def _rescaled(call: Call, operation: Operation) -> Operation | None:
    random = np.random.default_rng(0).normal(size=call.x)
    try:
        zero, one, made = (np.asarray(call.again(x)) for x in (np.zeros(call.x), np.ones(call.x), random))
    except Exception:  # whatever a layer of the user's own raises for such numbers
        return None
    if zero.shape != call.x or not np.isfinite(zero).all():
        return None
    scale = one - zero
    if not np.allclose(made, zero + scale * random, rtol=1e-6, atol=1e-9) or not scale.any():
        return None
    constant = [
        axis for axis in range(zero.ndim) if np.ptp(zero, axis=axis).max() == np.ptp(scale, axis=axis).max() == 0
    ]
    kept = [axis for axis in range(zero.ndim) if axis not in constant]
    if len(kept) > 1:
        return None
    index = tuple(slice(None) if axis in kept else 0 for axis in range(zero.ndim))
    operation.kind, operation.known = "rescaling", True
    operation.settings = {
        name: tuple(map(float, np.ravel(values[index]))) for name, values in (("scale", scale), ("offset", zero))
    }
    operation.arrays = {}
    return operation


def _pooled_globally(call: Call, side: str) -> bool:
    function = call.function
    if side == "pytorch" and function.startswith(("adaptiveavgpool", "adaptivemaxpool")):
        return set(call.y[2:]) == {1} and call.x != call.y
    if function in ("mean", "amax", "max", "reducemean") and len(call.x) > 2:
        axes = call.get("dim" if side == "pytorch" else "axis")
        axes = axes if isinstance(axes, (list, tuple)) else [axes]
        if any(not isinstance(axis, int) for axis in axes):
            return False
        left = set(range(len(call.x))) - {axis % len(call.x) for axis in axes}
        return len(left) == 2 and 0 in left
    return side == "keras" and function.startswith("global")


def _in_equal_windows(call: Call) -> bool:
    """Whether an adaptive pooling's windows are all of one size."""
    if not call.function.startswith(("adaptiveavg", "adaptivemax")):
        return False
    return all(size % out == 0 for size, out in zip(call.x[2:], call.y[2:], strict=True))


def _as_pool(call: Call) -> Call:
    """An adaptive pooling whose windows are all of one size, as the pooling that it is."""
    size = tuple(x // y for x, y in zip(call.x[2:], call.y[2:], strict=True))
    arguments = {"kernel_size": size, "stride": size, "padding": 0, "ceil_mode": False, "count_include_pad": True}
    name = "maxpool" if "max" in call.function else "avgpool"
    return Call(
        call.key,
        call.name,
        f"{name}{len(size)}d",
        arguments.__getitem__,
        call.inputs,
        call.arrays,
        call.trained,
        call.x,
        call.y,
        call.again,
        call.source,
    )


def _deep(call: Call) -> bool:
    """Whether a recurrent module of PyTorch's holds more than one layer in one direction over examples first."""
    return (
        call.get("num_layers", 1) != 1
        or bool(call.get("bidirectional"))
        or not call.get("batch_first")
        or bool(call.get("proj_size"))
        or call.get("nonlinearity", "tanh") != "tanh"
    )


def _softmax_axis(call: Call, side: str) -> str:
    axis = call.get("dim") if side == "pytorch" else call.get("axis", -1)
    count = len(call.x)
    if not isinstance(axis, int):
        return "channels"
    channels = 1 if side == "pytorch" and count == 4 else count - 1
    return "channels" if axis % count == channels else f"axis {axis % count}"


def _ceil_mode(call: Call, side: str, operation: Operation) -> None:
    """Where PyTorch rounds up, what padding would reach if it did not."""
    if side == "pytorch" and call.get("ceil_mode"):
        reach, settings = operation.settings["padding"], operation.settings
        floored = []
        parts = zip(reach, call.x[2:], settings["size"], settings["stride"], strict=True)
        for (before, _), size, kernel, stride in parts:
            outputs = (size + 2 * before - kernel) // stride + 1
            floored.append((before, (outputs - 1) * stride + kernel - size - before))
        operation.plain["floored"] = tuple(floored)


# Making both sides' lists alike.


def _simplified(operations: list[Operation], output: Operation | None) -> list[Operation]:
    changed, failed = True, set[tuple[int, int]]()
    while changed:
        changed = False
        users = _users(operations)
        for operation in operations:
            replaced = (
                _without_nothing(operation)
                or _pad_folded(operation, users)
                or _curves_composed(operation, users, failed)
                or _lists_joined(operation)
            )
            if replaced is not None:
                gone, instead = {id(one) for one in replaced[0]}, replaced[1]
                operations = [other for other in operations if id(other) not in gone]
                for other in operations:
                    other.inputs = [instead if id(source) in gone else source for source in other.inputs]
                if id(output) in gone:
                    output = instead
                changed = True
                break
    for operation in operations:
        if operation.kind in KEEPING:
            operation.not_negative = all(source is not None and source.not_negative for source in operation.inputs)
        padded = operation.settings.get("padded_with")
        below_nothing = operation.kind == "pool" and operation.settings["form"] == "max" and padded == "zeros"
        if below_nothing and all(source is not None and source.not_negative for source in operation.inputs):
            # Zeros lose against what is not negative, as nothing does.
            operation.settings["padded_with"] = "nothing"
    needed, open_ = set(), [output]
    while open_:
        operation = open_.pop()
        if operation is not None and id(operation) not in needed:
            needed.add(id(operation))
            open_ += operation.inputs
    return [operation for operation in operations if id(operation) in needed]


def _users(operations: list[Operation]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for operation in operations:
        for source in operation.inputs:
            counts[id(source)] = counts.get(id(source), 0) + 1
    return counts


# The operations that go, and what stands in their place.
Replaced = tuple[list[Operation], Operation | None] | None


def _without_nothing(operation: Operation) -> Replaced:
    """Dropout that drops nothing, and functions that change nothing."""
    nothing = operation.kind == curves.IDENTITY or (operation.kind == "dropout" and operation.settings["rate"] == 0)
    nothing |= operation.kind == "pad" and not np.any(operation.settings.get("amounts") or 0)
    return ([operation], operation.inputs[0]) if nothing else None


def _pad_folded(operation: Operation, users: dict[int, int]) -> Replaced:
    """Zero padding becomes part of the convolution or pooling that alone uses it."""
    if operation.kind not in ("conv", "pool") or not operation.inputs:
        return None
    pad = operation.inputs[0]
    if pad is None or pad.kind != "pad" or users[id(pad)] != 1 or operation.settings.get("padding") is None:
        return None
    amounts, filled = pad.settings.get("amounts"), pad.settings.get("filled_with")
    maximum = operation.kind == "pool" and operation.settings["form"] == "max"
    if amounts is None or len(amounts) != len(operation.settings["padding"]):
        return None
    if filled != "0" and not (maximum and filled == "-inf"):
        return None
    own = operation.settings["padding"]
    if operation.kind == "pool" and any(before > 0 for before, _ in own):
        return None
    operation.settings["padding"] = tuple(
        (b + before, a + after) for (b, a), (before, after) in zip(own, amounts, strict=True)
    )
    if operation.kind == "pool":
        reached = any(before > 0 or after > 0 for before, after in operation.settings["padding"])
        operation.settings["padded_with"] = "zeros" if reached and filled == "0" else "nothing"
    operation.calls = [*pad.calls, *operation.calls]
    return [pad], pad.inputs[0]


def _curves_composed(operation: Operation, users: dict[int, int], failed: set[tuple[int, int]]) -> Replaced:
    """Functions of single numbers after one another, or multiplied with their source, as one that has a name."""
    if operation.curve is not None and (replaced := _chain_composed(operation, users, failed)):
        return replaced
    if operation.kind == "rescaling" and operation.inputs and operation.inputs[0] is not None:
        first = operation.inputs[0]
        if first.kind == "rescaling" and users[id(first)] == 1:
            scale, offset = (np.asarray(operation.settings[name]) for name in ("scale", "offset"))
            before = [np.asarray(first.settings[name]) for name in ("scale", "offset")]
            together = {"scale": scale * before[0], "offset": scale * before[1] + offset}
            shape = np.broadcast_shapes(*(value.shape for value in together.values()))
            operation.settings = {
                name: tuple(map(float, np.ravel(np.broadcast_to(value, shape)))) for name, value in together.items()
            }
            operation.curve, operation.calls = None, [*first.calls, *operation.calls]
            operation.name = f"{first.name} and {operation.name}"
            return [first], first.inputs[0]
    if operation.kind == "merge" and len(operation.inputs) == 2 and operation.settings.get("form") == "mul":
        for one, other in (operation.inputs, operation.inputs[::-1]):
            if other is None or other.curve is None or users[id(other)] != 1 or not other.inputs:
                continue
            if other.inputs[0] is one:
                product = functools.partial(_product, other.curve)
                return ([other], one) if _composed(operation, [other], product, one) else None
    return None


def _chain_composed(operation: Operation, users: dict[int, int], failed: set[tuple[int, int]]) -> Replaced:
    """The longest chain of functions of single numbers up to this one that has a name."""
    chain = [operation]
    while chain[-1].inputs and (before := chain[-1].inputs[0]) is not None:
        if before.curve is None or users[id(before)] != 1:
            break
        chain.append(before)
    if len(chain) == 1 or (id(operation), len(chain)) in failed:
        return None
    for length in range(len(chain), 1, -1):
        part = chain[:length]
        curve = functools.partial(_one_after_another, [one.curve for one in reversed(part)])
        if _composed(operation, part[1:], curve, part[-1].inputs[0]):
            return part[1:], operation.inputs[0]
    failed.add((id(operation), len(chain)))
    return None


def _one_after_another(chain: list[curves.Curve], values: np.ndarray) -> np.ndarray:
    for curve in chain:
        values = curve(values)
    return values


def _product(curve: curves.Curve, values: np.ndarray) -> np.ndarray:
    return values * curve(values)


def _composed(operation: Operation, gone: list[Operation], curve: curves.Curve, source: Operation | None) -> bool:
    """Make an operation the function that it is together with those before it, the nearest first, if it has a name."""
    found = curves.identify(curve)
    if found is None:
        return False
    name, parameters = found
    kind = {curves.IDENTITY: curves.IDENTITY, curves.RESCALING: "rescaling"}.get(name, "activation")
    operation.kind, operation.known = kind, True
    operation.settings = parameters if kind != "activation" else {"function": name, **parameters}
    operation.curve, operation.not_negative = curve, curves.nonnegative(curve)
    operation.calls = [key for one in [*reversed(gone), operation] for key in one.calls]
    operation.inputs = [source]
    return True


def _lists_joined(operation: Operation) -> Replaced:
    """A list that is joined with a list is joined at once."""
    if operation.kind != "concat":
        return None
    for k, source in enumerate(operation.inputs):
        if source is not None and source.kind == "concat" and source.settings == operation.settings:
            operation.inputs[k : k + 1] = source.inputs
            return [], None
    return None


def as_dense(operations: Iterable[Operation], side: str) -> bool:
    """Make convolutions over single positions the dense layers that they are; whether there was one."""
    found = False
    for operation in operations:
        sizes = operation.call.x[2:] if side == "pytorch" else operation.call.x[1:-1]
        if operation.kind == "conv" and set(sizes) == {1} and operation.settings.get("groups") == 1:
            outputs = operation.call.y[2:] if side == "pytorch" else operation.call.y[1:-1]
            if set(outputs) == {1} and set(kernel_of(operation.call)) == {1}:
                operation.kind, operation.settings = "dense", {"bias": operation.settings["bias"]}
                found = True
    return found
