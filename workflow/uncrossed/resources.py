"""What a training asks of a cluster: its time and memory, from the row and a table of measured speeds.

`speeds.csv` has a line per kind of device, framework and architecture. A training takes
`start + epochs (steps step + (train + test/3) example)` seconds, since evaluation is a third of a step's work, and
`base + batch_size example` MB of the host's memory, with what a checkpoint takes; each kept epoch but one takes its
weights twice more. The build asks for twice that time and five minutes, and for one and a half times that memory and
500 MB; where there are several kinds of a device, for what the slowest needs.
"""

from __future__ import annotations

import csv
import io
import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from uncrossed.checked import Model
from uncrossed.errors import InputError
from uncrossed.files import write_text
from uncrossed.trial import FRAMEWORKS, Settings, Trial

if TYPE_CHECKING:
    import pandas as pd

TABLE = Path(__file__).with_name("speeds.csv")
TIME_MARGIN, TIME_MORE = 2.0, 300.0
# Libraries' pages count as memory: after a fresh installation 250 MB more of the same files were seen to be mapped, as
# the page cache holds them in larger pieces; Snakemake beside the training takes 200.
MEMORY_MARGIN, MEMORY_MORE = 1.5, 500.0
# How many times as long trainings in float64, or on CPUs without oneDNN, take at most: 3.0 to 4.8 with vgg16.
SLOW = 5.0
WEIGHTS_MB = {"vgg16": 134, "resnet50": 94, "densenet121": 28}  # in float32; of others less than a MB


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
        InputError: a line that is not well-formed.
    """
    with open(path, encoding="utf-8", newline="") as stream:
        lines = enumerate(csv.DictReader(stream), start=2)
        return tuple(Speed.check(line, f"{path}: line {number}", "column") for number, line in lines)


def ask(framework: str, row: Trial, settings: Settings, train_examples: int, test_examples: int) -> tuple[int, int]:
    """Minutes and MB to ask for.

    A measurement with more CPU threads than the study's is scaled by their ratio, one with fewer is taken as it is.

    Raises:
        InputError: the table has no such device, framework and architecture.
    """
    known = [
        speed
        for speed in speeds()
        if speed.device.startswith(settings.device)
        and (speed.framework, speed.architecture) == (framework, row.architecture)
    ]
    if not known:
        raise InputError(f"{TABLE}: no line for {settings.device}, {framework}, {row.architecture}; measure it")
    scale = {"cpu": lambda speed: max(1.0, speed.threads / settings.threads), "gpu": lambda speed: 1.0}[settings.device]
    seconds = max(speed.seconds(row, train_examples, test_examples) * scale(speed) for speed in known)
    if settings.precision == "float64" or (settings.device == "cpu" and not settings.onednn):
        seconds *= SLOW
    # Images are held as they are read and as the framework has them.
    images = 2 * (train_examples + test_examples) * 3072 / 1e6
    wide = 2 if settings.precision == "float64" else 1
    # As state, and as the bytes of a checkpoint or trial file.
    kept = 2 * max(0, len(settings.keep_epochs) - 1) * WEIGHTS_MB.get(row.architecture, 1)
    megabytes = (max(speed.megabytes(row) for speed in known) + kept) * wide + images
    return math.ceil((TIME_MARGIN * seconds + TIME_MORE) / 60), math.ceil(MEMORY_MARGIN * megabytes + MEMORY_MORE)


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
        sizes, epochs = group["batch_size"].to_numpy(), group["median_epoch_seconds"].to_numpy()
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
    scaled = matrix / values[:, None]
    both = np.linalg.lstsq(scaled, np.ones(len(values)), rcond=None)[0]
    if (both < 0).any():
        single = [np.linalg.lstsq(scaled[:, [k]], np.ones(len(values)), rcond=None)[0][0] for k in (0, 1)]
        both = np.array([single[0], 0.0]) if both[1] < 0 else np.array([0.0, single[1]])
    both = both * max(1.0, (values / (matrix @ both)).max())
    return float(both[0]), float(both[1])


def update(measured: list[Speed]) -> Path:
    """Put measured lines into the table: they replace what is there of their device, framework and architecture.

    An assumed line goes once there is a measured one of its sort of device.
    """

    def what(speed: Speed, device: str) -> tuple[str, str, str]:
        return device, speed.framework, speed.architecture

    exactly = {what(speed, speed.device) for speed in measured}
    broadly = {what(speed, speed.device.split()[0]) for speed in measured}
    kept = [
        speed
        for speed in speeds()
        if what(speed, speed.device) not in exactly
        and not (speed.source == "assumed" and what(speed, speed.device.split()[0]) in broadly)
    ]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(Speed.model_fields)
    for speed in sorted([*kept, *measured], key=lambda speed: what(speed, speed.device)):
        values = speed.model_dump().values()
        writer.writerow(f"{value:.3g}" if isinstance(value, float) else value for value in values)
    write_text(TABLE, stream.getvalue())
    return TABLE
