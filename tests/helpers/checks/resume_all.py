"""Stop a training at every moment at which it can be stopped.

`resume_all.py FRAMEWORK DATASET FOLDER [EVERY [ORDER]]`

Each time it goes on from its checkpoint, is stopped once more, and has to end with the uninterrupted training's bytes.
With EVERY it carries views, whose bytes must be the same too, and is stopped at each EVERYth moment. ORDER is that of
the examples.
"""

import itertools
import sys
from pathlib import Path

from uncrossed.datasets import dataset_file
from uncrossed.job.checkpoint_file import CheckpointFile
from uncrossed.results import trial_file, views_file
from uncrossed.study import layout
from uncrossed.study.architectures import PACKAGED
from uncrossed.study.trial import Job, Settings
from uncrossed.training import backends
from uncrossed.training.loop import Stopped, run

framework, dataset, folder = sys.argv[1], dataset_file.read(sys.argv[2]), Path(sys.argv[3])
with_views, every = len(sys.argv) > 4, int([*sys.argv, 1][4])
order = sys.argv[5] if len(sys.argv) > 5 else "dataset"
settings = Settings(keep_epochs=(0, 1), order=order)
backend = backends.load(framework, settings)
# With dropout that its framework draws, and with an optimizer that is the other's.
architecture = PACKAGED["smallcnn"]
semantics = {"pytorch": "adam_epsilon=tensorflow", "tensorflow": "dropout=pytorch;adam_epsilon=pytorch"}[framework]
values = {"trial": "t", "architecture": "smallcnn", "learning_rate": 0.01, "batch_size": 30, "adam_epsilon": 0.1}
job = Job(row={**values, "epochs": 2, "seed": 3, "semantics": semantics}, settings=settings)
whole, output = folder / f"{framework}-whole.h5", folder / f"{framework}.h5"


def written(path: Path, result: trial_file.Result) -> list[bytes]:
    """The bytes of the files of a result, which are written."""
    trial_file.write(path, result)
    if with_views:
        views_file.write(layout.views_beside(path), result)
    return [file.read_bytes() for file in ((path, layout.views_beside(path)) if with_views else (path,))]


expected = written(whole, run(job, architecture, backend, dataset, code="", with_views=with_views)[0])
moments = 0
for moment in itertools.count(1, every):
    asked, stops = 0, 0

    def stop(moment: int = moment) -> bool:
        """True from a moment on."""
        global asked
        asked += 1
        return asked >= moment

    for attempt in (stop, stop, lambda: False):
        asked = 0
        try:
            saved = CheckpointFile(output, 0)
            result, _ = run(job, architecture, backend, dataset, "", saved, attempt, with_views=with_views)
            break
        except Stopped:
            stops += 1
    if stops == 0:
        break
    moments += 1
    if written(output, result) != expected:
        sys.exit(f"{framework} {semantics}: stopped at moment {moment}, it ends with other bytes")
    CheckpointFile(output, 0).remove()
# Three steps and two questions after them, two batches of evaluation, twice; with views six batches more.
if moments < (22 if with_views else 10) // every:
    sys.exit(f"{framework} {semantics}: only {moments} moments")
print(f"{framework} {semantics}: stopped at {moments} moments")
