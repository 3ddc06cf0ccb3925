"""Stochastic gradient descent, with momentum (Polyak 1964) or Nesterov's (1983).

PyTorch keeps b = μ b + g and subtracts α b, or α (g + μ b); Keras keeps m = μ m - α g and adds m, or μ m - α g. At a
constant learning rate m is -α b, and the two are one up to rounding, in PyTorch's first step (b = g) as well.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from uncrossed.training.grouped import grouped
from uncrossed.training.optimizers import decaying_first

DECAY = "weight_decay"
TOUCHING = frozenset({DECAY})
TAKES = {"weight_decay": False, "momentum": False, "nesterov": False}
# `torch.optim.SGD` has no form that says that a CUDA graph may hold it.
GRAPHS = False


def touching(row: Any) -> frozenset[str]:
    """The form of weight decay, where there is some and a momentum that keeps it: without, both subtract α λ w."""
    return TOUCHING if row.weight_decay and row.momentum else frozenset()


def slots(row: Any) -> dict[str, str]:
    """The momentum, where there is one."""
    return {"momentum": "momentum_buffer"} if row.momentum else {}


def scales(row: Any) -> dict[str, float]:
    """Keras' momentum has the learning rate in it, and another sign."""
    return {"momentum": -row.learning_rate}


def pytorch(
    parameters: Iterable[Any], row: Any, mechanisms: Mapping[str, str], fused: bool, capturable: bool = False
) -> Any:
    """torch.optim.SGD, or one that decays as Keras' does; arguments as `adam.pytorch` has them."""
    import torch

    options = {"lr": row.learning_rate, "momentum": row.momentum or 0, "nesterov": bool(row.nesterov), "fused": fused}
    if DECAY not in mechanisms:
        return torch.optim.SGD(parameters, weight_decay=row.weight_decay or 0, **options)
    optimizer = decaying_first("SGD")(parameters, **options)
    optimizer.decay = row.weight_decay
    return optimizer


def tensorflow(variables: list[Any], row: Any, mechanisms: Mapping[str, str]) -> Any:
    """keras.optimizers.SGD, bit for bit, or one that decays as PyTorch's does; arguments as `adam.tensorflow`."""
    known = slots(row), row.learning_rate, row.weight_decay, DECAY not in mechanisms
    optimizer = _keras_sgd()(variables, *known)
    optimizer.momentum, optimizer.nesterov = row.momentum, row.nesterov
    return optimizer


@cache
def _keras_sgd() -> type:
    class KerasSGD(grouped()):
        """Attributes: momentum, nesterov: as Keras takes them."""

        momentum: float | None
        nesterov: bool | None

        def change(self, gradient: Any, momentum: Any = None) -> Any:
            """Update the momentum; what is subtracted from the weights."""
            if momentum is None:
                return gradient * self.learning_rate
            m = momentum.assign(momentum * self.momentum - gradient * self.learning_rate)
            return -(m * self.momentum - gradient * self.learning_rate) if self.nesterov else -m

    return KerasSGD
