"""Both frameworks' optimizers on the same gradients in float64: equal once aligned, not with a mechanism flipped back.

Without a mechanism that touches them the two are one as they ship.
"""

from collections.abc import Mapping

import numpy as np

from uncrossed.study.mechanisms import OF_OPTIMIZERS
from uncrossed.study.trial import Settings, Trial
from uncrossed.training import backends, optimizers
from uncrossed.training.effective import effective

# PyTorch first: imported after TensorFlow it crashes the process.
for name in ("pytorch", "tensorflow"):
    backends.load(name, Settings(precision="float64")).configure(Settings(precision="float64"))

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
import torch  # noqa: E402

VALUES = {"trial": "t", "architecture": "smallcnn", "learning_rate": 0.01, "batch_size": 30, "epochs": 2}
ADAM = {"adam_epsilon": 1e-3}
RMSPROP = {"optimizer": "rmsprop", "rmsprop_epsilon": 1e-3, "rho": 0.95}
ROWS = [
    ADAM,
    {**ADAM, "weight_decay": 0.1},
    {**ADAM, "optimizer": "adamw", "weight_decay": 0.1},
    {"optimizer": "sgd"},
    {"optimizer": "sgd", "weight_decay": 0.1},
    {"optimizer": "sgd", "momentum": 0.9},
    {"optimizer": "sgd", "momentum": 0.9, "nesterov": True},
    {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.1},
    {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.1, "nesterov": True},
    RMSPROP,
    {**RMSPROP, "momentum": 0.9},
    {**RMSPROP, "weight_decay": 0.1},
    {**RMSPROP, "momentum": 0.9, "weight_decay": 0.1},
]
random = np.random.default_rng(0)
SHAPES = ((70, 80), (3,), (5, 7))
START = [random.standard_normal(shape) for shape in SHAPES]
STEPS = [[random.standard_normal(shape) for shape in SHAPES] for _ in range(6)]
# Rounding, and far above it.
SAME, OTHER = 1e-12, 1e-6


def pytorch(row: Trial, mechanisms: Mapping[str, str]) -> tuple[list, dict]:
    """The weights after all steps, and the slots by weight."""
    kind = optimizers.load(row.optimizer)
    weights = [torch.nn.Parameter(torch.from_numpy(array.copy())) for array in START]
    optimizer = kind.pytorch(weights, row, mechanisms, fused=False)
    for gradients in STEPS:
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = torch.from_numpy(gradient.copy())
        optimizer.step()
    named = [(f"v{k}", weight) for k, weight in enumerate(weights)]
    return [weight.detach().numpy() for weight in weights], optimizers.pytorch_state(optimizer, kind.slots(row), named)


def tensorflow(row: Trial, mechanisms: Mapping[str, str]) -> tuple[list, dict]:
    """The same, in PyTorch's scales."""
    kind = optimizers.load(row.optimizer)
    weights = [keras.Variable(array, name=f"v{k}") for k, array in enumerate(START)]
    optimizer = kind.tensorflow(weights, row, mechanisms)
    for gradients in STEPS:
        optimizer.apply([tf.constant(gradient) for gradient in gradients], weights)
    state, scales = optimizers.tensorflow_state(optimizer), kind.scales(row)
    scaled = {slot: {n: a / scales.get(slot, 1) for n, a in arrays.items()} for slot, arrays in state.items()}
    return [np.asarray(weight) for weight in weights], scaled


def apart(row: Trial) -> float:
    """How far weights and slots are apart after all steps, relative to how far the weights moved and to the slots."""
    sides = {"pytorch": pytorch, "tensorflow": tensorflow}
    (ours, slots), (theirs, others) = (
        side(row, effective(row.semantics, name, row.touching)) for name, side in sides.items()
    )
    assert slots.keys() == others.keys() == optimizers.load(row.optimizer).slots(row).keys()
    pairs = [(a - start, b - start) for a, b, start in zip(ours, theirs, START, strict=True)]
    pairs += [(arrays[name], others[slot][name]) for slot, arrays in slots.items() for name in arrays]
    return max(float(np.abs(a - b).max() / np.abs(a).max()) for a, b in pairs)


for columns in ROWS:
    for name in ("pytorch", "tensorflow"):
        difference = apart(Trial(**VALUES, **columns, semantics=name))
        assert difference < SAME, (columns, name, difference)
    touching = Trial(**VALUES, **columns).touching
    for mechanism in sorted(OF_OPTIMIZERS):
        difference = apart(Trial(**VALUES, **columns, semantics=f"pytorch;{mechanism}=native"))
        assert difference > OTHER if mechanism in touching else difference < SAME, (columns, mechanism, difference)
    if not touching:
        assert apart(Trial(**VALUES, **columns)) < SAME, columns
