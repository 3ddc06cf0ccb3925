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
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from uncrossed.common.checked import Model
from uncrossed.common.errors import InputError, nearest
from uncrossed.common.files import reading, write_json
from uncrossed.results import trial_file
from uncrossed.study.space import Interval, Space, Stream
from uncrossed.study.trial import FRAMEWORKS, LARGEST, Trial

DIMENSIONS = ("learning_rate", "batch_size", "adam_epsilon", "epochs")
INTEGERS = ("batch_size", "epochs")
QUANTITIES = (
    *("absolute_difference", "difference"),
    *("pytorch_accuracy", "pytorch_loss", "tensorflow_accuracy", "tensorflow_loss"),
)
OBJECTIVES = tuple(f"{verb} {quantity}" for verb in ("maximise", "minimise") for quantity in QUANTITIES)
TRIALS = 1000
# A row that is allowed, whatever allowed value is put into it.
EXAMPLE = Trial(trial="t", architecture="smallcnn", learning_rate=1, batch_size=1, adam_epsilon=1, epochs=1)


class Dimension(Model):
    """One side of the box."""

    low: float = Field(ge=0, le=LARGEST, description="a number, the lowest value")
    high: float = Field(ge=0, le=LARGEST, description="a number above low, the highest value")
    log: bool = Field(default=False, description="true or false: uniform on a logarithmic scale")

    @model_validator(mode="after")
    def _ordered(self) -> "Dimension":
        if not self.low < self.high:
            raise InputError(f"low is {self.low:g} and high {self.high:g}; allowed: low < high")
        if self.log and self.low == 0:
            raise InputError("low is 0; allowed: above 0 on a logarithmic scale")
        return self


