"""PyTorch's steps with CUDA graphs, all of them but the capture, which a CPU has not.

`graphed.py ARCHITECTURE...`

Bit for bit eager steps; the first three full batches eager, all others a graph's, the smaller last ones eager; and no
operation of a step asks for a value, which none in a graph may.
"""

import sys

import numpy as np

from uncrossed.bench.graphs import same_bits
from uncrossed.study.trial import Settings, Trial
from uncrossed.training import backends
from uncrossed.training.architectures import load

settings = Settings()
backend = backends.load("pytorch", settings)
backend.configure(settings)

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from uncrossed.training.backends import pytorch_graphs  # noqa: E402

taken = []


def aside(step):
    """Stands in for a step on another stream."""
    taken.append("aside")
    return step()


def captured(step):
    """Stands in for a graph: an eager step."""
    taken.append("captured")

    def replay():
        taken.append("replay")
        return step()

    return replay


class Operations(TorchDispatchMode):
    """Notes the names of all operations."""

    def __init__(self):
        """Begin with none."""
        super().__init__()
        self.names = set()

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        """Note one, and do it."""
        self.names.add(str(function))
        return function(*arguments, **(options or {}))


pytorch_graphs.aside, pytorch_graphs.captured = aside, captured
random = np.random.default_rng(0)
images = {split: random.integers(0, 256, (44, 32, 32, 3), dtype=np.uint8) for split in ("train", "test")}
labels = {split: random.integers(0, 10, 44, dtype=np.uint8) for split in ("train", "test")}
order = [(start, min(start + 8, 44)) for start in range(0, 44, 8)]
for architecture in sys.argv[1:]:
    row = {"trial": "t", "architecture": architecture, "learning_rate": 0.01, "batch_size": 8, "adam_epsilon": 1e-4}
    row, network = Trial(**row, epochs=1, seed=5), load(architecture).on((32, 32, 3), 10)

    def make(graphs, row=row, network=network):
        """An untrained learner."""
        asked = settings.model_copy(update={"cuda_graphs": graphs})
        return backend.Learner(row, network, asked, images, labels)

    taken.clear()
    found = same_bits(make, order)
    assert found["same"], (architecture, found)
    anew = ["aside"] * 3 + ["captured"]
    # Two passes of five full batches and a smaller one; then the second of them after a resumption.
    assert taken == [*anew, *["replay"] * 7, *anew, *["replay"] * 2], taken

    learner = make(True)
    with Operations() as operations:
        learner.train(order[:2])
    assert any("_fused_adam_" in name for name in operations.names), operations.names
    values = [name for name in operations.names if "_local_scalar_dense" in name or "nonzero" in name]
    assert not values, (architecture, values)
