"""What is kept of `config/published-explained.yaml` in `docs/published-explained/`, and what follows from it."""

import pandas as pd

from helpers.commands import REPOSITORY
from helpers.imitating import ACCURACY, MANIFEST, MOMENTUM, first_rows, imitating, training
from helpers.published_2021 import published_folder
from uncrossed.analysis.contributions import attribute
from uncrossed.analysis.recalibration import MEASURED
from uncrossed.common.files import write_text
from uncrossed.results import trials_table
from uncrossed.results.trials_table import ACCURACIES, DIFFERENCE, SIDE_DIAGNOSES, STATUSES
from uncrossed.study import factorial, manifest
from uncrossed.study.architectures import PACKAGED
from uncrossed.study.trial import FRAMEWORKS, Trial
from uncrossed.study2021 import published_tables
from uncrossed.study2021.explained import STRATA
from uncrossed.study2021.published_study import SEMANTICS, TRAIN_EXAMPLES

KEPT, PAGE = REPOSITORY / "docs/published-explained", REPOSITORY / "docs/why-pairs-differ.md"
SHA256 = tuple(f"{framework}_sha256" for framework in FRAMEWORKS)
DEVICE = tuple(f"{framework}_device" for framework in FRAMEWORKS)
TRAINED = tuple(f"{framework}_train_loss" for framework in FRAMEWORKS)
TRIALS = ["trial", "base", "dataset", *STATUSES, *TRAINED, *ACCURACIES, DIFFERENCE, trials_table.BOTH_COMPLETED]
TRIALS += [*SIDE_DIAGNOSES, *DEVICE, *SHA256]
RECALIBRATION = ["trial", "framework", *MEASURED]
BEGINNING = ["trial", "steps", "test_accuracy", "without_beginning_test_accuracy"]
BEGINNING += ["test_loss", "without_beginning_test_loss"]
DIGITS = "%.6g"


def rows() -> dict[str, Trial]:
    """The study's rows by name."""
    return manifest.read(MANIFEST)


def whole(names: set[str], every: dict[str, Trial]) -> set[str]:
    """Of some trials those of published pairs of which all trials are among them."""
    missing = {row.base for row in every.values() if row.trial not in names}
    return {name for name in names if every[name].base not in missing}


def read(name: str, columns: list[str]) -> pd.DataFrame:
    """A kept table, empty if there is none."""
    path = KEPT / name
    return trials_table.read_csv(path) if path.is_file() else pd.DataFrame(columns=columns)


def write(name: str, table: pd.DataFrame) -> None:
    """Keep a table."""
    write_text(KEPT / name, table.to_csv(index=False, lineterminator="\n", float_format=DIGITS))


