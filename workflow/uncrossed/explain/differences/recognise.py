"""A pass through a model as a list of operations: which kind each call is, and what it says, in common words.

Calls that move numbers and change none are left out. What has no name is known by its numbers, if they say what it is.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np

from uncrossed.explain.differences import curves
from uncrossed.explain.differences.calls import MODEL_INPUT, Call, Pass
from uncrossed.explain.differences.kinds import BY_FUNCTION, KINDS, LAYOUTS
from uncrossed.explain.differences.operations import Model, Operation, name_curve
from uncrossed.explain.differences.simplify import simplified


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
    operations = simplified(operations, output)
    for call in [*seen.calls, *(operation.call for operation in operations)]:
        call.again = None  # which holds what a pass computed
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
    elif kind in ("merge", None) and (special := _by_numbers(call, operation)):
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
        return _by_numbers(call, operation) or operation
    for setting in KINDS[kind].settings:
        reader = setting.pytorch if side == "pytorch" else setting.keras
        try:
            operation.settings[setting.name] = reader(call)
        except (TypeError, ValueError, KeyError, AttributeError, IndexError):
            operation.settings[setting.name] = None
    if kind == "pool":
        _ceil_mode(call, side, operation)
    return operation


def _by_numbers(call: Call, operation: Operation) -> Operation | None:
    """The operation as what its numbers say: a function of single numbers, a softmax, or a rescaling of channels."""
    if call.again is None or call.trained or len(call.inputs) != 1 or call.x != call.y:
        return None
    random = np.random.default_rng(0).normal(0, 3, call.x)
    try:
        made = np.asarray(call.again(random))
        zero, one = (np.asarray(call.again(x)) for x in (np.zeros(call.x), np.ones(call.x)))
    except Exception:  # whatever a layer of the user's own raises for such numbers
        return None
    if made.shape != call.x:
        return None
    return (
        _curve(call, operation, random, made)
        or _softmax(operation, random, made)
        or _rescaled(operation, random, made, zero, one)
    )


def _curve(call: Call, operation: Operation, random: np.ndarray, made: np.ndarray) -> Operation | None:
    shape = (-1, *(1 for _ in call.x[1:]))

    def curve(values: np.ndarray) -> np.ndarray:
        found = np.asarray(call.again(values.reshape(shape)))
        if found.size != len(found):
            raise ValueError("not a function of single numbers")
        return found.reshape(-1)

    try:
        # A sum or a softmax over an axis, too, is a function of single numbers where that axis has one.
        with np.errstate(all="ignore"):
            alone = np.allclose(made.reshape(-1), curve(random.reshape(-1)), rtol=1e-6, atol=1e-9)
        found = curves.identify(curve) if alone else None
    except Exception:  # a layer that takes its own shape alone
        return None
    if found is not None:
        name_curve(operation, curve, *found)
    return None if found is None else operation


def _softmax(operation: Operation, random: np.ndarray, made: np.ndarray) -> Operation | None:
    exact = np.exp(random) / np.exp(random).sum(axis=-1, keepdims=True)
    for name, values in (("softmax", exact), ("log_softmax", np.log(exact))):
        if np.allclose(made, values, rtol=1e-6, atol=1e-9):
            operation.kind, operation.known = "activation", True
            operation.settings = {"function": name, "axis": "channels"}
            return operation
    return None


def _rescaled(operation: Operation, random: Any, made: Any, zero: Any, one: Any) -> Operation | None:
    scale = one - zero
    if not np.isfinite(zero).all() or not scale.any() or not np.allclose(made, zero + scale * random, 1e-6, 1e-9):
        return None
    kept = [axis for axis in range(zero.ndim) if np.ptp(zero, axis=axis).any() or np.ptp(scale, axis=axis).any()]
    if len(kept) > 1:
        return None
    index = tuple(slice(None) if axis in kept else 0 for axis in range(zero.ndim))
    settings = {name: tuple(map(float, np.ravel(v[index]))) for name, v in (("scale", scale), ("offset", zero))}
    operation.kind, operation.known, operation.settings, operation.arrays = "rescaling", True, settings, {}
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
    return dataclasses.replace(call, function=f"{name}{len(size)}d", says=arguments.__getitem__)


def _deep(call: Call) -> bool:
    """Whether a recurrent module of PyTorch's holds more than one layer in one direction over examples first."""
    plain = {"num_layers": 1, "bidirectional": False, "batch_first": True, "proj_size": 0, "nonlinearity": "tanh"}
    return any(call.get(name, value) != value for name, value in plain.items())


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
        operation.floored = tuple(floored)
