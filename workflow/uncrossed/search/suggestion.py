"""The search: the next trial of a subspace, given the finished ones.

Trial k of a subspace sees the trials up to k - `pending` of its subspace, and nothing else; the first `start` see none
and are random. hyperopt suggests. A suggestion is kept in the trial's `row.json`, with what it saw.

A pair in which a model diverged says nothing about the objective: it is shown to hyperopt as a failed trial, from which
its algorithms learn nothing, so that they do not run after divergence. Where a training fails there is no result: the
later suggestions of its subspace wait until it is built, and the other subspaces go on.
"""

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uncrossed.common.errors import InputError, nearest
from uncrossed.common.files import write_json
from uncrossed.results import trial_file
from uncrossed.study import layout
from uncrossed.study.architectures import PACKAGED
from uncrossed.study.hyperparameters import BATCH_SIZE
from uncrossed.study.mechanisms import resolve
from uncrossed.study.search import Search, read_suggestion
from uncrossed.study.space import Interval, Stream
from uncrossed.study.study import Study
from uncrossed.study.trial import FRAMEWORKS, GUIDED, RANDOM, Trial
from uncrossed.training.architectures import Architecture


@dataclass(frozen=True)
class Seen:
    """A finished trial as a suggestion sees it; the objective is None where a model diverged."""

    row: Trial
    objective: float | None
    contents: tuple[str, ...]


def read_seen(folder: str | os.PathLike[str], trial: str, search: Search) -> Seen:
    """A finished trial.

    Raises:
        InputError: its suggestion or one of its results is missing, damaged, or not of one another.
    """
    row = read_suggestion(folder, trial, search)["row"]
    sides, contents = {}, []
    for framework in FRAMEWORKS:
        path = Path(folder) / layout.trial_file(trial, framework)
        attributes, curves = trial_file.read_curves(path)
        said, wanted = attributes["row"], row.deciding()
        for key in {**wanted, **said}:
            if said.get(key) != wanted.get(key):
                raise InputError(
                    f"{path}: inconsistent history: it was trained with {key}={said.get(key)}, but its row.json says "
                    f"{wanted.get(key)}; delete the one that is wrong and build again"
                )
        sides[framework] = attributes["status"], curves
        contents.append(attributes["content_sha256"])
    return Seen(row, objective(search.objective, sides), tuple(contents))


def objective(name: str, sides: dict[str, tuple[str, dict[str, Any]]]) -> float | None:
    """The value of an objective's quantity.

    Args:
        name: one of OBJECTIVES.
        sides: for each framework the status and the curves of its result.

    Returns:
        None where a model that the quantity needs diverged.
    """
    quantity = name.split()[1]
    needed = [framework for framework in FRAMEWORKS if quantity.startswith(framework)] or FRAMEWORKS
    if any(sides[framework][0] != "completed" for framework in needed):
        return None
    last = {f: {key: float(values[-1]) for key, values in curves.items()} for f, (_, curves) in sides.items()}
    if len(needed) == 1:
        value = last[needed[0]][f"test_{quantity.removeprefix(needed[0] + '_')}"]
    else:
        value = last["pytorch"]["test_accuracy"] - last["tensorflow"]["test_accuracy"]
        value = abs(value) if quantity == "absolute_difference" else value
    return value if math.isfinite(value) else None


def suggest(study: Study, trial: str, folder: str | os.PathLike[str]) -> dict[str, Any]:
    """The suggestion of one trial: the same from the same search and results, on every machine.

    Args:
        study: with a search.
        trial: one of its names.
        folder: the study's folder, with the results that it may see.

    Returns:
        What `row.json` holds.

    Raises:
        InputError: an unknown trial, or a missing or inconsistent history.
    """
    search = study.search
    if trial not in search.places:
        raise InputError(f"no trial '{trial}' in the search; {nearest(trial, search.places)}")
    history = [read_seen(folder, name, search) for name in search.visible(trial)]
    for seen in history:
        for name, interval in search.space.subspaces()[search.place(trial).space].items():
            if not interval.low <= getattr(seen.row, name) <= interval.high:
                raise InputError(
                    f"{Path(folder, layout.suggestion(seen.row.trial))}: inconsistent history: {name} is "
                    f"{getattr(seen.row, name)}; allowed in its subspace: {interval.low:g} to {interval.high:g}"
                )
    semantics = resolve(search.semantics, study.semantics)
    row, guided = next_row(search, trial, history, study.dataset.train_examples, semantics, study.architectures)
    everything = json.dumps([[seen.row.deciding(), seen.contents] for seen in history], sort_keys=True)
    return {
        "row": row.model_dump(mode="json"),
        "guided": guided,
        "saw": [[seen.row.trial, seen.objective] for seen in history],
        "saw_sha256": hashlib.sha256(everything.encode()).hexdigest(),
        "search_sha256": search.sha256(),
    }