class Search(Model):
    """The `search` block of a study."""

    architectures: tuple[str, ...] = Field(min_length=1, description="a list of architectures")
    box: dict[str, Dimension | float] = Field(
        description=f"{', '.join(DIMENSIONS)}: each with low, high and log, or one fixed number"
    )
    split: tuple[str, ...] = Field(
        default=(), description="a list of the box's dimensions: n of them make 2^n subspaces, none make one"
    )
    overlap: float = Field(
        default=0.25, ge=0, le=1, description="how far halves reach over the middle, in half lengths, from 0 to 1"
    )
    trials: int = Field(ge=1, le=TRIALS, description=f"trials per subspace, from 1 to {TRIALS}")
    start: int = Field(ge=0, description="how many of them are random, from 0 to trials")
    algorithm: Literal["tpe", "random", "anneal"] = Field(default="tpe", description="tpe, random or anneal")
    objective: str = Field(
        default="maximise absolute_difference", description="maximise or minimise, and one of " + ", ".join(QUANTITIES)
    )
    pending: int = Field(
        default=1, ge=1, le=TRIALS, description="an integer >= 1: how many trials of a subspace may run at once"
    )
    seed: int = Field(default=0, ge=0, le=2**32 - 1, description="an integer from 0 to 2^32-1")
    semantics: str = Field(default="native", description="of all trials, as in a manifest")

    @field_validator("architectures")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise InputError("an architecture stands there twice")
        return names

    @field_validator("objective")
    @classmethod
    def _objective(cls, objective: str) -> str:
        if objective not in OBJECTIVES:
            raise InputError(f"found '{objective}'; {nearest(objective, OBJECTIVES)}")
        return objective

    @model_validator(mode="after")
    def _consistent(self) -> "Search":
        for name in self.box:
            if name not in DIMENSIONS:
                raise InputError(f"box: unknown dimension '{name}'; {nearest(name, DIMENSIONS)}")
        for name in DIMENSIONS:
            if name not in self.box:
                raise InputError(f"box: missing '{name}'; it is low and high, or one fixed number")
            for value in self._bounds(name):
                Trial.check({**dict(EXAMPLE), name: value}, "box", "side")
        for name in self.split:
            if not isinstance(self.box.get(name), Dimension):
                ranges = [name for name in self.box if isinstance(self.box[name], Dimension)]
                raise InputError(f"split: '{name}' is no range of the box; {nearest(name, ranges)}")
        if len(set(self.split)) < len(self.split):
            raise InputError("split: a dimension stands there twice")
        if self.start > self.trials:
            raise InputError(f"start: found {self.start}; allowed: 0 to {self.trials}, the trials per subspace")
        return self

    def _bounds(self, name: str) -> tuple[float, float]:
        side = self.box[name]
        return (side.low, side.high) if isinstance(side, Dimension) else (side, side)

    @cached_property
    def space(self) -> Space:
        """The box and its split."""
        box = {
            name: Interval(*self._bounds(name), name in INTEGERS, getattr(self.box[name], "log", False))
            for name in DIMENSIONS
        }
        return Space(box, self.overlap, self.split)

    @cached_property
    def places(self) -> dict[str, "Place"]:
        """All trials by name, in the order of architectures, subspaces and suggestions."""
        return {
            f"{architecture}-s{space:02d}-{number:03d}": Place(architecture, space, number)
            for architecture in self.architectures
            for space in range(2 ** len(self.split))
            for number in range(self.trials)
        }

    def visible(self, trial: str) -> list[str]:
        """The trials that a suggestion is allowed to see, in their order."""
        place = self.places[trial]
        if place.number < self.start:
            return []
        names = (f"{place.architecture}-s{place.space:02d}-{k:03d}" for k in range(place.number - self.pending + 1))
        return list(names)

    def sha256(self) -> str:
        """The identity of a trajectory: all but how long it is, so that a search may be made longer."""
        text = json.dumps(self.model_dump(mode="json", exclude={"trials"}), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Place:
    """Where a trial stands: its architecture, the number of its subspace, and its number there."""

    architecture: str
    space: int
    number: int


@dataclass(frozen=True)
class Seen:
    """A finished trial as a suggestion sees it; the objective is None where a model diverged."""

    row: Trial
    objective: float | None
    contents: tuple[str, ...]


def suggestion_path(folder: str | os.PathLike[str], trial: str) -> Path:
    """Where a suggestion is kept."""
    return Path(folder) / "trials" / trial / "row.json"


def read_suggestion(folder: str | os.PathLike[str], trial: str, search: Search) -> dict[str, Any]:
    """A suggestion that was made: `row`, `guided`, `saw`, `saw_sha256`, `search_sha256`.

    Raises:
        InputError: missing, damaged, or of another search.
    """
    path = suggestion_path(folder, trial)
    try:
        with reading(path) as stream:
            made = json.loads(stream.readall())
        made["row"] = Trial.check(made["row"], f"{path}: row")
        of, _ = made["search_sha256"], (made["guided"], made["saw"], made["saw_sha256"])
    except FileNotFoundError as error:
        raise InputError(f"{path}: missing; build it first") from error
    except InputError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: damaged ({error}); delete it, and the trial is suggested again") from error
    if of != search.sha256():
        raise InputError(
            f"{path}: suggested by another search than the study file's, and a trajectory cannot be mixed; give the "
            "study another name, or delete its folder"
        )
    if made["row"].trial != trial:
        raise InputError(f"{path}: holds trial '{made['row'].trial}'; delete it, and the trial is suggested again")
    return made


def read_seen(folder: str | os.PathLike[str], trial: str, search: Search) -> Seen:
    """A finished trial.

    Raises:
        InputError: its suggestion or one of its results is missing, damaged, or not of one another.
    """
    row = read_suggestion(folder, trial, search)["row"]
    sides, contents = {}, []
    for framework in FRAMEWORKS:
        path = Path(folder) / "trials" / trial / f"{framework}.h5"
        attributes, curves = trial_file.read_curves(path)
        for key, value in row.deciding().items():
            if attributes["row"].get(key) != value:
                raise InputError(
                    f"{path}: inconsistent history: it was trained with {key}={attributes['row'].get(key)}, but its "
                    f"row.json says {value}; delete the one that is wrong and build again"
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


def suggest(search: Search, trial: str, folder: str | os.PathLike[str], examples: int, semantics: dict) -> dict:
    """The suggestion of one trial: the same from the same search and results, on every machine.

    Args:
        search: the search block.
        trial: one of its names.
        folder: the study's folder, with the results that it may see.
        examples: training examples of the dataset.
        semantics: of the trial, resolved.

    Returns:
        What `row.json` holds.

    Raises:
        InputError: an unknown trial, or a missing or inconsistent history.
    """
    if trial not in search.places:
        raise InputError(f"no trial '{trial}' in the search; {nearest(trial, search.places)}")
    history = [read_seen(folder, name, search) for name in search.visible(trial)]
    for seen in history:
        for name, interval in search.space.subspaces()[search.places[trial].space].items():
            if not interval.low <= getattr(seen.row, name) <= interval.high:
                raise InputError(
                    f"{suggestion_path(folder, seen.row.trial)}: inconsistent history: {name} is "
                    f"{getattr(seen.row, name)}; allowed in its subspace: {interval.low:g} to {interval.high:g}"
                )
    row, guided = next_row(search, trial, history, examples, semantics)
    everything = json.dumps([[seen.row.deciding(), seen.contents] for seen in history], sort_keys=True)
    return {
        "row": row.model_dump(mode="json"),
        "guided": guided,
        "saw": [[seen.row.trial, seen.objective] for seen in history],
        "saw_sha256": hashlib.sha256(everything.encode()).hexdigest(),
        "search_sha256": search.sha256(),
    }


def next_row(
    search: Search, trial: str, history: list[Seen], examples: int, semantics: dict[str, str]
) -> tuple[Trial, bool]:
    """The next row of a subspace after a history, and whether that guided it."""
    place = search.places[trial]
    subspace = search.space.subspaces()[place.space]
    stream = Stream("uncrossed-search-1", search.seed, place.architecture, place.space, place.number)
    guided = place.number >= search.start and search.algorithm != "random"
    values = {"trial": trial, "architecture": place.architecture, "seed": stream.integer(2**32), "space": place.space}
    point = _ask(search, subspace, history, stream.integer(2**31), search.algorithm if guided else "random")
    point["batch_size"] = _allowed(values, point, subspace["batch_size"], examples)
    return Trial.check({**values, **point, "semantics": semantics}, f"suggested row {trial}"), guided


def write_suggestion(path: str | os.PathLike[str], made: dict[str, Any]) -> None:
    """Keep a suggestion."""
    write_json(path, made)


def _allowed(values: dict, point: dict, interval: Interval, examples: int) -> int:
    """The batch size nearest to the suggested one that the dataset allows, the smaller of two."""
    low, high, wanted = int(interval.low), int(min(interval.high, examples)), point["batch_size"]
    for size in sorted(range(max(low, wanted - 50), min(high, wanted + 50) + 1), key=lambda n: (abs(n - wanted), n)):
        row = Trial.check({**values, **point, "batch_size": size}, f"suggested row {values['trial']}")
        try:
            row.check_examples(examples)
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
