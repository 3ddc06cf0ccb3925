"""What is found of one pair."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Report:
    """All that is found of one pair.

    Attributes:
        name: of the pair.
        inputs: what one input is, in words.
        parameters: the number of trained parameters of each side.
        pairs: PyTorch's name, Keras' name, kind, and whether it has arrays, of each pair of operations.
        ambiguous: layers that could be paired otherwise as well.
        flattened: dense layers whose inputs the two flatten in another order.
        unknown: operations that are not compared by configuration.
        differences: in the order in which one would mend them.
        partings: where the two part, and because of what.
        agreed: how far apart outputs, statistics and gradients are once all differences are taken away.
        notes: what could not be compared.
    """

    name: str
    inputs: str
    parameters: dict[str, int]
    pairs: list[dict[str, Any]]
    ambiguous: list[tuple[str, str]]
    flattened: list[tuple[str, tuple[int, int, int]]]
    unknown: list[dict[str, str]]
    differences: list[Any] = field(default_factory=list)
    partings: list[dict[str, Any]] = field(default_factory=list)
    agreed: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """As data for JSON."""
        # JSON has no infinity, which stands for values of another shape.
        partings = [p | {"apart": p["apart"] if np.isfinite(p["apart"]) else None} for p in self.partings]
        agreed = {mode: size if np.isfinite(size) else None for mode, size in self.agreed.items()}
        differences = [difference.plain() for difference in self.differences]
        return vars(self) | {"differences": differences, "partings": partings, "agreed": agreed}
