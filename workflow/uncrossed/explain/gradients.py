"""The gradients of a learner's last step, as its loss has them: before any optimizer has done something with them."""

from collections.abc import Callable
from typing import Any

import numpy as np


def watched(framework: str, learner: Any) -> Callable[[], dict[str, np.ndarray]]:
    """What gives the gradients of the last step, by the weights' own names; of a learner that has taken none yet.

    A weight that the loss does not depend on is left out in PyTorch, and zero in TensorFlow.
    """
    if framework == "pytorch":
        parameters = dict(learner.model.named_parameters())
        return lambda: {
            name: parameter.grad.cpu().numpy().copy()
            for name, parameter in parameters.items()
            if parameter.grad is not None
        }
    import tensorflow as tf

    kept = {
        variable.path: tf.Variable(tf.zeros_like(variable.value), trainable=False)
        for variable in learner.model.trainable_variables
    }
    step = learner.optimizer.apply

    def apply(gradients: list[Any], variables: list[Any]) -> None:
        for gradient, variable in zip(gradients, variables, strict=True):
            if gradient is not None:
                kept[variable.path].assign(gradient)
        step(gradients, variables)

    learner.optimizer.apply = apply
    return lambda: {path: variable.numpy() for path, variable in kept.items()}
