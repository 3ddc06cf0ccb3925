"""The loop: what must be equal on both sides, written once. It knows no framework.

Which example goes into which batch, when an epoch ends, how a loss is averaged, how an accuracy is counted and what is
stored is decided here; a backend builds the model and takes the steps. Images are scaled to [0, 1] and taken in the
dataset's order, never shuffled; the last, smaller batch is kept.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from uncrossed.datasets import Dataset
from uncrossed.store import CURVES, Result
from uncrossed.trial import Job

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
        labels: uint8, examples.

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


def run(
    job: Job,
    backend: ModuleType,
    dataset: Dataset,
    progress: Callable[[list[Batch], int], Any] = lambda batches, epoch: batches,
    report: Callable[[EpochReport], None] = lambda epoch: None,
) -> tuple[Result, list[float]]:
    """Train one trial on one framework.

    Args:
        job: row and settings.
        backend: a module of `uncrossed.backends`.
        dataset: the images and labels.
        progress: wraps an epoch's batches, for a progress bar.
        report: called after each epoch.

    Returns:
        The result, with `framework`, `device`, `versions`, `status` and what the job says among its attributes, and
        the seconds that each epoch took, its evaluation included.

    Raises:
        DeviceError: the job asks for a GPU and the framework sees none.
    """
    row, settings = job.row, job.settings
    device = backend.configure(settings)
    learner = backend.Learner(row, settings, dataset.images, dataset.labels)
    train_batches = batches(len(dataset.labels["train"]), row.batch_size)
    test_batches = batches(len(dataset.labels["test"]), TEST_BATCH)
    curves = {name: np.full(row.epochs, np.nan) for name in CURVES}
    weights = {0: learner.weights()} if 0 in settings.keep_epochs else {}
    seconds: list[float] = []
    status = "completed"
    for epoch in range(1, row.epochs + 1):
        started = time.perf_counter()
        logits = learner.train(progress(train_batches, epoch)).astype(np.float32)
        train_loss, train_accuracy = measure(logits, dataset.labels["train"])
        logits = learner.predict(test_batches).astype(np.float32)
        test_loss, test_accuracy = measure(logits, dataset.labels["test"])
        seconds.append(time.perf_counter() - started)
        values = dict(zip(CURVES, (train_loss, train_accuracy, test_loss, test_accuracy), strict=True))
        for name, value in values.items():
            curves[name][epoch - 1] = value
        report(EpochReport(epoch, row.epochs, values, seconds[-1]))
        if not np.isfinite(train_loss):
            status = "diverged"
        if epoch in settings.keep_epochs or epoch == row.epochs or status == "diverged":
            weights[epoch] = learner.weights()
        if status == "diverged":
            break
    attributes = {
        "framework": backend.FRAMEWORK,
        "row": row.deciding(),
        "settings": settings.model_dump(mode="json"),
        "dataset": dataset.identity.model_dump(mode="json"),
        "dataset_sha256": dataset.sha256,
        "device": device,
        "versions": backend.versions(),
        "status": status,
    }
    return Result(attributes, curves, logits, dataset.labels["test"], weights), seconds
