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
    # Sums over one example and channel in its precision, and over examples in float64: in float32 PyTorch's sums over a
    # whole batch are off by up to 4e-4, and all in float64 takes twice as long.
    values = x.flatten(2) if x.ndim > 2 else x[..., None]
    count = x.numel() // x.shape[1]
    mean = values.sum(2).double().sum(0) / count
    near = mean.to(x)
    squares = (values - near[:, None]).square_().sum(2).double()
    variance = squares.sum(0) / count - (near - mean) ** 2
    found = (one.cpu().numpy() for one in (mean, variance))
    seen.append(Moments(f"{name}.running_mean", f"{name}.running_var", count, *found))
    return functional.batch_norm(x, near, variance.to(x), layer.weight, layer.bias, eps=layer.eps)
