"""The first GPU: does training there keep its promises, and how fast is it? One command, ten minutes per framework.

Usage: python tests/benchmarks/gpu.py [--device cpu] [--architecture NAME] [--json FILE] ...    (`make gpu`; --help)

For each framework that is installed, and each architecture, on images of noise:

    preflight   driver, card and memory suit, and a step runs
    twice       two trainings give the same file
    stopped     one that gets SIGTERM after an epoch and is started again gives the same file
    views       one that carries views gives the same file
    imitating   two that do as the other framework in everything, and carry views, give the same files
    shared      one with batches of 1,000, the default study's largest, gives the same file beside a process that
                leaves 5,000 MB of the GPU's memory
    graphs      PyTorch's steps as CUDA graphs have the bits of eager ones, also where a training is resumed
    speed       images per second beside the bare step and the plain program; PyTorch in both memory formats

It takes the frameworks as they are, of whatever version. What does not fit into the time is named as skipped. Exits
with 1 where something was not as promised. `graphs` promises nothing: it decides whether a study on such a card may
have `cuda_graphs: true`.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "workflow"))

import numpy as np  # noqa: E402 - the package comes before what is installed

from uncrossed.bench import Case, graphs_text, machine  # noqa: E402
from uncrossed.common import files  # noqa: E402
from uncrossed.common.errors import InputError  # noqa: E402
from uncrossed.datasets import dataset_file  # noqa: E402
from uncrossed.datasets.definition import DatasetIdentity  # noqa: E402
from uncrossed.job.preflight import MEMORY_MB  # noqa: E402
from uncrossed.results.compare import compare  # noqa: E402
from uncrossed.study.architectures import PACKAGED  # noqa: E402
from uncrossed.study.layout import views_beside  # noqa: E402
from uncrossed.study.trial import FRAMEWORKS  # noqa: E402

PYTHON_PATH = os.pathsep.join([str(REPOSITORY / "workflow"), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
ENVIRONMENT = os.environ | {"PYTHONPATH": PYTHON_PATH}
CHECKS = ("twice", "stopped", "views", "imitating", "shared", "graphs", "speed")
# Everything as the other framework does it.
IMITATING = {"pytorch": "aligned-tensorflow", "tensorflow": "aligned"}
MODULES = {"pytorch": "torch", "tensorflow": "tensorflow"}
EXAMPLES, BATCH, TRAINED_EPOCHS = {"train": 1000, "test": 200}, 50, 6
# A process that takes a GPU's memory but so many MB, says so, and keeps it until its input ends.
HOLDER = """
import sys, torch
free, _ = torch.cuda.mem_get_info()
kept = torch.zeros(max(0, free - int(sys.argv[1]) * 2**20), dtype=torch.uint8, device="cuda")
print(f"held {kept.numel() // 2**20} MB", flush=True)
sys.stdin.read()
"""
# PyTorch's measurement in the memory format that it does not choose on GPUs.
CONTIGUOUS = """
import sys, torch
from uncrossed import bench
from uncrossed.training.backends import pytorch
pytorch.memory_formats = lambda *_: (torch.contiguous_format, torch.contiguous_format)
bench.main("measure", sys.argv[1])
"""
# All of CUDA graphs but the capture, for a rehearsal.
UNCAPTURED = """
import sys
from uncrossed import bench
from uncrossed.training.backends import pytorch_graphs
pytorch_graphs.aside, pytorch_graphs.captured = (lambda step: step()), (lambda step: step)
bench.main("graphs", sys.argv[1])
"""


class Failed(Exception):  # noqa: N818 - a result, not an error of this program
    """What was promised did not happen; the text says what did."""


class Skipped(Exception):  # noqa: N818 - no error
    """There was no way or no time to look."""


class Report:
    """The results so far; each is in the file as soon as it is known."""

    def __init__(self, path: Path, minutes: float):
        """Begin one that is kept in a file, with so many minutes for each framework."""
        self.path, self.minutes = path, minutes
        self.results: list[dict[str, Any]] = []
        self.end = 0.0

    def begin(self) -> None:
        """A framework's time begins."""
        self.end = time.monotonic() + 60 * self.minutes

    def left(self) -> float:
        """The seconds that are left; none are a reason to skip what comes."""
        left = self.end - time.monotonic()
        if left <= 0:
            raise Skipped("no time left")
        return left

    def check(self, framework: str, what: str, architecture: str, look: Callable[[dict[str, Any]], None]) -> bool:
        """Look at something, and note what is said, how it ends and how long it takes; whether it is as promised."""
        found: dict[str, Any] = {"framework": framework, "architecture": architecture, "check": what, "verdict": "ok"}
        started = time.monotonic()
        try:
            self.left()
            look(found)
        except Skipped as why:
            found |= {"verdict": "skipped", "said": str(why)}
        except (Failed, InputError, OSError, subprocess.TimeoutExpired) as why:
            found |= {"verdict": "FAILED", "said": str(why)}
        found["seconds"] = round(time.monotonic() - started, 1)
        self.results.append(found)
        files.write_json(self.path, {"machine": machine(), "results": self.results})
        print(line(found), flush=True)
        return found["verdict"] == "ok"

    def table(self) -> str:
        """What was found of each framework and architecture, one line each: verdicts, and images per second."""
        whats = list(dict.fromkeys(found["check"] for found in self.results if found["architecture"]))
        if not whats:
            return ""
        lines = ["| framework | architecture | " + " | ".join(whats) + " |", "|---" * (2 + len(whats)) + "|"]
        places = dict.fromkeys((found["framework"], found["architecture"]) for found in self.results)
        for framework, architecture in places:
            cells = {
                found["check"]: found.get("cell", found["verdict"])
                for found in self.results
                if (found["framework"], found["architecture"]) == (framework, architecture)
            }
            if architecture:
                lines.append(f"| {framework} | {architecture} | " + " | ".join(cells.get(w, "") for w in whats) + " |")
        return "\n".join(lines)


