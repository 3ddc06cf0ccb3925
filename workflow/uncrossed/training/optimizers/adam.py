"""Adam (Kingma and Ba 2015) with the two places where an epsilon may stand; see `adam_epsilon` of the mechanisms."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np

from uncrossed.training.grouped import grouped

EPSILON = "adam_epsilon"
DECAY = "weight_decay"
TOUCHING = frozenset({EPSILON, DECAY})
TAKES = {"adam_epsilon": True, "weight_decay": False}
GRAPHS = True

BETAS = 0.9, 0.999


def touching(row: Any) -> frozenset[str]:
    """Where epsilon stands; with weight decay its form, too."""
    return TOUCHING if row.weight_decay else TOUCHING - {DECAY}


def slots(row: Any) -> dict[str, str]:
    """The first and second moments."""
    return {"first": "exp_avg", "second": "exp_avg_sq"}


def scales(row: Any) -> dict[str, float]:
    """None: both keep the same."""
    return {}


def pytorch(
    parameters: Iterable[Any], row: Any, mechanisms: Mapping[str, str], fused: bool, capturable: bool = False
) -> Any:
    """torch.optim.Adam, or one that steps as Keras' does.

    Args:
        parameters: the model's.
        row: has `learning_rate`, `adam_epsilon` and `weight_decay`.
        mechanisms: as `effective.effective` gives them.
        fused: one kernel for all that a step does to a weight; equal to the default to rounding. At batch size 10 on a
            CPU a training step of vgg16 takes 0.60 of the time, of resnet50 0.77, of densenet121 0.86.
        capturable: a CUDA graph may hold its steps; where they are fused, that changes nothing in them.
    """
    return of_pytorch(parameters, row, EPSILON in mechanisms, DECAY in mechanisms, fused, capturable)


def of_pytorch(
    parameters: Iterable[Any], row: Any, epsilon_hat: bool, decoupled: bool, fused: bool, capturable: bool
) -> Any:
    """PyTorch's Adam with epsilon where Keras has it or not, and weight decay decoupled or not."""
    import torch

    own = torch.optim.AdamW if decoupled else torch.optim.Adam
    kind = _epsilon_hat(own) if epsilon_hat else own
    options = {"lr": row.learning_rate, "eps": row.adam_epsilon, "weight_decay": row.weight_decay or 0}
    return kind(parameters, betas=BETAS, fused=fused, capturable=capturable, **options)


@cache
def _epsilon_hat(own: type) -> type:
    # Keras forms powers of its betas after rounding them to float32, also in float64.
    betas_in_keras = tuple(float(np.float32(beta)) for beta in BETAS)

    def corrections(betas: tuple[float, float], step: int) -> tuple[float, float]:
        return 1 - betas[0] ** step, (1 - betas[1] ** step) ** 0.5

    class EpsilonHatAdam(own):
        """Adam with epsilon before bias correction, as in Keras.

        Attributes:
            taken: how many steps were taken; on a GPU PyTorch's own count is there.
        """

        taken = 0

        def step(self) -> None:
            """PyTorch's own step, with the epsilon and the learning rate that make it Keras' step."""
            self.taken += 1
            for group in self.param_groups:
                for name, known in (("epsilon_hat", "eps"), ("learning_rate", "lr"), ("decay", "weight_decay")):
                    group.setdefault(name, group[known])
                ours, theirs = (corrections(betas, self.taken) for betas in (group["betas"], betas_in_keras))
                group["eps"] = group["epsilon_hat"] / ours[1]
                group["lr"] = group["learning_rate"] * (theirs[1] / theirs[0]) / (ours[1] / ours[0])
                if group["decoupled_weight_decay"]:
                    # It is multiplied by the rate of the step, which is not that of the decay.
                    group["weight_decay"] = group["decay"] * group["learning_rate"] / group["lr"]
            super().step()

    return EpsilonHatAdam


def tensorflow(variables: list[Any], row: Any, mechanisms: Mapping[str, str]) -> Any:
    """Adam as Keras computes it, or as PyTorch does.

    Args:
        variables: the model's trainable ones.
        row: has `learning_rate`, `adam_epsilon` and `weight_decay`.
        mechanisms: as `effective.effective` gives them.
    """
    return of_tensorflow(variables, row, EPSILON in mechanisms, decoupled=DECAY not in mechanisms)


def of_tensorflow(variables: list[Any], row: Any, corrected: bool, decoupled: bool) -> Any:
    """Keras' Adam with epsilon where PyTorch has it or not, and weight decay decoupled or not."""
    optimizer = (_bias_corrected_adam() if corrected else _keras_adam())(
        variables, slots(row), row.learning_rate, row.weight_decay, decoupled
    )
    optimizer.epsilon = row.adam_epsilon
    return optimizer


@cache
def _keras_adam() -> type:
    import tensorflow as tf

    class KerasAdam(grouped()):
        """keras.optimizers.Adam, bit for bit.

        Attributes:
            epsilon: added to √v.
        """

        epsilon: float

        def scalars(self, step: Any) -> tuple[Any, ...]:
            """The step's size."""
            step = tf.cast(step, self.dtype)
            # Keras rounds its betas to float32, also in float64.
            powers = [tf.cast(tf.constant(beta, tf.float32), self.dtype) ** step for beta in BETAS]
            rate = tf.constant(self.learning_rate, self.dtype)
            return (rate * tf.sqrt(1 - powers[1]) / (1 - powers[0]),)

        def change(self, gradient: Any, first: Any, second: Any, alpha: Any) -> Any:
            """Update the moments; what is subtracted from the weights."""
            m = first.assign_add((gradient - first) * (1 - BETAS[0]))
            v = second.assign_add((tf.square(gradient) - second) * (1 - BETAS[1]))
            return m * alpha / (tf.sqrt(v) + self.epsilon)

    return KerasAdam


@cache
def _bias_corrected_adam() -> type:
    import tensorflow as tf

    class BiasCorrectedAdam(_keras_adam()):
        """Adam with epsilon after bias correction and corrections in float64, as in PyTorch."""

        def scalars(self, step: Any) -> tuple[Any, ...]:
            """The step's size, and the square root of the second correction."""
            step = tf.cast(step, tf.float64)
            corrections = [1 - tf.constant(beta, tf.float64) ** step for beta in BETAS]
            return (
                tf.cast(self.learning_rate / corrections[0], self.dtype),
                tf.cast(tf.sqrt(corrections[1]), self.dtype),
            )

        def change(self, gradient: Any, first: Any, second: Any, size: Any, correction: Any) -> Any:
            """Update the moments; what is subtracted from the weights."""
            beta1, beta2 = BETAS
            m = first.assign_add((gradient - first) * (1 - beta1))
            v = second.assign(second * beta2 + (1 - beta2) * gradient * gradient)
            return size * m / (tf.sqrt(v) / correction + self.epsilon)

    return BiasCorrectedAdam
