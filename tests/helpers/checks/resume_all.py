"""Stop a training at every moment at which it can be stopped: `resume_all.py FRAMEWORK DATASET FOLDER`.

Each time it goes on from its checkpoint, is stopped once more, and has to end with the uninterrupted training's bytes.
"""

import itertools
import sys
from pathlib import Path

from uncrossed.datasets import dataset_file
from uncrossed.job.checkpoint_file import CheckpointFile
from uncrossed.results import trial_file
from uncrossed.study.architectures import PACKAGED
from uncrossed.study.trial import Job, Settings
from uncrossed.training import backends
from uncrossed.training.loop import Stopped, run

framework, dataset, folder = sys.argv[1], dataset_file.read(sys.argv[2]), Path(sys.argv[3])
settings = Settings(keep_epochs=(0, 1))
backend = backends.load(framework, settings)
# With dropout that its framework draws, and with an optimizer that is the other's.
architecture = PACKAGED["smallcnn"]
semantics = {"pytorch": "adam_epsilon=tensorflow", "tensorflow": "dropout=pytorch;adam_epsilon=pytorch"}[framework]
values = {"trial": "t", "architecture": "smallcnn", "learning_rate": 0.01, "batch_size": 30, "adam_epsilon": 0.1}
job = Job(row={**values, "epochs": 2, "seed": 3, "semantics": semantics}, settings=settings)
whole, output = folder / f"{framework}-whole.h5", folder / f"{framework}.h5"
trial_file.write(whole, run(job, architecture, backend, dataset, code="")[0])
moments = 0
for moment in itertools.count(1):
    asked, stops = 0, 0

    def stop(moment: int = moment) -> bool:
        """True from a moment on."""
        global asked
        asked += 1
        return asked >= moment

    for attempt in (stop, stop, lambda: False):
        asked = 0
        try:
            result, _ = run(job, architecture, backend, dataset, code="", saved=CheckpointFile(output, 0), stop=attempt)
            break
        except Stopped:
            stops += 1
    if stops == 0:
        break
    moments += 1
    trial_file.write(output, result)
    if output.read_bytes() != whole.read_bytes():
        sys.exit(f"{framework} {semantics}: stopped at moment {moment}, it ends with other bytes")
    CheckpointFile(output, 0).remove()
# Three steps and two questions after them, two batches of evaluation, twice.
if moments < 10:
    sys.exit(f"{framework} {semantics}: only {moments} moments")
print(f"{framework} {semantics}: stopped at {moments} moments")
