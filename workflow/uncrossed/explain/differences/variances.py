"""Which variance each batch normalisation keeps, the biased or the unbiased: measured, as neither library says it."""

from collections.abc import Mapping

import numpy as np

from uncrossed.explain.differences.calls import Pass
from uncrossed.explain.differences.function import Comparison
from uncrossed.explain.differences.operations import Operation


def measure(comparison: Comparison) -> None:
    """Give the settings of each pair of batch normalisations their `variance`, as a step in training shows it."""
    if "training" not in comparison.keras:
        return
    passes = comparison.pytorch("training"), comparison.keras["training"]
    before = {name: buffer.numpy() for name, buffer in comparison.models[0].named_buffers()}, comparison.weights
    for pair in comparison.pairs.pairs:
        if {operation.kind for operation in pair} == {"batchnorm"}:
            found = [_kept(pair[k], passes[k], before[k], comparison.inputs[k], k) for k in (0, 1)]
            for operation, variance in zip(pair, found, strict=True):
                operation.settings["variance"] = None if None in found else variance


def _kept(
    operation: Operation, seen: Pass, before: Mapping[str, np.ndarray], inputs: np.ndarray, side: int
) -> str | None:
    name, axis = operation.arrays.get(("running_var", "moving_variance")[side]), (1, -1)[side]
    source = operation.inputs[0] if operation.inputs else None
    # An average of all steps keeps nothing in the first one.
    values, keep = inputs if source is None else seen.values.get(source.key), operation.settings.get("momentum") or 0.0
    if name not in seen.statistics or values is None or keep == 1:
        return None
    if values.ndim != len(operation.call.x) or values.shape[axis] != before[name].size:
        return None
    variances = values.var(axis=tuple(a for a in range(values.ndim) if a != axis % values.ndim))
    best = int(variances.argmax())  # of a channel without variance nothing is seen
    ratio = (seen.statistics[name][best] - keep * before[name][best]) / (1 - keep) / max(variances[best], 1e-300)
    count = values.size // values.shape[axis]
    if count < 2:
        return None
    found = {"biased": 1.0, "unbiased": count / (count - 1)}
    return next((form for form, value in found.items() if abs(ratio - value) < 0.1 / (count - 1)), None)
