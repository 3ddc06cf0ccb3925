"""A training on a CPU uses its memory again: steps take no pages from the system."""

import resource
import statistics

import numpy as np

from uncrossed.study.trial import Settings, Trial
from uncrossed.training import backends
from uncrossed.training.architectures import load

settings = Settings(device="cpu", threads=1)
backend = backends.load("pytorch", settings)
backend.configure(settings)
random = np.random.default_rng(0)
images = {split: random.integers(0, 256, (1280, 32, 32, 3), dtype=np.uint8) for split in ("train", "test")}
labels = {split: random.integers(0, 10, 1280, dtype=np.uint8) for split in ("train", "test")}
row = {"trial": "t", "architecture": "smallcnn", "learning_rate": 0.01, "batch_size": 128, "adam_epsilon": 1e-4}
learner = backend.Learner(Trial(**row, epochs=1), load("smallcnn").on((32, 32, 3), 10), settings, images, labels)
faults = []
for _ in range(10):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    learner.train([(start, start + 128) for start in range(0, 1280, 128)])
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
# A step's largest tensor alone has 2,048 pages of 4 KiB. The heap grows now and then until its pieces fit.
assert statistics.median(faults) < 1000, faults
print(faults)
