"""The loop: what must be equal on both sides, written once. It knows no framework.

Which example goes into which batch, when an epoch ends, how a loss is averaged, how an accuracy is counted and what is
stored is decided here; a backend builds the model and takes the steps. Images are scaled to [0, 1] and taken in the
dataset's order, never shuffled; the last, smaller batch is kept.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from uncrossed.training.architectures import Architecture
from uncrossed.training.checkpoint import Checkpoint, Saved
from uncrossed.training.result import CURVES, Result

# Evaluation takes the test examples in batches of this size; it is part of what determines a result's bits.
TEST_BATCH = 500

Batch = tuple[int, int]


@dataclass(frozen=True)
class EpochReport:
    """One finished epoch: its number from 1, the value of each curve, and the seconds that it took."""

    epoch: int
    epochs: int
    values: dict[str, float]
    seconds: float


def batches(examples: int, size: int) -> list[Batch]:
    """First and past-the-last example of each batch, in order; the last batch may be smaller."""
    return [(start, min(start + size, examples)) for start in range(0, examples, size)]


def measure(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Mean cross-entropy in nats, and accuracy.

    Args:
        logits: float, examples x classes.
        labels: integers, examples.

    Returns:
        The mean over examples of `logsumexp(logits) - logits[label]`, computed in float64, and the share of examples
        whose largest logit is the label's. A row with a non-finite logit counts as wrong and makes the loss non-finite.
    """
    wide = logits.astype(np.float64)
    finite = np.isfinite(wide).all(axis=1)
    with np.errstate(invalid="ignore", over="ignore"):
        shifted = wide - wide.max(axis=1, keepdims=True)
        losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]
    right = finite & (wide.argmax(axis=1) == labels)
    return float(losses.mean()), float(right.mean())


class Stopped(Exception):  # noqa: N818 - as asked, no error
    """The training was asked to stop, and did so between two steps."""


def run(
    job: Any,
    architecture: Architecture,
    backend: ModuleType,
    dataset: Any,
    code: str,
    saved: Saved | None = None,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[list[Batch], int], Any] = lambda batches, epoch: batches,
    report: Callable[[EpochReport], None] = lambda epoch: None,
) -> tuple[Result, list[float]]:
    """Train one trial on one framework, from its beginning or from its checkpoint: the result is the same.

    Args:
        job: row and settings, a `uncrossed.study.trial.Job`.
        architecture: the row's.
        backend: a module of `uncrossed.training.backends`.
        dataset: the images and labels, a `uncrossed.datasets.dataset_file.Dataset`.
        code: the identity of the code, as `identity.code_sha256` gives it.
        saved: where its checkpoint is read from, and written to at the end of epochs and when stopped.
        stop: asked after every step; the training stops once it is true.
        progress: wraps an epoch's batches, for a progress bar.
        report: called after each epoch.

    Returns:
        The result, all attributes of a trial file included, and the seconds that each epoch took, its evaluation
        included.

    Raises:
        DeviceError: the job asks for a GPU and the framework sees none.
        Stopped: `stop` was true; its checkpoint is saved, if it could be written.
    """
    row, settings = job.row, job.settings
    device = backend.configure(settings)
    identity = {
        "framework": backend.FRAMEWORK,
        "row": row.deciding(),
        "settings": settings.model_dump(mode="json"),
        "dataset": dataset.identity.model_dump(mode="json"),
        "dataset_sha256": dataset.sha256,
        "device": device,
        "versions": backend.versions(),
        "code_sha256": code,
    }
    train_batches = batches(len(dataset.labels["train"]), row.batch_size)
    test_batches = batches(len(dataset.labels["test"]), TEST_BATCH)
    network = architecture.on(dataset.shape, dataset.classes)
    learner = backend.Learner(row, network, settings, dataset.images, dataset.labels)
    none = np.zeros((0, network.classes), np.float32)
    state = saved.load(identity) if saved else None
    if state is None:
        state = Checkpoint(1, 0, {name: np.full(row.epochs, np.nan) for name in CURVES}, none, np.zeros(1))
        state.kept = {"0": learner.weights()} if 0 in settings.keep_epochs else {}
    else:
        learner.set_weights(state.weights)
        learner.set_optimizer_state(state.steps, state.optimizer)
        learner.set_random(state.random)

    def save() -> None:
        if saved:
            state.steps, state.weights, state.random = learner.steps, learner.weights(), learner.random()
            state.optimizer = learner.optimizer_state()
            saved.save(identity, state)

    status = "completed"
    while True:
        epoch, started = state.epoch, time.perf_counter() - state.seconds[-1]
        # An interrupted run may have taken the first steps of this epoch.
        left = [(first, end) for first, end in train_batches if first >= len(state.logits)]
        if left:
            seen = learner.train(_until(stop, progress(left, epoch)))
            state.logits = np.concatenate([state.logits, seen]) if len(state.logits) else seen
        if not stop():
            logits = learner.predict(_until(stop, test_batches)).astype(np.float32)
        state.seconds[-1] = time.perf_counter() - started
        if stop():
            save()
            raise Stopped(f"stopped in epoch {epoch} of {row.epochs} after {learner.steps} steps")
        measured = measure(state.logits.astype(np.float32), dataset.labels["train"])
        values = dict(zip(CURVES, (*measured, *measure(logits, dataset.labels["test"])), strict=True))
        for name, value in values.items():
            state.curves[name][epoch - 1] = value
        report(EpochReport(epoch, row.epochs, values, state.seconds[-1]))
        if not np.isfinite(values["train_loss"]):
            status = "diverged"
        last = epoch == row.epochs or status == "diverged"
        if last or epoch in settings.keep_epochs:
            state.kept[str(epoch)] = learner.weights()
        if last:
            break
        state.epoch, state.logits, state.seconds = epoch + 1, none, np.append(state.seconds, 0)
        if saved and saved.due():
            save()
    attributes = {**identity, "status": status}
    weights = {int(epoch): arrays for epoch, arrays in state.kept.items()}
    return Result(attributes, state.curves, logits, dataset.labels["test"], weights), state.seconds.tolist()


def _until(stop: Callable[[], bool], batches: Iterable[Batch]) -> Iterator[Batch]:
    """The batches until `stop` is true after one; at least the first."""
    for batch in batches:
        yield batch
        if stop():
            return
