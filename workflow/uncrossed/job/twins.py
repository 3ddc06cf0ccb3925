"""Twins: rows that train to the same weights on a framework. One is trained, the others' trial files are made from its.

They may differ in evaluation mechanisms, which act on running statistics alone: then the training carries views.
"""

import os
import sys
from pathlib import Path
from typing import NamedTuple

from uncrossed.common.errors import InputError, UnreadableError
from uncrossed.results import trial_file, views_file
from uncrossed.study import layout
from uncrossed.study.identity import code_sha256
from uncrossed.study.mechanisms import NATIVE
from uncrossed.study.study import Study
from uncrossed.study.trial import Job, Trial
from uncrossed.training import views
from uncrossed.training.architectures import Architecture
from uncrossed.training.effective import effective
from uncrossed.training.result import Result


class Plan(NamedTuple):
    """Which rows of a study are trained on a framework, and which are not.

    Attributes:
        twins: trials that need no training, each with the trial that is trained.
        with_views: of those that are trained the ones that carry views.
    """

    twins: dict[str, str]
    with_views: frozenset[str]


def plan(study: Study, framework: str, results: str | os.PathLike[str]) -> Plan:
    """Choose of rows that train to the same weights the one that is trained.

    That is the one whose result is there for the longest time, else the one with the fewest changed mechanisms. Where
    views are needed it is one that has them; if none has, one that is not finished; and if all are finished nothing is
    trained.

    Args:
        study: the study; of a search no rows are known, and all are trained.
        framework: `pytorch` or `tensorflow`.
        results: the study's folder of results.

    Raises:
        UnreadableError: the operating system does not give a trial file.
    """
    groups: dict[str, list[Trial]] = {}
    trainings: dict[str, str] = {}
    for row in study.rows.values():
        touching = study.architectures[row.architecture].touching
        groups.setdefault(row.training(framework, touching, evaluation=False), []).append(row)
        trainings[row.trial] = row.training(framework, touching)

    def file(row: Trial) -> Path:
        return Path(results, layout.trial_file(row.trial, framework))

    def finished(row: Trial) -> bool:
        return file(row).exists() and trial_file.is_wanted(file(row), study.attributes(row, framework))

    def changed(row: Trial) -> tuple[int, str]:
        return sum(row.semantics[name] != setting for name, setting in NATIVE.items()), row.trial

    twins: dict[str, str] = {}
    with_views: set[str] = set()
    for rows in groups.values():
        if len(rows) == 1:
            continue
        rows.sort(key=changed)
        if len({trainings[row.trial] for row in rows}) == 1:
            # A file that is there may be of a row that has changed. The oldest result is newer than no copy of it.
            there = [row for row in rows if file(row).exists()]
            by_age = sorted(there, key=lambda row: file(row).stat().st_mtime_ns)
            first = next(filter(finished, by_age), None) or next(iter(there), rows[0])
        else:
            there = [row for row in rows if layout.views_beside(file(row)).exists()]
            unfinished = (row for row in rows if not finished(row))
            first = next(filter(finished, there), None) or next(iter(there), None) or next(unfinished, None)
            if first is None:
                continue
            with_views.add(first.trial)
        twins |= {row.trial: first.trial for row in rows if row is not first}
    return Plan(twins, frozenset(with_views))


def copied(twin: Path, framework: str, job: Job, architecture: Architecture) -> tuple[Result, str] | None:
    """The result of a training as its twin's trial file has it, with the views beside that; and the twin's name.

    Args:
        twin: the trial file.
        framework: of the training.
        job: the training.
        architecture: of both.

    Returns:
        None, with a message, where that file is of another training, or lacks the view.

    Raises:
        InputError: the file is missing or damaged, or what lies beside it is damaged.
    """
    result = trial_file.read(twin)
    attributes = result.attributes
    row = Trial.check(attributes["row"], f"{twin}: row")
    dataset = job.dataset.model_dump(mode="json") if job.dataset else attributes["dataset"]
    theirs, ours = (each.training(framework, architecture.touching, evaluation=False) for each in (row, job.row))
    for what, found, wanted in (
        ("framework", attributes["framework"], framework),
        ("row", theirs, ours),
        ("settings", attributes["settings"], job.settings.model_dump(mode="json")),
        ("dataset", attributes["dataset"], dataset),
        ("code", attributes["code_sha256"], code_sha256(framework, architecture, job.row.optimizer)),
    ):
        if found != wanted:
            print(f"not the same training as {row.trial}: another {what}; it is trained", file=sys.stderr)
            return None
    ways = [
        views.own(framework, effective(each.semantics, framework, architecture.touching), architecture.touching)
        for each in (row, job.row)
    ]
    if ways[0] != ways[1]:
        beside = layout.views_beside(twin)
        if not beside.exists():
            print(f"not the running statistics of {row.trial}, and no {beside}; it is trained", file=sys.stderr)
            return None
        try:
            view, trial = views_file.read(beside, views.name(ways[1]))
        except UnreadableError:
            raise
        except InputError as error:
            raise InputError(f"{error}; delete it and build again") from error
        if trial != attributes["content_sha256"]:
            print(f"{beside}: of another result than {twin}; it is trained", file=sys.stderr)
            return None
        result.curves |= view.curves
        result.logits = view.logits
        for epoch, statistics in view.weights.items():
            result.weights[epoch] |= statistics
    attributes["row"] = job.row.deciding()
    return result, row.trial
