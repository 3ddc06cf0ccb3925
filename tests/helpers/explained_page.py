"""The tables of `docs/why-pairs-differ.md`, from what is kept."""

from typing import Any

import numpy as np
import pandas as pd

from helpers.explained import (
    BEGINNING,
    PAGE,
    RECALIBRATION,
    TRAINED,
    TRIALS,
    alone,
    attributed,
    exact_gaps,
    first_seeds,
    gaps,
    imitated,
    natives,
    of,
    published,
    read,
    rows,
    sampled,
)
from helpers.imitating import MOMENTUM
from uncrossed.analysis.contributions import attributions
from uncrossed.analysis.replicates import student
from uncrossed.datasets.definition import BUILT_IN_DATASETS
from uncrossed.results.trials_table import ACCURACIES, DIFFERENCE, SIDE_DIAGNOSES
from uncrossed.study import factorial, trainings
from uncrossed.study.architectures import PACKAGED
from uncrossed.study.trial import FRAMEWORKS, Settings, Trial
from uncrossed.study2021 import published_study
from uncrossed.study2021.explained import STRATA, Stratum
from uncrossed.study2021.published_study import SEMANTICS

# So many pairs outside of each stratum would be crossed on GPUs.
REST = 40
NAMES = {"pytorch": "PyTorch", "tensorflow": "TensorFlow"}


def points(value: float, sign: bool = True) -> str:
    """An accuracy or a difference as the pages write it."""
    return f"{value:{'+' if sign else ''}.3f}".replace("0.", ".", 1)


def lines(head: str, body: list[list[Any]]) -> str:
    """A table in Markdown, or that there is nothing to put into one."""
    if not body:
        return "No pair is done yet."
    first = [f"| {head} |", "|" + "---|" * (head.count("|") + 1)]
    return "\n".join([*first, *(f"| {' | '.join(map(str, cells))} |" for cells in body)])


def stratum_name(stratum: Stratum) -> str:
    """What a stratum is, in words."""
    words = [f"at most {stratum.most_steps} steps"] if np.isfinite(stratum.most_steps) else []
    epochs = stratum.most_epochs
    words += [f"{epochs} epoch" if epochs == 1 else f"at most {epochs} epochs"] if np.isfinite(epochs) else []
    words += [f"published gap at least {points(stratum.least_gap)}"] if stratum.least_gap is not None else []
    return f"{stratum.architecture}: {', '.join(words)}"


def strata_lines(reference: pd.DataFrame, each: pd.DataFrame, native: pd.DataFrame) -> str:
    """What each stratum is of its architecture, what was drawn of it, and what of that is done."""
    body = []
    for stratum in STRATA:
        rows = reference[reference["architecture"] == stratum.architecture]
        inside = rows[stratum.holds(rows)]
        drawn = inside[inside["trial"].isin(each["base"])]
        done = len(set(native["base"]) & set(drawn["trial"]))
        cells = [stratum_name(stratum)]
        for some, every in ((inside, rows), *((one[one["origin"] == "random"] for one in (inside, rows)),)):
            cells.append(f"{len(some)} of {len(every)}, {some[DIFFERENCE].sum() / every[DIFFERENCE].sum():.0%}")
        cells += [points(some[DIFFERENCE].mean()) for some in (inside, drawn)]
        body.append([*cells, len(drawn), done])
    head = "stratum | of all pairs, of their gaps | of random pairs, of their gaps | mean gap | of those drawn | drawn"
    return lines(f"{head} | done by both frameworks", body)


def diagnosis_lines(reference: pd.DataFrame) -> str:
    """What became of both sides of the published pairs, in the stratum and outside: how many, and of which gaps."""
    body = []
    for stratum in STRATA:
        rows = reference[reference["architecture"] == stratum.architecture]
        rows = rows.assign(inside=stratum.holds(rows))
        total, label = rows[DIFFERENCE].sum(), stratum.architecture
        for sides, group in rows.groupby(list(SIDE_DIAGNOSES)):
            cells = []
            for some in (group[group["inside"]], group[~group["inside"]]):
                share, steps = some[DIFFERENCE].sum() / total, some["steps"].median()
                cells += [f"{len(some)} | {share:.0%} | {steps:,.0f}" if len(some) else "| |"]
            # What is less than a hundredth of the gaps, and outside of the stratum, is left out.
            if group["inside"].any() or abs(group[DIFFERENCE].sum() / total) >= 0.01:
                body.append([label, *sides, *cells])
                label = ""
    sides = "architecture | PyTorch's side | TensorFlow's side"
    return lines(f"{sides} | pairs in the stratum | of the gaps | steps | pairs outside | of the gaps | steps", body)


