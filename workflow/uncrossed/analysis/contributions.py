"""Contributions: how much each factor of a factorial contributes to the gap between the frameworks, as accuracy.

For each base of `uncrossed manifest factorial` (a configuration; its seeds are averaged) the Shapley values of its
factors, which add up to gap(nothing aligned) - gap(all aligned), their main effects and interactions, and what is left
when all are aligned. Over the configurations of an architecture: the means, with Student's t over configurations, and a
test of each Shapley value whose p-values are corrected over the factors (Holm). Of a single configuration the seeds are
the replicates; with one seed there is no interval, and nothing is claimed.

Nothing is attributed while a pair of a factorial has no result. A seed in which a loss was not finite is left out, and
a configuration of which none is left; the table counts both.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from uncrossed.analysis.effects import effects
from uncrossed.analysis.intervals import UNKNOWN, Estimate
from uncrossed.analysis.replicates import fieller, holm, student
from uncrossed.common.errors import InputError
from uncrossed.results.trials_table import BOTH_COMPLETED, DIFFERENCE, STATUSES
from uncrossed.study.factorial import Design

GAP, SHAPLEY, MAIN, INTERACTION, REMAINING = "gap", "shapley", "main_effect", "interaction", "remaining"
COLUMNS = [
    *("architecture", "semantics", "towards", "fraction", "base", "configurations", "seeds"),
    *("seeds_left_out", "configurations_left_out", "quantity", "factor"),
    *("value", "low", "high", "p_holm", "significant", "share", "share_low", "share_high"),
]
# A contribution is claimed where its corrected p-value is not above it.
LEVEL = 0.05
# From so many configurations on an interval covers .93 to .97 in all that tests/benchmarks/coverage.py simulates.
MANY = 40


@dataclass
class Contribution:
    """What a factor contributes.

    Attributes:
        factor: its name.
        points: its Shapley value in shares of accuracy, with the interval.
        significant: whether it is claimed.
        share: of the gap, with the interval; NaN where the gap may be 0.
    """

    factor: str
    points: Estimate
    significant: bool
    share: Estimate = UNKNOWN


@dataclass
class Attribution:
    """What a factorial says of an architecture, or of one configuration.

    Attributes:
        architecture: its name.
        semantics: of the bases as they are.
        towards: the framework that the other one imitates.
        half: whether it is a half-fraction, so that the contributions rest on an assumption.
        base: the configuration; empty over several.
        configurations: how many.
        seeds: how many each has, at most.
        seeds_left_out: how many seeds of configurations were left out, as a loss in them was not finite.
        configurations_left_out: of how many configurations all seeds were.
        gap: with nothing aligned, PyTorch minus TensorFlow.
        contributions: of the factors; with what remains they add up to the gap.
        remaining: the gap with all aligned.
    """

    architecture: str
    semantics: str
    towards: str
    half: bool
    base: str
    configurations: int
    seeds: int
    seeds_left_out: int = 0
    configurations_left_out: int = 0
    gap: Estimate = UNKNOWN
    contributions: list[Contribution] = field(default_factory=list)
    remaining: Estimate = UNKNOWN

    @property
    def kind(self) -> tuple[str, str, str, bool]:
        """What its configurations have in common."""
        return self.architecture, self.semantics, self.towards, self.half

    @property
    def interval(self) -> str:
        """What its intervals are, in words; empty where there are none."""
        if self.configurations >= MANY:
            return f"95% intervals over {self.configurations} configurations (Student's t)"
        if self.configurations > 1:
            return f"Student's t intervals over {self.configurations} configurations"
        return f"Student's t intervals over {self.seeds} seeds of one configuration" if self.seeds > 1 else ""

    @property
    def left_out(self) -> str:
        """What was left out, in words; empty where nothing was."""
        if not self.seeds_left_out:
            return ""
        lost, seeds = self.configurations_left_out, f"{self.seeds_left_out} seed{'s' * (self.seeds_left_out != 1)}"
        whole = f", with them {lost} whole configuration{'s' * (lost != 1)}" if lost else ""
        return f"Left out, as a loss was not finite: {seeds}{whole}."


@dataclass
class Attributed:
    """The attribution of a study.

    Attributes:
        table: with COLUMNS, a row for each quantity and factor of an architecture, then of each configuration.
        without_result: pairs of factorials that have no result yet; where there are some, the table has no rows.
        left_out: configurations of which no seed completed.
    """

    table: pd.DataFrame
    without_result: int
    left_out: list[str]


def attribute(trials: pd.DataFrame, found: Sequence[Design]) -> Attributed:
    """The attribution of factorials, from a table of trials.

    Args:
        trials: with the columns trial, difference, both_completed and both statuses.
        found: what `factorial.designs` says.

    Raises:
        InputError: bases of one architecture and semantics that are crossed in different factors.
    """
    named = trials.set_index("trial")
    needed = [trial for design in found for some in design.replicates.values() for trial in some]
    there = set(named.index[~named[list(STATUSES)].eq("missing").any(axis=1)])
    without_result = len(set(needed) - there)
    groups: dict[tuple[Any, ...], dict[str, np.ndarray]] = {}
    lost: dict[tuple[Any, ...], dict[str, int]] = {}
    left_out = []
    kinds = {(one.architecture, one.semantics, one.towards, one.half): one for one in found}
    for one in found:
        other = kinds[one.architecture, one.semantics, one.towards, one.half]
        if one.factors != other.factors:
            raise InputError(
                f"bases '{one.base}' and '{other.base}' of {one.architecture} are crossed in {', '.join(one.factors)} "
                f"and in {', '.join(other.factors)}; allowed: the same factors in all of one architecture and semantics"
            )
    for design in found if not without_result else ():
        gaps = [
            named.loc[list(some), DIFFERENCE].to_numpy(float)
            for some in design.replicates.values()
            if named.loc[list(some), BOTH_COMPLETED].all()
        ]
        key = design.architecture, design.semantics, design.towards, design.factors, design.points
        lost.setdefault(key, {})[design.base] = len(design.replicates) - len(gaps)
        if gaps:
            groups.setdefault(key, {})[design.base] = np.array(gaps)
        else:
            left_out.append(design.base)
    records = [record for key, bases in sorted(groups.items()) for record in _records(*key, bases, lost[key])]
    return Attributed(pd.DataFrame(records, columns=COLUMNS), without_result, left_out)


def quantities(factors: Sequence[str], points: Sequence[Sequence[bool]]) -> tuple[list[tuple[str, str]], np.ndarray]:
    """What a factorial measures: quantity and factor of each, and the weights of the gaps, quantities x points."""
    found = effects(points)
    pairs = [pair for pair in combinations(range(len(factors)), 2) if pair in found.interactions]
    labels = [(GAP, ""), *((SHAPLEY, name) for name in factors), (REMAINING, ""), *((MAIN, name) for name in factors)]
    labels += [(INTERACTION, f"{factors[first]} x {factors[second]}") for first, second in pairs]
    others = [found.interactions[pair] for pair in pairs]
    return labels, np.array([np.eye(len(points))[0], *found.shapley, found.remaining, *found.main, *others])


def _records(
    architecture: str,
    semantics: str,
    towards: str,
    factors: Sequence[str],
    points: Sequence[Sequence[bool]],
    bases: Mapping[str, np.ndarray],
    lost: Mapping[str, int],
) -> Iterable[dict[str, Any]]:
    """The rows of one architecture's factorials.

    `bases` has for each configuration its gaps, seeds x points; `lost`, also for those of which no seed is left, how
    many seeds are left out.
    """
    labels, weights = quantities(factors, points)
    about = {"architecture": architecture, "semantics": semantics, "towards": towards}
    about["fraction"] = "full" if len(points) == 2 ** len(factors) else "half"
    values = {base: gaps @ weights.T for base, gaps in sorted(bases.items())}
    each = list(values.values())
    seeds = max(map(len, each))
    # The replicates are configurations, of a single one its seeds.
    replicates = np.array([one.mean(axis=0) for one in each]) if len(each) > 1 else each[0]
    over = {"base": "", "configurations": len(values), "seeds": seeds}
    over |= {"seeds_left_out": sum(lost.values()), "configurations_left_out": len(lost) - len(values)}
    for record in _estimates(labels, replicates, claim=True):
        yield about | over | record
    for base, one in values.items():
        own = {"base": base, "configurations": 1, "seeds": len(one)}
        own |= {"seeds_left_out": lost[base], "configurations_left_out": 0}
        for record in _estimates(labels, one, claim=False):
            yield about | own | record


def _estimates(labels: Sequence[tuple[str, str]], replicates: np.ndarray, claim: bool) -> Iterable[dict[str, Any]]:
    """Estimates from replicates x quantities; without `claim` there are no tests."""
    value, low, high, p = student(replicates)
    tested = np.array([quantity == SHAPLEY for quantity, _ in labels])
    corrected = np.full(len(labels), np.nan)
    if claim:
        corrected[tested] = holm(p[tested])
    shares = fieller(replicates, replicates[:, :1])
    for k, (quantity, factor) in enumerate(labels):
        record = {"quantity": quantity, "factor": factor, "value": value[k], "low": low[k], "high": high[k]}
        record |= {"p_holm": corrected[k], "significant": bool(corrected[k] <= LEVEL)}
        share = [side[k] for side in shares] if quantity in (SHAPLEY, REMAINING) else UNKNOWN
        yield record | dict(zip(("share", "share_low", "share_high"), share, strict=True))


def attributions(table: pd.DataFrame, configurations: bool = False) -> list[Attribution]:
    """What a table of `attribute` says, or one that was read from its file.

    Args:
        table: with COLUMNS.
        configurations: of each configuration, instead of over those of each architecture.

    Returns:
        One for each architecture and kind of factorial, in the table's order.
    """
    table = table.assign(base=table["base"].fillna("").astype(str))
    table = table[(table["base"] != "") == configurations]
    found = []
    for key, rows in table.groupby(COLUMNS[: COLUMNS.index("quantity")], sort=False):
        architecture, semantics, towards, fraction, base, *counts = key
        one = Attribution(
            str(architecture), str(semantics), str(towards), fraction == "half", str(base), *map(int, counts)
        )
        found.append(one)
        for row in rows.to_dict("records"):
            points, share = _estimate(row, "value", "low", "high"), _estimate(row, "share", "share_low", "share_high")
            if row["quantity"] == SHAPLEY:
                significant = str(row["significant"]) == "True"
                one.contributions.append(Contribution(str(row["factor"]), points, significant, share))
            elif row["quantity"] in (GAP, REMAINING):
                setattr(one, row["quantity"], points)
    return found


def _estimate(row: Mapping[str, Any], *names: str) -> Estimate:
    value, low, high = (float(row[name]) for name in names)
    return value, low, high
