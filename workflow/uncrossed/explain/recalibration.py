"""Recalibration: a stored model with exact running statistics in place of those that its training left behind.

Batch normalisation evaluates with running averages of what it was given during training, by weights that were still
changing. Here they become the statistics of the training set at the final weights. The training set is taken once, in
its order and in even batches of at most `loop.TEST_BATCH` examples. Each batch normalisation normalises a batch by the
batch's own mean and variance, as in training, while everything else does what it does in evaluation. What each is given
is pooled over all examples: mean and (biased) variance of every channel, as `pooling.pooled` has them. So they depend
on weights and training set alone, neither on momentum nor on the last steps (Ioffe & Szegedy 2015, algorithm 2; Wu &
Johnson 2021, "Rethinking 'Batch' in BatchNorm", section 3: "precise batch normalisation").

Of one batch that holds the whole training set they are, for all layers at once, the statistics of what evaluation with
them gives each layer. Larger batches come nearer to that, so the row's own batch size is not taken. Evaluating again
and again with what was found does not lead there: an error in a first layer grows on its way to the last.
"""

import hashlib
import importlib
import logging
import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache
from itertools import groupby, pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from uncrossed.analysis import recalibration as table_of
from uncrossed.common.errors import InputError
from uncrossed.datasets import dataset_file
from uncrossed.datasets.definition import DatasetIdentity
from uncrossed.explain.pooling import pooled
from uncrossed.results.recompute import TOLERANCE
from uncrossed.study.architectures import Architectures
from uncrossed.study.trial import Settings, Trial
from uncrossed.training import backends, loop
from uncrossed.training.architectures import Architecture


@dataclass(frozen=True)
class Stored:
    """A trained model where it is stored.

    Attributes:
        where: what errors call it.
        framework: `pytorch` or `tensorflow`.
        row: what it was trained by.
        settings: its training's.
        dataset: what it was trained on.
        dataset_sha256: of the dataset's arrays; None where nobody wrote it down.
        dataset_file: where the dataset should lie; None where nobody knows.
        architecture: the architecture's file, where it is not the package's.
        completed: whether its training came to finite losses.
        scores: test loss and test accuracy, as they were measured after training.
        content_sha256: of its trial file; empty where there is none.
        weights: reads the arrays, by the framework's own names.
        logits: reads the logits that its training ended with, test examples x classes; None where they were not kept.
    """

    where: str
    framework: str
    row: Trial
    settings: Settings
    dataset: DatasetIdentity
    dataset_sha256: str | None
    dataset_file: Path | None
    architecture: Path | None
    completed: bool
    scores: tuple[float, float]
    content_sha256: str
    weights: Callable[[], Mapping[str, np.ndarray]]
    logits: Callable[[], np.ndarray] | None


class Evaluated(NamedTuple):
    """A model that was evaluated.

    Attributes:
        stored: test loss and test accuracy as it is stored.
        recalibrated: the same with exact statistics; NaN where that loss is not finite.
        trained: the SHA-256 of all of its arrays but running statistics.
        statistics: the names of its running statistics.
    """

    stored: tuple[float, float]
    recalibrated: tuple[float, float]
    trained: str = ""
    statistics: frozenset[str] = frozenset()