def rest_lines(reference: pd.DataFrame) -> str:
    """What it takes to cross, on a GPU, pairs that are drawn outside of the strata: trainings, and hours by the table.

    A pair that PyTorch trains alone takes two trainings.
    """
    published_rows = {row.trial: row for row in published_study.rows(reference)[0]}
    settings, dataset = Settings(device="gpu"), BUILT_IN_DATASETS["cifar10"].identity()
    body = []
    for stratum in STRATA:
        own = reference[(reference["architecture"] == stratum.architecture) & ~stratum.holds(reference)]
        drawn = [published_rows[name] for name in own["trial"].sample(REST, random_state=0)]
        touching = {stratum.architecture: PACKAGED[stratum.architecture].touching}
        # Half of VGG16's combinations cannot tell a factor from an interaction of two.
        half = stratum.architecture == "resnet50"
        crossed = [row for base in drawn for row in factorial.cross(base, touching[stratum.architecture], half=half)]
        needed = trainings.needed(crossed, touching)
        alone = trainings.hours({FRAMEWORKS[0]: drawn * 2}, settings, dataset)
        cells = [f"{stratum.architecture}{', half' if half else ''}", *(len(needed[one]) for one in FRAMEWORKS)]
        body.append([*cells, f"{trainings.hours(needed, settings, dataset):.0f}", len(drawn) * 2, f"{alone:.0f}"])
    head = "pairs of | PyTorch trainings | TensorFlow trainings | GPU hours | by PyTorch alone: trainings | GPU hours"
    return lines(head, body)


def momentum_lines(each: pd.DataFrame) -> str:
    """Mean test accuracies of both ways of training with either momentum, and the gaps between them."""
    body = []
    for label, own in ((name, first_seeds(each, name)) for name in sampled()):
        momenta_of = {"its own": FRAMEWORKS} | {NAMES[one]: (one, one) for one in FRAMEWORKS}
        for tested, momenta in momenta_of.items():
            first, second = (own[f"{one}-{momentum}"] for one, momentum in zip(FRAMEWORKS, momenta, strict=True))
            accuracies = (points(side.mean(), sign=False) for side in (first, second))
            body.append([label, tested, *accuracies, mean(first - second)])
            label = ""
    head = "architecture | momentum of | trained as PyTorch does | trained as TensorFlow does | gap"
    return lines(head, body)


def agreement_lines(each: pd.DataFrame, native: pd.DataFrame, reference: pd.DataFrame) -> str:
    """How far rebuilt accuracies are from the published ones, and two seeds from each other, for each side."""
    body = []
    losses = reference["tf_training_loss"].map(lambda some: some[-1] if some else np.nan)
    by_name = reference.assign(**{TRAINED[1]: losses}).set_index("trial")
    what = {"PyTorch": ACCURACIES[0], "TensorFlow": ACCURACIES[1], "gap": DIFFERENCE}
    what |= {"TensorFlow, training loss": TRAINED[1]}
    for label, table in (("PyTorch alone, H200", each), ("both frameworks, CPU", native)):
        for stratum in STRATA:
            own = of(table, stratum.architecture).sort_values("seed")
            if not len(own):
                continue
            first = own.groupby("base").first()
            second = own[own.duplicated("base")].set_index("base")
            for side, name in what.items():
                shift = first[name] - by_name.loc[first.index, name]
                apart = first.loc[second.index, name] - second[name]
                far = [f"{root(some)} ({len(some)})" for some in (shift, apart) if len(some)]
                body.append([label, stratum.architecture, side, mean(shift), *far, *[""] * (2 - len(far))])
                label = ""
    head = (
        "rebuilt by | architecture | | rebuilt minus published: mean | root mean square (pairs) | of two seeds (pairs)"
    )
    return lines(head, body)


def native_lines(native: pd.DataFrame, each: pd.DataFrame, reference: pd.DataFrame) -> str:
    """Both sides of every pair: published, trained by PyTorch alone, and by both frameworks; seeds after commas."""
    body = []
    names = (*ACCURACIES, DIFFERENCE)
    for row in reference[reference["trial"].isin(each["base"])].sort_values("trial").to_dict("records"):
        cells = []
        for name in names:
            found = [points(row[name], name == DIFFERENCE)]
            for table in (each, native):
                values = table[table["base"] == row["trial"]][name]
                found.append(", ".join(points(value, name == DIFFERENCE) for value in values) or "-")
            cells.append(" / ".join(found))
        body.append([f"`{row['trial']}`", row["steps"], *cells])
    return lines("pair | steps | PyTorch | TensorFlow | gap", body)


