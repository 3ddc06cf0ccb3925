"""How good and how fast is the search? TPE within subspaces against random search, at equal trials and over many seeds.

`python tests/benchmarks/search.py` answers for a known objective (a minute), `--digits` for real pairs of smallcnn on
digits (half an hour on two cores), `--time` for what a suggestion costs with its start-up.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from uncrossed.search import suggestion as searching
from uncrossed.search.suggestion import Seen
from uncrossed.study.mechanisms import NATIVE
from uncrossed.study.search import Search
from uncrossed.study.trial import FRAMEWORKS, Trial

BOX = {
    "learning_rate": {"low": 1e-4, "high": 0.1, "log": True},
    "batch_size": {"low": 10, "high": 250},
    "adam_epsilon": {"low": 1e-8, "high": 1.0, "log": True},
    "epochs": {"low": 1, "high": 8},
}
DIGITS = {"name": "digits-500", "format": "digits", "train_examples": 500, "test_examples": 360}


def block(algorithm: str, seed: int, trials: int) -> Search:
    """A search over two subspaces."""
    values = {"architectures": ["smallcnn"], "box": BOX, "split": ["learning_rate"], "trials": trials, "seed": seed}
    return Search.check({**values, "start": trials * 2 // 5, "algorithm": algorithm}, "benchmark")


def found(search: Search, value: Callable[[Trial], float]) -> float:
    """The best value that a search finds."""
    seen: dict[str, Seen] = {}
    for trial in search.places:
        history = [seen[name] for name in search.visible(trial)]
        row, _ = searching.next_row(search, trial, history, DIGITS["train_examples"], dict(NATIVE))
        seen[trial] = Seen(row, value(row), ())
    return max(trial.objective for trial in seen.values())


def known(row: Trial) -> float:
    """A peak in all four dimensions, from 0 to 1."""
    distance = (np.log10(row.learning_rate) + 2.2) ** 2 + (np.log10(row.adam_epsilon) + 3) ** 2 / 8
    return float(np.exp(-distance - (row.batch_size - 40) ** 2 / 5000 - (row.epochs - 6) ** 2 / 10))


class Pairs:
    """Trains both sides of a row, each in a process of its own that stays."""

    def __init__(self, folder: str):
        """Start both."""
        data = Path(folder, "digits.h5")
        subprocess.run([sys.executable, "-m", "uncrossed", "dataset", json.dumps(DIGITS), "--output", data], check=True)
        command = [sys.executable, __file__, "--worker"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        self.sides = [subprocess.Popen([*command, framework, "--dataset", data], **pipes) for framework in FRAMEWORKS]

    def __call__(self, row: Trial) -> float:
        """The absolute difference of the two accuracies."""
        for side in self.sides:
            print(row.model_dump_json(), file=side.stdin, flush=True)
        first, second = (float(side.stdout.readline()) for side in self.sides)
        return abs(first - second)


def work(framework: str, dataset: str) -> None:
    """Train each row that comes, and answer with its accuracy."""
    from uncrossed.datasets import dataset_file
    from uncrossed.study.architectures import PACKAGED
    from uncrossed.study.trial import Job, Settings
    from uncrossed.training import backends
    from uncrossed.training.loop import run

    backend, data = backends.load(framework, Settings()), dataset_file.read(dataset)
    for line in sys.stdin:
        job = Job(row=json.loads(line), settings=Settings())
        result, _ = run(job, PACKAGED[job.row.architecture], backend, data, code="")
        print(result.curves["test_accuracy"][-1], flush=True)


def cost() -> None:
    """Time the command with no and with 400 finished trials to see."""
    from uncrossed.results import trial_file

    with tempfile.TemporaryDirectory() as folder:
        study, results = Path(folder, "study.yaml"), Path(folder, "results")
        search = block("tpe", 0, 1000).model_copy(update={"start": 1})
        values = {"study": "s", "dataset": "digits", "search": search.model_dump(mode="json")}
        study.write_text(json.dumps(values))
        random = np.random.default_rng(0)
        for trial in list(search.places)[:401]:
            row, _ = searching.next_row(search, trial, [], 500, dict(NATIVE))
            made = {"row": row.model_dump(mode="json"), "guided": True, "saw": [], "saw_sha256": ""}
            searching.keep(results, trial, made | {"search_sha256": search.sha256()})
            for framework in FRAMEWORKS:
                attributes = dict.fromkeys(trial_file.TEXTS, "") | {name: {} for name in trial_file.OBJECTS}
                attributes |= {"framework": framework, "row": row.deciding(), "status": "completed"}
                curves = {name: random.random(row.epochs) for name in trial_file.CURVES}
                result = trial_file.Result(attributes, curves, np.zeros((1, 10), np.float32), np.zeros(1, np.uint8))
                trial_file.write(results / f"trials/{trial}/{framework}.h5", result)
        for number in (0, 400):
            seconds = []
            for _ in range(5):
                started = time.perf_counter()
                command = ["search", "suggest", f"smallcnn-s00-{number:03d}", "--study", study, "--results", results]
                subprocess.run([sys.executable, "-m", "uncrossed", *command], check=True)
                seconds.append(time.perf_counter() - started)
            print(f"a suggestion that sees {number} trials takes {np.median(seconds):.1f} s (median of 5)")


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--digits", action="store_true", help="train real pairs")
    parser.add_argument("--time", action="store_true", help="time the command instead")
    parser.add_argument("--seeds", type=int, default=10, help="(%(default)s)")
    parser.add_argument("--trials", type=int, help="in each of the two subspaces (25; 10 with --digits)")
    parser.add_argument("--worker", choices=FRAMEWORKS, help=argparse.SUPPRESS)
    parser.add_argument("--dataset", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return work(options.worker, options.dataset)
    if options.time:
        return cost()
    trials = options.trials or (10 if options.digits else 25)
    with tempfile.TemporaryDirectory() as folder:
        value = Pairs(folder) if options.digits else known
        results = {name: [] for name in ("tpe", "anneal", "random")}
        for seed in range(options.seeds):
            for name, values in results.items():
                values.append(found(block(name, seed, trials), value))
            print(
                f"seed {seed}: " + ", ".join(f"{name} {values[-1]:.3f}" for name, values in results.items()), flush=True
            )
    for name, values in results.items():
        wins = np.mean([a > b for a, b in zip(values, results["random"], strict=True)])
        print(f"{name}: median {np.median(values):.3f}, mean {np.mean(values):.3f}, better than random in {wins:.0%}")
    return None


if __name__ == "__main__":
    main()
