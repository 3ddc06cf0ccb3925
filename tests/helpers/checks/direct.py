"""Train all rows of a study, each by itself: `direct.py FRAMEWORK STUDY.yaml DATASET FOLDER`.

Writes FOLDER/TRIAL/FRAMEWORK.h5.
"""

import sys
from pathlib import Path

from uncrossed.datasets import dataset_file
from uncrossed.results import trial_file
from uncrossed.study.study import Study
from uncrossed.training import backends
from uncrossed.training.loop import run

framework, study, dataset, folder = sys.argv[1:]
study, data = Study.load(study), dataset_file.read(dataset)
backend = backends.load(framework, study.settings)
for trial, row in study.rows.items():
    architecture = study.architectures[row.architecture]
    result, _ = run(study.job(trial), architecture, backend, data, study.code_sha256(row, framework))
    trial_file.write(Path(folder, trial, f"{framework}.h5"), result)