def estimate(one: tuple[float, float, float]) -> str:
    """A difference of accuracies with its interval, if it has one."""
    value, low, high = one
    return points(value) + (f" [{points(low)}, {points(high)}]" if np.isfinite(low) else "")


def mean(values: pd.Series) -> str:
    """The mean over pairs, with Student's t interval."""
    mean, low, high, _ = (value[0] for value in student(values.to_numpy(float)[:, None]))
    return estimate((mean, low, high))


def root(values: pd.Series) -> str:
    """The root mean square."""
    return points((values**2).mean() ** 0.5, sign=False)


def share_of(one: tuple[float, float, float]) -> str:
    """A share with its interval; empty if it has none."""
    value, low, high = one
    return f"{value:.0%} [{low:.0%}, {high:.0%}]" if np.isfinite(low) else ""


def attribution_lines(tables: dict[str, pd.DataFrame]) -> str:
    """What each architecture's gap is made of, by who trained; probes, of which nothing follows, are left out."""
    body = []
    for label, table in tables.items():
        for one in (some for some in attributions(table) if some.architecture in sampled()):
            body.append([label, one.architecture, one.configurations, "gap", estimate(one.gap), ""])
            for part in one.contributions:
                name = f"**{part.factor}**" if part.significant else part.factor
                body.append(["", "", "", name, estimate(part.points), share_of(part.share)])
            body.append(["", "", "", "remaining", estimate(one.remaining), ""])
    return lines("trained by | architecture | pairs | part | in accuracy | of the gap", body)


def order_lines(trials: pd.DataFrame, every: dict[str, Trial], reference: pd.DataFrame) -> str:
    """What aligning each of DenseNet121's factors takes off the gap, after each combination of the others.

    Args:
        trials: what PyTorch trained alone, crossed in full.
        every: the study's rows.
        reference: the published pairs; the last column has how far the gaps with one factor aligned are from theirs.
    """
    each = of(gaps(trials, every), "densenet121").pivot(index="base", columns="aligned", values=DIFFERENCE)
    published = reference.set_index("trial").loc[each.index, DIFFERENCE]
    everything = max(each.columns, key=len)
    body = [["nothing", *[""] * (len(everything) + 2), root(each[()] - published)]]
    for factor in everything:
        cells = []
        for before in ((), *((one,) for one in everything), tuple(one for one in everything if one != factor)):
            after = tuple(one for one in everything if one in (*before, factor))
            cells.append("-" if factor in before else mean(each[before] - each[after]))
        body.append([factor, *cells, root(each[(factor,)] - published)])
    head = f"aligned | as the first | {' | '.join(f'after {one}' for one in everything)} | as the last"
    return lines(f"{head} | then from the published gaps", body)


def both_ways_lines(alone_trained: pd.DataFrame, trials: pd.DataFrame, every: dict[str, Trial]) -> str:
    """How far the gaps of both ways of training are apart, with other and with equal initial weights; first seeds."""
    both = gaps(trials, every).merge(
        gaps(alone_trained, every), on=["trial", "base", "aligned"], suffixes=("", "_alone")
    )
    both["apart"] = both[DIFFERENCE] - both[f"{DIFFERENCE}_alone"]
    equal = both["aligned"].map(lambda factors: "initialisation" in factors)
    body = []
    for architecture in sampled():
        for label, some in (("other", both[~equal]), ("equal", both[equal])):
            own = of(some, architecture)
            pairs = own.groupby("base")["apart"].mean()
            body.append([architecture, label, len(pairs), len(own), mean(pairs), root(own["apart"])])
    head = "architecture | initial weights of both sides | pairs | gaps | both frameworks minus PyTorch alone: mean"
    return lines(f"{head} | root mean square", body)


