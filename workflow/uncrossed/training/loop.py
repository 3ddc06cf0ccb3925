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

from uncrossed.training import views
from uncrossed.training.architectures import Architecture
from uncrossed.training.checkpoint import Checkpoint, Saved
from uncrossed.training.effective import effective
from uncrossed.training.result import CURVES, TEST_CURVES, Result, View

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
    with_views: bool = False,
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
        with_views: carry the views of `views.others`, too; nothing else of the result differs.

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
    mechanisms = effective(row.semantics, backend.FRAMEWORK, architecture.touching)
    ways = views.others(backend.FRAMEWORK, mechanisms, architecture.touching) if with_views else {}
    learner = backend.Learner(row, network, settings, dataset.images, dataset.labels, ways)
    none = np.zeros((0, network.classes), np.float32)
    # A checkpoint of a training without these views has no statistics for them.
    whose = identity | ({"views": sorted(ways)} if ways else {})
    state = saved.load(whose) if saved else None

    def blank(names: Iterable[str]) -> dict[str, np.ndarray]:
        return {name: np.full(row.epochs, np.nan) for name in names}

    def keep(epoch: int) -> None:
        state.kept[str(epoch)] = learner.weights()
        for name, statistics in learner.views.statistics().items():
            state.views[name]["kept"][str(epoch)] = statistics

    if state is None:
        state = Checkpoint(1, 0, blank(CURVES), none, np.zeros(1))
        state.views = {name: {"curves": blank(TEST_CURVES), "kept": {}} for name in ways}
        if 0 in settings.keep_epochs:
            keep(0)
    else:
        learner.set_weights(state.weights)
        learner.set_optimizer_state(state.steps, state.optimizer)
        learner.set_random(state.random)
        learner.views.set_statistics({name: view["statistics"] for name, view in state.views.items()})

    def save() -> None:
        if saved:
            state.steps, state.weights, state.random = learner.steps, learner.weights(), learner.random()
            state.optimizer = learner.optimizer_state()
            for name, statistics in learner.views.statistics().items():
                state.views[name]["statistics"] = statistics
            saved.save(whose, state)

    def test() -> np.ndarray:
        return learner.predict(_until(stop, test_batches)).astype(np.float32)

    def test_views() -> dict[str, np.ndarray]:
        """Each view's logits: the model's, with other running statistics in the place of its own."""
        found, own = {}, learner.weights()
        for name, statistics in learner.views.statistics().items():
            if not stop():
                learner.set_weights(statistics)
                found[name] = test()
                learner.set_weights({array: own[array] for array in statistics})
        return found

    status = "completed"
    while True:
        epoch, started = state.epoch, time.perf_counter() - state.seconds[-1]
        # An interrupted run may have taken the first steps of this epoch.
        left = [(first, end) for first, end in train_batches if first >= len(state.logits)]
        if left:
            seen = learner.train(_until(stop, progress(left, epoch)))
            state.logits = np.concatenate([state.logits, seen]) if len(state.logits) else seen
        if not stop():
            logits = test()
            seen_by = test_views() if ways else {}
        state.seconds[-1] = time.perf_counter() - started
        if stop():
            save()
            raise Stopped(f"stopped in epoch {epoch} of {row.epochs} after {learner.steps} steps")
        measured = measure(state.logits.astype(np.float32), dataset.labels["train"])
        values = dict(zip(CURVES, (*measured, *measure(logits, dataset.labels["test"])), strict=True))
        for name, value in values.items():
            state.curves[name][epoch - 1] = value
        for view, found in seen_by.items():
            for name, value in zip(TEST_CURVES, measure(found, dataset.labels["test"]), strict=True):
                state.views[view]["curves"][name][epoch - 1] = value
        report(EpochReport(epoch, row.epochs, values, state.seconds[-1]))
        if not np.isfinite(values["train_loss"]):
            status = "diverged"
        last = epoch == row.epochs or status == "diverged"
        if last or epoch in settings.keep_epochs:
            keep(epoch)
        if last:
            break
        state.epoch, state.logits, state.seconds = epoch + 1, none, np.append(state.seconds, 0)
        if saved and saved.due():
            save()
    attributes = {**identity, "status": status}
    carried = {
        name: View(view["curves"], seen_by[name], _by_number(view["kept"])) for name, view in state.views.items()
    }
    weights = _by_number(state.kept)
    return Result(attributes, state.curves, logits, dataset.labels["test"], weights, carried), state.seconds.tolist()


def _by_number(kept: dict[str, Any]) -> dict[int, Any]:
    return {int(epoch): arrays for epoch, arrays in kept.items()}


def _until(stop: Callable[[], bool], batches: Iterable[Batch]) -> Iterator[Batch]:
    """The batches until `stop` is true after one; at least the first."""
    for batch in batches:
        yield batch
        if stop():
            return
