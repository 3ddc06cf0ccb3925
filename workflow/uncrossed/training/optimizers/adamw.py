"""AdamW (Loshchilov and Hutter 2019): Adam whose weights are decayed before its step, in both frameworks alike."""

from collections.abc import Iterable, Mapping
from typing import Any

from uncrossed.training.optimizers import adam

TOUCHING = frozenset({adam.EPSILON})
TAKES = {"adam_epsilon": True, "weight_decay": True}
GRAPHS = False
slots, scales = adam.slots, adam.scales


def touching(row: Any) -> frozenset[str]:
    """Where epsilon stands."""
    return TOUCHING


def pytorch(
    parameters: Iterable[Any], row: Any, mechanisms: Mapping[str, str], fused: bool, capturable: bool = False
) -> Any:
    """torch.optim.AdamW, or one that steps as Keras' does; arguments as `adam.pytorch` has them."""
    return adam.of_pytorch(parameters, row, adam.EPSILON in mechanisms, True, fused, capturable)


def tensorflow(variables: list[Any], row: Any, mechanisms: Mapping[str, str]) -> Any:
    """AdamW as Keras computes it, or as PyTorch does; arguments as `adam.tensorflow` has them."""
    return adam.of_tensorflow(variables, row, adam.EPSILON in mechanisms, decoupled=True)
