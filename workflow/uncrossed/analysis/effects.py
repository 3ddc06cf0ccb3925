"""What the factors of a factorial do to a gap: Shapley values, main effects and interactions, each a sum of gaps.

With x_f = 1 where factor f is aligned and -1 where it is not, every function of the sets S of aligned factors is

    gap(S) = Σ_T β_T Π_{f in T} x_f        over all sets T of factors.

Aligning f takes -2 β_f off the gap in the mean over all combinations of the others: its main effect. Two factors take
off -4 β_fg more together than each by itself: their interaction, whose sign is opposite to the gap's where one hides
the other. The Shapley value
(1953) is what f takes off in the mean over all orders in which the factors can be aligned; each β_T of an odd number of
factors is shared equally among them,

    φ_f = -2 Σ β_T / |T|                   over all T with f in T and |T| odd,

so that the values add up to gap(nothing aligned) - gap(all aligned), and without interactions of three and more factors
φ_f is the main effect.

A half-fraction whose defining contrast is D shows of T and T Δ D only β_T ± β_(T Δ D): the two are aliased (Box, Hunter
& Hunter 2005, chapter 6). It is taken for the smaller set, and halved between two of one size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np


@dataclass(frozen=True)
class Effects:
    """The effects of a factorial's factors; a value is a row of weights times the gaps.

    Attributes:
        shapley: factors x points.
        main: factors x points.
        interactions: by the places of two factors, the weights of the points; those that are aliased with another of
            two factors are left out.
        remaining: of the points; what is left when all are aligned. In a half-fraction without that point it is
            gap(nothing aligned) less the Shapley values.
    """

    shapley: np.ndarray
    main: np.ndarray
    interactions: dict[tuple[int, int], np.ndarray]
    remaining: np.ndarray


def effects(points: Sequence[Sequence[bool]]) -> Effects:
    """The effects that a factorial, or a half-fraction of one, can tell.

    Args:
        points: for each combination whether each factor is aligned, the first with nothing aligned; all combinations,
            or half of them with one defining contrast.
    """
    aligned = np.where(np.array(points, bool), 1.0, -1.0)
    number, factors = aligned.shape
    sets = [chosen for size in range(factors + 1) for chosen in combinations(range(factors), size)]
    # Sets whose contrast is the same, but for its sign, are aliased; the smallest come first.
    classes: dict[bytes, list[tuple[int, ...]]] = {}
    contrasts = {}
    for chosen in sets:
        contrast = aligned[:, chosen].prod(axis=1)
        contrasts[chosen] = contrast / number
        classes.setdefault((contrast * contrast[0]).tobytes(), []).append(chosen)
    beta = {chosen: np.zeros(number) for chosen in sets}
    for aliased in classes.values():
        smallest = [chosen for chosen in aliased if len(chosen) == len(aliased[0])]
        for chosen in smallest:
            beta[chosen] = contrasts[chosen] / len(smallest)
    alone = {aliased[0] for aliased in classes.values() if sum(len(one) == len(aliased[0]) for one in aliased) == 1}
    shapley = np.zeros((factors, number))
    for chosen, weights in beta.items():
        if len(chosen) % 2:
            shapley[list(chosen)] -= 2 * weights / len(chosen)
    first, last = np.eye(number)[0], (aligned == 1).all(axis=1)
    return Effects(
        shapley,
        np.array([-2 * beta[(factor,)] for factor in range(factors)]),
        {pair: -4 * beta[pair] for pair in combinations(range(factors), 2) if pair in alone},
        last.astype(float) if last.any() else first - shapley.sum(axis=0),
    )
