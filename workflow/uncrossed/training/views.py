"""Views: what a training would have been tested as with other running statistics of its batch normalisation.

Some mechanisms act on running statistics alone, which a step neither reads nor differentiates: rows that differ in
nothing else train to the same weights. One training can carry the statistics of each of them and test with each.
"""

from collections.abc import Collection, Mapping
from itertools import product

# The mechanisms that act on running statistics alone; all others act on the weights.
EVALUATION = ("batchnorm_momentum", "batchnorm_variance")
SIDES = ("pytorch", "tensorflow")

# Of each evaluation mechanism that touches an architecture, the framework that does it so.
Ways = dict[str, str]


def own(framework: str, mechanisms: Mapping[str, str], touching: Collection[str]) -> Ways:
    """How a training itself does what evaluation mechanisms are about.

    Args:
        framework: `pytorch` or `tensorflow`.
        mechanisms: what it does otherwise than it ships, as `effective.effective` says.
        touching: the mechanisms that make a difference for the architecture.
    """
    return {name: mechanisms.get(name, framework) for name in EVALUATION if name in touching}


def others(framework: str, mechanisms: Mapping[str, str], touching: Collection[str]) -> dict[str, Ways]:
    """The views of a training by name: all combinations but its own, of which there may be none.

    Args:
        framework: `pytorch` or `tensorflow`.
        mechanisms: what the training does otherwise than it ships, as `effective.effective` says.
        touching: the mechanisms that make a difference for the architecture.
    """
    mine = own(framework, mechanisms, touching)
    every = (dict(zip(mine, ways, strict=True)) for ways in product(SIDES, repeat=len(mine)))
    return {name(ways): ways for ways in every if ways != mine}


def name(ways: Ways) -> str:
    """A view's name, as a manifest's `semantics` would have it: `batchnorm_momentum=pytorch;...`."""
    return ";".join(f"{mechanism}={way}" for mechanism, way in ways.items())
