"""Models of a framework with the weights of a trial, ready to evaluate."""

import importlib
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from uncrossed.common import environment
from uncrossed.common.errors import InputError
from uncrossed.datasets.definition import DatasetIdentity
from uncrossed.study.architectures import Architectures
from uncrossed.study.trial import Trial
from uncrossed.training.architectures import Network
from uncrossed.training.effective import effective


def build(
    attributes: Mapping[str, Any], weights: Mapping[str, np.ndarray], where: str, file: Path | None = None
) -> Any:
    """The model of a trial file.

    Args:
        attributes: the file's.
        weights: by the framework's own names, in model order.
        where: what errors call the file.
        file: the architecture's file, where it is not the package's: it is run.

    Returns:
        PyTorch: a `torch.nn.Module` in evaluation mode for float images, examples x channels x height x width in
            [0, 1]. TensorFlow: a `keras.Model` for examples x height x width x channels. Both give logits, examples x
            classes.

    Raises:
        InputError: the framework is not installed, or the weights are not those of the row's model.
    """
    framework = attributes["framework"]
    row = Trial.check(attributes["row"], where)
    dataset = DatasetIdentity.check(attributes["dataset"], where)
    known = Architectures({row.architecture: file} if file else {})
    if row.architecture not in known:
        raise InputError(
            f"{where}: {row.architecture} is no architecture of this package; its model needs its file, if you trust "
            f"it: model(architecture='{row.architecture}.py')"
        )
    network = known[row.architecture].on(dataset.shape, dataset.classes)
    try:
        # What a user has set stays as it is, and reaches no framework that is imported here first.
        with environment.dropped(KERAS_BACKEND=os.environ.get("KERAS_BACKEND") or "tensorflow"):
            if framework == "tensorflow" and "tensorflow" not in sys.modules:
                # For the other side's model in this process: imported after TensorFlow, torchvision 0.29 ends it.
                with suppress(ImportError):
                    importlib.import_module("torchvision")
            backend = importlib.import_module(f"uncrossed.training.backends.{framework}")
    except ImportError as error:
        how = f"pip install 'uncrossed[{framework}]'"
        raise InputError(f"{where}: its model needs {framework} ({error}): {how}") from error
    if framework == "tensorflow" and (keras := backend.keras.config.backend()) != "tensorflow":
        how = "set KERAS_BACKEND=tensorflow before Keras is imported"
        raise InputError(f"{where}: its model needs Keras on TensorFlow; found: Keras on {keras}; {how}")
    load = load_pytorch if framework == "pytorch" else load_tensorflow
    try:
        return load(backend, row, network, weights, attributes["settings"].get("precision", "float32"))
    except InputError:
        raise
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{where}: its weights do not fit {row.architecture} ({error})") from error


def load_pytorch(backend: Any, row: Trial, network: Network, weights: Mapping[str, np.ndarray], precision: str) -> Any:
    """The PyTorch model of a row with these weights.

    Args:
        backend: PyTorch's.
        row: with its semantics.
        network: the row's architecture for the images.
        weights: by the names of the state dict.
        precision: `float32` or `float64`.

    Raises:
        RuntimeError: the weights are not those of the model.
    """
    import torch

    with backend.surroundings(precision):
        model = backend.structure(network, effective(row.semantics, "pytorch", network.architecture.touching))
        model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()}, strict=True)
    return model.eval()


def load_tensorflow(
    backend: Any, row: Trial, network: Network, weights: Mapping[str, np.ndarray], precision: str
) -> Any:
    """The Keras model of a row with these weights.

    Args:
        backend: TensorFlow's.
        row: with its semantics.
        network: the row's architecture for the images.
        weights: by the paths of the variables, in their order.
        precision: `float32` or `float64`.

    Raises:
        ValueError: the weights are not those of the model.
    """
    with backend.surroundings(precision):
        model = backend.structure(network, effective(row.semantics, "tensorflow", network.architecture.touching))
        paths = [variable.path for variable in model.weights]
        if paths != list(weights):
            raise ValueError(f"only on one side, or in another order: {sorted(set(paths) ^ set(weights))[:3]}")
        model.set_weights(list(weights.values()))
    return model
