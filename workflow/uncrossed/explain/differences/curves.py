"""Functions of single numbers, known by what they do: a GELU is found in a lambda as in `nn.GELU`.

Whatever maps each number of an array to one number, by itself, is a curve. It is tried on a grid and compared with the
formulas of this table.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

Curve = Callable[[np.ndarray], np.ndarray]
GRID = np.concatenate([np.linspace(-12, 12, 2401), [-40.0, 40.0]])
# Libraries keep some constants in float32.
CLOSE, NOTHING = 1e-6, 1e-12


@dataclass(frozen=True)
class Known:
    """One named function.

    Attributes:
        formula: of a tensor and the parameters.
        pytorch: how PyTorch writes it, with the parameters in braces.
        keras: how Keras writes it.
        parameters: reads them off a curve.
    """

    formula: Callable[..., torch.Tensor]
    pytorch: str
    keras: str
    parameters: Callable[[Callable[[float], float]], dict[str, Any]] = lambda at: {}


def _nice(value: float) -> float:
    """A parameter as it was probably written: rounding of float32 and of the formula taken away."""
    return float(f"{value:.7g}")


def _plus(x: torch.Tensor) -> torch.Tensor:
    return torch.clamp(x + 3, 0, 6) / 6


KNOWN: dict[str, Known] = {
    "relu": Known(torch.relu, "nn.ReLU()", "layers.ReLU()"),
    "clip": Known(
        lambda x, low, high: torch.clamp(x, low, high),
        "nn.Hardtanh({low:g}, {high:g})",
        "layers.Lambda(lambda x: ops.clip(x, {low:g}, {high:g}))",
        lambda at: {"low": _nice(at(-40)), "high": _nice(at(40))},
    ),
    "leaky_relu": Known(
        lambda x, slope: functional.leaky_relu(x, slope),
        "nn.LeakyReLU({slope:g})",
        "layers.LeakyReLU(negative_slope={slope:g})",
        lambda at: {"slope": _nice(-at(-1))},
    ),
    "elu": Known(
        lambda x, alpha: functional.elu(x, alpha),
        "nn.ELU(alpha={alpha:g})",
        "layers.ELU(alpha={alpha:g})",
        lambda at: {"alpha": _nice(at(-1) / math.expm1(-1))},
    ),
    "selu": Known(torch.selu, "nn.SELU()", 'layers.Activation("selu")'),
    "celu": Known(
        lambda x, alpha: functional.celu(x, alpha),
        "nn.CELU(alpha={alpha:g})",
        "layers.Lambda(lambda x: keras.activations.celu(x, alpha={alpha:g}))",
        lambda at: {"alpha": _nice(max(-at(-40), 1e-9))},
    ),
    "gelu": Known(
        lambda x, approximate: functional.gelu(x, approximate=approximate),
        "nn.GELU(approximate='{approximate}')",
        "layers.Lambda(lambda x: keras.activations.gelu(x, approximate={keras_approximate}))",
        lambda at: {"approximate": "tanh" if abs(at(-2) - -0.0454023) < 1e-5 else "none"},
    ),
    "quick_gelu": Known(
        lambda x: x * torch.sigmoid(1.702 * x), "x * torch.sigmoid(1.702 * x)", "x * ops.sigmoid(1.702 * x)"
    ),
    "silu": Known(functional.silu, "nn.SiLU()", 'layers.Activation("silu")'),
    "hard_swish": Known(lambda x: x * _plus(x), "nn.Hardswish()", 'layers.Activation("hard_swish")'),
    "hard_sigmoid": Known(_plus, "nn.Hardsigmoid()", 'layers.Activation("hard_sigmoid")'),
    "hard_sigmoid of Keras 2": Known(
        lambda x: torch.clamp(0.2 * x + 0.5, 0, 1),
        "torch.clamp(0.2 * x + 0.5, 0, 1)",
        "layers.Lambda(lambda x: ops.clip(0.2 * x + 0.5, 0, 1))",
    ),
    "sigmoid": Known(torch.sigmoid, "nn.Sigmoid()", 'layers.Activation("sigmoid")'),
    "tanh": Known(torch.tanh, "nn.Tanh()", 'layers.Activation("tanh")'),
    "mish": Known(functional.mish, "nn.Mish()", 'layers.Activation("mish")'),
    "softplus": Known(
        lambda x, beta: torch.logaddexp(beta * x, torch.zeros((), dtype=x.dtype)) / beta,
        "nn.Softplus(beta={beta:g})",
        "layers.Lambda(lambda x: ops.softplus({beta:g} * x) / {beta:g})",
        lambda at: {"beta": _nice(math.log(2) / max(at(0), 1e-9))},
    ),
    "softsign": Known(functional.softsign, "nn.Softsign()", 'layers.Activation("softsign")'),
    "log_sigmoid": Known(functional.logsigmoid, "nn.LogSigmoid()", 'layers.Activation("log_sigmoid")'),
    "exponential": Known(torch.exp, "torch.exp(x)", 'layers.Activation("exponential")'),
    "square": Known(torch.square, "torch.square(x)", "layers.Lambda(ops.square)"),
}
# As TensorFlow computes them in float64 too: with a constant that went through float32.
SINGLE = {
    "gelu": lambda x, approximate: (
        0.5 * x * (1 + torch.tanh(0.7978845608028654 * (x + float(np.float32(0.044715)) * x**3)))
        if approximate == "tanh"
        else 0.5 * x * torch.erfc(-x * float(np.float32(math.sqrt(0.5))))
    ),
}
IDENTITY = "identity"
RESCALING = "rescaling"


def identify(curve: Curve) -> tuple[str, dict[str, Any]] | None:
    """The name and parameters of a curve: one of KNOWN, IDENTITY, RESCALING (`scale`, `offset`), or None."""
    with np.errstate(all="ignore"):
        values = np.asarray(curve(GRID), dtype=float)
    if values.shape != GRID.shape or not np.isfinite(values[:-2]).all():
        return None

    def at(x: float) -> float:
        return float(values[int(np.argmin(np.abs(GRID - x)))])

    def agrees(expected: np.ndarray) -> bool:
        with np.errstate(all="ignore"):
            return bool(np.all(np.abs(values - expected)[:-2] <= CLOSE * (1 + np.abs(expected[:-2]))))

    scale, offset = at(1) - at(0), at(0)
    if scale and agrees(scale * GRID + offset):
        nothing = abs(scale - 1) < NOTHING and abs(offset) < NOTHING
        return (IDENTITY, {}) if nothing else (RESCALING, {"scale": scale, "offset": offset})
    grid = torch.from_numpy(GRID)
    for name, known in KNOWN.items():
        parameters = known.parameters(at)
        if name == "clip" and not parameters["low"] < parameters["high"]:
            continue
        if name in ("elu", "celu", "softplus") and min(parameters.values()) <= 0:
            continue
        if agrees(known.formula(grid, **parameters).numpy()):
            return name, parameters
    return None


def nonnegative(curve: Curve) -> bool:
    """Whether a curve is never below zero."""
    return bool((np.asarray(curve(GRID)) >= 0).all())


def written(name: str, parameters: dict[str, Any], side: str) -> str:
    """How a side writes a function."""
    if name == "clip" and parameters["low"] == 0:
        keras = f"layers.ReLU(max_value={parameters['high']:g})"
        ours = "nn.ReLU6()" if parameters["high"] == 6 else f"nn.Hardtanh(0, {parameters['high']:g})"
        return ours if side == "pytorch" else keras
    if name == "softmax":
        return "nn.Softmax(dim=1)" if side == "pytorch" else "layers.Softmax()"
    if name == "log_softmax":
        return "nn.LogSoftmax(dim=1)" if side == "pytorch" else 'layers.Activation("log_softmax")'
    text = getattr(KNOWN[name], side)
    return text.format(**parameters, keras_approximate=parameters.get("approximate") == "tanh")
