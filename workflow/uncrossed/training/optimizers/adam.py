"""Adam (Kingma and Ba 2015) with the two places where an epsilon may stand; see `adam_epsilon` of the mechanisms."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np

EPSILON = "adam_epsilon"
# The mechanisms in which the two differ.
TOUCHING = frozenset({EPSILON})
# The first and second moments.
SLOTS = ("first", "second")

# TensorFlow's weights of at most so many elements are updated together.
SMALL = 4096

State = dict[str, dict[str, np.ndarray]]


def pytorch(
    parameters: Iterable[Any], row: Any, mechanisms: Mapping[str, str], fused: bool, capturable: bool = False
) -> Any:
    """torch.optim.Adam, or one that steps as Keras' does.

    Args:
        parameters: the model's.
        row: has `learning_rate` and `adam_epsilon`.
        mechanisms: as `effective.effective` gives them.
        fused: one kernel for all that a step does to a weight; equal to the default to rounding. At batch size 10 on a
            CPU a training step of vgg16 takes 0.60 of the time, of resnet50 0.77, of densenet121 0.86.
        capturable: a CUDA graph may hold its steps; where they are fused, that changes nothing in them.
    """
    import torch

    kind = _epsilon_hat_adam() if EPSILON in mechanisms else torch.optim.Adam
    return kind(parameters, lr=row.learning_rate, eps=row.adam_epsilon, fused=fused, capturable=capturable)


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
    """Adam as Keras computes it, or as PyTorch does.

    Args:
        variables: the model's trainable ones.
        row: has `learning_rate` and `adam_epsilon`.
        mechanisms: as `effective.effective` gives them.
    """
    kind = _bias_corrected_adam() if EPSILON in mechanisms else _keras_adam()
    return kind(variables, row.learning_rate, row.adam_epsilon)


def tensorflow_state(optimizer: Any) -> State:
    """The moments by the weights' paths; zeros before the first step."""
    return {slot: dict(optimizer.moments(k)) for k, slot in enumerate(SLOTS)}


def set_tensorflow_state(optimizer: Any, steps: int, state: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Set the number of steps taken and the moments of some or all weights; those of the others are zero."""
    optimizer.steps.assign(steps)
    for k, slot in enumerate(SLOTS):
        optimizer.set_moments(k, state.get(slot, {}))


@cache
def _keras_adam() -> type:
    import tensorflow as tf

    class KerasAdam:
        """keras.optimizers.Adam, bit for bit, in fewer operations.

        What is the same for all weights is computed once a step, and small weights are updated together: the operations
        of their own would take longer to start than to run.

        Attributes:
            steps: how many were taken.
            groups: the weights; each of the large ones is a group of its own.
            states: of each group the two moments, one after another's where there are several.
        """

        betas = 0.9, 0.999

        def __init__(self, variables: list[Any], learning_rate: float, epsilon: float):
            """Start with moments of zero."""
            self.learning_rate, self.epsilon = learning_rate, epsilon
            small = [variable for variable in variables if _size(variable) <= SMALL]
            self.groups = [[variable] for variable in variables if _size(variable) > SMALL] + [small] * bool(small)
            self.dtype = tf.as_dtype(variables[0].dtype)
            self.steps = tf.Variable(0, trainable=False, dtype=tf.int64)
            self.states = [
                [tf.Variable(tf.zeros(sum(map(_size, group)), self.dtype), trainable=False) for _ in SLOTS]
                for group in self.groups
            ]

        def apply(self, gradients: Iterable[Any], variables: Iterable[Any]) -> None:
            """Take a step; of one gradient for each of the weights."""
            known = {id(variable): gradient for gradient, variable in zip(gradients, variables, strict=True)}
            scalars = self.scalars(self.steps.assign_add(1))
            for group, moments in zip(self.groups, self.states, strict=True):
                flat = [tf.reshape(known[id(variable)], [-1]) for variable in group]
                change = self.change(flat[0] if len(flat) == 1 else tf.concat(flat, 0), *moments, *scalars)
                parts = [change] if len(group) == 1 else tf.split(change, list(map(_size, group)))
                for variable, part in zip(group, parts, strict=True):
                    variable.value.assign_sub(tf.reshape(part, variable.shape))
                    if variable.constraint is not None:
                        variable.assign(variable.constraint(variable))

        def scalars(self, step: Any) -> tuple[Any, ...]:
            """What `change` needs that is the same for all weights in a step; the first step is 1."""
            step = tf.cast(step, self.dtype)
            # Keras rounds its betas to float32, also in float64.
            powers = [tf.cast(tf.constant(beta, tf.float32), self.dtype) ** step for beta in self.betas]
            rate = tf.constant(self.learning_rate, self.dtype)
            return (rate * tf.sqrt(1 - powers[1]) / (1 - powers[0]),)

        def change(self, gradient: Any, first: Any, second: Any, alpha: Any) -> Any:
            """Update the moments; what is subtracted from the weights."""
            m = first.assign_add((gradient - first) * (1 - self.betas[0]))
            v = second.assign_add((tf.square(gradient) - second) * (1 - self.betas[1]))
            return m * alpha / (tf.sqrt(v) + self.epsilon)

        def moments(self, which: int) -> Iterator[tuple[str, np.ndarray]]:
            """Each weight's path and its first (0) or second (1) moment."""
            for group, states in zip(self.groups, self.states, strict=True):
                ends = np.cumsum([_size(variable) for variable in group])[:-1]
                for variable, array in zip(group, np.split(states[which].numpy(), ends), strict=True):
                    yield variable.path, array.reshape(variable.shape)

        def set_moments(self, which: int, values: Mapping[str, np.ndarray]) -> None:
            """Set the first (0) or second (1) moments of some weights by their paths; the others' are zero."""
            for group, states in zip(self.groups, self.states, strict=True):
                arrays = [np.ravel(values.get(variable.path, np.zeros(variable.shape))) for variable in group]
                states[which].assign(np.concatenate(arrays))

    return KerasAdam


def _size(variable: Any) -> int:
    return int(np.prod(variable.shape))


@cache
def _bias_corrected_adam() -> type:
    import tensorflow as tf

    class BiasCorrectedAdam(_keras_adam()):
        """Adam with epsilon after bias correction and corrections in float64, as in PyTorch."""

        def scalars(self, step: Any) -> tuple[Any, ...]:
            """The step's size, and the square root of the second correction."""
            step = tf.cast(step, tf.float64)
            corrections = [1 - tf.constant(beta, tf.float64) ** step for beta in self.betas]
            return (
                tf.cast(self.learning_rate / corrections[0], self.dtype),
                tf.cast(tf.sqrt(corrections[1]), self.dtype),
            )

        def change(self, gradient: Any, first: Any, second: Any, size: Any, correction: Any) -> Any:
            """Update the moments; what is subtracted from the weights."""
            beta1, beta2 = self.betas
            m = first.assign_add((gradient - first) * (1 - beta1))
            v = second.assign(second * beta2 + (1 - beta2) * gradient * gradient)
            return size * m / (tf.sqrt(v) / correction + self.epsilon)

    return BiasCorrectedAdam