def line(found: dict[str, Any]) -> str:
    """A result in words."""
    words = [found["framework"], found["architecture"], found["check"], found["verdict"]]
    widths = (11, 12, 32, 8)
    said = found.get("said", "")
    return (
        "".join(f"{word:{width}}" for word, width in zip(words, widths, strict=True))
        + f"{found['seconds']:6} s  {said}"
    )


def python(report: Report, *words: object) -> str:
    """Run Python with the package; its output.

    Raises:
        Failed: it did not end well; with the last line that it said.
    """
    command = [sys.executable, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=max(60, report.left()))
    if done.returncode:
        raise Failed((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1])
    return done.stdout


class Trainings:
    """Trainings of one framework and architecture on the same images."""

    def __init__(self, report: Report, framework: str, architecture: str, device: str, dataset: Path):
        """Keep what all have in common."""
        self.report, self.folder = report, dataset.parent / framework / architecture
        self.row = {"trial": "gpu", "architecture": architecture, "learning_rate": 1e-3, "adam_epsilon": 1e-7}
        self.row |= {"epochs": TRAINED_EPOCHS}
        self.words = ["-m", "uncrossed", "train", framework, "--dataset", str(dataset), "--checkpoint-seconds", "0"]
        self.words += ["--settings", json.dumps({"device": device, "threads": 1})]

    def command(self, name: str, batch: int, *options: str, **row: str) -> list[str]:
        """The words of a training after Python's."""
        words = [*self.words, "--row", json.dumps(self.row | {"batch_size": batch} | row)]
        return [*words, "--output", str(self.folder / f"{name}.h5"), *options]

    def train(self, name: str, batch: int = BATCH, *options: str, **row: str) -> Path:
        """Train, or go on, and return the trial file."""
        python(self.report, *self.command(name, batch, *options, **row))
        return self.folder / f"{name}.h5"

    def stop(self, name: str) -> None:
        """Train, and send SIGTERM after the first epoch."""
        command = [sys.executable, *self.command(name, BATCH)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
            said = ""
            for said in process.stderr:
                if said.startswith("epoch 1/"):
                    process.send_signal(signal.SIGTERM)
        if process.returncode == 0:
            raise Skipped("it ended before the signal came")
        if process.returncode != -signal.SIGTERM:
            raise Failed(said.strip())


def same(first: Path, second: Path, found: dict[str, Any]) -> None:
    """Note how two trial files compare, which must be the same."""
    comparison = compare(first, second)
    found |= {"compare": asdict(comparison), "said": comparison.verdict}
    if comparison.verdict != "same file":
        largest = max((value for value in comparison.differences.values() if not isinstance(value, str)), default=0)
        raise Failed(f"{comparison.verdict}: {'; '.join(comparison.explanations)}; largest difference {largest:g}")


@contextlib.contextmanager
def holder(device: str) -> Iterator[str]:
    """Another process that holds most of a GPU's memory while the block runs; what it holds."""
    if device == "cpu":
        yield "on a CPU: no other process"
        return
    if not importlib.util.find_spec("torch"):
        raise Skipped("the other process needs PyTorch")
    command = [sys.executable, "-c", HOLDER, str(MEMORY_MB)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            held = process.stdout.readline().strip()
            if not held:
                raise Failed("the other process got no memory")
            yield held
        finally:
            process.stdin.close()


def speed(report: Report, case: Case, contiguous: bool, found: dict[str, Any]) -> None:
    """Measure one case."""
    words = ["-c", CONTIGUOUS] if contiguous else ["-m", "uncrossed.bench", "measure"]
    found["speed"] = measured = json.loads(python(report, *words, json.dumps(asdict(case))).splitlines()[-1])
    found["cell"] = f"{measured['loop']:,.0f}"
    found["said"] = (
        f"{measured['loop']:,.0f} images/s, {measured['loop/bare']:.2f} of the bare step, "
        f"{measured['loop/plain']:.2f} x plain"
    )


def graphs(report: Report, case: Case, found: dict[str, Any]) -> None:
    """Compare CUDA graphs with eager steps; where their bits differ, graphs are not for this card."""
    words = ["-c", UNCAPTURED] if case.device == "cpu" else ["-m", "uncrossed.bench", "graphs"]
    found["graphs"] = compared = json.loads(python(report, *words, json.dumps(asdict(case))).splitlines()[-1])
    found["said"] = graphs_text(compared)
    if not compared["same"]:
        found["verdict"] = "differ"
    found["cell"] = f"{found['verdict']}, {compared['graphs/eager']:.2f} x"


def look(report: Report, framework: str, options: argparse.Namespace, dataset: Path) -> None:
    """All checks of a framework."""
    report.begin()
    device, output = options.device, dataset.parent / f"{framework}.json"
    chosen = {name: Trainings(report, framework, name, device, dataset) for name in options.architecture}

    def preflight(found: dict[str, Any]) -> None:
        python(report, "-m", "uncrossed", "preflight", framework, "--device", device, "--output", output)
        found["preflight"] = json.loads(output.read_text())
        found["said"] = found["preflight"]["device"]

    def first(name: str) -> Path:
        path = chosen[name].folder / "first.h5"
        return path if path.exists() else chosen[name].train("first")

    def twice(name: str, found: dict[str, Any]) -> None:
        same(first(name), chosen[name].train("second"), found)

    def stopped(name: str, found: dict[str, Any]) -> None:
        chosen[name].stop("stopped")
        resumed = chosen[name].train("stopped")
        if not json.loads(resumed.with_suffix(".json").read_text())["resumed"]:
            raise Failed("it began again instead of going on")
        same(first(name), resumed, found)

    def views(name: str, found: dict[str, Any]) -> None:
        same(first(name), chosen[name].train("viewed", BATCH, "--views"), found)

    def imitating(name: str, found: dict[str, Any]) -> None:
        one, other = (
            chosen[name].train(f"imitating {number}", BATCH, "--views", semantics=IMITATING[framework])
            for number in (1, 2)
        )
        same(one, other, found)
        viewed = [views_beside(path) for path in (one, other) if views_beside(path).exists()]
        if len({path.read_bytes() for path in viewed}) > 1:
            raise Failed("the views differ")

    def shared(name: str, found: dict[str, Any]) -> None:
        alone = chosen[name].train("alone", EXAMPLES["train"])
        with holder(device) as found["beside"]:
            beside = chosen[name].train("shared", EXAMPLES["train"])
        try:
            same(alone, beside, found)
        except Failed as why:
            again = compare(alone, chosen[name].train("alone again", EXAMPLES["train"])).verdict
            raise Failed(f"{why}; two alone: {again}") from None

    if not report.check(framework, "preflight", "", preflight):
        return
    promises = {"twice": twice, "stopped": stopped, "views": views, "imitating": imitating, "shared": shared}
    for what, look_at in promises.items():
        for name in chosen if what in options.check else ():
            report.check(framework, what, name, partial(look_at, name))
    for size in options.batch_size if framework == "pytorch" and "graphs" in options.check else ():
        for name in chosen:
            case = Case(framework, name, size, True, device, 1, options.rounds, options.seconds)
            report.check(framework, f"graphs, batch {size}", name, partial(graphs, report, case))
    formats = {", channels last": False, ", contiguous": True} if framework == "pytorch" else {"": False}
    for size in options.batch_size if "speed" in options.check else ():
        for label, contiguous in formats.items():
            for name in chosen:
                case = Case(framework, name, size, True, device, 1, options.rounds, options.seconds)
                report.check(framework, f"speed, batch {size}{label}", name, partial(speed, report, case, contiguous))


def main() -> int:
    """Look, print a table, and write all as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("gpu", "cpu"), default="gpu")
    parser.add_argument("--framework", action="append", choices=FRAMEWORKS, help="default: those that are installed")
    parser.add_argument("--architecture", action="append", choices=list(PACKAGED), help="default: all")
    parser.add_argument("--check", action="append", choices=CHECKS, help="after the preflight; default: all")
    parser.add_argument("--batch-size", action="append", type=int, help="of graphs and speeds; default: 128 and 10")
    parser.add_argument("--minutes", type=float, default=9.5, help="for each framework (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of each speed (%(default)s)")
    parser.add_argument("--seconds", type=float, default=1, help="of each speed's rounds (%(default)s)")
    parser.add_argument("--json", type=Path, default=REPOSITORY / "results/gpu.json", metavar="FILE")
    options = parser.parse_args()
    options.architecture = options.architecture or list(PACKAGED)
    options.check = options.check or CHECKS
    options.batch_size = options.batch_size or [128, 10]
    frameworks = options.framework or [name for name, module in MODULES.items() if importlib.util.find_spec(module)]
    if not frameworks:
        sys.exit("neither PyTorch nor TensorFlow is installed here")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    report = Report(options.json, options.minutes)
    with tempfile.TemporaryDirectory() as folder:
        dataset, random = Path(folder, "noise.h5"), np.random.default_rng(0)
        images = {split: random.integers(0, 256, (count, 32, 32, 3), np.uint8) for split, count in EXAMPLES.items()}
        labels = {split: random.integers(0, 10, count, np.uint8) for split, count in EXAMPLES.items()}
        facts = {f"{split}_examples": count for split, count in EXAMPLES.items()}
        identity = DatasetIdentity(name="noise", format="npz", shape=(32, 32, 3), classes=10, **facts)
        dataset_file.write(dataset, identity, images, labels)
        for framework in frameworks:
            look(report, framework, options, dataset)
    print(f"\n{report.table()}")
    counts = Counter(found["verdict"] for found in report.results)
    print(
        f"\n{counts['ok']} as promised, {counts['FAILED']} not, {counts['skipped']} skipped; all of it: {options.json}"
    )
    return 1 if counts["FAILED"] else 0


if __name__ == "__main__":
    sys.exit(main())
