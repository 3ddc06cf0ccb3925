"""How PyTorch's layers do what Keras' do, mechanism by mechanism; `study.mechanisms.MECHANISMS` has the formulas."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from uncrossed.training.architectures import Architecture, Network


class OtherBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation with Keras' running statistics: its momentum, or its biased variances Σ(x - mean)²/n.

    Attributes:
        biased: whether the running variance is the mean of biased ones.
    """

    biased: bool

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise examples x channels x height x width."""
        if not self.training:
            return super().forward(x)
        mean, variance = torch.zeros_like(self.running_mean), torch.zeros_like(self.running_var)
        # With momentum 1 the buffers become the batch's mean and its unbiased variance.
        y = functional.batch_norm(x, mean, variance, self.weight, self.bias, True, 1.0, self.eps)
        share = share_of_variance(x.numel() // x.shape[1], self.momentum, self.biased)
        with torch.no_grad():
            self.running_mean.mul_(1 - self.momentum).add_(mean * self.momentum)
            self.running_var.mul_(1 - self.momentum).add_(variance * share)
            self.num_batches_tracked.add_(1)
        return y


def share_of_variance(count: int, momentum: float, biased: bool) -> float:
    """What share of a batch's unbiased variance, of so many values, goes into the running one."""
    return (count - 1) / count * momentum if biased else momentum


def keras_momentum(architecture: Architecture) -> float:
    """The momentum of Keras' layers as PyTorch's take it."""
    momentum, _ = architecture.BATCHNORM["tensorflow"]
    return round(1 - momentum, 12)


class SharedDropout(nn.Module):
    """Dropout whose factors are drawn outside PyTorch; `draw`, set before each step, gives them for a shape."""

    draw: Callable[..., np.ndarray]

    def __init__(self, rate: float):
        """Take the share that is dropped."""
        super().__init__()
        self.rate = rate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Multiply by the factors in training; the identity in evaluation."""
        if not self.training:
            return x
        factors = torch.from_numpy(self.draw(tuple(x.shape), self.rate))
        if x.is_cuda:  # from pinned memory a copy need not be waited for
            factors = factors.pin_memory()
        return x * factors.to(x, non_blocking=True)


class PaddedConv2d(nn.Conv2d):
    """A convolution with stride 2 that pads on the right and below only, as Keras' 'same' does for even sizes."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve examples x channels x height x width."""
        height, width = (size % 2 for size in x.shape[2:])
        return super().forward(functional.pad(x, (width, 1, height, 1)))


def imitate(model: nn.Module, network: Network, mechanisms: Mapping[str, str]) -> None:
    """Change a stock model in place; its initial weights stay, a bias that it gains is zero.

    Args:
        model: as torchvision or the architecture's file has it.
        network: what the model is of.
        mechanisms: what it has to do otherwise, as `effective.effective` says.
    """
    architecture = network.architecture
    if "stride" in mechanisms:
        for names, _ in architecture.STRIDE:
            first, second = (model.get_submodule(name) for name in names)
            first.stride, second.stride = second.stride, first.stride
    if "padding" in mechanisms:
        for name, _ in architecture.PADDING:
            convolution = model.get_submodule(name)
            convolution.__class__, convolution.padding = PaddedConv2d, (0, 0)
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Conv2d) and "conv_bias" in mechanisms:
            biased = architecture.CONV_BIAS == "tensorflow"
            module.bias = nn.Parameter(torch.zeros(module.out_channels)) if biased else None
        if isinstance(module, nn.BatchNorm2d):
            if "batchnorm_epsilon" in mechanisms:
                _, module.eps = architecture.BATCHNORM["tensorflow"]
            if "batchnorm_momentum" in mechanisms:
                module.momentum = keras_momentum(architecture)
            if mechanisms.keys() & {"batchnorm_momentum", "batchnorm_variance"}:
                module.__class__ = OtherBatchNorm2d
                module.biased = "batchnorm_variance" in mechanisms
        if isinstance(module, nn.Dropout) and mechanisms.keys() & {"dropout", "dropout_masks"}:
            new = nn.Identity() if "dropout" in mechanisms else SharedDropout(module.p)
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, new)
