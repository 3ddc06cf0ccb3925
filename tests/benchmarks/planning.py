"""How long Snakemake plans: the default study, one trial of it, and a no-op over 2,400 existing results.

Usage: python tests/benchmarks/planning.py [--repeat N] [--json FILE]

The existing trial files hold their attributes alone, the other results are empty: Snakemake looks at their times.
Seconds are medians of whole processes.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

from uncrossed.datasets import dataset_file
from uncrossed.datasets.definition import BUILT_IN_DATASETS
from uncrossed.results import trial_file
from uncrossed.study.study import Study

REPOSITORY = Path(__file__).resolve().parents[2]
STUDY = Study.load(REPOSITORY / "config/config.yaml")
TRIAL = "results/cifar10/trials/vgg16-s00-00/tensorflow.h5"
LIMITS = {"default study": 8.0, "one trial": 3.0, "no-op": 12.0}


def seconds(folder: Path, *arguments: str, expect: str) -> float:
    """Wall time of one `snakemake ARGUMENTS -n` in `folder`, whose output must contain `expect`."""
    command = ["snakemake", "--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(folder), *arguments, "-n"]
    started = time.perf_counter()
    done = subprocess.run([*command, "-q", "rules"], capture_output=True, text=True, check=True)
    elapsed = time.perf_counter() - started
    if expect not in done.stdout + done.stderr:
        raise SystemExit(f"{' '.join(command)} did not print '{expect}':\n{done.stdout}{done.stderr}")
    return elapsed


def fill(folder: Path) -> None:
    """Make every file of the finished default study, empty."""
    results = folder / "results/cifar10"
    names = [f"tables/{name}" for name in ("trials.csv", "trials.parquet", "curves.parquet", "runs.parquet")]
    names += ["tables/summary.csv", "tables/disagreement.csv", "figures/captions.json"]
    sides = [f"{framework}.{kind}" for framework in ("pytorch", "tensorflow") for kind in ("h5", "json")]
    trials = STUDY.rows
    files = [f"trials/{trial}/{side}" for trial in trials for side in sides]
    ordered = ["manifest.csv", "study.json", *files, *names, "report.html", "SHA256SUMS"]
    nothing = dict.fromkeys(dataset_file.SPLITS, np.zeros(0, np.uint8))
    cifar10 = BUILT_IN_DATASETS["cifar10"].identity()
    dataset_file.write(folder / "results/datasets/cifar10.h5", cifar10, nothing, nothing)
    for age, name in enumerate(ordered):
        path = results / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        if path.suffix == ".h5":
            attributes = STUDY.attributes(STUDY.rows[path.parent.name], path.stem)
            with h5py.File(path, "w") as file:
                file.attrs.update(dict.fromkeys(trial_file.TEXTS, "") | {"schema": trial_file.SCHEMA, "versions": "{}"})
                file.attrs.update({k: json.dumps(v) if k in trial_file.OBJECTS else v for k, v in attributes.items()})
        # Later files are newer, as after a real build.
        os.utime(path, (1e9 + age, 1e9 + age))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as empty, tempfile.TemporaryDirectory() as full:
        fill(Path(full))
        cases = {
            "default study": lambda: seconds(Path(empty), expect="train_pytorch"),
            "one trial": lambda: seconds(Path(empty), TRIAL, expect="train_tensorflow"),
            "no-op": lambda: seconds(Path(full), expect="Nothing to be done"),
        }
        medians = {name: statistics.median(case() for _ in range(options.repeat)) for name, case in cases.items()}
    print(f"{'planning':16} {'median s':>9} {'limit s':>8}")
    for name, value in medians.items():
        print(f"{name:16} {value:9.2f} {LIMITS[name]:8.1f}")
    if options.json:
        options.json.write_text(json.dumps(medians, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