def make(
    models: Sequence[Stored],
    output: Path | None = None,
    dataset: Path | None = None,
    device: str = "cpu",
    threads: int | None = None,
) -> pd.DataFrame:
    """Recalibrate models, and evaluate them; no training takes place.

    Exact statistics depend on what was trained alone, so that of rows of one training, such as those of a factorial
    that differ in their running statistics, the first is evaluated for all.

    Args:
        models: the models.
        output: the table's file, written after each model that was evaluated. Lines that it has already stay, and a
            model whose trial file has a line there is not evaluated again.
        dataset: the dataset's file; by default where the models' should lie.
        device: `cpu` or `gpu`.
        threads: CPU threads; by default those of a model's training.

    Returns:
        The lines of these models, as `analysis.recalibration` has them.

    Raises:
        InputError: no models, or none whose training did not diverge; a dataset or framework is missing, or the dataset
            is another; an architecture of a user's own without its file; weights that are not those of the row's model,
            or do not give the stored logits; or no such device.
        OSError: a process was killed.
    """
    if not any(model.completed for model in models):
        where = models[0].where if models else "no models"
        raise InputError(f"{where}: nothing to recalibrate: allowed: trained models, whose trainings did not diverge")
    known = table_of.read(output).to_dict("records") if output and output.is_file() else []
    lines = {(line["trial"], line["framework"]): line for line in known}
    asked = [(model.row.trial, model.framework) for model in models]
    changed = {"device": device} | ({"threads": threads} if threads else {})
    todo = [
        (model, model.settings.model_copy(update=changed).model_dump_json())
        for key, model in zip(asked, models, strict=True)
        if not model.content_sha256 or lines.get(key, {}).get("content_sha256") != model.content_sha256
    ]
    # One process for each framework and settings: neither can be changed in a process, nor both live well in one.
    todo.sort(key=lambda one: (one[0].framework, one[1]))
    with tqdm(total=len(todo), desc="recalibrate", unit="model", disable=None) as bar:
        for (framework, settings), group in groupby(todo, key=lambda one: (one[0].framework, one[1])):
            # Frameworks keep some of every model that they built.
            with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=20) as pool:
                evaluated: dict[str, Evaluated] = {}
                for model, _ in group:
                    line = lines[model.row.trial, framework] = _line(model, settings, dataset, pool, evaluated)
                    if output and line["state"] == table_of.RECALIBRATED:
                        table_of.write(table_of.completed(lines.values()), output)
                    bar.update()
    if output and todo:
        table_of.write(table_of.completed(lines.values()), output)
    return table_of.completed(lines[key] for key in asked)


def _line(
    model: Stored, settings: str, dataset: Path | None, pool: ProcessPoolExecutor, known: dict[str, Evaluated]
) -> dict[str, Any]:
    """A model's line; `known` has what was evaluated with these settings, by what determines a training."""
    state, evaluated = table_of.WITHOUT, Evaluated(model.scores, model.scores)
    if not model.completed:
        state, evaluated = table_of.DIVERGED, Evaluated(model.scores, (math.nan, math.nan))
    elif (architecture := _architecture(model)).BATCHNORM:
        data = dataset or model.dataset_file
        if data is None or not data.is_file():
            missing = f"{data}: no such dataset" if data else f"{model.where}: its dataset is not known"
            raise InputError(f"{missing}; recalibrating needs {model.dataset.name}: give its file by --dataset")
        training = (
            f"{model.dataset_sha256} {model.row.training(model.framework, architecture.touching, evaluation=False)}"
        )
        same = known.get(training)
        if same and same.trained == _trained(model.weights(), same.statistics):
            evaluated = same._replace(stored=model.scores)
        else:
            try:
                evaluated = pool.submit(_evaluated, model, architecture.path, settings, data).result()
            except BrokenProcessPool as error:
                raise OSError(f"{model.where}: its process was killed, as for want of memory") from error
            if model.logits:  # else its stored scores are known from evaluating it alone
                known[training] = evaluated
        finite = math.isfinite(evaluated.recalibrated[0])
        state = table_of.RECALIBRATED if finite else table_of.DIVERGED
    (loss, accuracy), (recalibrated_loss, recalibrated) = evaluated.stored, evaluated.recalibrated
    # Rounded once: what is computed of a line is the same when the table is read again.
    values = [float(f"{value:{table_of.DIGITS}}") for value in (accuracy, recalibrated, loss, recalibrated_loss)]
    measured = dict(zip(table_of.MEASURED, values, strict=True))
    return {
        "trial": model.row.trial,
        "architecture": model.row.architecture,
        "framework": model.framework,
        "state": state,
        "content_sha256": model.content_sha256,
        "test_examples": model.dataset.test_examples,
        **measured,
    }


def _architecture(model: Stored) -> Architecture:
    name = model.row.architecture
    known = Architectures({name: model.architecture} if model.architecture else {})
    if name not in known:
        raise InputError(
            f"{model.where}: {name} is no architecture of this package; recalibrating needs its file: "
            f"--architecture {name}=FILE.py, if trusted"
        )
    return known[name]


