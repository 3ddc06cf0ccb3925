"""Both sides' lists of operations made alike: what one writes in several operations and the other in one.

Dropout of nothing is left out, zero padding becomes part of the window that follows it, functions of single numbers
after one another are one where they have a name together, and lists that are joined in steps are joined at once.
"""

import functools
from collections.abc import Iterable

import numpy as np

from uncrossed.explain.differences import curves
from uncrossed.explain.differences.operations import Operation, name_curve
from uncrossed.explain.differences.windows import kernel_of

# Keeps what is not negative so.
KEEPING = ("pool", "global_pool", "dropout", "concat", "pad")


def simplified(operations: list[Operation], output: Operation | None) -> list[Operation]:
    """A side's operations, in order, as far as the output needs them.

    Args:
        operations: all of them; what stays is changed.
        output: the one that makes the model's output.
    """
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
    name_curve(operation, curve, *found)
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
