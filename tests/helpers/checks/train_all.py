"""Train architectures for one epoch on one framework: `train_all.py FRAMEWORK DATASET FOLDER ARCHITECTURE...`.

One process for all, which saves imports; what a process built before must not reach a trial file.
"""

import sys
from pathlib import Path

from uncrossed.datasets import dataset_file
from uncrossed.results import trial_file
from uncrossed.study.trial import Job, Settings
from uncrossed.training import backends
from uncrossed.training.architectures import load
from uncrossed.training.loop import run

framework, dataset, folder, *architectures = sys.argv[1:]
settings = Settings(keep_epochs=(0,))
data = dataset_file.read(dataset)
backend = backends.load(framework, settings)
for architecture in architectures:
    row = {"trial": "t", "architecture": architecture, "learning_rate": 0.001, "batch_size": 30, "adam_epsilon": 1e-3}
    job = Job(row={**row, "epochs": 1, "seed": 3}, settings=settings)
    result, _ = run(job, load(architecture), backend, data, code="")
    trial_file.write(Path(folder) / architecture / f"{framework}.h5", result)
