"""What a trial file says, and where it contradicts itself: its hashes, its row, curves, status and logits."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from uncrossed.common.errors import InputError, UnreadableError
from uncrossed.common.files import DAMAGE_TO_SIZES
from uncrossed.datasets import dataset_file
from uncrossed.results import origin, trial_file, views_file
from uncrossed.results.recompute import trained
from uncrossed.results.trials_table import Side, side
from uncrossed.study import layout
from uncrossed.study.mechanisms import MECHANISMS
from uncrossed.study.trial import Trial
from uncrossed.training import loop
from uncrossed.training.architectures import BUILT_IN_ARCHITECTURES, load

# A rate at which a step may be too small to change a weight of 0.01 in float32, where gradients are about 1e-3.
TINY, GRADIENT = 1e-8, 1e-3
# Of a study's own architectures, by name, the mechanisms that make a difference for them.
Own = Mapping[str, frozenset[str]]


class TrialFacts(NamedTuple):
    """What a sound trial file says; records are JSON, which takes less memory than dictionaries do.

    Attributes:
        framework: the framework.
        row: its row without notes, as JSON.
        training: the row as far as it determines this framework's weights, as JSON.
        origin: what else the training is, by `origin.text`.
        content_sha256: of the result.
        last_weights: the hashes of the arrays of the last kept epoch, in model order.
        completed: whether all losses were finite.
        side: what a table of trials says of it.
        tiny_steps: whether its learning rate may be too small to move weights.
        unmoved: whether no weight has another value than the kept initial one; None where that is not known.
    """

    framework: str
    row: str
    training: str
    origin: str
    content_sha256: str
    last_weights: tuple[str, ...]
    completed: bool
    side: Side
    tiny_steps: bool
    unmoved: bool | None


class Contents(NamedTuple):
    """What reading a file gives: the facts of a trial file, of which others have none, or what is wrong with it."""

    facts: TrialFacts | None = None
    fault: str | None = None


def read(path: Path, own: Own, check_hashes: bool = True) -> Contents:
    """Read a trial file, views or a dataset; the last two are always checked by their hashes.

    Args:
        path: of the file.
        own: as `examine` takes it.
        check_hashes: whether a trial file is checked by its hashes.

    Raises:
        UnreadableError: the operating system does not give it.
        OtherVersionError: a dataset that this version cannot judge.
    """
    try:
        if layout.is_views_file(path):
            return _views(path)
        if not layout.is_trial_file(path):
            name = dataset_file.read(path).identity.name
            return Contents(fault=None if name == path.stem else f"holds dataset {name}")
        with trial_file.opened(path) as file:
            if check_hashes:
                trial_file.check(file, path)
            return _trial_contents(file, path, own)
    except (UnreadableError, dataset_file.OtherVersionError):
        raise
    except InputError as error:
        return Contents(fault=str(error).removeprefix(f"{path}: "))
    except DAMAGE_TO_SIZES as error:
        return Contents(fault=f"damaged ({type(error).__name__}: {error})")


def _views(path: Path) -> Contents:
    with views_file.opened(path) as file:
        views_file.check(file, path)
        trial = file.attrs[views_file.TRIAL]
    beside = layout.trial_beside(path)
    if beside.exists() and trial_file.read_attributes(beside)["content_sha256"] != trial:
        return Contents(fault=f"of another result than {beside.name}")
    return Contents()


def _trial_contents(file: h5py.File, path: Path, own: Own) -> Contents:
    attributes = trial_file.decoded(file)
    row = Trial.check(attributes["row"], "row")
    for what, said, _ in trial_file.misplaced(attributes, *layout.place(path)):
        return Contents(fault=f"holds {what} {said}")
    curves = {name: file[f"curves/{name}"][:] for name in trial_file.CURVES}
    if fault := _contradiction(file, row, curves):
        return Contents(fault=fault)
    epochs = trial_file.kept_epochs(file)
    first, last = _weights_sha256(file, epochs[0]), _weights_sha256(file, epochs[-1])
    facts = TrialFacts(
        framework=attributes["framework"],
        row=row_text(row),
        training=row.training(attributes["framework"], _touching(row, own)),
        origin=origin.text(attributes),
        content_sha256=attributes["content_sha256"],
        last_weights=tuple(last.values()),
        completed=attributes["status"] == "completed",
        side=side(attributes, curves),
        tiny_steps=row.learning_rate * GRADIENT / (GRADIENT + row.adam_epsilon) < TINY,
        unmoved=all(first[name] == last[name] for name in trained(last)) if epochs[0] == 0 else None,
    )
    return Contents(facts)


def _touching(row: Trial, own: Own) -> frozenset[str]:
    if row.architecture in BUILT_IN_ARCHITECTURES:
        return load(row.architecture).touching
    # Without a statement rows of other semantics are other trainings.
    return own.get(row.architecture, frozenset(MECHANISMS))


def row_text(row: Trial) -> str:
    """A row without its notes, as `TrialFacts` holds it."""
    return json.dumps(row.deciding(), sort_keys=True)


def _weights_sha256(file: h5py.File, epoch: int) -> dict[str, str]:
    group = file[trial_file.weights_group(epoch)]
    return {str(name): str(group[name].attrs["sha256"]) for name in group.attrs["names"]}


def _contradiction(file: h5py.File, row: Trial, curves: dict[str, np.ndarray]) -> str | None:
    """Where a trial file's curves are not those of its row, its status or its logits."""
    if any(len(values) != row.epochs for values in curves.values()):
        return f"its curves have {[len(values) for values in curves.values()]} values, its row {row.epochs} epochs"
    completed = bool(np.isfinite(curves["train_loss"]).all())
    if completed != (file.attrs["status"] == "completed"):
        return f"its status is {file.attrs['status']}, but its training losses are {'' if completed else 'not '}finite"
    if not completed:
        return None
    loss, accuracy = loop.measure(file["predictions/logits"][:], file["predictions/labels"][:])
    for name, counted in (("test loss", loss), ("test accuracy", accuracy)):
        recorded = curves[name.replace(" ", "_")][-1]
        if not np.isclose(recorded, counted, rtol=1e-9, atol=1e-9, equal_nan=True):
            return f"records {name} {recorded:.6f}, but its logits have {counted:.6f}"
    return None
