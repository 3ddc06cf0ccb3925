"""Factorials: trials crossed with all combinations of aligned mechanisms, or with half of them.

A factor is a group of mechanisms that are aligned together, `mechanisms.FACTORS`. For every set S of factors a base has
a row in which S is aligned and all else is as in the base; gap(S) is its difference, PyTorch minus TensorFlow. A
half-fraction has the sets that hold an even number of the factors that take trainings: its defining contrast is the
product of these (Box, Hunter & Hunter 2005, chapter 6). Factors that act on evaluation alone cost no training, so that
they are always crossed in full.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import product

from uncrossed.common.errors import InputError
from uncrossed.study.mechanisms import FACTORS, MECHANISMS, NATIVE, spell
from uncrossed.study.trial import FRAMEWORKS, Trial
from uncrossed.training.views import EVALUATION

# For each factor whether it is aligned.
Point = tuple[bool, ...]
# With fewer trained factors a half-fraction would confuse two of them.
FEWEST_OF_HALF = 3
# Factors whose mechanisms mean something alone.
SPLIT = ("dropout", "epsilons")


def aligned(mechanism: str, towards: str) -> str:
    """The setting with which both sides do the same: one framework's, or what is shared."""
    return towards if towards in MECHANISMS[mechanism].settings else "shared"


def factors(
    base: Trial, touching: Collection[str], towards: str = "pytorch", split: Collection[str] = ()
) -> dict[str, tuple[str, ...]]:
    """The factors of a base by name, each with its mechanisms: those in which its two sides still differ.

    A mechanism that the base sets itself is none of them: it stays as it is in all rows.

    Args:
        base: the row.
        touching: the mechanisms that make a difference for its architecture.
        towards: the framework that the other one imitates.
        split: factors of SPLIT whose mechanisms are factors of their own.
    """
    found = {}
    for name, group in FACTORS.items():
        free = [one for one in group if one in touching and base.semantics[one] == NATIVE[one]]
        for part in [[one] for one in free] if name in split else [free]:
            changed = base.semantics | {one: aligned(one, towards) for one in part}
            trainings = [
                [row.training(side, touching) for side in FRAMEWORKS]
                for row in (base, base.model_copy(update={"semantics": changed}))
            ]
            if trainings[0] != trainings[1]:
                found[part[0] if len(part) == 1 else name] = tuple(part)
    return found


def is_trained(factor: str) -> bool:
    """Whether a factor takes trainings; the others act on evaluation alone."""
    return factor not in EVALUATION


def points(names: Iterable[str], half: bool = False) -> list[Point]:
    """The combinations of a factorial, the first with nothing aligned."""
    names = list(names)
    every = product((False, True), repeat=len(names))
    return [point for point in every if not (half and sum(_trained(names, point)) % 2)]


def _trained(names: Iterable[str], point: Point) -> list[bool]:
    return [on for name, on in zip(names, point, strict=True) if is_trained(name)]


def cross(
    base: Trial,
    touching: Collection[str],
    seeds: Iterable[int] | None = None,
    towards: str = "pytorch",
    half: bool = False,
    split: Collection[str] = (),
) -> list[Trial]:
    """The rows of a base's factorial.

    Args:
        base: a row; its semantics are kept, and what they leave native is crossed.
        touching: the mechanisms that make a difference for its architecture.
        seeds: the factorial is made once for each; by default for the base's own.
        towards: the framework that the other one imitates.
        half: of the combinations of trained factors take half.
        split: factors of SPLIT whose mechanisms are factors of their own.

    Returns:
        Rows named `{base}-{combination}`, with given seeds `{base}-{combination}-{seed}`, where the combination has a 1
        for each factor that is aligned and a 0 for each that is not. Where all are, mechanisms that do not touch the
        architecture are aligned too, which changes nothing but the name of the semantics.

    Raises:
        InputError: no factor; too few for a half-fraction; a name that gets too long.
    """
    found = factors(base, touching, towards, split)
    if not found:
        raise InputError(f"trial '{base.trial}': no mechanism is left in which its two sides differ")
    if half and sum(map(is_trained, found)) < FEWEST_OF_HALF:
        raise InputError(
            f"trial '{base.trial}': {base.architecture} has {sum(map(is_trained, found))} factors that take trainings; "
            f"allowed: at least {FEWEST_OF_HALF} for a half-fraction"
        )
    free = [one for one in MECHANISMS if one not in touching and base.semantics[one] == NATIVE[one]]
    rows = []
    for seed in [None] if seeds is None else seeds:
        for point in points(found, half):
            chosen = [one for part, on in zip(found.values(), point, strict=True) if on for one in part]
            changes = {one: aligned(one, towards) for one in (*chosen, *(free if all(point) else ()))}
            code = "".join("1" if on else "0" for on in point)
            name = f"{base.trial}-{code}" if seed is None else f"{base.trial}-{code}-{seed}"
            values = base.model_dump() | {"trial": name, "semantics": base.semantics | changes, "base": base.trial}
            values |= {} if seed is None else {"seed": seed}
            rows.append(Trial.check(values, f"factorial of trial '{base.trial}'"))
    return rows


