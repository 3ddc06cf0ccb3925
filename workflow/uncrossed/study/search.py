"""A study's search: the box that it looks in, how long and for what, and the suggestions that were made so far.

What suggests is `uncrossed.search`; a study needs no more than the names of the trials and the rows that are known.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from uncrossed.common.checked import Model
from uncrossed.common.errors import InputError, nearest
from uncrossed.common.files import DAMAGE, reading
from uncrossed.study import layout
from uncrossed.study.hyperparameters import ADAM_EPSILON, FURTHER, HYPERPARAMETERS
from uncrossed.study.space import Interval, Space
from uncrossed.study.trial import GUIDED, LARGEST, RANDOM, Trial
from uncrossed.training import optimizers

QUANTITIES = (
    *("absolute_difference", "difference"),
    *("pytorch_accuracy", "pytorch_loss", "tensorflow_accuracy", "tensorflow_loss"),
)
OBJECTIVES = tuple(f"{verb} {quantity}" for verb in ("maximise", "minimise") for quantity in QUANTITIES)
MOST_TRIALS = 1000
# A row that is allowed, whatever allowed value is put into it.
EXAMPLE = Trial(trial="t", architecture="smallcnn", **dict.fromkeys(HYPERPARAMETERS, 1))


NUMBERS = HYPERPARAMETERS | FURTHER


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
        description=f"{', '.join(HYPERPARAMETERS)}, or what the optimizer takes: each with low, high and log, or one "
        "fixed number"
    )
    split: tuple[str, ...] = Field(
        default=(), description="a list of the box's dimensions: n of them make 2^n subspaces, none make one"
    )
    overlap: float = Field(
        default=0.25, ge=0, le=1, description="how far halves reach over the middle, in half lengths, from 0 to 1"
    )
    trials: int = Field(ge=1, le=MOST_TRIALS, description=f"trials per subspace, from 1 to {MOST_TRIALS}")
    start: int = Field(ge=0, description="how many of them are random, from 0 to trials")
    algorithm: Literal["tpe", "random", "anneal"] = Field(default="tpe", description="tpe, random or anneal")
    objective: str = Field(
        default="maximise absolute_difference", description="maximise or minimise, and one of " + ", ".join(QUANTITIES)
    )
    pending: int = Field(
        default=1, ge=1, le=MOST_TRIALS, description="an integer >= 1: how many trials of a subspace may run at once"
    )
    seed: int = Field(default=0, ge=0, le=2**32 - 1, description="an integer from 0 to 2^32-1")
    semantics: str = Field(default="native", description="of all trials, as in a manifest")
    # While these are at their defaults, a trajectory is what it was before they were there.
    optimizer: Literal[optimizers.BUILT_IN_OPTIMIZERS] = Field(
        default=optimizers.DEFAULT,
        exclude_if=lambda name: name == optimizers.DEFAULT,
        description="of all trials, as in a manifest",
    )
    nesterov: bool | None = Field(
        default=None, exclude_if=lambda value: value is None, description="of all trials, as in a manifest"
    )

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
            if name not in NUMBERS:
                raise InputError(f"box: unknown dimension '{name}'; {nearest(name, NUMBERS)}")
        takes = optimizers.load(self.optimizer).TAKES
        for name in NUMBERS:
            if name not in self.box and (takes.get(name) or name in HYPERPARAMETERS.keys() - {ADAM_EPSILON}):
                raise InputError(f"box: missing '{name}'; it is low and high, or one fixed number")
        lowest = {name: self._bounds(name)[0] for name in self.box}
        for name in self.box:
            for value in self._bounds(name):
                Trial.check({"trial": "any", "architecture": "any", **self.fixed, **lowest, name: value}, "box", "side")
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

    @property
    def fixed(self) -> dict[str, Any]:
        """What all rows have besides the numbers of the box."""
        return {"optimizer": self.optimizer, "nesterov": self.nesterov}

    @cached_property
    def space(self) -> Space:
        """The box and its split."""
        box = {
            name: Interval(*self._bounds(name), known.integer, getattr(self.box[name], "log", False))
            for name, known in NUMBERS.items()
            if name in self.box
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

    def place(self, trial: str) -> "Place":
        """Where a trial stands.

        Raises:
            InputError: the search has none of that name.
        """
        if trial not in self.places:
            raise InputError(f"the search has no trial '{trial}'; {nearest(trial, self.places)}")
        return self.places[trial]

    def visible(self, trial: str) -> list[str]:
        """The trials that a suggestion is allowed to see, in their order; raises as `place` does."""
        place = self.place(trial)
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


def read_suggestion(folder: str | os.PathLike[str], trial: str, search: Search) -> dict[str, Any]:
    """A suggestion that was made: `row`, `guided`, `saw`, `saw_sha256`, `search_sha256`.

    Raises:
        InputError: missing, damaged, or of another search.
    """
    path = Path(folder) / layout.suggestion(trial)
    try:
        with reading(path) as stream:
            made = json.loads(stream.readall())
        # Earlier versions said only beside the row whether it was guided.
        made["row"] = {"origin": GUIDED if made["guided"] else RANDOM} | made["row"]
        made["row"] = Trial.check(made["row"], f"{path}: row")
        of, _ = made["search_sha256"], (made["guided"], made["saw"], made["saw_sha256"])
    except FileNotFoundError as error:
        raise InputError(f"{path}: missing; build it first") from error
    except InputError:
        raise
    except DAMAGE as error:
        raise InputError(f"{path}: damaged ({error}); delete it, and the trial is suggested again") from error
    if of != search.sha256():
        raise InputError(
            f"{path}: suggested by another search than the study file's, and a trajectory cannot be mixed; give the "
            "study another name, or delete its folder"
        )
    if made["row"].trial != trial:
        raise InputError(f"{path}: holds trial '{made['row'].trial}'; delete it, and the trial is suggested again")
    return made
