"""How fast training is: the loop beside the bare step, which limits it, and beside the program a user would write.

    loop    `Learner.train` over batches in order, as a training runs it, until the logits are on the host
    bare    the same model and optimizer on one batch that is on the device already, over and over
    plain   PyTorch: a DataLoader over torchvision's dataset with ToTensor, and a loop; TensorFlow: `model.fit`

All three are measured in turns, in one process for each framework, architecture, batch size and setting of determinism;
a figure is the median over the rounds, a ratio the median of each round's ratio. Images are random: they cost the same.
On a GPU PyTorch's steps as CUDA graphs are compared with eager ones bit for bit, and measured in turns with them.
"""

import contextlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from uncrossed.bench.graphs import FULL, same_bits
from uncrossed.common.errors import InputError
from uncrossed.datasets.definition import BUILT_IN_DATASETS, DatasetIdentity
from uncrossed.study.hyperparameters import ADAM_EPSILON, BATCH_SIZE, EPOCHS, LEARNING_RATE
from uncrossed.study.trial import Job
from uncrossed.training.architectures import load

BATCH_SIZES = (10, 128, 1000)
LIKE = BUILT_IN_DATASETS["cifar10"]  # the shape and classes of what is trained on
ROUNDS, SECONDS = 3, 2.0
# Enough for some steps of the largest batch; a GPU takes a whole epoch of CIFAR-10 in seconds.
EXAMPLES = {"cpu": 5_000, "gpu": 50_000}
KINDS = ("loop", "bare", "plain")


