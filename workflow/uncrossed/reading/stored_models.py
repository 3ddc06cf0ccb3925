"""The trained models of a place, to be evaluated again: those of a study, or that of one trial file."""

import os
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from functools import partial
from pathlib import Path

from uncrossed.common.errors import InputError
from uncrossed.common.remote import LocalFolder
from uncrossed.datasets.definition import DatasetIdentity
from uncrossed.explain.recalibration import Stored
from uncrossed.reading.built_study import open_study
from uncrossed.reading.trial import Side, TrialFile
from uncrossed.results import trial_file, trials_table
from uncrossed.study import layout
from uncrossed.study.trial import FRAMEWORKS, Settings, Trial


def stored_models(
    place: str | os.PathLike[str],
    trials: Sequence[str] = (),
    frameworks: Iterable[str] = FRAMEWORKS,
    architectures: Mapping[str, Path] | None = None,
) -> tuple[list[Stored], Path | None]:
    """The models of a study or of a trial file.

    Args:
        place: a study's folder or URL, or the path or URL of one trial file, `*.h5`.
        trials: of a study those trials alone; else all that have results.
        frameworks: of these frameworks alone.
        architectures: files of the study's own architectures, by name.

    Returns:
        The models; and the study's folder, if it is a local one.

    Raises:
        InputError: no study or trial file is there, or a trial or its file is missing or damaged.
    """
    own = dict(architectures or {})
    if os.fspath(place).endswith(".h5"):
        if trials:
            raise InputError(f"{place}: one trial file; allowed: no names of trials")
        side = TrialFile(place)
        path = side.source.root / side._path if isinstance(side.source, LocalFolder) else None
        folder = path.parents[2] if path and layout.is_trial_file(path) else None
        return ([_stored(side, folder, own)] if side.framework in frameworks else []), None
    study = open_study(place)
    folder = study.source.root.resolve() if isinstance(study.source, LocalFolder) else None
    pairs = map(study.trial, trials or study.trials["trial"])
    models = [
        _stored(getattr(pair, framework), folder, own)
        for pair in pairs
        for framework in frameworks
        if trials or pair.row.get(trials_table.status_column(framework)) != "missing"
    ]
    return models, folder


def _stored(side: Side, folder: Path | None, own: Mapping[str, Path]) -> Stored:
    attributes, where = side.attributes, side._where
    row = Trial.check(attributes["row"], where)
    dataset = DatasetIdentity.check(attributes["dataset"], where)
    curves = side.curves
    last = trial_file.epochs_trained(curves) - 1
    loss, accuracy = (float(curves[name][last]) for name in ("test_loss", "test_accuracy"))
    closed = copy(side)  # a study may have more files than a process may open
    return Stored(
        where=where,
        framework=side.framework,
        row=row,
        settings=Settings.check(attributes["settings"], where),
        dataset=dataset,
        dataset_sha256=attributes["dataset_sha256"],
        dataset_file=folder and layout.datasets(folder) / f"{dataset.name}.h5",
        architecture=own.get(row.architecture),
        completed=side.status == "completed",
        scores=(loss, accuracy),
        content_sha256=attributes["content_sha256"],
        weights=partial(getattr, closed, "weights"),
        logits=partial(getattr, closed, "logits"),
    )
