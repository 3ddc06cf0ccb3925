"""Files like those that were published in 2021."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import uncrossed as package

FOLDERS = {"vgg16": "vgg", "resnet50": "resnet", "densenet121": "densenet"}
NAME = "dual_train_00000000"
SMALL = {"b.weight": np.arange(12, dtype=np.float32).reshape(3, 4), "a.num_batches_tracked": np.array(7)}


def weights_of(architecture: str) -> str:
    """How the names of files of weights begin."""
    return f"cifar10/{FOLDERS[architecture]}_lambda/model_weights/{NAME}"


def tensorflow() -> Any:
    """TensorFlow, after torchvision, whose import after TensorFlow 2.21 would end the process."""
    pytest.importorskip("torchvision")
    return pytest.importorskip("tensorflow")


def small(path: Path) -> Path:
    """Write `SMALL` as a state dict."""
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({name: torch.from_numpy(array) for name, array in SMALL.items()}, path)
    return path


def side(place, architecture: str = "vgg16"):
    """PyTorch's side of the trial that has files."""
    return package.open_published(place).trial(f"{architecture}-00000000").pytorch


def kept(tmp_path: Path, ending: str) -> list[Path]:
    """Complete and incomplete files of a name in the cache."""
    return [path for path in (tmp_path / "cache").rglob("*") if ending in path.name and path.suffix != ".lock"]


def assert_small(arrays) -> None:
    """Check that arrays are those of `SMALL`."""
    assert list(arrays) == list(SMALL)
    for name, array in SMALL.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)
