"""One operation of a model in the words of `kinds`, the same for both libraries."""

from dataclasses import dataclass
from typing import Any

from uncrossed.explain.differences import curves
from uncrossed.explain.differences.calls import Call
from uncrossed.explain.differences.kinds import WEIGHTED

START = "the input"


@dataclass(eq=False)
class Operation:
    """One operation.

    Attributes:
        name: what the model calls the layer, or the function and its place.
        kind: one of KINDS, or the library's name of what is not known.
        known: whether it is one of KINDS.
        settings: by name, in the common form.
        arrays: the model's arrays that it uses, by part.
        inputs: the operations that made its inputs; None for the model's own.
        calls: the keys of the calls that it consists of; what it makes is the last one's.
        call: the call that it was read from.
        features: for features that were flattened from images, the images' shape.
        not_negative: whether it never makes a number below zero.
        moved: whether axes were moved before.
        curve: what it does, where it is a function of single numbers; it can be called while a pass is read.
        floored: of pooling that rounds up, what its windows would reach if it did not.
    """

    name: str
    kind: str
    known: bool
    settings: dict[str, Any]
    arrays: dict[str, str]
    inputs: list["Operation | None"]
    calls: list[str]
    call: Call
    features: tuple[int, ...] | None = None
    not_negative: bool = False
    moved: bool = False
    curve: curves.Curve | None = None
    floored: tuple[tuple[int, int], ...] | None = None

    @property
    def key(self) -> str:
        """The key of the value that it makes."""
        return self.calls[-1]

    @property
    def weighted(self) -> bool:
        """Whether its kind has arrays."""
        return self.kind in WEIGHTED or (not self.known and bool(self.call.trained))


@dataclass
class Model:
    """One side's operations in the order of execution, and the arrays that none of them uses."""

    operations: list[Operation]
    output: Operation | None
    unused: list[str]


def name_curve(operation: Operation, curve: curves.Curve, name: str, parameters: dict[str, Any]) -> None:
    """Make an operation the function of single numbers that it is.

    Args:
        operation: the operation.
        curve: what it does.
        name: of the function.
        parameters: of the function.
    """
    operation.kind = {curves.IDENTITY: curves.IDENTITY, curves.RESCALING: "rescaling"}.get(name, "activation")
    operation.settings = parameters if operation.kind != "activation" else {"function": name, **parameters}
    operation.known, operation.curve, operation.not_negative = True, curve, curves.nonnegative(curve)
