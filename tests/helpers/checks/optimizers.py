"""Every optimizer's steps are the framework's own, bit for bit, and a training goes on with its state.

`optimizers.py FRAMEWORK DATASET FOLDER`
"""

import sys
from pathlib import Path

import numpy as np

from uncrossed.datasets import dataset_file
from uncrossed.job.checkpoint_file import CheckpointFile
from uncrossed.results import trial_file
from uncrossed.study.architectures import PACKAGED
from uncrossed.study.trial import Job, Settings, Trial
from uncrossed.training import backends, optimizers
from uncrossed.training.loop import Stopped, run

framework, dataset, folder = sys.argv[1], dataset_file.read(sys.argv[2]), Path(sys.argv[3])
settings = Settings()
backend = backends.load(framework, settings)
backend.configure(settings)
VALUES = {"trial": "t", "architecture": "smallcnn", "learning_rate": 0.01, "batch_size": 30, "epochs": 2, "seed": 3}
MOVED = {"momentum": 0.9, "weight_decay": 0.1}
RMSPROP = {"optimizer": "rmsprop", "rmsprop_epsilon": 1e-3, "rho": 0.95}
# As the framework ships it, each with what its own class takes.
NATIVE = [
    ({"adam_epsilon": 1e-3}, "Adam", {"eps": 1e-3}, {"epsilon": 1e-3}),
    ({"adam_epsilon": 1e-3, "weight_decay": 0.1}, "Adam", {"eps": 1e-3}, {"epsilon": 1e-3}),
    ({"optimizer": "adamw", "adam_epsilon": 1e-3, "weight_decay": 0.1}, "AdamW", {"eps": 1e-3}, {"epsilon": 1e-3}),
    ({"optimizer": "sgd"}, "SGD", {}, {}),
    ({"optimizer": "sgd", **MOVED}, "SGD", {}, {}),
    ({"optimizer": "sgd", **MOVED, "nesterov": True}, "SGD", {}, {}),
    (RMSPROP, "RMSprop", {"eps": 1e-3, "alpha": 0.95}, {"epsilon": 1e-3, "rho": 0.95}),
    ({**RMSPROP, **MOVED}, "RMSprop", {"eps": 1e-3, "alpha": 0.95}, {"epsilon": 1e-3, "rho": 0.95}),
]
random = np.random.default_rng(0)
# Weights that are updated alone and together.
SHAPES = ((70, 80), (3,), (5, 7), (100, 100))
START = [random.standard_normal(shape).astype(np.float32) for shape in SHAPES]
GRADIENTS = [[random.standard_normal(shape).astype(np.float32) for shape in SHAPES] for _ in range(6)]


def pytorch(row: Trial, name: str, options: dict) -> tuple[list, list]:
    """The weights after all steps of the backend's optimizer, and of PyTorch's own."""
    import torch

    kind = optimizers.load(row.optimizer)
    ours, theirs = ([torch.nn.Parameter(torch.from_numpy(array.copy())) for array in START] for _ in range(2))
    fused = {} if name == "RMSprop" else {"fused": True}
    made = kind.pytorch(ours, row, {}, fused=True)
    own = getattr(torch.optim, name)(theirs, lr=0.01, **options, **fused)
    assert type(made) is type(own)
    for gradients in GRADIENTS:
        for weights, optimizer in ((ours, made), (theirs, own)):
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.grad = torch.from_numpy(gradient.copy())
            optimizer.step()
    return [weight.detach().numpy() for weight in ours], [weight.detach().numpy() for weight in theirs]


def tensorflow(row: Trial, name: str, options: dict) -> tuple[list, list]:
    """The weights after all steps of the backend's optimizer, and of Keras' own."""
    import keras
    import tensorflow as tf

    kind = optimizers.load(row.optimizer)
    ours, theirs = ([keras.Variable(array, name=f"v{k}") for k, array in enumerate(START)] for _ in range(2))
    made = kind.tensorflow(ours, row, {})
    own = getattr(keras.optimizers, name)(0.01, **options)
    own.build(theirs)
    # A weight without a gradient is left alone by both.
    ours.append(keras.Variable(START[1], name="alone"))
    made = kind.tensorflow(ours, row, {})

    @tf.function(autograph=False, jit_compile=False)
    def step(*gradients: tf.Tensor) -> None:
        made.apply([*gradients, None], ours)
        own.apply(gradients, theirs)

    for gradients in GRADIENTS:
        step(*map(tf.constant, gradients))
    theirs.append(START[1])
    return [variable.numpy() for variable in ours], [np.asarray(variable) for variable in theirs]


for columns, name, of_pytorch, of_keras in NATIVE:
    row = Trial(**VALUES, **columns)
    moved = {key: columns[key] for key in ("momentum", "weight_decay", "nesterov") if key in columns}
    found = (
        pytorch(row, name, of_pytorch | moved) if framework == "pytorch" else tensorflow(row, name, of_keras | moved)
    )
    for ours, theirs in zip(*found, strict=True):
        assert ours.tobytes() == theirs.tobytes(), (columns, np.abs(ours - theirs).max())
    assert (found[0][0] != START[0]).any()

# Whole, and stopped in the middle of the second epoch: with state of all slots, imitating the other framework.
other = {"pytorch": "tensorflow", "tensorflow": "pytorch"}[framework]
for columns in (
    {"optimizer": "adamw", "adam_epsilon": 1e-3, "weight_decay": 0.1, "semantics": f"adam_epsilon={other}"},
    {"optimizer": "sgd", "semantics": "native"},
    {"optimizer": "sgd", **MOVED, "nesterov": True, "semantics": f"weight_decay={other}"},
    {**RMSPROP, **MOVED, "semantics": f"weight_decay={other};rmsprop_epsilon={other}"},
):
    job, architecture = Job(row={**VALUES, **columns}, settings=settings), PACKAGED["smallcnn"]
    whole, stopped = folder / f"{framework}-whole.h5", folder / f"{framework}-stopped.h5"
    trial_file.write(whole, run(job, architecture, backend, dataset, "")[0])
    asked = 0

    def stop() -> bool:
        """True from a moment in the second epoch on."""
        global asked
        asked += 1
        return asked >= 7

    saved = CheckpointFile(stopped, 0)
    try:
        run(job, architecture, backend, dataset, "", saved, stop)
        sys.exit("was not stopped")
    except Stopped as stopped_at:
        said = str(stopped_at)
    assert "epoch 2 of 2 after 4 steps" in said, said
    trial_file.write(stopped, run(job, architecture, backend, dataset, "", CheckpointFile(stopped, 0))[0])
    saved.remove()
    assert whole.read_bytes() == stopped.read_bytes(), columns
    result = trial_file.read(whole)
    assert result.attributes["row"]["optimizer"] == columns["optimizer"]
    assert np.isfinite(result.curves["train_loss"]).all(), result.curves
print("equal")
