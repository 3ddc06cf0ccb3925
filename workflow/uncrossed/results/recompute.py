"""Models built again from trial files: do their weights give the stored logits, and did training move them?"""

import logging
import os
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from uncrossed.common.errors import InputError
from uncrossed.datasets import dataset_file
from uncrossed.results import origin, trial_file
from uncrossed.study.architectures import Architectures
from uncrossed.study.identity import code_sha256
from uncrossed.study.trial import Settings, Trial
from uncrossed.training import backends, loop

# Of batch normalisation: they move without any step of the optimizer.
RUNNING_STATISTICS = ("running_mean", "running_var", "num_batches_tracked", "moving_mean", "moving_variance")
# By how much logits may differ on another stack, by rounding; a share of the largest.
TOLERANCE = 1e-2


def trained(names: Iterable[str]) -> list[str]:
    """Of a model's arrays those that the optimizer moves."""
    return [name for name in names if not name.endswith(RUNNING_STATISTICS)]


class Models:
    """Builds models, in one process for each framework and settings. Threads may share it."""

    def __init__(
        self, datasets: Path | None, dataset: str | Path | None, architectures: Mapping[str, Path] | None = None
    ):
        """Take the folder of datasets, or the one dataset's file, and files of architectures; nothing is started."""
        self.datasets, self.dataset, self.architectures = datasets, dataset, dict(architectures or {})
        self.pools: dict[tuple[str, str], ProcessPoolExecutor] = {}
        self.lock = threading.Lock()

    def check(self, path: Path) -> tuple[bool, str | None]:
        """Build a trial file's model, and predict.

        Returns:
            Whether no weight has another value than at initialization; and how the logits differ, or None.

        Raises:
            InputError: the framework or the dataset is missing, or the dataset is another.
        """
        attributes = trial_file.read_attributes(path)
        name = attributes["dataset"]["name"]
        data = Path(self.dataset or (self.datasets or Path()) / f"{name}.h5")
        if not data.is_file():
            raise InputError(
                f"{data}: no such dataset; computing logits again needs {name}: give its file by --dataset"
            )
        key = attributes["framework"], str(attributes["settings"])
        with self.lock:
            if key not in self.pools:
                # Frameworks keep some of every model that they built.
                self.pools[key] = ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=20)
        return (
            self.pools[key]
            .submit(_computed, path, data, self.architectures.get(attributes["row"]["architecture"]))
            .result()
        )

    def close(self) -> None:
        """End the processes."""
        for pool in self.pools.values():
            pool.shutdown(cancel_futures=True)


def _computed(path: Path, data: Path, own: Path | None) -> tuple[bool, str | None]:
    result, dataset = trial_file.read(path), dataset_file.read(data)
    attributes = result.attributes
    if dataset.sha256 != attributes["dataset_sha256"]:
        raise InputError(f"{data}: not the dataset that {path.parent.name}/{path.name} was trained on")
    framework = attributes["framework"]
    row, settings = Trial.check(attributes["row"], "row"), Settings.check(attributes["settings"], "settings")
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of more than one model
    try:
        backend = backends.load(framework, settings)
    except ImportError as error:
        how = f"pip install 'uncrossed[{framework}]'"
        raise InputError(f"computing logits again needs {framework} ({error}): {how}") from error
    try:
        device = backend.configure(settings)
    except backends.DeviceError as error:
        if settings.device == "cpu":
            raise InputError(f"computing logits again: {error}") from error
        settings = settings.model_copy(update={"device": "cpu"})
        device = backend.configure(settings)
    known = Architectures({row.architecture: own} if own else {})
    if (name := row.architecture) not in known:
        raise InputError(f"computing logits again needs the file of {name}: --architecture {name}=FILE.py, if trusted")
    network = known[row.architecture].on(dataset.shape, dataset.classes)
    learner = backend.Learner(row, network, settings, dataset.images, dataset.labels)
    initial, last = learner.weights(), result.weights[max(result.weights)]
    if [*initial] != [*last]:
        return False, f"its weights are not those of {row.architecture}: {sorted({*initial} ^ {*last})[:3]}"
    unmoved = all(np.array_equal(initial[name], last[name]) for name in trained(last))
    learner.set_weights(last)
    batches = loop.batches(len(dataset.labels["test"]), loop.TEST_BATCH)
    logits = learner.predict(batches).astype(np.float32)
    here = {
        "device": device,
        "versions": backend.versions(),
        "code_sha256": code_sha256(framework, network.architecture, row.optimizer),
    }
    finite = np.isfinite(result.logits)
    apart = np.abs(logits[finite] - result.logits[finite]).max(initial=0)
    same = not origin.differing(here, attributes, (*origin.CODE, *origin.STACK))
    allowed = 0 if same else TOLERANCE * np.abs(result.logits[finite]).max(initial=0)
    if apart <= allowed and np.array_equal(np.isfinite(logits), finite):
        return unmoved, None
    accuracy, recorded = (loop.measure(each, dataset.labels["test"])[1] for each in (logits, result.logits))
    return unmoved, (
        f"its weights give logits that differ from the stored ones by up to {apart:.2g}, "
        f"and test accuracy {accuracy:.6f} instead of {recorded:.6f}"
    )