def next_row(
    search: Search,
    trial: str,
    history: list[Seen],
    examples: int,
    semantics: dict[str, str],
    architectures: Mapping[str, Architecture] = PACKAGED,
) -> tuple[Trial, bool]:
    """The next row of a subspace after a history, and whether that guided it."""
    place = search.place(trial)
    subspace = search.space.subspaces()[place.space]
    stream = Stream("uncrossed-search-1", search.seed, place.architecture, place.space, place.number)
    guided = place.number >= search.start and search.algorithm != "random"
    values = {"trial": trial, "architecture": place.architecture, "seed": stream.integer(2**32), "space": place.space}
    values |= search.fixed
    values["origin"] = GUIDED if guided else RANDOM
    point = _ask(search, subspace, history, stream.integer(2**31), search.algorithm if guided else "random")
    architecture = architectures[place.architecture]
    point[BATCH_SIZE] = _allowed(values, point, subspace[BATCH_SIZE], examples, architecture)
    return Trial.check({**values, **point, "semantics": semantics}, f"suggested row {trial}"), guided


def keep(folder: str | os.PathLike[str], trial: str, made: dict[str, Any]) -> None:
    """Write a trial's suggestion, as `suggest` makes it, where the study looks for it."""
    write_json(Path(folder) / layout.suggestion(trial), made)


def _allowed(values: dict, point: dict, interval: Interval, examples: int, architecture: Architecture) -> int:
    """The batch size nearest to the suggested one that the dataset allows, the smaller of two."""
    low, high, wanted = int(interval.low), int(min(interval.high, examples)), point[BATCH_SIZE]
    for size in sorted(range(max(low, wanted - 50), min(high, wanted + 50) + 1), key=lambda n: (abs(n - wanted), n)):
        row = Trial.check({**values, **point, BATCH_SIZE: size}, f"suggested row {values['trial']}")
        try:
            row.check_examples(examples, architecture)
        except InputError:
            continue
        return size
    raise InputError(f"no batch size from {low} to {high} suits {examples} training examples")


def _ask(search: Search, subspace: dict[str, Interval], history: list[Seen], seed: int, algorithm: str) -> dict:
    """Let hyperopt suggest a point of a subspace.

    Reals are rounded to six digits, so that processors whose logarithms differ in the last bit give the same row.
    """
    from hyperopt import JOB_STATE_DONE, STATUS_FAIL, STATUS_OK, Trials, anneal, rand, tpe
    from hyperopt.base import Domain

    free = {name: interval for name, interval in subspace.items() if interval.low < interval.high}
    sign = -1 if search.objective.startswith("maximise") else 1
    trials, docs = Trials(), []
    for number, seen in enumerate(history):
        values = {name: [getattr(seen.row, name)] for name in free}
        misc = {"tid": number, "cmd": None, "workdir": None, "vals": values}
        misc["idxs"] = {name: [number] for name in free}
        good = seen.objective is not None
        result = {"status": STATUS_OK, "loss": sign * seen.objective} if good else {"status": STATUS_FAIL}
        (doc,) = trials.new_trial_docs([number], [None], [result], [misc])
        docs.append(doc | {"state": JOB_STATE_DONE})
    trials.insert_trial_docs(docs)
    trials.refresh()
    domain = Domain(lambda point: 0, {name: _dimension(name, interval) for name, interval in free.items()})
    arguments = [len(history)], domain, trials, seed
    if not free:
        point = {}
    elif algorithm == "tpe":
        point = tpe.suggest(*arguments, n_startup_jobs=0)[0]["misc"]["vals"]
    else:
        point = {"random": rand, "anneal": anneal}[algorithm].suggest(*arguments)[0]["misc"]["vals"]
    chosen = {}
    for name, interval in subspace.items():
        value = float(point[name][0]) if name in free else interval.low
        if interval.integer:
            chosen[name] = min(max(round(value), int(interval.low)), int(interval.high))
        else:
            chosen[name] = min(max(float(f"{value:.6g}"), interval.low), interval.high)
    return chosen


def _dimension(name: str, interval: Interval) -> Any:
    from hyperopt import hp

    if interval.integer and interval.log:
        return hp.qloguniform(name, math.log(interval.low - 0.5), math.log(interval.high + 0.5), 1)
    if interval.integer:
        return hp.uniformint(name, int(interval.low), int(interval.high))
    if interval.log:
        return hp.loguniform(name, math.log(interval.low), math.log(interval.high))
    return hp.uniform(name, interval.low, interval.high)
