"""What the loop is measured against in PyTorch: the bare step, and the plain program that a user would write."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
import torchvision
from torch.nn import functional
from torch.utils.data import DataLoader, Subset
from torchvision.transforms import ToTensor

from uncrossed.study.trial import Settings, Trial
from uncrossed.training.architectures import Network
from uncrossed.training.backends import pytorch


def wait() -> None:
    """Until the device has done what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def memory() -> int:
    """Peak of the GPU's memory so far in MB; 0 without one."""
    return round(torch.cuda.max_memory_allocated() / 2**20) if torch.cuda.is_available() else 0


def bare(learner: pytorch.Learner, size: int) -> Callable[[int], None]:
    """Steps of a learner's model and optimizer on one batch that is on the device already: the limit of any loop."""
    images = learner.batch("train", 0, size).clone()
    labels = learner.labels["train"][:size].clone()

    def run(steps: int) -> None:
        learner.model.train()
        for _ in range(steps):
            learner.optimizer.zero_grad()
            functional.cross_entropy(learner.model(images), labels).backward()
            learner.optimizer.step()
        wait()

    return run


class Memory(torchvision.datasets.CIFAR10):
    """torchvision's dataset with its own `__getitem__`, over images that need no download."""

    def __init__(self, images: np.ndarray, labels: np.ndarray):
        """Take uint8 images, examples x 32 x 32 x 3, and labels."""
        self.data, self.targets = images, labels.tolist()
        self.transform, self.target_transform = ToTensor(), None


def plain(
    row: Trial,
    network: Network,
    settings: Settings,
    images: Mapping[str, np.ndarray],
    labels: Mapping[str, np.ndarray],
) -> Callable[[int], None]:
    """Steps of a plain program: a DataLoader over torchvision's dataset with ToTensor, and a Python loop."""
    device = "cuda" if settings.device == "gpu" else "cpu"
    model = pytorch.build(row.seed, network, {}).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=row.learning_rate, eps=row.adam_epsilon)
    dataset = Memory(images["train"], labels["train"])

    def run(steps: int) -> None:
        chosen: Any = Subset(dataset, range(steps * row.batch_size))
        model.train()
        total = 0.0
        for batch, targets in DataLoader(chosen, row.batch_size, shuffle=settings.order == "shuffled"):
            batch, targets = batch.to(device), targets.to(device)
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(batch), targets)
            loss.backward()
            optimizer.step()
            total += loss.item()

    return run
