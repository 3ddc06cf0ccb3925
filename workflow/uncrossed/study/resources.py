"""What a training asks of a cluster: its time and memory, from the row and a table of measured speeds.

`speeds.csv` has a line per kind of device, framework and architecture. A training takes
`start + epochs (steps step + (train + test/3) example)` seconds, since evaluation is a third of a step's work, and
`base + batch_size example` MB of the host's memory, with what a checkpoint takes; each kept epoch but one takes its
weights twice more; one that carries views tests with each of them too. The build asks for twice that time and five
minutes, and for one and a half times that memory and 500 MB; where there are several kinds of a device, for what the
slowest needs. Of an architecture without a line it asks for what the slowest and the largest of all others take, and
for the memory of its parameters.

Measurements of a user's own stand in `speeds.csv` beside the study file; they come before the package's.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from uncrossed.common.checked import Model
from uncrossed.common.errors import InputError
from uncrossed.common.files import read_text, write_text
from uncrossed.datasets.definition import BUILT_IN_DATASETS, DatasetIdentity
from uncrossed.study.hyperparameters import BATCH_SIZE
from uncrossed.study.trial import FRAMEWORKS, Settings, Trial
from uncrossed.training.architectures import BUILT_IN_ARCHITECTURES, Architecture
from uncrossed.training.views import EVALUATION

if TYPE_CHECKING:
    import pandas as pd

TABLE = Path(__file__).with_name("speeds.csv")
# What `uncrossed speeds` writes: a table beside the studies that it is for.
OWN_SPEEDS = Path("config/speeds.csv")
TIME_MARGIN, TIME_MORE = 2.0, 300.0
# Libraries' pages count as memory: after a fresh installation 250 MB more of the same files were seen to be mapped, as
# the page cache holds them in larger pieces; Snakemake beside the training takes 200.
MEMORY_MARGIN, MEMORY_MORE = 1.5, 500.0
# How many times as long trainings in float64, or on CPUs without oneDNN, take at most: 3.0 to 4.8 with vgg16.
SLOW = 5.0
# How often a training with views tests at most.
VIEWS = 2 ** len(EVALUATION)
# Weights, gradients, two moments, and as much again while they are saved: bytes per parameter.
PER_PARAMETER = 32
# The images that speeds were measured on; larger ones take more.
MEASURED_SHAPE = BUILT_IN_DATASETS["cifar10"].shape


class Speed(Model):
    """What one framework takes for one architecture on one kind of device."""

    device: str = Field(description="the device as a run record names it; it begins with cpu or gpu")
    threads: int = Field(ge=1, description="CPU threads of the measurement")
    framework: str = Field(description=" or ".join(FRAMEWORKS))
    architecture: str = Field(description="an architecture")
    start_seconds: float = Field(ge=0, description="imports, model and compilation")
    step_seconds: float = Field(ge=0, description="per optimizer step, whatever the batch size")
    example_seconds: float = Field(ge=0, description="per training example")
    base_mb: float = Field(ge=0, description="peak memory without a batch")
    example_mb: float = Field(ge=0, description="peak memory per example of a batch")
    source: str = Field(description="measured or assumed")

    def seconds(self, row: Trial, train_examples: int, test_examples: int) -> float:
        """The time of a training."""
        steps = math.ceil(train_examples / row.batch_size)
        epoch = steps * self.step_seconds + (train_examples + test_examples / 3) * self.example_seconds
        return self.start_seconds + row.epochs * epoch

    def megabytes(self, row: Trial) -> float:
        """The peak of a training's memory."""
        return self.base_mb + row.batch_size * self.example_mb


@cache
def speeds(path: Path = TABLE) -> tuple[Speed, ...]:
    """The table.

    Raises:
        InputError: it cannot be read, or has a line that is not well-formed.
    """
    lines = enumerate(csv.DictReader(io.StringIO(read_text(path))), start=2)
    return tuple(Speed.check(line, f"{path}: line {number}", "column") for number, line in lines)


def known(framework: str, architecture: str, device: str, own: Path | None = None) -> list[Speed]:
    """The lines of a framework and architecture on a sort of device: a study's own, or else the package's.

    Args:
        framework: `pytorch` or `tensorflow`.
        architecture: its name.
        device: `cpu` or `gpu`.
        own: a study's own table, which may be missing.
    """
    for table in ([*speeds(own)] if own and own.is_file() else [], speeds()):
        lines = [line for line in table if line.device.startswith(device) and line.framework == framework]
        if found := [line for line in lines if line.architecture == architecture]:
            return found
    return []


def unmeasured(architectures: Iterable[str], device: str, own: Path | None = None) -> list[str]:
    """What to say of the architectures whose speed nobody has measured, once."""
    return [
        f"no speed of {name} in {framework} on a {device} is known: its jobs ask for as much as the slowest known do; "
        "build a study of it with two batch sizes and run `uncrossed speeds` on it"
        for name in sorted(architectures)
        for framework in FRAMEWORKS
        if not known(framework, name, device, own)
    ]


