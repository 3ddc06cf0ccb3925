"""TensorFlow's optimizers: what they share. Small weights are updated together; an optimizer's file has its formula."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np

# TensorFlow's weights of at most so many elements are updated together.
SMALL = 4096


def size(variable: Any) -> int:
    """How many elements a variable has."""
    return int(np.prod(variable.shape))


@cache
def grouped() -> type:
    """The class that TensorFlow's optimizers are made of; TensorFlow is imported when it is asked for."""
    import tensorflow as tf

    class Grouped:
        """An optimizer in fewer operations than Keras has.

        What is the same for all weights is computed once a step, and small weights are updated together: the operations
        of their own would take longer to start than to run.

        Attributes:
            learning_rate: of every step.
            weight_decay: λ, or 0.
            decoupled: the weights are decayed before the step, w -= α λ w, as in Keras; else λ w is added to the
                gradients, as in PyTorch.
            steps: how many were taken.
            groups: the weights; each of the large ones is a group of its own.
            states: of each group the arrays of the slots, of one weight after another where there are several.
        """

        def __init__(
            self,
            variables: list[Any],
            slots: Iterable[str],
            learning_rate: float,
            weight_decay: float | None = None,
            decoupled: bool = True,
        ):
            """Start with slots of zeros."""
            self.slots = tuple(slots)
            self.learning_rate, self.weight_decay, self.decoupled = learning_rate, weight_decay or 0, decoupled
            small = [variable for variable in variables if size(variable) <= SMALL]
            self.groups = [[variable] for variable in variables if size(variable) > SMALL] + [small] * bool(small)
            self.dtype = tf.as_dtype(variables[0].dtype)
            self.steps = tf.Variable(0, trainable=False, dtype=tf.int64)
            self.states = [
                [tf.Variable(tf.zeros(sum(map(size, group)), self.dtype), trainable=False) for _ in self.slots]
                for group in self.groups
            ]

        def apply(self, gradients: Iterable[Any], variables: Iterable[Any]) -> None:
            """Take a step; of one gradient for each of the weights, None where the loss does not depend on one."""
            known = {id(variable): gradient for gradient, variable in zip(gradients, variables, strict=True)}
            scalars = self.scalars(self.steps.assign_add(1))
            for group, states in zip(self.groups, self.states, strict=True):
                flat = [tf.reshape(self.decayed(variable, known[id(variable)]), [-1]) for variable in group]
                change = self.change(flat[0] if len(flat) == 1 else tf.concat(flat, 0), *states, *scalars)
                parts = [change] if len(group) == 1 else tf.split(change, list(map(size, group)))
                for variable, part in zip(group, parts, strict=True):
                    variable.value.assign_sub(tf.reshape(part, variable.shape))
                    if variable.constraint is not None:
                        variable.assign(variable.constraint(variable))

        def decayed(self, variable: Any, gradient: Any) -> Any:
            """Decay a weight if it is to be; the gradient that its step takes.

            Both frameworks leave a weight alone that has no gradient, and so do their formulas at a gradient of zero.
            """
            if gradient is None:
                return tf.zeros_like(variable.value)
            if self.weight_decay and self.decoupled:
                variable.assign(variable - variable * self.weight_decay * self.learning_rate)
            elif self.weight_decay:
                gradient += self.weight_decay * variable.value
            return gradient

        def scalars(self, step: Any) -> tuple[Any, ...]:
            """What `change` needs that is the same for all weights in a step; the first step is 1."""
            return ()

        def change(self, gradient: Any, *known: Any) -> Any:
            """Update the slots, which come first, with what `scalars` gives; what is subtracted from the weights."""
            raise NotImplementedError

        def state(self, slot: str) -> Iterator[tuple[str, np.ndarray]]:
            """Each weight's path and its array of a slot."""
            which = self.slots.index(slot)
            for group, states in zip(self.groups, self.states, strict=True):
                ends = np.cumsum([size(variable) for variable in group])[:-1]
                for variable, array in zip(group, np.split(states[which].numpy(), ends), strict=True):
                    yield variable.path, array.reshape(variable.shape)

        def set_state(self, slot: str, values: Mapping[str, np.ndarray]) -> None:
            """Set the arrays of a slot of some weights by their paths; the others' are zero."""
            which = self.slots.index(slot)
            for group, states in zip(self.groups, self.states, strict=True):
                arrays = [np.ravel(values.get(variable.path, np.zeros(variable.shape))) for variable in group]
                states[which].assign(np.concatenate(arrays))

    return Grouped
