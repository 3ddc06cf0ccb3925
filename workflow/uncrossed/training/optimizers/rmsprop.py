"""RMSprop (Tieleman and Hinton 2012), with momentum or without, with the two places where an epsilon may stand.

Both begin with accumulators of zero. PyTorch keeps b = μ b + g/√v and subtracts α b, Keras keeps m = α b: at a constant
learning rate the two are one up to rounding.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from uncrossed.training.grouped import grouped
from uncrossed.training.optimizers import decaying_first

EPSILON = "rmsprop_epsilon"
DECAY = "weight_decay"
TOUCHING = frozenset({EPSILON, DECAY})
TAKES = {"rmsprop_epsilon": True, "rho": True, "weight_decay": False, "momentum": False}
# PyTorch's is not fused: its step is not known to be the same bits as a graph.
GRAPHS = False


def touching(row: Any) -> frozenset[str]:
    """Where epsilon stands; with weight decay its form, too."""
    return TOUCHING if row.weight_decay else TOUCHING - {DECAY}


def slots(row: Any) -> dict[str, str]:
    """The mean square, and the momentum where there is one."""
    return {"square": "square_avg"} | ({"momentum": "momentum_buffer"} if row.momentum else {})


def scales(row: Any) -> dict[str, float]:
    """Keras' momentum has the learning rate in it."""
    return {"momentum": row.learning_rate}


def pytorch(
    parameters: Iterable[Any], row: Any, mechanisms: Mapping[str, str], fused: bool, capturable: bool = False
) -> Any:
    """torch.optim.RMSprop, or one that steps as Keras' does; arguments as `adam.pytorch` has them.

    PyTorch has no fused one.
    """
    import torch

    decoupled = DECAY in mechanisms
    options = {"lr": row.learning_rate, "alpha": row.rho, "eps": row.rmsprop_epsilon, "momentum": row.momentum or 0}
    options["weight_decay"] = 0 if decoupled else row.weight_decay or 0
    if EPSILON in mechanisms:
        optimizer = _epsilon_inside(decoupled)(parameters, **options)
    else:
        optimizer = (decaying_first("RMSprop") if decoupled else torch.optim.RMSprop)(parameters, **options)
    optimizer.decay = row.weight_decay
    return optimizer


@cache
def _epsilon_inside(decoupled: bool) -> type:
    import torch

    class EpsilonInside(torch.optim.RMSprop):
        """RMSprop with epsilon below the root, as in Keras.

        Attributes:
            decay: λ, where weights are decayed before the step.
        """

        decay: float | None = None

        @torch.no_grad()
        def step(self) -> None:
            """Take one."""
            for group in self.param_groups:
                weights = [weight for weight in group["params"] if weight.grad is not None]
                if not weights:
                    continue
                if decoupled:
                    torch._foreach_mul_(weights, 1 - group["lr"] * self.decay)
                gradients = [weight.grad for weight in weights]
                if group["weight_decay"]:
                    gradients = torch._foreach_add(gradients, weights, alpha=group["weight_decay"])
                squares = self._slot("square_avg", weights)
                torch._foreach_mul_(squares, group["alpha"])
                torch._foreach_addcmul_(squares, gradients, gradients, value=1 - group["alpha"])
                roots = torch._foreach_add(squares, group["eps"])
                torch._foreach_sqrt_(roots)
                changes = torch._foreach_div(gradients, roots)
                if group["momentum"]:
                    momenta = self._slot("momentum_buffer", weights)
                    torch._foreach_mul_(momenta, group["momentum"])
                    torch._foreach_add_(momenta, changes)
                    changes = momenta
                torch._foreach_add_(weights, changes, alpha=-group["lr"])

        def _slot(self, name: str, weights: list[Any]) -> list[Any]:
            """The weights' arrays of a slot, which begin as zeros."""
            for weight in weights:
                if name not in self.state[weight]:
                    self.state[weight][name] = torch.zeros_like(weight, memory_format=torch.preserve_format)
            return [self.state[weight][name] for weight in weights]

    return EpsilonInside


def tensorflow(variables: list[Any], row: Any, mechanisms: Mapping[str, str]) -> Any:
    """keras.optimizers.RMSprop, bit for bit, or one that steps as PyTorch's does; arguments as `adam.tensorflow`."""
    known = slots(row), row.learning_rate, row.weight_decay, DECAY not in mechanisms
    optimizer = _keras_rmsprop()(variables, *known)
    optimizer.rho, optimizer.epsilon, optimizer.momentum = row.rho, row.rmsprop_epsilon, row.momentum
    optimizer.inside = EPSILON not in mechanisms
    return optimizer


@cache
def _keras_rmsprop() -> type:
    import tensorflow as tf

    class KerasRMSprop(grouped()):
        """Attributes: rho, epsilon, momentum: as Keras takes them; inside: epsilon is below the root."""

        rho: float
        epsilon: float
        momentum: float | None
        inside: bool

        def change(self, gradient: Any, square: Any, momentum: Any = None) -> Any:
            """Update the slots; what is subtracted from the weights."""
            v = square.assign(self.rho * square + (1 - self.rho) * tf.square(gradient))
            root = tf.sqrt(v + self.epsilon) if self.inside else tf.sqrt(v) + self.epsilon
            change = self.learning_rate * gradient / root
            return change if momentum is None else momentum.assign(self.momentum * momentum + change)

    return KerasRMSprop