def exact_lines(left: pd.Series, trials: pd.DataFrame, every: dict[str, Trial]) -> str:
    """The mean gaps that recalibration leaves, beside those with momentum aligned, by what else is aligned.

    Args:
        left: of `exact_gaps`.
        trials: the trials by both frameworks; first seeds are looked at.
        every: the study's rows.
    """
    each = gaps(trials, every)
    found = each.set_index(["base", "aligned"])[DIFFERENCE]
    each = each[each["trial"].isin(left.index) & ~each["aligned"].map(lambda factors: MOMENTUM in factors)]
    # Momentum is the last of the factors.
    aligned = [found[base, (*factors, MOMENTUM)] for base, factors in zip(each["base"], each["aligned"], strict=True)]
    each = each.assign(with_momentum=aligned, left=left[each["trial"]].to_numpy())
    body = []
    for architecture in sampled():
        label = architecture
        for factors, own in of(each, architecture).groupby("aligned"):
            means = (points(own[name].mean()) for name in (DIFFERENCE, "with_momentum", "left"))
            apart = own["left"] - own["with_momentum"]
            body.append([label, ", ".join(factors) or "nothing", len(own), *means, mean(apart), root(apart)])
            label = ""
    head = (
        "architecture | aligned | pairs | gap | with momentum aligned, too | recalibrated | recalibrated minus aligned"
    )
    return lines(f"{head} | root mean square", body)


def recalibration_lines(left: pd.Series, trials: pd.DataFrame, every: dict[str, Trial]) -> str:
    """Of each native pair the gap, without batchnorm_momentum's difference, and recalibrated."""
    found = trials.set_index("trial")[DIFFERENCE]
    body = []
    for name in natives(trials, every)["trial"]:
        aligned = _with_pytorchs_momentum(every[name], every)
        if name in left and aligned:
            body.append([f"`{every[name].base}`", *map(points, (found[name], found[aligned], left[name]))])
    return lines("pair | gap | batchnorm_momentum aligned | recalibrated", body)


def _with_pytorchs_momentum(row: Trial, every: dict[str, Trial]) -> str | None:
    """The trial that differs from a native one in nothing but the momentum; none where there is none, as of repeats."""
    wanted = row.base, row.seed, f"{SEMANTICS};batchnorm_momentum=pytorch"
    return next((other.trial for other in every.values() if (other.base, other.seed, other.spelled()) == wanted), None)


def beginning_lines(
    table: pd.DataFrame, recalibrated: pd.DataFrame, trials: pd.DataFrame, every: dict[str, Trial]
) -> str:
    """Of TensorFlow's models of first seeds the test accuracies with other running statistics of the same weights."""
    accuracies = trials.set_index("trial")[ACCURACIES[1]]
    exact = recalibrated[recalibrated["framework"] == FRAMEWORKS[1]].set_index("trial")["recalibrated_test_accuracy"]
    body = []
    for one in table.to_dict("records"):
        aligned = _with_pytorchs_momentum(every[one["trial"]], every)
        if not aligned:
            continue
        values = [one["test_accuracy"], one["without_beginning_test_accuracy"], accuracies[aligned]]
        cells = [points(value, sign=False) for value in values]
        cells.append(points(exact[one["trial"]], sign=False) if one["trial"] in exact else "-")
        losses = f"{one['test_loss']:.1f} / {one['without_beginning_test_loss']:.1f}"
        body.append([f"`{every[one['trial']].base}`", one["steps"], *cells, losses])
    head = "pair | steps | as it is stored | without the beginning | PyTorch's momentum | exact"
    return lines(f"{head} | test loss of the first two", body)


def parts() -> dict[str, str]:
    """The page's generated parts by name."""
    every, reference = rows(), published()
    trials, each = read("trials.csv", TRIALS), imitated(read("imitation.csv", []))
    alone_trained = alone(read("imitation.csv", []), every)
    native, recalibrated = natives(trials, every), read("recalibration.csv", RECALIBRATION)
    left = exact_gaps(recalibrated, every)
    return {
        "strata": strata_lines(reference, each, native),
        "diagnoses": diagnosis_lines(reference),
        "rest": rest_lines(reference),
        "agreement": agreement_lines(each, native, reference),
        "native": native_lines(native, each, reference),
        "momentum": momentum_lines(each),
        "attribution": attribution_lines(
            {
                "PyTorch alone, H200": attributed(alone_trained, every),
                "both frameworks, CPU": attributed(trials, every),
            }
        ),
        "order": order_lines(alone_trained, every, reference),
        "both": both_ways_lines(alone_trained, trials, every),
        "beginning": beginning_lines(read("beginning.csv", BEGINNING), recalibrated, trials, every),
        "exact": exact_lines(left, trials, every),
        "recalibration": recalibration_lines(left, trials, every),
    }


def page(text: str) -> str:
    """The page with its generated parts as they follow from what is kept."""
    for name, part in parts().items():
        before, begin, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        if not end:
            raise ValueError(f"{PAGE}: no part '{name}'; it stands between <!-- {name} --> and <!-- end -->")
        text = f"{before}{begin}\n{part}\n\n{end}{after}"
    return text
