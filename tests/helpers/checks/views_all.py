"""Trainings of each combination of evaluation mechanisms, and trainings that carry them as views.

`views_all.py FRAMEWORK DATASET FOLDER NAME...`, where a name is of an architecture, or `diverging`. Writes
FOLDER/NAME/plain/WAYS/FRAMEWORK.h5 for each combination, and FOLDER/NAME/carrying/WAYS/FRAMEWORK.h5 of two of them,
beside which their views lie.
"""

import sys
from itertools import product
from pathlib import Path

from uncrossed.datasets import dataset_file
from uncrossed.results import trial_file, views_file
from uncrossed.study import layout
from uncrossed.study.architectures import Architectures
from uncrossed.study.identity import code_sha256
from uncrossed.study.trial import FRAMEWORKS, Job, Settings
from uncrossed.training import backends
from uncrossed.training.loop import run

framework, dataset, folder, *names = sys.argv[1:]
settings = Settings(keep_epochs=(0, 1))
data = dataset_file.read(dataset)
backend = backends.load(framework, settings)
known = Architectures({"unusual": Path(__file__).parents[2] / "architectures/unusual.py"})
for name in names:
    row = {"trial": "t", "architecture": name, "learning_rate": 0.01, "batch_size": 30, "adam_epsilon": 1e-3, "seed": 3}
    row |= {"architecture": "smallcnn", "learning_rate": 1e25} if name == "diverging" else {}
    row["epochs"] = 2 if row["architecture"] in ("smallcnn", "unusual") else 1
    for momentum, variance in product(FRAMEWORKS, repeat=2):
        semantics = f"batchnorm_momentum={momentum};batchnorm_variance={variance}"
        job = Job(row={**row, "semantics": semantics}, settings=settings)
        # A training as the framework ships, and one that imitates the other in all.
        for kind in ("plain", "carrying") if momentum == variance else ("plain",):
            architecture = known[job.row.architecture]
            code = code_sha256(framework, architecture)
            result, _ = run(job, architecture, backend, data, code, with_views=kind == "carrying")
            path = Path(folder, name, kind, f"{momentum}-{variance}", f"{framework}.h5")
            trial_file.write(path, result)
            if result.views:
                views_file.write(layout.views_beside(path), result)
