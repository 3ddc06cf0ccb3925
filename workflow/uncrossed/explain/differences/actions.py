"""What PyTorch's model does instead where a difference is taken away: an operation computed as Keras does it.

An action stands in a plan (`pytorch_calls`) under the key of the call that it replaces.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from uncrossed.explain.differences import pytorch_calls
from uncrossed.explain.differences.configuration import INSERTED, Difference, partner_before, same_start
from uncrossed.explain.differences.formulas import FORMULAS
from uncrossed.explain.differences.kinds import KINDS
from uncrossed.explain.differences.operations import Model, Operation
from uncrossed.explain.differences.pairing import Pairs

# The causes of differences that are none: constants in single precision of Keras', and of PyTorch's own.
ROUNDING, EXACT = "rounding", "exact"
Plan = dict[str, pytorch_calls.Action]


def plan(
    taken_away: Sequence[Difference],
    pairs: Pairs,
    sides: tuple[Model, Model],
    weights: Mapping[str, np.ndarray],
    training: bool,
) -> Plan:
    """What happens at which call.

    Args:
        taken_away: the differences that are taken away.
        pairs: the pairs of operations.
        sides: PyTorch's operations and Keras'.
        weights: Keras' arrays of one axis, by path.
        training: in training mode.

    Both are compared without dropout; a function may drop in evaluation, too.
    """
    made: Plan = {operation.call.key: nothing for operation in sides[0].operations if operation.kind == "dropout"}
    changed: dict[int, tuple[Operation, Operation, dict[str, Any]]] = {}
    concerned = [(difference, *pair) for difference in taken_away for pair in difference.pairs]
    for difference, ours, theirs in concerned:
        if ours is not None and theirs is not None:
            settings = changed.setdefault(id(ours), (ours, theirs, dict(ours.settings)))[2]
            _align(difference, ours, theirs, settings)
    for ours, theirs, settings in changed.values():
        if ours.kind in FORMULAS:
            _replace(made, ours, _computed(ours, settings, training, _arrays_of_keras(theirs, weights, ours)))
    for _, ours, theirs in concerned:
        if theirs is None and ours is not None:
            _replace(made, ours, _skipped(ours, pairs))
    added = {id(theirs) for _, ours, theirs in concerned if ours is None}
    for theirs in sides[1].operations:  # in order: one may stand after another
        if id(theirs) in added and theirs.kind in INSERTED:
            _insert(made, theirs, pairs, sides[1], _arrays_of_keras(theirs, weights), training)
    return made


def _align(difference: Difference, ours: Operation, theirs: Operation, settings: dict[str, Any]) -> None:
    """Give PyTorch's settings Keras' values in what differs."""
    if difference.cause == ROUNDING:
        settings |= {name: _single(value) for name, value in settings.items()}
        settings["single"] = True
    elif difference.cause == EXACT:
        return  # by the formula, with its own settings
    elif ours.kind == "activation":
        settings.clear()
        settings |= theirs.settings
    else:
        name = {"ceil_mode": "padding"}.get(difference.setting, difference.setting)
        settings[name] = theirs.settings.get(name)
        if name in ("dilation", "size", "stride") and same_start(ours, theirs):
            settings["padding"] = theirs.settings["padding"]


def _single(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_single, value))
    return float(np.float32(value)) if isinstance(value, float) else value


def _arrays_of_keras(
    theirs: Operation, weights: Mapping[str, np.ndarray], ours: Operation | None = None
) -> dict[str, torch.Tensor]:
    """Arrays of Keras' that PyTorch's operation lacks, by PyTorch's parts."""
    return {
        part: torch.from_numpy(weights[theirs.arrays[other]].copy())
        for part, other in (KINDS[theirs.kind].parts or {}).items()
        if other in theirs.arrays and (ours is None or part not in ours.arrays)
    }


def _replace(made: Plan, operation: Operation, action: pytorch_calls.Action) -> None:
    *before, last = operation.calls
    made |= dict.fromkeys(before, nothing)
    made[last] = action


def _insert(
    made: Plan, theirs: Operation, pairs: Pairs, side: Model, arrays: Mapping[str, torch.Tensor], training: bool
) -> None:
    """What Keras alone has is computed where it would stand."""
    source = partner_before(theirs.inputs[0] if theirs.inputs else None, pairs, ours=False)
    before = None if source is None else pairs.of_keras(source)

    def compute(x: Any) -> Any:
        return FORMULAS[theirs.kind](x, arrays, {**theirs.settings, "training": training}, None)

    if sum(source in operation.inputs for operation in side.operations) <= 1:
        key = pytorch_calls.INPUT if before is None else before.key + pytorch_calls.AFTER
        earlier = made.get(key, _as_it_is)
        made[key] = lambda run, inputs, arrays: compute(earlier(run, inputs, arrays))
        return
    for user in side.operations:
        ours = pairs.of_keras(user)
        if theirs in user.inputs and ours is not None and before in ours.inputs:
            key = ours.calls[0]
            made[key] = _before(made.get(key, _as_it_is), compute, ours.inputs.index(before))


# Actions: given how to run a call on other inputs, its inputs, and its arrays by part.


def _as_it_is(run: Callable[..., Any], inputs: list[Any], arrays: Any) -> Any:
    return run(inputs)


def nothing(run: Callable[..., Any], inputs: list[Any], arrays: Any) -> Any:
    """The first input, as it is."""
    return inputs[0]


def _skipped(ours: Operation, pairs: Pairs) -> pytorch_calls.Action:
    """Of the inputs the first that Keras has too stands for an operation that is skipped."""
    kept = [k for k, source in enumerate(ours.inputs) if pairs.of_pytorch(source) is not None]
    return lambda run, inputs, arrays: inputs[min(kept[0] if kept else 0, len(inputs) - 1)]


def _computed(
    ours: Operation, settings: Mapping[str, Any], training: bool, added: Mapping[str, Any]
) -> pytorch_calls.Action:
    formula, settings = FORMULAS[ours.kind], {**settings, "training": training}
    return lambda run, inputs, arrays: formula(inputs[0], {**arrays, **added}, settings, ours)


def _before(action: pytorch_calls.Action, compute: Callable[..., Any], index: int) -> pytorch_calls.Action:
    def changed(run: Callable[..., Any], inputs: list[Any], arrays: Any) -> Any:
        return action(run, [compute(x) if k == index else x for k, x in enumerate(inputs)], arrays)

    return changed


def given(values: Callable[[tuple[int, ...], np.ndarray], np.ndarray | None]) -> pytorch_calls.Action:
    """Other values, if there are some for the shape and the values that the call makes."""

    def put(run: Callable[..., Any], inputs: list[Any], arrays: Any) -> Any:
        out = run(inputs)
        first = out[0] if isinstance(out, tuple) else out
        found = values(tuple(first.shape), first.detach().numpy())
        if found is None:
            return out
        tensor = torch.from_numpy(np.ascontiguousarray(found))
        return (tensor, *out[1:]) if isinstance(out, tuple) else tensor

    return put