def seconds(
    framework: str,
    row: Trial,
    settings: Settings,
    dataset: DatasetIdentity,
    own: Path | None = None,
    with_views: bool = False,
) -> float:
    """What a training is expected to take, without a margin; where there are several kinds of a device, the slowest.

    A measurement with more CPU threads than the study's is scaled by their ratio, one with fewer is taken as it is.

    Args:
        framework: `pytorch` or `tensorflow`.
        row: the row.
        settings: the study's.
        dataset: the study's.
        own: a study's own table of speeds, which may be missing.
        with_views: whether the training carries views.
    """
    scale = {"cpu": lambda speed: max(1.0, speed.threads / settings.threads), "gpu": lambda speed: 1.0}[settings.device]
    examples = dataset.train_examples, dataset.test_examples * (VIEWS if with_views else 1)
    lines = _lines(framework, row.architecture, settings.device, dataset, own)
    slow = settings.precision == "float64" or (settings.device == "cpu" and not settings.onednn)
    return max(line.seconds(row, *examples) * scale(line) for line in lines) * (SLOW if slow else 1)


def ask(
    framework: str,
    row: Trial,
    settings: Settings,
    dataset: DatasetIdentity,
    architecture: Architecture,
    own: Path | None = None,
    with_views: bool = False,
) -> tuple[int, int]:
    """Minutes and MB to ask for.

    Args:
        framework: `pytorch` or `tensorflow`.
        row: the row.
        settings: the study's.
        dataset: the study's.
        architecture: the row's.
        own: a study's own table of speeds, which may be missing.
        with_views: whether the training carries views.
    """
    parameters = architecture.on(dataset.shape, dataset.classes).parameters
    measured = known(framework, row.architecture, settings.device, own)
    unknown = 0.0 if measured else PER_PARAMETER * parameters / 1e6
    lines = _lines(framework, row.architecture, settings.device, dataset, own)
    # Images are held as they are read and as the framework has them.
    images = 2 * (dataset.train_examples + dataset.test_examples) * math.prod(dataset.shape) / 1e6
    wide = 2 if settings.precision == "float64" else 1
    # As state, and as the bytes of a checkpoint or trial file; in float32.
    kept = 2 * max(0, len(settings.keep_epochs) - 1) * 4 * parameters / 1e6
    megabytes = (max(line.megabytes(row) for line in lines) + unknown + kept) * wide + images
    minutes = math.ceil((TIME_MARGIN * seconds(framework, row, settings, dataset, own, with_views) + TIME_MORE) / 60)
    return minutes, math.ceil(MEMORY_MARGIN * megabytes + MEMORY_MORE)


def _lines(framework: str, architecture: str, device: str, dataset: DatasetIdentity, own: Path | None) -> list[Speed]:
    """The speeds for a dataset's images; of an architecture without a line one with the largest of all others."""
    lines = known(framework, architecture, device, own)
    if not lines:
        everywhere = [line for name in BUILT_IN_ARCHITECTURES for line in known(framework, name, device)]
        numbers = ("start_seconds", "step_seconds", "example_seconds", "base_mb", "example_mb")
        largest = {name: max(getattr(line, name) for line in everywhere) for name in numbers}
        lines = [everywhere[0].model_copy(update=largest)]
    # An example's share grows with its area.
    area = max(1.0, math.prod(dataset.shape[:2]) / math.prod(MEASURED_SHAPE[:2]))
    return [
        line.model_copy(update={"example_seconds": line.example_seconds * area, "example_mb": line.example_mb * area})
        for line in lines
    ]


def measure(runs: pd.DataFrame, attributes: dict[str, Any]) -> list[Speed]:
    """Speeds from the runs of a study whose trials differ in batch size.

    Args:
        runs: as `tables.read_runs` gives them.
        attributes: of one of its trial files: settings and dataset.

    Raises:
        InputError: fewer than two batch sizes of a framework and architecture.
    """
    examples = attributes["dataset"]["train_examples"], attributes["dataset"]["test_examples"]
    made = []
    for (device, framework, architecture), group in runs.groupby(["device", "framework", "architecture"]):
        sizes, epochs = group[BATCH_SIZE].to_numpy(), group["median_epoch_seconds"].to_numpy()
        if len(set(sizes)) < 2:
            raise InputError(f"{framework} {architecture}: one batch size; allowed: at least two")
        work = [np.ceil(examples[0] / sizes), np.full(len(sizes), examples[0] + examples[1] / 3)]
        step, example = _fit(np.stack(work, axis=1), epochs)
        base, each = _fit(np.stack([np.ones(len(sizes)), sizes], axis=1), group["peak_memory_mb"].to_numpy())
        values = {
            "device": device,
            "threads": attributes["settings"]["threads"],
            "framework": framework,
            "architecture": architecture,
            "start_seconds": max(0.0, float((group["seconds"] - group["epochs"] * epochs).max())),
            **{"step_seconds": step, "example_seconds": example, "base_mb": base, "example_mb": each},
            "source": "measured",
        }
        made.append(Speed.check(values, f"{framework} {architecture}"))
    return made


def _fit(matrix: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """Non-negative least squares in two variables, relative to the values, raised until no value is above."""
    from scipy.optimize import nnls

    both, _ = nnls(matrix / values[:, None], np.ones(len(values)))
    both = both * max(1.0, (values / (matrix @ both)).max())
    return float(both[0]), float(both[1])


def update(measured: list[Speed], path: Path) -> None:
    """Put measured lines into a table of the user's: they replace what is there of their device and architecture."""

    def what(speed: Speed) -> tuple[str, str, str]:
        return speed.device, speed.framework, speed.architecture

    there = speeds(path) if path.is_file() else ()
    table = {what(speed): speed for speed in (*there, *measured)}
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(Speed.model_fields)
    for _, speed in sorted(table.items()):
        values = speed.model_dump().values()
        writer.writerow(f"{value:.3g}" if isinstance(value, float) else value for value in values)
    write_text(path, stream.getvalue())
    speeds.cache_clear()
