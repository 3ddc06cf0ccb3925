"""Models of a framework with the weights of a trial, ready to evaluate."""

import importlib
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from uncrossed.common import environment
from uncrossed.common.errors import InputError
from uncrossed.study.semantics import effective
from uncrossed.study.trial import Trial


def build(attributes: Mapping[str, Any], weights: Mapping[str, np.ndarray], where: str) -> Any:
    """The model of a trial file.

    Args:
        attributes: the file's.
        weights: by the framework's own names, in model order.
        where: what errors call the file.

    Returns:
        PyTorch: a `torch.nn.Module` in evaluation mode for float images, examples x 3 x 32 x 32 in [0, 1].
        TensorFlow: a `keras.Model` for examples x 32 x 32 x 3. Both give logits, examples x 10.

    Raises:
        InputError: the framework is not installed, or the weights are not those of the row's model.
    """
    framework = attributes["framework"]
    row = Trial.check(attributes["row"], where)
    try:
        # What a user has set stays as it is, and reaches no framework that is imported here first.
        with environment.dropped(KERAS_BACKEND=os.environ.get("KERAS_BACKEND") or "tensorflow"):
            backend = importlib.import_module(f"uncrossed.training.backends.{framework}")
    except ImportError as error:
        how = f"pip install 'uncrossed[{framework}]'"
        raise InputError(f"{where}: its model needs {framework} ({error}): {how}") from error
    if framework == "tensorflow" and (keras := backend.keras.config.backend()) != "tensorflow":
        how = "set KERAS_BACKEND=tensorflow before Keras is imported"
        raise InputError(f"{where}: its model needs Keras on TensorFlow; found: Keras on {keras}; {how}")
    load = load_pytorch if framework == "pytorch" else load_tensorflow
    try:
        return load(backend, row, weights, attributes["settings"].get("precision", "float32"))
    except InputError:
        raise
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{where}: its weights do not fit {row.architecture} ({error})") from error


def load_pytorch(backend: Any, row: Trial, weights: Mapping[str, np.ndarray], precision: str) -> Any:
    """The PyTorch model of a row with these weights.

    Args:
        backend: PyTorch's.
        row: with architecture and semantics.
        weights: by the names of the state dict.
        precision: `float32` or `float64`.

    Raises:
        RuntimeError: the weights are not those of the model.
    """
    import torch

    with backend.surroundings(precision):
        model = backend.structure(row, effective(row.semantics, "pytorch", row.architecture))
        model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()}, strict=True)
    return model.eval()


def load_tensorflow(backend: Any, row: Trial, weights: Mapping[str, np.ndarray], precision: str) -> Any:
    """The Keras model of a row with these weights.

    Args:
        backend: TensorFlow's.
        row: with architecture and semantics.
        weights: by the paths of the variables, in their order.
        precision: `float32` or `float64`.

    Raises:
        ValueError: the weights are not those of the model.
    """
    with backend.surroundings(precision):
        model = backend.structure(row, effective(row.semantics, "tensorflow", row.architecture))
        paths = [variable.path for variable in model.weights]
        if paths != list(weights):
            raise ValueError(f"only on one side, or in another order: {sorted(set(paths) ^ set(weights))[:3]}")
        model.set_weights(list(weights.values()))
    return model
