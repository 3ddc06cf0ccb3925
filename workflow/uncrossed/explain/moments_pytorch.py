"""What PyTorch's batch normalisations are given of batches, each of which normalises by the batch's own statistics."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from uncrossed.explain.pooling import Moments


def moments(learner: Any, batches: Iterable[tuple[int, int]]) -> Iterator[Moments]:
    """The moments of batches of training examples; the model stays as it is.

    All but batch normalisation does what it does in evaluation.

    Args:
        learner: PyTorch's.
        batches: the first example of each, and the one after its last.
    """
    seen: list[Moments] = []
    kinds = nn.modules.batchnorm._BatchNorm
    layers = {name: layer for name, layer in learner.model.named_modules() if isinstance(layer, kinds)}
    learner.model.eval()
    for name, layer in layers.items():
        layer.forward = partial(_normalise, name, layer, seen)
    try:
        for start, stop in batches:
            with torch.no_grad():
                learner.model(learner.batch("train", start, stop))
            yield from seen
            seen.clear()
    finally:
        for layer in layers.values():
            del layer.forward


def _normalise(name: str, layer: Any, seen: list[Moments], x: torch.Tensor) -> torch.Tensor:
    """Normalise examples x channels x ..., and note the moments of each channel."""
    # In float32 PyTorch's sums over so many values are off by up to 4e-4.
    variance, mean = torch.var_mean(x.double(), [axis for axis in range(x.ndim) if axis != 1], correction=0)
    found = (one.cpu().numpy() for one in (mean, variance))
    seen.append(Moments(f"{name}.running_mean", f"{name}.running_var", x.numel() // x.shape[1], *found))
    return functional.batch_norm(x, mean.to(x), variance.to(x), layer.weight, layer.bias, eps=layer.eps)
