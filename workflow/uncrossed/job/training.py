"""One training as a process: from its job to the trial file, with all that may happen on the way."""

import os
import resource
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from uncrossed.common import cpus, cuda, files
from uncrossed.common.errors import InputError
from uncrossed.datasets import dataset_file
from uncrossed.job import lock, twins
from uncrossed.job.checkpoint_file import CheckpointFile
from uncrossed.job.signals import Interrupted, Stop
from uncrossed.job.watchdog import Watchdog
from uncrossed.results import trial_file, views_file
from uncrossed.study import layout
from uncrossed.study.identity import code_sha256
from uncrossed.study.trial import Job
from uncrossed.training import backends, loop
from uncrossed.training.architectures import Architecture
from uncrossed.training.result import Result


def train(
    framework: str,
    job: Job,
    architecture: Architecture,
    dataset: Path,
    output: Path,
    twin: Path | None,
    with_views: bool,
    checkpoint_seconds: float,
    patience: float,
    started: float,
) -> None:
    """Train, or copy a twin; write views if there are some, the run record, and last the trial file.

    Args:
        framework: `pytorch` or `tensorflow`.
        job: the training.
        architecture: the row's.
        dataset: the dataset's file.
        output: the trial file; views, the run record, the checkpoint and the lock lie beside it.
        twin: a trial file to copy where it is of the same training, or has carried this one's view.
        with_views: whether the training carries views.
        checkpoint_seconds: after so many seconds the end of an epoch saves the state.
        patience: seconds that a step may take at least; see `watchdog`.
        started: when the process began, by `time.monotonic`.

    Raises:
        InputError: what the training needs is missing, damaged or does not fit, or another training is at work.
        DeviceError: the device, or as many threads, are not there, or its libraries are not the environment's.
        ModuleNotFoundError: the framework is not installed.
        Interrupted: SIGTERM or SIGINT came; the state is saved.
    """
    checkpoint = CheckpointFile(output, checkpoint_seconds)
    copy = twins.copied(twin, framework, job, architecture) if twin else None
    if copy:
        result, name = copy
        _write(output, result, started, twin=name, seconds_per_epoch=[], resumed=False)
        checkpoint.remove()
        print(f"the same training as {name}: taken from {twin}", file=sys.stderr)
        return
    # Before the training, for the files may change while it runs.
    code = code_sha256(framework, architecture, job.row.optimizer)
    output.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(output.parent, os.W_OK):
        raise InputError(f"--output {output}: its folder cannot be written to")
    data = dataset_file.read(dataset, job.dataset)
    try:
        job.row.check_examples(len(data.labels["train"]), architecture)
        job.settings.check_row(job.row, architecture)
    except InputError as error:
        raise InputError(f"row {job.row.trial}: {error}") from error
    if job.settings.threads > (usable := cpus.usable()):
        few = f"this job may use {usable:g} CPUs: it is slower than with as many threads as CPUs"
        print(f"warning: the study has `threads: {job.settings.threads}`, and {few}", file=sys.stderr)
    stop, watchdog = Stop(), Watchdog(patience, _ends(output))

    def asked() -> bool:
        watchdog.step()
        return stop()

    def report(epoch: loop.EpochReport) -> None:
        # Libraries load others when they are first used.
        if job.settings.device == "gpu" and (found := cuda.replaced()):
            raise backends.DeviceError(found)
        _report(epoch)

    with lock.only_training(output):
        try:
            with watchdog:
                backend = backends.load(framework, job.settings)
                result, seconds = loop.run(
                    job, architecture, backend, data, code, checkpoint, asked, _progress, report, with_views
                )
        except loop.Stopped as error:
            raise Interrupted(stop.signal, error) from error
        seconds = [round(value, 3) for value in seconds]
        _write(output, result, started, seconds_per_epoch=seconds, resumed=checkpoint.used, **_card(job))
        checkpoint.remove()


def written(output: Path) -> tuple[Path, ...]:
    """The files that a training writes: its trial file, views, run record, checkpoint and lock."""
    beside = (layout.views_beside, layout.run_record_beside, layout.checkpoint_beside, layout.lock_beside)
    return output, *(place(output) for place in beside)


def _progress(batches: list[loop.Batch], epoch: int) -> Any:
    return tqdm(batches, desc=f"epoch {epoch}", unit="batch", leave=False, disable=None)


def _report(epoch: loop.EpochReport) -> None:
    values = ", ".join(f"{name} {value:.4f}" for name, value in epoch.values.items())
    tqdm.write(f"epoch {epoch.epoch}/{epoch.epochs}: {values}, {epoch.seconds:.1f} s", file=sys.stderr)


def _ends(output: Path) -> Callable[[str], None]:
    """What ends the process of a training that hangs; it is told why."""

    def end(why: str) -> None:
        # Whoever should read the message may hang, too.
        threading.Timer(5, os._exit, [1]).start()
        layout.lock_beside(output).unlink(missing_ok=True)
        again = "run again it goes on from its checkpoint"
        print(f"uncrossed: {output}: {why}: the training hangs and is ended; {again}", file=sys.stderr, flush=True)
        os._exit(1)

    return end


def _card(job: Job) -> dict[str, Any]:
    """What a run record says of the GPU besides its name: it follows from that, or decides nothing."""
    found = cuda.driver() if job.settings.device == "gpu" else None
    if not found or not found.gpus:
        return {}
    gpu = found.gpus[0]
    return {"compute_capability": "{}.{}".format(*gpu.capability), "gpu_memory_mb": gpu.memory_mb}


def _write(output: Path, result: Result, started: float, **record: Any) -> None:
    """Write views, the run record and then the trial file: where that exists, the training is complete."""
    attributes = result.attributes
    about = {
        "run": uuid.uuid4().hex,
        "device": attributes["device"],
        "versions": attributes["versions"],
        "seconds": round(time.monotonic() - started, 3),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        **({"views": len(result.views)} if result.views else {}),
    }
    # Those of an earlier training are of another result.
    layout.views_beside(output).unlink(missing_ok=True)
    if result.views:
        views_file.write(layout.views_beside(output), result)
    files.write_json(layout.run_record_beside(output), about | record)
    trial_file.write(output, result)
