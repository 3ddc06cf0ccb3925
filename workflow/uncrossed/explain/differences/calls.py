"""What one side does in one pass through its model: the calls of layers and functions, in order, and who feeds whom."""

from collections.abc import Callable, Mapping
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
        says: its argument or attribute of a name; `KeyError` or `AttributeError` where it has none.
        inputs: the numbers of the calls that made its inputs; MODEL_INPUT, or None for what no recorded call made.
        arrays: the model's arrays that it uses, by the part that they are to it.
        trained: of these arrays the parts that are trained.
        x: the shape of its first input.
        y: the shape of its output.
        again: calls it again on another array, outside the model; None where it has more inputs than one.
        source: how it is called in code, as `F.relu` or `layers.Conv2D`.
    """

    key: str
    name: str
    function: str
    says: Callable[[str], Any]
    inputs: list[int | None]
    arrays: dict[str, str]
    trained: frozenset[str]
    x: tuple[int, ...]
    y: tuple[int, ...]
    again: Callable[[np.ndarray], np.ndarray] | None
    source: str

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
        calls: in order.
        output: the number of the call that made the model's output; None where none was seen, or the pass ended early.
        values: the output of each call, by its key.
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


def plain(name: str) -> str:
    """A function's or class's name without underscores and capitals: both libraries' names in one form."""
    return name.replace("_", "").lower()
