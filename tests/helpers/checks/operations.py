"""What TensorFlow steps execute, as JSON by kind and architecture: `operations.py KIND:ARCHITECTURE...`.

KIND is `native`, `aligned`, `views`, a native training that carries views, or `shuffled`, one whose examples are
shuffled. Without oneDNN, whose operations a GPU has not.
"""

import json
import sys

import numpy as np

from uncrossed.study.trial import Settings, Trial
from uncrossed.training import backends
from uncrossed.training.architectures import load

SIZE = 10
settings = {order: Settings(onednn=False, order=order) for order in ("dataset", "shuffled")}
backend = backends.load("tensorflow", settings["dataset"])
backend.configure(settings["dataset"])

import tensorflow as tf  # noqa: E402

from uncrossed.bench import operations  # noqa: E402
from uncrossed.training import views  # noqa: E402

images = {split: np.zeros((4 * SIZE, 32, 32, 3), np.uint8) for split in ("train", "test")}
labels = {split: np.zeros(4 * SIZE, np.uint8) for split in images}
found = {}
for asked in sys.argv[1:]:
    kind, architecture = asked.split(":")
    row = {"architecture": architecture, "learning_rate": 0.001, "batch_size": SIZE, "adam_epsilon": 1e-7, "epochs": 1}
    trial = Trial(trial="t", **row, semantics=kind if kind == "aligned" else "native")
    network = load(architecture).on((32, 32, 3), 10)
    ways = views.others("tensorflow", {}, network.architecture.touching) if kind == "views" else {}
    order = "shuffled" if kind == "shuffled" else "dataset"
    learner = backend.Learner(trial, network, settings[order], images, labels, ways)
    start = tf.constant(0)
    functions = [
        learner.traced_step.get_concrete_function(start, SIZE, *learner.masks(SIZE)),
        learner.traced_predict.get_concrete_function(start, SIZE),
    ]
    if not learner.masked:
        functions.append(learner.traced_steps.get_concrete_function())
    launched = operations.launches(operations.executed(lambda learner=learner: learner.train([(0, SIZE)])))
    found[asked] = {
        "launches": sum(launched.values()),
        "by_operation": dict(launched.most_common()),
        "without_kernel": sorted(set().union(*map(operations.without_kernel, functions))),
        "copies": operations.copies(functions[0]),
    }
print(json.dumps(found))
