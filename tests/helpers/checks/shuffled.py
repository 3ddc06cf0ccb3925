"""Trainings on one framework whose examples are shuffled, and what they are compared with.

`shuffled.py FRAMEWORK DATASET FOLDER` writes into the folder, each name beginning with the framework:

- `orders.npz`: of a model that does not learn the order of the examples in some epochs, named `ORDER-SEED-EPOCH`, as
  their logits tell it; and `curves.npz`, by `ORDER-SEED`: its training losses and accuracies;
- `dataset.h5`, `shuffled.h5`: two epochs of an aligned training in float64; `row.h5`, a trace of the second;
- `one.h5`, `two.h5`: the same shuffled training twice, with `one.h5` as of one step in a call and `two.h5` of several.
"""

import contextlib
import dataclasses
import sys
from pathlib import Path

import numpy as np

from uncrossed.datasets import dataset_file
from uncrossed.explain import trace
from uncrossed.results import trial_file
from uncrossed.study.architectures import Architectures
from uncrossed.study.trial import Job, Settings
from uncrossed.training import backends, loop

framework, data, folder = sys.argv[1], dataset_file.read(sys.argv[2]), Path(sys.argv[3])
known = Architectures({"perceptron": Path(__file__).parents[2] / "architectures/perceptron.py"})
values = {"trial": "t", "batch_size": 30, "adam_epsilon": 1e-3, "epochs": 2}
backend = backends.load(framework, Settings())


class Kept:
    """Keeps in memory what a training saves when it is stopped."""

    def load(self, identity):
        """None is there."""

    def due(self):
        """Only when it is stopped."""
        return False

    def save(self, identity, checkpoint):
        """Keep it."""
        self.checkpoint = checkpoint
        return True


def learnt(job: Job, dataset: dataset_file.Dataset = data, **options) -> loop.Result:
    """Train to the end."""
    return loop.run(job, known[job.row.architecture], backend, dataset, "", **options)[0]


# No example sees another in it, so that each has its own logits for ever.
twice = dataclasses.replace(
    data,
    images=dict.fromkeys(data.images, data.images["train"]),
    labels=dict.fromkeys(data.labels, data.labels["train"]),
)
orders, curves = {}, {}
for order, seed, epochs in (("dataset", 3, [1]), ("shuffled", 3, [1, 2]), ("shuffled", 4, [1])):
    row = {**values, "architecture": "perceptron", "learning_rate": 1e-30, "seed": seed}
    job = Job(row=row, settings=Settings(order=order))
    result = learnt(job, twice)
    curves[f"{order}-{seed}"] = np.stack([result.curves["train_loss"], result.curves["train_accuracy"]])
    for epoch in epochs:
        kept, finished = Kept(), []

        def progress(batches, number, finished=finished):
            """Note that an epoch's steps were taken."""
            yield from batches
            finished.append(number)

        def stop(epoch=epoch, finished=finished):
            """True once the epoch's were."""
            return epoch in finished

        with contextlib.suppress(loop.Stopped):
            learnt(job, twice, saved=kept, stop=stop, progress=progress)
        distances = np.abs(kept.checkpoint.logits[:, None] - result.logits[None]).max(axis=2)
        assert distances.min(axis=1).max() < 1e-5
        orders[f"{order}-{seed}-{epoch}"] = distances.argmin(axis=1)
np.savez(folder / f"{framework}-orders.npz", **orders)
np.savez(folder / f"{framework}-curves.npz", **curves)

row = {**values, "architecture": "smallcnn", "learning_rate": 0.01, "seed": 3}
for number, steps in (("one", 1), ("two", 2)):
    if framework == "tensorflow":  # as in a training of many steps
        backend.LONG, backend.TOGETHER = 1, steps * values["batch_size"]
    job = Job(row=row, settings=Settings(order="shuffled"))
    trial_file.write(folder / f"{framework}-{number}.h5", learnt(job))

for order in ("dataset", "shuffled"):
    job = Job(row={**row, "semantics": "aligned"}, settings=Settings(order=order, precision="float64"))
    trial_file.write(folder / f"{framework}-{order}.h5", learnt(job))
trace.record(framework, job.row, known["smallcnn"], job.settings, data, 6, folder)
