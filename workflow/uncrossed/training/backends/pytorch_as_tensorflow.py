"""How PyTorch does what TensorFlow does, mechanism by mechanism; `semantics.MECHANISMS` has the formulas."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from uncrossed.study.trial import Trial

# Keras forms powers of its betas after rounding them to float32, also in float64.
BETAS_IN_KERAS = tuple(float(np.float32(beta)) for beta in (0.9, 0.999))


class BiasedBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation whose running variance is the mean of the biased ones: Σ(x - mean)²/n."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise examples x channels x height x width."""
        if not self.training:
            return super().forward(x)
        mean, variance = torch.zeros_like(self.running_mean), torch.zeros_like(self.running_var)
        # With momentum 1 the buffers become the batch's mean and its unbiased variance.
        y = functional.batch_norm(x, mean, variance, self.weight, self.bias, True, 1.0, self.eps)
        count = x.numel() // x.shape[1]
        with torch.no_grad():
            self.running_mean.mul_(1 - self.momentum).add_(mean * self.momentum)
            self.running_var.mul_(1 - self.momentum).add_(variance * ((count - 1) / count * self.momentum))
            self.num_batches_tracked.add_(1)
        return y


class SharedDropout(nn.Module):
    """Dropout whose factors are drawn outside PyTorch; `draw`, set before each step, gives them for a shape."""

    draw: Callable[[tuple[int, ...]], np.ndarray]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Multiply by the factors in training; the identity in evaluation."""
        return x * torch.from_numpy(self.draw(tuple(x.shape))).to(x) if self.training else x


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
            ours, theirs = (_corrections(betas, self.taken) for betas in (group["betas"], BETAS_IN_KERAS))
            group["eps"] = group["epsilon_hat"] / ours[1]
            group["lr"] = group["learning_rate"] * (theirs[1] / theirs[0]) / (ours[1] / ours[0])
        super().step()


def _corrections(betas: tuple[float, float], step: int) -> tuple[float, float]:
    return 1 - betas[0] ** step, (1 - betas[1] ** step) ** 0.5


def imitate(model: nn.Module, row: Trial, mechanisms: Mapping[str, str]) -> None:
    """Change a stock model in place; its initial weights stay, a bias that it gains is zero.

    Args:
        model: as torchvision ships it.
        row: whose architecture it has.
        mechanisms: what it has to do otherwise, as `semantics.effective` says.
    """
    if "stride" in mechanisms:
        for stage in (model.layer2, model.layer3, model.layer4):
            stage[0].conv1.stride, stage[0].conv2.stride = stage[0].conv2.stride, stage[0].conv1.stride
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Conv2d) and "conv_bias" in mechanisms:
            module.bias = nn.Parameter(torch.zeros(module.out_channels))
        if isinstance(module, nn.BatchNorm2d):
            if "batchnorm_momentum" in mechanisms:
                module.momentum = 0.01
            if "batchnorm_epsilon" in mechanisms:
                module.eps = 1e-3 if row.architecture == "smallcnn" else 1.001e-5
            if "batchnorm_variance" in mechanisms:
                module.__class__ = BiasedBatchNorm2d
        if isinstance(module, nn.Dropout) and mechanisms.keys() & {"dropout", "dropout_masks"}:
            new = nn.Identity() if "dropout" in mechanisms else SharedDropout()
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, new)
