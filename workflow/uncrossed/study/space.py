"""The search box and its overlapping subspaces, as in HyperSpace (Young et al. 2018), and a stable source of points.

With overlap phi, a dimension [low, high] splits into a low half [low, low + half + overlap] and a high half
[high - half - overlap, high], where half = (high - low) / 2 and overlap = half * phi; integers round inwards.
Subspace s takes the low half of dimension i where bit i of s is set, the high half where it is clear.
"""

import hashlib
import math
from dataclasses import dataclass, replace

import numpy as np

from uncrossed.study.hyperparameters import HYPERPARAMETERS


class Stream:
    """Random numbers that stay the same in every version of NumPy: raw output of PCG64 and nothing else."""

    def __init__(self, *key: object):
        """Seed from a key of any printable parts."""
        seed = int.from_bytes(hashlib.sha256("/".join(map(str, key)).encode()).digest()[:16], "big")
        self._bits = np.random.PCG64(seed)

    def unit(self) -> float:
        """A float uniform in [0, 1), with 53 random bits."""
        return (int(self._bits.random_raw()) >> 11) * 2.0**-53

    def integer(self, count: int) -> int:
        """An integer from 0 to below `count`, which is far below 2^53."""
        return int(self.unit() * count)


@dataclass(frozen=True)
class Interval:
    """One dimension: all reals, or all integers, from `low` to `high`, both included, on a linear or a log scale."""

    low: float
    high: float
    integer: bool = False
    log: bool = False

    def halves(self, phi: float) -> tuple["Interval", "Interval"]:
        """The low and the high half, each reaching over the middle by `phi` times half the length (of its scale)."""
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        half = (high - low) / 2
        overlap = half * phi
        # In this order of operations the bounds equal, to the last bit, those at which published trials lie.
        up, down = low + (half + overlap), high - (half + overlap)
        if self.log:
            up, down = math.exp(up), math.exp(down)
        # Rounding must neither leave the interval nor leave a point between the halves.
        up = min(max(up, self.low), self.high)
        down = max(min(down, up, self.high), self.low)
        if self.integer:
            up, down = math.floor(up), math.ceil(down)
        return replace(self, high=up), replace(self, low=down)

    def draw(self, random: Stream) -> float:
        """A uniform point of a linear scale."""
        if self.integer:
            return int(self.low) + random.integer(int(self.high) - int(self.low) + 1)
        return self.low + (self.high - self.low) * random.unit()


@dataclass(frozen=True)
class Space:
    """A box of hyperparameters, how far its halves overlap, and which dimensions are split (None: all)."""

    box: dict[str, Interval]
    phi: float = 0.25
    split: tuple[str, ...] | None = None

    def subspaces(self) -> list[dict[str, Interval]]:
        """All 2^n combinations of halves of the n split dimensions, subspace number s at index s."""
        split = tuple(self.box) if self.split is None else self.split
        halves = {name: self.box[name].halves(self.phi) for name in split}
        return [
            {
                name: halves[name][0 if s >> split.index(name) & 1 else 1] if name in split else interval
                for name, interval in self.box.items()
            }
            for s in range(2 ** len(split))
        ]

    def stream(self, seed: int, *key: object) -> Stream:
        """The random numbers of one part of a sample."""
        return Stream("uncrossed-space-1", seed, *key)


# The search box of the 2021 study.
PUBLISHED = Space({name: Interval(*known.published, known.integer) for name, known in HYPERPARAMETERS.items()})
