"""What views cost a training: an epoch of training and testing with and without them, in turns.

`python tests/benchmarks/views.py` prints for each framework and architecture the CPU time of an epoch on random images,
as many of them for testing as CIFAR-10 has for each training image, and by how much views prolong it. CPU time, with
one thread, is what an epoch takes on a quiet machine.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from uncrossed.datasets import dataset_file
from uncrossed.datasets.definition import DatasetIdentity
from uncrossed.study.trial import FRAMEWORKS, Job
from uncrossed.training import backends, loop
from uncrossed.training.architectures import load


def epochs(framework: str, architecture: str, size: int, examples: int, count: int) -> dict[str, list[float]]:
    """CPU seconds of each epoch but the first, which compiles: without views (`plain`) and with them (`views`)."""
    row = {"trial": "t", "architecture": architecture, "learning_rate": 1e-9, "adam_epsilon": 1e-7}
    job = Job.check({"row": {**row, "batch_size": size, "epochs": count + 1}}, "benchmark")
    counts = {"train": examples, "test": examples // 5}
    random = np.random.default_rng(0)
    images = {split: random.integers(0, 256, (number, 32, 32, 3), np.uint8) for split, number in counts.items()}
    labels = {split: random.integers(0, 10, number, np.uint8) for split, number in counts.items()}
    facts = {"shape": (32, 32, 3), "classes": 10, "train_examples": counts["train"], "test_examples": counts["test"]}
    identity = DatasetIdentity(name="random", format="npz", **facts)
    data = dataset_file.Dataset(identity, images, labels, sha256="")
    backend = backends.load(framework, job.settings)
    found = {}
    for kind in ("plain", "views"):
        ends = []
        loop.run(
            *(job, load(architecture), backend, data, ""),
            report=lambda epoch, ends=ends: ends.append(time.process_time()),
            with_views=kind == "views",
        )
        found[kind] = np.diff(ends).tolist()
    return found


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--architectures", default="smallcnn,densenet121", help="(%(default)s)")
    parser.add_argument("--batch-sizes", default="10,128", help="(%(default)s)")
    parser.add_argument("--examples", type=int, default=1280, help="for training (%(default)s)")
    parser.add_argument("--epochs", type=int, default=3, help="of each kind, in each round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=2, help="(%(default)s)")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        framework, architecture, size = options.case.split()
        print(json.dumps(epochs(framework, architecture, int(size), options.examples, options.epochs)))
        return
    print("| CPU seconds an epoch | batch | without views | with views | |\n|---|---|---|---|---|")
    for architecture in options.architectures.split(","):
        for framework in FRAMEWORKS:
            for size in options.batch_sizes.split(","):
                found: dict[str, list[float]] = {"plain": [], "views": []}
                for _ in range(options.rounds):
                    case = f"{framework} {architecture} {size}"
                    command = [sys.executable, Path(__file__), "--case", case, "--examples", str(options.examples)]
                    command += ["--epochs", str(options.epochs)]
                    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                    for kind, seconds in json.loads(done.stdout.splitlines()[-1]).items():
                        found[kind] += seconds
                plain, views = (statistics.median(found[kind]) for kind in ("plain", "views"))
                line = f"| {architecture}, {framework} | {size} | {plain:.2f} | {views:.2f} | {views / plain:.2f} × |"
                print(line, flush=True)


if __name__ == "__main__":
    main()