def _evaluated(model: Stored, architecture: Path, settings: str, data: Path) -> Evaluated:
    """Evaluate a model as it is stored, and recalibrated; in a process of its own."""
    dataset = _dataset(data)
    other = dataset.sha256 != model.dataset_sha256 if model.dataset_sha256 else dataset.identity != model.dataset
    if other:
        raise InputError(f"{data}: not the dataset that {model.where} was trained on, which was {model.dataset.name}")
    learner = load(model, architecture, Settings.model_validate_json(settings), dataset)
    labels = dataset.labels["test"]
    test_batches = loop.batches(len(labels), loop.TEST_BATCH)
    scores, logits = model.scores, learner.predict(test_batches)
    if model.logits is None:
        scores = loop.measure(logits, labels)
    else:
        stored = model.logits()
        apart, largest = np.abs(logits - stored).max(), np.abs(stored).max()
        if not apart <= TOLERANCE * largest:
            raise InputError(
                f"{model.where}: its weights give logits that differ by up to {apart:.2g} from the stored ones, of at "
                f"most {largest:.2g}: verify it, or give the file of {model.row.architecture} that it was trained with"
            )
    statistics = recalibrate(learner, model.framework, len(dataset.labels["train"]))
    measured = loop.measure(learner.predict(test_batches), labels)
    recalibrated = measured if math.isfinite(measured[0]) else (math.nan, math.nan)
    return Evaluated(scores, recalibrated, _trained(learner.weights(), statistics), statistics)


def _trained(weights: Mapping[str, np.ndarray], statistics: frozenset[str]) -> str:
    """The SHA-256 of all arrays but running statistics."""
    digest = hashlib.sha256()
    for name in sorted(weights.keys() - statistics):
        array = np.ascontiguousarray(weights[name])
        digest.update(f"{name} {array.dtype} {array.shape} ".encode() + array.tobytes())
    return digest.hexdigest()


def recalibrate(learner: Any, framework: str, examples: int) -> frozenset[str]:
    """Set the running statistics of a learner's model to the exact ones of the training set.

    Args:
        learner: a backend's.
        framework: its framework.
        examples: how many training examples there are.

    Returns:
        The names of these arrays.
    """
    moments = importlib.import_module(f"uncrossed.explain.moments_{framework}").moments
    # Even ones: a last batch of few would be normalised by a poor mean, or by none.
    count = math.ceil(examples / loop.TEST_BATCH)
    bounds = [examples * k // count for k in range(count + 1)]
    statistics = pooled(moments(learner, pairwise(bounds)))
    learner.set_weights(statistics)
    return frozenset(statistics)


def load(model: Stored, architecture: Path, settings: Settings, dataset: dataset_file.Dataset) -> Any:
    """A learner with a model's weights."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of more than one model
    name, framework = model.row.architecture, model.framework
    try:
        backend = backends.load(framework, settings)
    except ImportError as error:
        how = f"pip install 'uncrossed[{framework}]', or leave it out by --framework"
        raise InputError(f"{model.where}: recalibrating needs {framework} ({error}): {how}") from error
    try:
        backend.configure(settings)
    except backends.DeviceError as error:
        raise InputError(f"{model.where}: {error}") from error
    network = Architectures({name: architecture} if model.architecture else {})[name].on(dataset.shape, dataset.classes)
    learner = backend.Learner(model.row, network, settings, dataset.images, dataset.labels)
    wanted = {name: array.shape for name, array in learner.weights().items()}
    weights = dict(model.weights().items())
    differ = {*wanted.items()} ^ {(name, array.shape) for name, array in weights.items()}
    if differ:
        example = ", ".join(sorted({name for name, _ in differ})[:3])
        raise InputError(f"{model.where}: its weights do not fit {model.row.architecture}: {example}")
    learner.set_weights(weights)
    return learner


@cache
def _dataset(path: Path) -> dataset_file.Dataset:
    return dataset_file.read(path)
