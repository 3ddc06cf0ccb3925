"""PyTorch's views: the running statistics that a model in training would have with other evaluation mechanisms.

They move as those of the training would that has them: PyTorch's own by its kernel, Keras' by the operations of
`pytorch_as_tensorflow.OtherBatchNorm2d`, on all layers together after a step.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from uncrossed.training.architectures import Architecture
from uncrossed.training.backends.pytorch_as_tensorflow import keras_momentum, share_of_variance
from uncrossed.training.checkpoint import Arrays
from uncrossed.training.views import Ways

PARTS = ("running_mean", "running_var")
# Each part of a layer begins at a multiple of so many numbers, as kernels for GPUs may want it.
ALIGNED = 64


class View(NamedTuple):
    """One view.

    Attributes:
        momentum: of every layer; None where each has its own in all views.
        biased: whether the running variance is the mean of biased ones.
        stock: whether PyTorch does so by itself.
        statistics: of all layers, in one tensor.
    """

    momentum: float | None
    biased: bool
    stock: bool
    statistics: torch.Tensor

    def momentum_of(self, layer: nn.BatchNorm2d) -> float:
        """The momentum of a layer."""
        return layer.momentum if self.momentum is None else self.momentum


class Views:
    """The views of a model; they see what its layers normalise in training, and move after each step."""

    def __init__(self, model: nn.Module, architecture: Architecture, ways: Mapping[str, Ways]):
        """Begin with the model's own statistics.

        Args:
            model: on its device.
            architecture: of the model.
            ways: the views by name, as `views.others` gives them; there may be none.
        """
        layers = [(layer, name) for name, layer in model.named_modules() if isinstance(layer, nn.BatchNorm2d)]
        self.names = {layer: name for layer, name in layers if layer.track_running_stats} if ways else {}
        # Where each layer's mean and variance lie in a tensor that holds those of all layers.
        self.places: dict[nn.BatchNorm2d, tuple[slice, slice]] = {}
        size = 0
        for layer in self.names:
            step = -(-layer.num_features // ALIGNED) * ALIGNED
            self.places[layer] = tuple(slice(start, start + layer.num_features) for start in (size, size + step))
            size += 2 * step
            layer.register_forward_hook(self._see)
        like = next((layer.running_mean for layer in self.names), torch.empty(0))
        # Of a batch; and how many values of each channel the layers have seen that have seen it.
        self.found, self.seen = like.new_zeros(size), {}
        self.views = {name: self._view(architecture, way) for name, way in ways.items()}
        self.known_shares: dict[tuple[Any, ...], tuple[torch.Tensor, torch.Tensor]] = {}

    def _view(self, architecture: Architecture, way: Ways) -> View:
        momentum = None
        if "batchnorm_momentum" in way:
            stock, _ = architecture.BATCHNORM["pytorch"]
            momentum = stock if way["batchnorm_momentum"] == "pytorch" else keras_momentum(architecture)
        statistics = torch.zeros_like(self.found)
        for layer in self.names:
            for place, part in zip(self.places[layer], PARTS, strict=True):
                statistics[place] = getattr(layer, part)
        return View(momentum, way["batchnorm_variance"] == "tensorflow", "tensorflow" not in way.values(), statistics)

    @torch.no_grad()
    def _see(self, layer: nn.BatchNorm2d, inputs: tuple[torch.Tensor, ...], _: Any) -> None:
        if not layer.training:
            return
        if layer in self.seen:  # the model calls it again
            self.move()
        (x,) = inputs
        self.seen[layer] = x.numel() // x.shape[1]
        # With momentum 1 statistics become the batch's mean and its unbiased variance.
        self._move_as_shipped(layer, x, self.found, 1.0)
        for view in self.views.values():
            if view.stock:
                self._move_as_shipped(layer, x, view.statistics, view.momentum_of(layer))

    def _move_as_shipped(
        self, layer: nn.BatchNorm2d, x: torch.Tensor, statistics: torch.Tensor, momentum: float
    ) -> None:
        """Move statistics as PyTorch's layer does; on CPUs without what it normalises, which has no part in them."""
        mean, variance = (statistics[place] for place in self.places[layer])
        if x.is_cuda:
            functional.batch_norm(x, mean, variance, layer.weight, layer.bias, True, momentum, layer.eps)
        else:
            torch.batch_norm_update_stats(x, mean, variance, momentum)

    @torch.no_grad()
    def move(self) -> None:
        """Move the statistics of Keras' views towards what the layers have seen."""
        if not self.seen:
            return
        for name, view in self.views.items():
            if not view.stock:
                kept, taken = self._shares(name, view)
                view.statistics.mul_(kept).add_(self.found * taken)
        self.found.zero_()
        self.seen.clear()

    def _shares(self, name: str, view: View) -> tuple[torch.Tensor, torch.Tensor]:
        """What share of statistics a step keeps, and what share of a batch's goes into them: one for each number."""
        key = name, *self.seen.items()
        if key not in self.known_shares:
            kept, taken = np.ones(len(self.found)), np.zeros(len(self.found))
            for layer, count in self.seen.items():
                momentum = view.momentum_of(layer)
                shares = momentum, share_of_variance(count, momentum, view.biased)
                for place, share in zip(self.places[layer], shares, strict=True):
                    kept[place], taken[place] = 1 - momentum, share
            self.known_shares[key] = tuple(torch.from_numpy(each).to(self.found) for each in (kept, taken))
        return self.known_shares[key]

    def statistics(self) -> dict[str, Arrays]:
        """Copies of each view's statistics by name, in model order."""
        arrays = {name: view.statistics.cpu().numpy() for name, view in self.views.items()}
        return {
            view: {name: array[place].copy() for name, place in self._named_places().items()}
            for view, array in arrays.items()
        }

    def set_statistics(self, views: Mapping[str, Mapping[str, np.ndarray]]) -> None:
        """Set all views' statistics."""
        for view, arrays in views.items():
            for name, place in self._named_places().items():
                self.views[view].statistics[place] = torch.from_numpy(np.asarray(arrays[name]))

    def _named_places(self) -> dict[str, slice]:
        """Where statistics lie, by their names in the state dict."""
        return {
            f"{self.names[layer]}.{part}": place
            for layer, places in self.places.items()
            for part, place in zip(PARTS, places, strict=True)
        }
