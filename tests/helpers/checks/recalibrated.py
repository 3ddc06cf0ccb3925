"""Recalibrated statistics are those of a float64 NumPy computation, whatever the statistics were before.

`recalibrated.py FRAMEWORK DATASET`: 600 digits, so two batches, through smallcnn in float64.
"""

import sys

import numpy as np

from uncrossed.datasets import dataset_file
from uncrossed.explain.recalibration import recalibrate
from uncrossed.study.trial import Settings, Trial
from uncrossed.training import backends
from uncrossed.training.architectures import load
from uncrossed.training.arrays import to_pytorch

framework, path = sys.argv[1:]
settings = Settings(precision="float64")
data, backend = dataset_file.read(path), backends.load(framework, settings)
backend.configure(settings)
architecture = load("smallcnn")
network = architecture.on(data.shape, data.classes)
row = {"trial": "a", "architecture": "smallcnn", "learning_rate": 0.003, "batch_size": 100, "adam_epsilon": 1e-7}
learner = backend.Learner(Trial.check({**row, "epochs": 1}, "row"), network, settings, data.images, data.labels)


def named() -> dict[str, np.ndarray]:
    """The weights by PyTorch's names."""
    weights = learner.weights()
    return weights if framework == "pytorch" else to_pytorch(network.layers, weights)


def convolved(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Examples x channels x height x width, padded by one pixel."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))), (3, 3), (2, 3))
    return np.einsum("nchwij,fcij->nfhw", windows, kernel, optimize=True) + bias[:, None, None]


def expected(weights: dict[str, np.ndarray], batches: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Mean and variance over all values that each layer is given when batches are normalised one by one."""
    found, (_, epsilon) = {}, architecture.BATCHNORM[framework]
    for k in (1, 2, 3):
        given = [convolved(x, weights[f"conv{k}.weight"], weights[f"conv{k}.bias"]) for x in batches]
        everything = np.concatenate(given)
        found[f"batchnorm{k}.running_mean"] = everything.mean((0, 2, 3))
        found[f"batchnorm{k}.running_var"] = everything.var((0, 2, 3))
        gamma, beta = (weights[f"batchnorm{k}.{part}"][:, None, None] for part in ("weight", "bias"))
        batches = []
        for x in given:
            mean, variance = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
            y = np.maximum((x - mean) / np.sqrt(variance + epsilon) * gamma + beta, 0)
            batches.append(y.reshape(*y.shape[:2], y.shape[2] // 2, 2, y.shape[3] // 2, 2).max((3, 5)))
    return found


learner.train([(0, 100), (100, 200), (200, 300)])
images = (data.images["train"].transpose(0, 3, 1, 2) / 255).astype(np.float64)
before = named()
wanted = expected(before, np.split(images, 2))
recalibrate(learner, framework, len(images))
after = named()
for name, array in after.items():
    if name in wanted:
        np.testing.assert_allclose(array, wanted[name], rtol=1e-8, atol=1e-10)
        assert np.abs(before[name] - array).max() > 1e-3, "training alone leaves other statistics"
    else:
        np.testing.assert_array_equal(array, before[name])
assert len(wanted) == 6
# Once more, from statistics that are nothing like these: the same.
statistics = [name for name in learner.weights() if name.endswith(("_mean", "_var", "_variance"))]
learner.set_weights({name: 5 + 0 * learner.weights()[name] for name in statistics})
recalibrate(learner, framework, len(images))
for name, array in named().items():
    np.testing.assert_array_equal(array, after[name])
print("as computed")