@dataclass(frozen=True)
class Case:
    """What is measured in one process."""

    framework: str
    architecture: str
    batch_size: int
    deterministic: bool
    device: str
    threads: int
    rounds: int = ROUNDS
    seconds: float = SECONDS

    def job(self) -> Job:
        """The training that the case is made of."""
        # The rate leaves the models as they are: gradients that vanish are slow, for they are denormal numbers.
        row = {"trial": "bench", "architecture": self.architecture, LEARNING_RATE: 1e-9, ADAM_EPSILON: 1e-7}
        settings = {"device": self.device, "threads": self.threads, "deterministic": self.deterministic}
        # As many steps as 25 epochs of CIFAR-10 have: they are worth some compilation.
        row |= {BATCH_SIZE: self.batch_size, EPOCHS: 25 * EXAMPLES["gpu"] // EXAMPLES[self.device]}
        job = Job.check({"row": row, "settings": settings}, "bench")
        try:
            job.row.check_examples(EXAMPLES[self.device], load(job.row.architecture))
        except InputError as error:
            raise InputError(f"bench: {error}") from error
        return job


def images(examples: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Random images, uint8 NHWC, and labels, uint8; as many for training as asked for, and 500 for testing."""
    random, counts = np.random.default_rng(0), {"train": examples, "test": 500}
    found = {split: random.integers(0, 256, (count, *LIKE.shape), np.uint8) for split, count in counts.items()}
    return found, {split: random.integers(0, LIKE.classes, count, np.uint8) for split, count in counts.items()}


def measure(case: Case) -> dict[str, Any]:
    """Measure one case in this process.

    Returns:
        The case, images per second of each of KINDS, the ratios, the seconds of each first call (with what is
        compiled there), device, versions and peak memory in MB.
    """
    from uncrossed.training import backends

    row, settings = case.job().row, case.job().settings
    backend = backends.load(case.framework, settings)
    device = backend.configure(settings)
    beside = import_module(f"uncrossed.bench.{case.framework}")
    pictures, labels = images(EXAMPLES[case.device])
    network = load(row.architecture).on(LIKE.shape, LIKE.classes)
    learner = backend.Learner(row, network, settings, pictures, labels)
    runs = {
        "loop": partial(_train, learner, row.batch_size),
        "bare": beside.bare(learner, row.batch_size),
        "plain": beside.plain(row, network, settings, pictures, labels),
    }
    first = {kind: _seconds(run, 1) for kind, run in runs.items()}
    steps, speeds = _in_turns(case, runs)
    ratios = {
        f"loop/{kind}": statistics.median(a / b for a, b in zip(speeds["loop"], speeds[kind], strict=True))
        for kind in KINDS[1:]
    }
    return {
        **asdict(case),
        **{kind: round(statistics.median(found), 1) for kind, found in speeds.items()},
        **{name: round(value, 4) for name, value in ratios.items()},
        "steps": steps,
        "first_call_seconds": {kind: round(value, 2) for kind, value in first.items()},
        "device_kind": device,
        "versions": backend.versions(),
        "memory_mb": _peak(),
        "gpu_memory_mb": beside.memory(),
    }


def measure_graphs(case: Case) -> dict[str, Any]:
    """Compare PyTorch's steps as CUDA graphs with eager ones, and measure both, in this process.

    Returns:
        The case, what `same_bits` returns, images per second `eager` and with `graphs`, the median of their ratios,
        device, versions and the GPU's peak memory in MB.
    """
    from uncrossed.training import backends
    from uncrossed.training.loop import batches

    settings, size = case.job().settings, case.batch_size
    # The case's own rate leaves the weights as they are.
    row = case.job().row.model_copy(update={LEARNING_RATE: 1e-3})
    backend = backends.load(case.framework, settings)
    device = backend.configure(settings)
    pictures, labels = images(EXAMPLES[case.device])
    network = load(row.architecture).on(LIKE.shape, LIKE.classes)

    def make(asked: bool) -> Any:
        # Not checked: all but the capture can be rehearsed on a CPU.
        return backend.Learner(row, network, settings.model_copy(update={"cuda_graphs": asked}), pictures, labels)

    found = same_bits(make, batches(min(FULL * size + size // 2 + 1, EXAMPLES[case.device]), size))
    runs = {name: partial(_train, make(name == "graphs"), size) for name in ("eager", "graphs")}
    for run in runs.values():
        run(min(FULL, EXAMPLES[case.device] // size))
    _, speeds = _in_turns(case, runs)
    ratio = statistics.median(a / b for a, b in zip(speeds["graphs"], speeds["eager"], strict=True))
    return {
        **asdict(case),
        **found,
        **{kind: round(statistics.median(values), 1) for kind, values in speeds.items()},
        "graphs/eager": round(ratio, 4),
        "device_kind": device,
        "versions": backend.versions(),
        "gpu_memory_mb": import_module(f"uncrossed.bench.{case.framework}").memory(),
    }


def _train(learner: Any, size: int, steps: int) -> None:
    learner.train((k * size, (k + 1) * size) for k in range(steps))


def _in_turns(case: Case, runs: Mapping[str, Callable[[int], None]]) -> tuple[dict[str, int], dict[str, list[float]]]:
    """The steps of one measurement of each kind, and the images per second of each round; each was called before."""
    size, most = case.batch_size, EXAMPLES[case.device] // case.batch_size
    # The second call may still warm up.
    steps = {kind: max(1, min(most, round(case.seconds / _seconds(run, 1)))) for kind, run in runs.items()}
    speeds = {kind: [] for kind in runs}
    for turn in range(case.rounds):
        for kind in runs if turn % 2 == 0 else reversed(runs):
            speeds[kind].append(steps[kind] * size / _seconds(runs[kind], steps[kind]))
    return steps, speeds


def _peak() -> int:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _seconds(run: Callable[[int], None], steps: int) -> float:
    started = time.perf_counter()
    run(steps)
    return time.perf_counter() - started


def start(case: Case, dataset: str) -> dict[str, Any]:
    """Do what a job does until its first step is taken: when that began and ended, and the peak memory in MB."""
    from uncrossed.datasets import dataset_file
    from uncrossed.study.identity import code_sha256
    from uncrossed.training import backends
    from uncrossed.training.loop import Stopped, run

    moments: dict[str, float] = {}

    def progress(batches: list, epoch: int) -> list:
        moments["began"] = time.monotonic()
        return batches

    job = case.job()
    architecture = load(job.row.architecture)
    code = code_sha256(case.framework, architecture)
    data = dataset_file.read(dataset)
    backend = backends.load(case.framework, job.settings)
    with contextlib.suppress(Stopped):
        run(job, architecture, backend, data, code, stop=lambda: "began" in moments, progress=progress)
    return {**moments, "ended": time.monotonic(), "memory_mb": _peak()}


IMPORTS = {"pytorch": "torch, torchvision", "tensorflow": "tensorflow, keras"}


def start_up(case: Case, dataset: Path, rounds: int = ROUNDS) -> dict[str, Any]:
    """Seconds from a process's start: of importing the framework alone; to a job's first step; to the end of that step.

    Args:
        case: the job.
        dataset: a dataset file of CIFAR-10's size.
        rounds: how often; medians are returned.
    """
    found: dict[str, list[float]] = {"import": [], "to_first_step": [], "after_first_step": []}
    for _ in range(rounds):
        began = time.monotonic()
        code = f"import time, {IMPORTS[case.framework]}; print(time.monotonic())"
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        found["import"].append(float(done.stdout) - began)
        began = time.monotonic()
        moments = _process("start", case, str(dataset))
        found["to_first_step"].append(moments["began"] - began)
        found["after_first_step"].append(moments["ended"] - began)
    medians = {name: round(statistics.median(values), 2) for name, values in found.items()}
    ratio = statistics.median(a / b for a, b in zip(found["to_first_step"], found["import"], strict=True))
    return {**asdict(case), **medians, "to_first_step/import": round(ratio, 3), "memory_mb": moments["memory_mb"]}


def _process(what: str, case: Case, *arguments: str) -> dict[str, Any]:
    """Call a function of this module in a process of its own, since a framework is set up once."""
    command = [sys.executable, "-m", "uncrossed.bench", what, json.dumps(asdict(case)), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise OSError((done.stderr.strip() or f"exit {done.returncode}").splitlines()[-1])
    return json.loads(done.stdout.splitlines()[-1])


def bench(
    frameworks: Sequence[str],
    architectures: Sequence[str],
    batch_sizes: Sequence[int] = BATCH_SIZES,
    determinism: Sequence[bool] = (True, False),
    device: str = "cpu",
    threads: int = 2,
    rounds: int = ROUNDS,
    seconds: float = SECONDS,
    report: Callable[[str], Any] = print,
) -> dict[str, Any]:
    """Measure all cases, one after another.

    Args:
        frameworks: of FRAMEWORKS.
        architectures: the package's, by name.
        batch_sizes: steps are measured with each.
        determinism: with each of these settings.
        device: `cpu` or `gpu`.
        threads: of the CPU.
        rounds: how often each is measured.
        seconds: how long one measurement of one kind takes at least, if an epoch lasts so long.
        report: called with a line for each case when it is done.

    Returns:
        `machine`, `training`, `graphs` and `start_up`: what `measure`, `measure_graphs` and `start_up` return;
        `failed`: cases with an `error`. CUDA graphs are looked at on a GPU, with determinism.

    Raises:
        InputError: a case that is no training.
    """
    from uncrossed.datasets import dataset_file

    about = device, threads, rounds, seconds
    cases = [
        Case(framework, architecture, size, deterministic, *about)
        for architecture in architectures
        for framework in frameworks
        for size in batch_sizes
        for deterministic in determinism
    ]
    for case in cases:
        case.job()
    training, graphed, starts, failed = [], [], [], []

    def attempt(case: Case, what: str, done: list, run: Callable[[], dict], line: Callable[[dict], str]) -> None:
        try:
            done.append(run())
            report(line(done[-1]))
        except (OSError, subprocess.CalledProcessError) as error:
            failed.append({**asdict(case), "error": str(error)})
            report(f"{case.architecture} {case.framework} {what} FAILED: {error}")

    for case in cases:
        attempt(case, f"batch {case.batch_size}", training, partial(_process, "measure", case), _line)
        if (case.framework, case.device, case.deterministic) == ("pytorch", "gpu", True):
            what = f"CUDA graphs, batch {case.batch_size}"
            attempt(case, what, graphed, partial(_process, "graphs", case), _graphs_line)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "random.h5")
        facts = {"shape": LIKE.shape, "classes": LIKE.classes, "train_examples": 50_000, "test_examples": 500}
        identity = DatasetIdentity(name="random", format="npz", **facts)
        dataset_file.write(path, identity, *images(50_000))
        for architecture in architectures:
            for framework in frameworks:
                case = Case(framework, architecture, 128, True, *about)
                attempt(case, "start-up", starts, partial(start_up, case, path, rounds), _start_line)
    return {"machine": machine(), "training": training, "graphs": graphed, "start_up": starts, "failed": failed}


def machine() -> dict[str, Any]:
    """What was measured on: processor, cores, Python, versions."""
    from uncrossed.training.backends import cpu

    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor()
    return {"processor": name, "kind": cpu(), "cores": os.cpu_count(), "python": platform.python_version()}


def _line(found: dict[str, Any]) -> str:
    return (
        f"{found['architecture']} {found['framework']} batch {found['batch_size']}"
        f"{'' if found['deterministic'] else ' not deterministic'}: {found['loop']:g} images/s, "
        f"{found['loop/bare']:.3f} of the bare step, {found['loop/plain']:.2f} x plain"
    )


def _graphs_line(found: dict[str, Any]) -> str:
    return (
        f"{found['architecture']} {found['framework']} batch {found['batch_size']}, CUDA graphs: {graphs_text(found)}"
    )


def graphs_text(found: dict[str, Any]) -> str:
    """What `measure_graphs` returned, in words."""
    bits = "same bits" if found["same"] else f"OTHER bits, by up to {found['difference']:.2g}"
    return f"{bits}; {found['graphs']:,.0f} images/s, {found['graphs/eager']:.2f} x eager steps"


def _start_line(found: dict[str, Any]) -> str:
    return (
        f"{found['architecture']} {found['framework']}: first step begins after {found['to_first_step']} s, "
        f"{found['to_first_step/import']:.2f} x importing the framework, and ends after {found['after_first_step']} s"
    )


def table(found: dict[str, Any]) -> str:
    """What `bench` returned, as tables in Markdown."""
    about = found["machine"]
    devices = sorted({case["device_kind"] for case in found["training"]})
    versions = {name: text for case in found["training"] for name, text in case["versions"].items()}
    lines = [f"{about['processor']}, {about['cores']} cores; {', '.join(devices)}; Python {about['python']}; "]
    lines[0] += ", ".join(f"{name} {text}" for name, text in versions.items())
    lines += ["", "| architecture | framework | batch | loop, images/s | of bare | × plain | determinism's price |"]
    lines += ["|---|---|---|---|---|---|---|"]
    cases = {
        (case["architecture"], case["framework"], case["batch_size"], case["deterministic"]): case
        for case in found["training"]
    }
    for (architecture, framework, size, deterministic), case in cases.items():
        free = cases.get((architecture, framework, size, False))
        price = f"{free['loop'] / case['loop'] - 1:+.0%}" if free and deterministic else ""
        if deterministic or (architecture, framework, size, True) not in cases:
            lines.append(
                f"| {architecture} | {framework} | {size} | {case['loop']:.0f} | {case['loop/bare']:.3f} | "
                f"{case['loop/plain']:.2f} | {price} |"
            )
    if found["graphs"]:
        lines += ["", "| architecture | batch | CUDA graphs | eager, images/s | with graphs | × eager |"]
        lines += ["|---|---|---|---|---|---|"]
    lines += [
        f"| {case['architecture']} | {case['batch_size']} | {'same bits' if case['same'] else 'OTHER bits'} | "
        f"{case['eager']:.0f} | {case['graphs']:.0f} | {case['graphs/eager']:.2f} |"
        for case in found["graphs"]
    ]
    lines += [
        "",
        "| architecture | framework | import, s | to first step, s | × import | first step ends, s | memory, MB |",
    ]
    lines += ["|---|---|---|---|---|---|---|"]
    lines += [
        f"| {case['architecture']} | {case['framework']} | {case['import']} | {case['to_first_step']} | "
        f"{case['to_first_step/import']:.2f} | {case['after_first_step']} | {case.get('memory_mb', '')} |"
        for case in found["start_up"]
    ]
    return "\n".join(lines)


def main(what: str, case: str, *arguments: str) -> None:
    """What a process of `bench` does: `measure`, `graphs`, `start`; the answer is the last line on stdout, as JSON."""
    does = {"measure": measure, "graphs": measure_graphs, "start": start}[what]
    print(json.dumps(does(Case(**json.loads(case)), *arguments)))
