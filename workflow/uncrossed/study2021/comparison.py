"""Rebuilt trials beside the published pairs of 2021: what they decide, with the repeats that it takes.

The published initial weights were drawn without a seed, so that a rebuilt pair is another draw, and how far two draws
are apart differs from row to row. So a published difference is judged by its own row's repeats alone, by its rank among
them: if it is one more of them, its place among r repeats is any of r + 1 with equal probability, whatever shape and
size the noise has. It lies beyond all of them by chance in 2 of r + 1 rows, so that a single row is decided at an error
rate of 5 % from NEEDED repeats on. With fewer, rows are decided together: whether published differences lie above or
below their repeats more than chance does, and whether more of them lie beyond all.

That holds for rows that were chosen before their differences were known. One that is looked at because its difference
is extreme lies beyond its repeats more often, as another extreme would.
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from uncrossed.common.errors import InputError
from uncrossed.common.files import parsing, write_text
from uncrossed.common.parquet import read_parquet
from uncrossed.results import tables
from uncrossed.results.trials_table import ACCURACIES, BOTH_COMPLETED, DIAGNOSIS, DIFFERENCE
from uncrossed.study import layout
from uncrossed.study.hyperparameters import HYPERPARAMETERS
from uncrossed.study.trial import ORIGIN, RANDOM
from uncrossed.study2021.published_study import SEMANTICS

ERROR_RATE = 0.05
# Repeats of one row from which on it is decided: 2 / (NEEDED + 1) is the error rate.
NEEDED = 39
# Into so many steps ranks are rounded at most, where the numbers of repeats have no common multiple below it.
STEPS = 200
PAIR = ("trial", "architecture", *HYPERPARAMETERS)
PUBLISHED = (*ACCURACIES, DIFFERENCE, "state", DIAGNOSIS, ORIGIN)


def compare(trials: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """Set rebuilt trials beside the published pairs that they repeat.

    What else than noise makes them differ: PyTorch's published accuracy is an unweighted mean of batch accuracies, in
    which a smaller last batch weighs too much, while ours is the share of right answers; and the published versions
    were torch 1.6 and tensorflow 2.4.

    Args:
        trials: a study's table of trials (`tables.read`). A trial with `published` semantics repeats the published pair
            of its name, or the one that its `base` names; rows of equal hyperparameters and other seeds are repeats of
            one pair. Trials with other semantics, as of a factorial, are left out.
        reference: the published pairs (`published_tables.read`, or what `published_study.write_reference` wrote).

    Returns:
        One row per published pair that a trial repeats, in the order of `trials`: `trial` and `architecture`; with the
        prefix `published_` accuracies, `difference` (PyTorch - TensorFlow), state, diagnosis and origin; `repeats`, how
        many completed, and `incomplete`, how many did not; `difference_mean`, `difference_lowest` and
        `difference_highest` of the repeats; `below` and `above`, how many repeats are below and above the published
        difference; `p`, of the exact test of ranks; and `verdict`, as `verdict` says it.

    Raises:
        InputError: a trial whose hyperparameters are not those of the published pair that it repeats.
    """
    names = {*reference["trial"]}
    trials = trials[trials["semantics"] == SEMANTICS]
    bases = trials["base"] if "base" in trials else pd.Series(None, trials.index, dtype=object)
    repeats = trials.assign(repeated=trials["trial"].where(trials["trial"].isin(names), bases))
    published = reference.set_index("trial")
    records = []
    for trial, rows in repeats[repeats["repeated"].isin(names)].groupby("repeated", sort=False):
        pair = published.loc[trial]
        _check(rows, pair)
        complete = rows[BOTH_COMPLETED].astype(bool) if BOTH_COMPLETED in rows else rows[DIFFERENCE].notna()
        differences = rows.loc[complete & rows[DIFFERENCE].notna()].drop_duplicates("seed")[DIFFERENCE].to_numpy(float)
        below, above = (int(side.sum()) for side in (differences < pair[DIFFERENCE], differences > pair[DIFFERENCE]))
        count = len(differences)
        p = _p_value(below, above, count)
        records.append(
            {
                "trial": trial,
                "architecture": pair["architecture"],
                **{f"published_{name}": pair.get(name) for name in PUBLISHED},
                "repeats": count,
                "incomplete": rows["seed"].nunique() - count,
                "difference_mean": differences.mean() if count else np.nan,
                "difference_lowest": differences.min() if count else np.nan,
                "difference_highest": differences.max() if count else np.nan,
                "below": below,
                "above": above,
                "p": p,
                "verdict": verdict(count, p),
            }
        )
    columns = ["trial", "architecture", *(f"published_{name}" for name in PUBLISHED), "repeats", "incomplete"]
    columns += [*(f"difference_{name}" for name in ("mean", "lowest", "highest")), "below", "above", "p", "verdict"]
    return pd.DataFrame(records, columns=columns)


def _check(rows: pd.DataFrame, pair: pd.Series) -> None:
    for row in rows.to_dict("records"):
        for name in PAIR[1:]:
            ours, theirs = row[name], pair[name]
            # CSV files are not always read to the last digit.
            equal = ours == theirs if name == "architecture" else np.isclose(ours, float(theirs), rtol=1e-12, atol=0)
            if not equal:
                raise InputError(
                    f"trial '{row['trial']}': found {name}={ours}; the published pair that it repeats has {theirs}"
                )


def _p_value(below: int, above: int, repeats: int) -> float:
    """How probable a rank as far from the middle is, to both sides; equal values count as beyond the published one."""
    least = min(repeats - below, repeats - above)
    return min(1.0, 2 * (1 + least) / (repeats + 1))


def verdict(repeats: int, p: float) -> str:
    """What the repeats of one row decide: `outside its N repeats`, `within its N repeats`, or how many are missing."""
    if p <= ERROR_RATE:
        return f"outside its {repeats} repeats"
    if repeats >= NEEDED:
        return f"within its {repeats} repeats"
    have = "no repeat" if not repeats else "one seed" if repeats == 1 else f"{repeats} repeats"
    return f"not decidable with {have}: {NEEDED - repeats} more are needed"


def together(table: pd.DataFrame) -> pd.DataFrame:
    """What random rows decide together, for each architecture that has some.

    Args:
        table: what `compare` returns.

    Returns:
        architecture, `rows`; `below` and `above`, the means over rows of the shares of repeats that are below and above
        the published difference; `shift_p`, of the exact test that neither is more; and of the rows with two repeats or
        more, of which there are `ranked`, how many are `outside` all of their repeats, how many chance puts there
        (`expected`), and the probability `outside_p` of as many or more.
    """
    records = []
    some = table[(table[f"published_{ORIGIN}"] == RANDOM) & (table["repeats"] > 0)]
    for architecture, rows in some.groupby("architecture", sort=False):
        several = rows[rows["repeats"] > 1]
        chances = 2 / (several["repeats"].to_numpy(float) + 1)
        outside = int((several[["below", "above"]].max(axis=1) == several["repeats"]).sum())
        records.append(
            {
                "architecture": architecture,
                "rows": len(rows),
                "below": (rows["below"] / rows["repeats"]).mean(),
                "above": (rows["above"] / rows["repeats"]).mean(),
                "shift_p": _shift_p(*rows[["below", "above", "repeats"]].to_numpy(int).T),
                "ranked": len(several),
                "outside": outside,
                "expected": chances.sum(),
                "outside_p": _at_least(outside, chances),
            }
        )
    return pd.DataFrame(records)


def _shift_p(below: np.ndarray, above: np.ndarray, repeats: np.ndarray) -> float:
    """The probability of published differences that are as far above, or as far below, their repeats.

    The statistic is the sum over rows of the share of repeats below minus the share above. Its distribution is exact,
    the convolution of those of the rows, in each of which the published difference has any of r + 1 ranks as probably.

    Args:
        below: how many of each row's repeats are below the published difference.
        above: how many are above.
        repeats: how many there are, at least one.
    """
    steps = min(math.lcm(*map(int, repeats)), STEPS)

    def scores(differences: np.ndarray, count: np.ndarray) -> np.ndarray:
        return np.round(steps * differences / count).astype(int)

    exactly = np.ones(1)
    for count in repeats:
        chances = np.zeros(2 * steps + 1)
        np.add.at(chances, steps + scores(np.arange(-count, count + 1, 2), count), 1 / (count + 1))
        exactly = np.convolve(exactly, chances)
    found = abs(scores(below - above, repeats).sum())
    far = np.abs(np.arange(len(exactly)) - len(exactly) // 2) >= found
    return min(1.0, float(exactly[far].sum()))


def _at_least(count: int, chances: np.ndarray) -> float:
    """The probability that of independent events as many or more happen; NaN without any."""
    if not len(chances):
        return np.nan
    exactly = np.ones(1)
    for chance in chances:
        exactly = np.convolve(exactly, [1 - chance, chance])
    return float(exactly[count:].sum())


def write(folder: str | os.PathLike[str], reference: str | os.PathLike[str]) -> str:
    """Write `tables/published.csv`: the published pairs that a study repeats, and what its trials decide.

    Args:
        folder: the study's, with its tables.
        reference: what `published_study.write_reference` wrote.

    Returns:
        What was decided, in lines.

    Raises:
        UnreadableError: the operating system does not give a table.
        InputError: a table is missing or damaged, or as `compare`.
    """
    with parsing(reference, "make it by `uncrossed manifest import-published --reference`") as stream:
        pairs = read_parquet(stream)
        pairs[[*PAIR, *ACCURACIES, DIFFERENCE]]  # a KeyError if it is another table
    table = compare(tables.read(folder), pairs)
    path = Path(folder) / layout.PUBLISHED_TABLE
    write_text(path, table.to_csv(index=False, lineterminator="\n"))
    return "\n".join([f"{path}: {len(table)} published pairs repeated", *lines(table)])


def lines(table: pd.DataFrame) -> Iterator[str]:
    """What a table of `compare` decides, as text."""
    counts = table["verdict"].value_counts()
    yield from (f"  {count} {words}" for words, count in counts.items())
    for row in together(table).to_dict("records"):
        shown = "they are higher" if row["below"] > row["above"] else "they are lower"
        said = (
            f"  {row['architecture']}, {row['rows']} random rows together: published differences lie above "
            f"{row['below']:.0%} and below {row['above']:.0%} of their repeats, p {row['shift_p']:.2g}: "
            f"{shown if row['shift_p'] <= ERROR_RATE else 'no shift is shown'}"
        )
        if row["ranked"]:
            said += (
                f"; {row['outside']} of {row['ranked']} lie beyond all of their repeats, where chance puts "
                f"{row['expected']:.1f}, p {row['outside_p']:.2g}"
            )
        yield said
