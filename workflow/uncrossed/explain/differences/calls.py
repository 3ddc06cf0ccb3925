"""What one side does in one pass through its model: the calls of layers and functions, in order, and who feeds whom."""

from collections import Counter
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# Among a call's inputs: the model's own input.
MODEL_INPUT = -1


@dataclass(eq=False)
class Call:
    """One call of a layer or a function.

    Attributes:
        key: its place in the model, the same in every pass.
        name: what the model calls it, as `layer1.0.conv1`, or the function and where it is called.
        function: the function or class, without underscores and capitals.
        inputs: the numbers of the calls that made its inputs; MODEL_INPUT, or None for what no recorded call made.
        x: the shape of its first input.
        y: the shape of its output.
        says: its argument or attribute of a name; `KeyError` or `AttributeError` where it has none.
        arrays: the model's arrays that it uses, by the part that they are to it.
        trained: of these arrays the parts that are trained.
        again: calls it again on another array, outside the model; None where it has more inputs than one.
        source: how it is called in code, as `F.relu` or `layers.Conv2D`.
    """

    key: str
    name: str
    function: str
    inputs: list[int | None]
    x: tuple[int, ...]
    y: tuple[int, ...]
    says: Callable[[str], Any] = {}.__getitem__
    arrays: dict[str, str] = field(default_factory=dict)
    trained: frozenset[str] = frozenset()
    again: Callable[[np.ndarray], np.ndarray] | None = None
    source: str = ""

    def get(self, name: str, default: Any = None) -> Any:
        """Its argument or attribute of a name, or what holds without it."""
        try:
            return self.says(name)
        except (KeyError, AttributeError):
            return default


@dataclass(eq=False)
class Pass:
    """One pass through a model.

    Attributes:
        calls: in order, where they are to be read.
        output: the number of the call that made the model's output; None where none was seen, or the pass ended early.
        values: the output of each call that is wanted, by its key, or what is kept of it.
        statistics: the arrays that are not trained, after it, by name.
        gradients: of the loss with respect to each trained array, by name, where they were asked for.
        logits: the model's output.
        error: what ended it early, and at which call.
    """

    calls: list[Call] = field(default_factory=list)
    output: int | None = None
    values: dict[str, np.ndarray] = field(default_factory=dict)
    statistics: Mapping[str, np.ndarray] = field(default_factory=dict)
    gradients: Mapping[str, np.ndarray] = field(default_factory=dict)
    logits: np.ndarray | None = None
    error: tuple[str, str] | None = None


class Recorder:
    """Keeps the calls of one pass, and knows of each tensor which call made it."""

    def __init__(
        self, is_tensor: Callable[[Any], bool], kept_of: Callable[[str, Any], Any], wanted: Container[str] | None
    ):
        """Begin.

        Args:
            is_tensor: whether a value is one of the framework's tensors.
            kept_of: what is kept of a call's output, given its key and the tensor.
            wanted: the keys of the calls whose outputs are kept; None where the calls are, to be read.
        """
        self.is_tensor, self.kept_of, self.wanted = is_tensor, kept_of, wanted
        self.seen = Pass()
        self.places: list[str] = []  # the layers that are being called
        self.inside = 0  # how deep in a layer that is seen as one
        self.counts: Counter[str] = Counter()
        self.makers: dict[int, int] = {}
        self.kept: list[Any] = []  # an id stays one tensor's as long as the tensor lives
        self.key = ""

    def begin(self, tensor: Any) -> None:
        """A tensor is the model's input."""
        self.makers[id(tensor)] = MODEL_INPUT
        self.kept.append(tensor)

    def tensors(self, value: Any) -> list[Any]:
        """All tensors of a value."""
        if self.is_tensor(value):
            return [value]
        if isinstance(value, Mapping):
            value = value.values()
        elif not isinstance(value, (list, tuple)):
            return []
        return [tensor for part in value for tensor in self.tensors(part)]

    def keyed(self, place: str) -> str:
        """The key of the next call of a place."""
        self.key = f"{place}|{self.counts[place]}"
        return self.key

    def keep(self, place: str, name: str, function: str, data: list[Any], made: list[Any], **rest: Any) -> Call:
        """Keep a call: the place that its key is made of, and what `Call` has."""
        key = self.keyed(place)
        self.counts[place] += 1
        inputs = [self.makers.get(id(tensor)) for tensor in data]
        call = Call(key, name, function, inputs, tuple(data[0].shape) if data else (), tuple(made[0].shape), **rest)
        self.makers |= {id(tensor): len(self.seen.calls) for tensor in made}
        self.kept += [*made, *data]
        self.seen.calls.append(call)
        if self.wanted is not None and key in self.wanted:
            self.seen.values[key] = self.kept_of(key, made[0])
        return call

    def end(self) -> None:
        """Let go what a pass's tensors are held by: they are large. Calls stay where they are wanted, to be read."""
        self.kept.clear()
        if self.wanted is not None:
            self.seen.calls.clear()

    def without_tensors(self, arguments: Mapping[str, Any], data: list[Any]) -> dict[str, Any]:
        """Arguments without those that are a call's inputs."""
        known = {id(tensor) for tensor in data}
        return {k: v for k, v in arguments.items() if not any(id(t) in known for t in self.tensors(v))}


def plain(name: str) -> str:
    """A function's or class's name without underscores and capitals: both libraries' names in one form."""
    return name.replace("_", "").lower()