def joined(kept: pd.DataFrame, new: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """What was kept and what came to it, sorted by its keys; of what is in both, what was kept."""
    every = pd.concat([some for some in (kept, new) if len(some)] or [kept])
    return every.drop_duplicates(keys).sort_values(keys, ignore_index=True)


def published() -> pd.DataFrame:
    """The published pairs, with their optimizer steps."""
    table = published_tables.read(published_folder())
    return table.assign(steps=table["epochs"] * -(-TRAIN_EXAMPLES // table["batch_size"]))


def natives(trials: pd.DataFrame, every: dict[str, Trial]) -> pd.DataFrame:
    """The lines of trials that were trained as they were published, with `base` and `seed` of their rows."""
    found = {row.trial: row for row in every.values() if row.spelled() == SEMANTICS}
    own = trials[trials["trial"].isin(found)]
    return own.assign(**{key: [getattr(found[name], key) for name in own["trial"]] for key in ("base", "seed")})


def designs(trials: pd.DataFrame, every: dict[str, Trial]) -> list[factorial.Design]:
    """The factorials of the published pairs that are there."""
    some = [every[name] for name in every if name in set(trials["trial"])]
    return factorial.designs(some, {name: PACKAGED[name].touching for name in {row.architecture for row in some}})


def attributed(trials: pd.DataFrame, every: dict[str, Trial]) -> pd.DataFrame:
    """The attribution of the published pairs that are there."""
    return attribute(trials, designs(trials, every)).table


def gaps(trials: pd.DataFrame, every: dict[str, Trial]) -> pd.DataFrame:
    """The gaps of first seeds in the factorials that are there.

    Returns:
        A line for each trial: `trial`, `base`, `aligned` (a tuple of factors' names), and `difference`.
    """
    found = trials.set_index("trial")[DIFFERENCE]
    lines = [
        (name, one.base, tuple(factor for factor, on in zip(one.factors, point, strict=True) if on), found[name])
        for one in designs(trials, every)
        for point, name in zip(one.points, one.replicates[min(one.replicates)], strict=True)
    ]
    return pd.DataFrame(lines, columns=["trial", "base", "aligned", DIFFERENCE])


def exact_gaps(recalibrated: pd.DataFrame, every: dict[str, Trial]) -> pd.Series:
    """The gaps that exact running statistics leave, by trial: where both sides' weights were recalibrated.

    Trials that differ in their running statistics alone have the same weights, so one of them stands for all.
    """
    weights = {name: [_weights(row, side) for side in FRAMEWORKS] for name, row in every.items()}
    lines = recalibrated.set_index(["trial", "framework"])["recalibrated_test_accuracy"]
    found = {weights[trial][FRAMEWORKS.index(side)]: accuracy for (trial, side), accuracy in lines.items()}
    gaps = {
        trial: found[first] - found[second]
        for trial, (first, second) in weights.items()
        if first in found and second in found
    }
    return pd.Series(gaps, dtype=float)


def _weights(row: Trial, framework: str) -> tuple[str, str]:
    """What determines the weights of a trial's model."""
    return framework, row.training(framework, PACKAGED[row.architecture].touching, evaluation=False)


def sampled() -> list[str]:
    """The architectures of which more than one pair was drawn: the others are probes."""
    return [stratum.architecture for stratum in STRATA if stratum.rows > 1]


def of(table: pd.DataFrame, architecture: str) -> pd.DataFrame:
    """The lines about one architecture, which the names in `base` begin with."""
    return table[table["base"].str.partition("-")[0] == architecture]


def imitated(table: pd.DataFrame) -> pd.DataFrame:
    """What native pairs show that PyTorch trained alone (`imitation.py`): a line for each seed of a published pair.

    A model that is trained with one framework's mechanisms is tested with both frameworks' momentum of its running
    statistics.

    Returns:
        `base`, `seed`, both test accuracies, `difference`, TensorFlow's training loss, and the four accuracies as
        `trained-momentum`. Without batch normalisation what needs the other momentum is NaN.
    """
    sides = natives(table, rows()).pivot(index=["base", "seed"], columns="as")
    accuracy = {
        (how, momentum): sides[f"test_accuracy_momentum_{momentum}", how]
        for how in FRAMEWORKS
        for momentum in FRAMEWORKS
    }
    found = pd.DataFrame(dict(zip(ACCURACIES, (accuracy[one, one] for one in FRAMEWORKS), strict=True)))
    found[DIFFERENCE] = found[ACCURACIES[0]] - found[ACCURACIES[1]]
    found[TRAINED[1]] = sides["train_loss", FRAMEWORKS[1]]
    return (
        found.assign(**{"-".join(one): values for one, values in accuracy.items()})
        .dropna(subset=DIFFERENCE)
        .reset_index()
    )


def first_seeds(each: pd.DataFrame, architecture: str) -> pd.DataFrame:
    """Of what `imitated` returns the first seed of each published pair of an architecture, by `base`."""
    return of(each, architecture).sort_values("seed").groupby("base").first()


def alone(table: pd.DataFrame, every: dict[str, Trial]) -> pd.DataFrame:
    """The trials that PyTorch trained alone, as `attributed` takes them: of whole published pairs."""
    lines, first = table.set_index(["trial", "as"]), first_rows()
    found = []
    for row in every.values():
        accuracies = []
        for side, name in zip(FRAMEWORKS, ACCURACIES, strict=True):
            place = first[training(row, side)]
            if place in lines.index:
                both = lines.loc[place, [f"{ACCURACY}_momentum_{other}" for other in FRAMEWORKS]]
                momentum = imitating(row, side).semantics[MOMENTUM].replace("native", FRAMEWORKS[0])
                # Without batch normalisation one of the two is empty.
                value = both[f"{ACCURACY}_momentum_{momentum}"] if both.notna().all() else both.max()
                accuracies.append((name, value))
        if len(accuracies) == len(FRAMEWORKS):
            found.append({"trial": row.trial, **dict(accuracies)})
    trials = pd.DataFrame(found, columns=["trial", *ACCURACIES])
    trials = trials[trials["trial"].isin(whole(set(trials["trial"]), every))]
    trials[DIFFERENCE] = trials[ACCURACIES[0]] - trials[ACCURACIES[1]]
    return trials.assign(**dict.fromkeys(STATUSES, "completed"), **{trials_table.BOTH_COMPLETED: True})
