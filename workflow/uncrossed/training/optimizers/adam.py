"""Adam (Kingma and Ba 2015) with the two places where an epsilon may stand; see `adam_epsilon` of the mechanisms."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np

EPSILON = "adam_epsilon"
# The mechanisms in which the two differ.
TOUCHING = frozenset({EPSILON})
# The first and second moments.
SLOTS = ("first", "second")

State = dict[str, dict[str, np.ndarray]]


def pytorch(parameters: Iterable[Any], row: Any, mechanisms: Mapping[str, str], fused: bool) -> Any:
    """torch.optim.Adam, or one that steps as Keras' does.

    Args:
        parameters: the model's.
        row: has `learning_rate` and `adam_epsilon`.
        mechanisms: as `effective.effective` gives them.
        fused: one kernel for all that a step does to a weight; equal to the default to rounding. At batch size 10 on a
            CPU a training step of vgg16 takes 0.60 of the time, of resnet50 0.77, of densenet121 0.86.
    """
    import torch

    kind = _epsilon_hat_adam() if EPSILON in mechanisms else torch.optim.Adam
    return kind(parameters, lr=row.learning_rate, eps=row.adam_epsilon, fused=fused)


def pytorch_state(optimizer: Any, parameters: Iterable[tuple[str, Any]]) -> State:
    """The moments by the weights' names; empty before the first step."""
    states = [(name, optimizer.state[parameter]) for name, parameter in parameters]
    keys = dict(zip(SLOTS, ("exp_avg", "exp_avg_sq"), strict=True))
    return {
        slot: {name: state[key].cpu().numpy().copy() for name, state in states if state} for slot, key in keys.items()
    }


def set_pytorch_state(
    optimizer: Any, parameters: Iterable[tuple[str, Any]], steps: int, state: Mapping[str, Mapping[str, np.ndarray]]
) -> None:
    """Set the number of steps taken and the moments of some or all weights; those of the others are zero."""
    import torch

    optimizer.taken = steps
    for name, parameter in parameters:
        known = optimizer.state[parameter]
        where = {"device": parameter.device} if optimizer.defaults["fused"] else {}
        known["step"] = torch.tensor(float(steps), **where)
        for slot, key in zip(SLOTS, ("exp_avg", "exp_avg_sq"), strict=True):
            moment = torch.zeros_like(parameter, memory_format=torch.preserve_format)
            if name in state.get(slot, {}):
                moment.copy_(torch.from_numpy(np.asarray(state[slot][name])))
            known[key] = moment


@cache
def _epsilon_hat_adam() -> type:
    import torch

    # Keras forms powers of its betas after rounding them to float32, also in float64.
    betas_in_keras = tuple(float(np.float32(beta)) for beta in (0.9, 0.999))

    def corrections(betas: tuple[float, float], step: int) -> tuple[float, float]:
        return 1 - betas[0] ** step, (1 - betas[1] ** step) ** 0.5

    class EpsilonHatAdam(torch.optim.Adam):
        """Adam with epsilon before bias correction, as in Keras.

        Attributes:
            taken: how many steps were taken; on a GPU PyTorch's own count is there.
        """

        taken = 0

        def step(self) -> None:
            """PyTorch's own step, with the epsilon and the learning rate that make it Keras' step."""
            self.taken += 1
            for group in self.param_groups:
                group.setdefault("epsilon_hat", group["eps"])
                group.setdefault("learning_rate", group["lr"])
                ours, theirs = (corrections(betas, self.taken) for betas in (group["betas"], betas_in_keras))
                group["eps"] = group["epsilon_hat"] / ours[1]
                group["lr"] = group["learning_rate"] * (theirs[1] / theirs[0]) / (ours[1] / ours[0])
            super().step()

    return EpsilonHatAdam


def tensorflow(variables: list[Any], row: Any, mechanisms: Mapping[str, str]) -> Any:
    """keras.optimizers.Adam, or one that steps as PyTorch's does.

    Args:
        variables: the model's trainable ones.
        row: has `learning_rate` and `adam_epsilon`.
        mechanisms: as `effective.effective` gives them.
    """
    import keras

    kind = _bias_corrected_adam() if EPSILON in mechanisms else keras.optimizers.Adam
    optimizer = kind(learning_rate=row.learning_rate, epsilon=row.adam_epsilon)
    optimizer.build(variables)
    return optimizer


def tensorflow_state(optimizer: Any, variables: list[Any]) -> State:
    """The moments by the weights' paths; zeros before the first step."""
    slots = dict(zip(SLOTS, (optimizer._momentums, optimizer._velocities), strict=True))
    return {
        slot: {variable.path: moment.numpy() for variable, moment in zip(variables, moments, strict=True)}
        for slot, moments in slots.items()
    }


def set_tensorflow_state(
    optimizer: Any, variables: list[Any], steps: int, state: Mapping[str, Mapping[str, np.ndarray]]
) -> None:
    """Set the number of steps taken and the moments of some or all weights; those of the others are zero."""
    optimizer.iterations.assign(steps)
    for slot, moments in zip(SLOTS, (optimizer._momentums, optimizer._velocities), strict=True):
        values = state.get(slot, {})
        for variable, moment in zip(variables, moments, strict=True):
            moment.assign(values.get(variable.path, np.zeros(variable.shape)))


@cache
def _bias_corrected_adam() -> type:
    import keras
    import tensorflow as tf

    class BiasCorrectedAdam(keras.optimizers.Adam):
        """Adam with epsilon after bias correction and corrections in float64, as in PyTorch."""

        def __init__(self, learning_rate: float, epsilon: float):
            """Take constants that are never rounded to float32."""
            super().__init__(learning_rate=learning_rate, epsilon=epsilon)
            self.exact_learning_rate = learning_rate

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            """Update one variable; Keras' own learning rate is ignored."""
            index = self._get_variable_index(variable)
            m, v = self._momentums[index], self._velocities[index]
            step = tf.cast(self.iterations + 1, tf.float64)
            correction1 = 1 - tf.constant(self.beta_1, tf.float64) ** step
            correction2 = tf.sqrt(1 - tf.constant(self.beta_2, tf.float64) ** step)
            step_size = tf.cast(self.exact_learning_rate / correction1, gradient.dtype)
            m.assign_add((gradient - m) * (1 - self.beta_1))
            v.assign(v * self.beta_2 + (1 - self.beta_2) * gradient * gradient)
            variable.assign_sub(step_size * m / (tf.sqrt(v) / tf.cast(correction2, gradient.dtype) + self.epsilon))

    return BiasCorrectedAdam