def repeats(bases: Iterable[Trial], count: int) -> list[Trial]:
    """Further seeds of the bases in which noise is expected to be largest, as they are.

    These are a quarter of each architecture's bases, those with the largest learning_rate / adam_epsilon. With a large
    epsilon that is the step size of Adam, and where it was large, published pairs with nearly equal hyperparameters
    were furthest apart.

    Args:
        bases: the rows.
        count: how many seeds, which follow the row's own.

    Returns:
        Rows named `{base}-repeat-{number}`.
    """
    by_architecture: dict[str, list[Trial]] = {}
    for base in bases:
        by_architecture.setdefault(base.architecture, []).append(base)
    rows = []
    for group in by_architecture.values():
        group.sort(key=lambda base: (-base.learning_rate / base.adam_epsilon, base.trial))
        for base in group[: -(-len(group) // 4)]:
            for number in range(1, count + 1):
                values = {"trial": f"{base.trial}-repeat-{number}", "seed": (base.seed + number) % 2**32}
                rows.append(Trial.check(base.model_dump() | values | {"base": base.trial}, f"repeat of '{base.trial}'"))
    return rows


@dataclass(frozen=True)
class Design:
    """A base's factorial, as its rows have it.

    Attributes:
        base: the base's name.
        architecture: its architecture.
        semantics: of the base as it is, as text.
        towards: the framework that the other one imitates.
        factors: their names.
        points: the combinations, the first with nothing aligned.
        replicates: by seed the trials' names, in the order of the points.
    """

    base: str
    architecture: str
    semantics: str
    towards: str
    factors: tuple[str, ...]
    points: tuple[Point, ...]
    replicates: Mapping[int, tuple[str, ...]]

    @property
    def half(self) -> bool:
        """Whether it is a half-fraction."""
        return len(self.points) < 2 ** len(self.factors)


def designs(rows: Iterable[Trial], touching: Mapping[str, Collection[str]]) -> list[Design]:
    """The factorials among rows, sorted by base.

    Rows of one base are a factorial where they differ in semantics and seed only, and at least one seed has all
    combinations or a half-fraction of them; rows of other seeds are left out.

    Args:
        rows: those of a study.
        touching: by architecture the mechanisms that make a difference for it.
    """
    groups: dict[str, list[Trial]] = {}
    for row in rows:
        if row.base is not None:
            groups.setdefault(row.base, []).append(row)
    found = (_design(base, group, touching[group[0].architecture]) for base, group in sorted(groups.items()))
    return [design for design in found if design]


def _design(base: str, group: list[Trial], touching: Collection[str]) -> Design | None:
    if len({row.model_dump_json(exclude={"trial", "seed", "semantics", "space"}) for row in group}) > 1:
        return None
    names = (one for part in FACTORS.values() for one in part)
    settings = {one: {row.semantics[one] for row in group} for one in names if one in touching}
    varied = {one: values - {NATIVE[one]} for one, values in settings.items() if len(values) > 1}
    sides = set().union(*varied.values()) - {"shared"}
    if not varied or len(sides) > 1 or any(len(others) != 1 for others in varied.values()):
        return None
    # Mechanisms that are aligned in the same rows are one factor.
    together: dict[tuple[bool, ...], list[str]] = {}
    for one in varied:
        together.setdefault(tuple(row.semantics[one] != NATIVE[one] for row in group), []).append(one)
    names = tuple(_name(part) for part in together.values())
    places: dict[int, dict[Point, str]] = {}
    for row, point in zip(group, zip(*together, strict=True), strict=True):
        if places.setdefault(row.seed, {}).setdefault(point, row.trial) != row.trial:
            return None
    whole, some = points(names), points(names, half=True)
    there = {point for place in places.values() for point in place}
    design = next((choice for choice in (whole, some) if there == set(choice)), None)
    if design is None or (design is some and sum(map(is_trained, names)) < FEWEST_OF_HALF):
        return None
    replicates = {
        seed: tuple(place[point] for point in design)
        for seed, place in sorted(places.items())
        if len(place) == len(design)
    }
    if not replicates:
        return None
    first = next(row for row in group if all(row.semantics[one] == NATIVE[one] for one in varied))
    towards = sides.pop() if sides else "pytorch"
    return Design(base, group[0].architecture, spell(first.semantics), towards, names, tuple(design), replicates)


def _name(mechanisms: list[str]) -> str:
    """What a factor of these mechanisms is called."""
    if len(mechanisms) == 1:
        return mechanisms[0]
    return next((name for name, group in FACTORS.items() if set(mechanisms) == set(group)), "+".join(mechanisms))
