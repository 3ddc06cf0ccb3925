"""Keep what `config/published-explained.yaml` has shown, and write the tables of `docs/why-pairs-differ.md` from it.

    snakemake results/published-explained/manifest.csv --configfile config/published-explained.yaml --cores 1
    python tests/benchmarks/published_explained.py results/published-explained    # a build, finished or not
    python tests/benchmarks/imitation.py DATASET.h5 --output docs/published-explained/imitation.csv    # on a GPU
    python tests/benchmarks/published_explained.py                                # the page alone, from what is kept

The small tables in `docs/published-explained/` have every published pair whose trainings are all done, so that a study
that takes many hours can be built in parts, also on several machines. A pair comes in whole or not at all. What was
kept before stays. A result that is built again on the same kind of CPU must have the SHA-256 that was kept.

The published tables come from `tests/published-2021`. Exit code 1: other bytes, or a damaged result.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY / "tests"))

from helpers.published_2021 import published_folder  # noqa: E402
from uncrossed.analysis import attribution_figure  # noqa: E402
from uncrossed.analysis.contributions import Attribution, attribute, attributions  # noqa: E402
from uncrossed.analysis.drawing import pyplot, save  # noqa: E402
from uncrossed.analysis.recalibration import MEASURED, recalibration  # noqa: E402
from uncrossed.analysis.replicates import fieller, student  # noqa: E402
from uncrossed.common.errors import InputError  # noqa: E402
from uncrossed.common.files import sha256, write_text  # noqa: E402
from uncrossed.datasets.definition import BUILT_IN_DATASETS  # noqa: E402
from uncrossed.results import tables, trial_file, trials_table  # noqa: E402
from uncrossed.results.trials_table import ACCURACIES, DIFFERENCE, SIDE_DIAGNOSES, STATUSES  # noqa: E402
from uncrossed.study import factorial, layout, manifest, trainings  # noqa: E402
from uncrossed.study.architectures import PACKAGED  # noqa: E402
from uncrossed.study.trial import FRAMEWORKS, Settings, Trial  # noqa: E402
from uncrossed.study2021 import published_study, published_tables  # noqa: E402
from uncrossed.study2021.explained import STRATA, Stratum  # noqa: E402
from uncrossed.study2021.published_study import SEMANTICS, TRAIN_EXAMPLES  # noqa: E402

MANIFEST = REPOSITORY / "config/manifests/published-explained.csv"
KEPT, PAGE = REPOSITORY / "docs/published-explained", REPOSITORY / "docs/why-pairs-differ.md"
SHA256 = tuple(f"{framework}_sha256" for framework in FRAMEWORKS)
DEVICE = tuple(f"{framework}_device" for framework in FRAMEWORKS)
TRAINED = tuple(f"{framework}_train_accuracy" for framework in FRAMEWORKS)
TRIALS = ["trial", "base", *STATUSES, *TRAINED, *ACCURACIES, DIFFERENCE, trials_table.BOTH_COMPLETED]
TRIALS += [*SIDE_DIAGNOSES, *DEVICE, *SHA256]
RECALIBRATION = ["trial", "framework", *MEASURED]
DIGITS = "%.6g"
# So many pairs outside of each stratum would be crossed on GPUs.
REST = 40


def rows() -> dict[str, Trial]:
    """The study's rows by name."""
    return manifest.read(MANIFEST)


def whole(names: set[str], every: dict[str, Trial]) -> set[str]:
    """Of some trials those of published pairs of which all trials are among them."""
    missing = {row.base for row in every.values() if row.trial not in names}
    return {name for name in names if every[name].base not in missing}


def built(folder: Path, every: dict[str, Trial]) -> pd.DataFrame:
    """The trials of a build whose published pair is there as a whole, with TRIALS.

    Raises:
        InputError: a result that is damaged, or not of its row.
    """
    table = tables.make(folder, partial=True)
    there = whole(set(table["trial"][~table[list(STATUSES)].eq("missing").any(axis=1)]), every)
    table = table[table["trial"].isin(there)].copy()
    for framework, device, column in zip(FRAMEWORKS, DEVICE, SHA256, strict=True):
        files = [folder / layout.trial_file(name, framework) for name in table["trial"]]
        table[device] = [trial_file.read_attributes(path)["device"] for path in files]
        table[column] = list(map(sha256, files))
    return table[TRIALS]


def joined(kept: pd.DataFrame, new: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """What was kept and what came to it, sorted by its keys; of what is in both, what was kept."""
    every = pd.concat([some for some in (kept, new) if len(some)] or [kept])
    return every.drop_duplicates(keys).sort_values(keys, ignore_index=True)


def check_same(kept: pd.DataFrame, new: pd.DataFrame) -> None:
    """Refuse a build that has other bytes than what was kept of the same kind of CPU.

    Raises:
        InputError: naming the first such result.
    """
    both = kept.merge(new, on="trial", suffixes=("", "_new"))
    for device, name in zip(DEVICE, SHA256, strict=True):
        other = both[(both[device] == both[f"{device}_new"]) & (both[name] != both[f"{name}_new"])]
        for one in other.to_dict("records"):
            raise InputError(
                f"{one['trial']}: {name} is {one[name]} in {KEPT.relative_to(REPOSITORY)}/trials.csv, and "
                f"{one[f'{name}_new']} in this build, both on {one[device]}"
            )


def read(name: str, columns: list[str]) -> pd.DataFrame:
    """A kept table, empty if there is none."""
    path = KEPT / name
    return trials_table.read_csv(path) if path.is_file() else pd.DataFrame(columns=columns)


def write(name: str, table: pd.DataFrame) -> None:
    """Keep a table."""
    write_text(KEPT / name, table.to_csv(index=False, lineterminator="\n", float_format=DIGITS))


def published() -> pd.DataFrame:
    """The published pairs, with their optimizer steps."""
    table = published_tables.read(published_folder())
    return table.assign(steps=table["epochs"] * -(-TRAIN_EXAMPLES // table["batch_size"]))


def natives(trials: pd.DataFrame, every: dict[str, Trial]) -> pd.DataFrame:
    """The trials that were trained as they were published, with their `seed`."""
    seeds = {row.trial: row.seed for row in every.values() if row.spelled() == SEMANTICS}
    own = trials[trials["trial"].isin(seeds)]
    return own.assign(seed=own["trial"].map(seeds))


def attributed(trials: pd.DataFrame, every: dict[str, Trial]) -> pd.DataFrame:
    """The attribution of the published pairs that are there."""
    some = [every[name] for name in every if name in set(trials["trial"])]
    designs = factorial.designs(some, {name: PACKAGED[name].touching for name in {row.architecture for row in some}})
    return attribute(trials, designs).table


def keep(folder: Path) -> None:
    """Add what a build has to what is kept."""
    every = rows()
    kept, new = read("trials.csv", TRIALS), built(folder, every)
    check_same(kept, new)
    trials = joined(kept, new, ["trial"])
    write("trials.csv", trials)
    found = recalibration(folder)
    new = pd.DataFrame(columns=RECALIBRATION) if found is None else found[RECALIBRATION]
    new = new[new["trial"].isin(trials["trial"])]
    write("recalibration.csv", joined(read("recalibration.csv", RECALIBRATION), new, RECALIBRATION[:2]))


def derive() -> None:
    """Write what follows from the kept results: the other tables, the figures, the checksums, and the page's tables."""
    every, trials, reference = rows(), read("trials.csv", TRIALS), published()
    table = attributed(trials, every)
    write("attribution.csv", table)
    draw(imitated(read("imitation.csv", [])), natives(trials, every), reference, KEPT / "accuracies.svg")
    draw_parts(imitated(read("imitation.csv", [])), reference, KEPT / "parts.svg")
    if len(table):
        attribution_figure.draw(table, KEPT / "attribution.svg")
    names = sorted(path.name for path in KEPT.iterdir() if path.suffix in (".csv", ".svg"))
    write_text(KEPT / layout.CHECKSUMS, "".join(f"{sha256(KEPT / name)}  {name}\n" for name in names))
    write_text(PAGE, page(PAGE.read_text()))


def draw(each: pd.DataFrame, native: pd.DataFrame, reference: pd.DataFrame, path: Path) -> None:
    """Draw both sides' rebuilt test accuracies over the published ones; what both frameworks trained is filled."""
    plt = pyplot()
    from matplotlib.ticker import MultipleLocator

    by_name = reference.set_index("trial")
    figure, axes = plt.subplots(1, len(STRATA), figsize=(3.4 * len(STRATA), 3.9))
    for axis, stratum in zip(axes, STRATA, strict=True):
        axis.plot([0, 1], [0, 1], color="0.6", lw=0.8)
        top = 0.0
        for name, colour, marker in zip(ACCURACIES, ("#D55E00", "#0072B2"), "os", strict=True):
            for table, face in ((each, "none"), (native, colour)):
                rows = table[table["base"].map(architecture_of) == stratum.architecture]
                was = by_name.loc[rows["base"], name]
                axis.plot(was, rows[name], marker, color=colour, mfc=face, ms=5, lw=0)
                top = max(top, 0, *was, *rows[name])
        axis.set(xlim=(0, 1.1 * top), ylim=(0, 1.1 * top), aspect="equal", title=stratum.architecture)
        axis.set(xlabel="test accuracy, published", ylabel="test accuracy, rebuilt")
        for place in (axis.xaxis, axis.yaxis):
            place.set_major_locator(MultipleLocator(0.1))
    handles = [
        plt.Line2D([], [], color=colour, marker=marker, mfc=face, lw=0, ms=5, label=f"{side}, {how}")
        for side, colour, marker in (("PyTorch", "#D55E00", "o"), ("TensorFlow", "#0072B2", "s"))
        for face, how in (("none", "by PyTorch alone"), (colour, "by both frameworks"))
    ]
    figure.legend(handles=handles, loc="lower center", ncols=4)
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    save(figure, path)
    plt.close(figure)


def draw_parts(each: pd.DataFrame, reference: pd.DataFrame, path: Path) -> None:
    """Draw each pair's gap, trained by PyTorch alone, as a bar of its two parts; a line is the published gap."""
    plt = pyplot()
    by_name = reference.set_index("trial")
    means = each.drop(columns="seed").groupby("base").mean()
    names = [stratum.architecture for stratum in STRATA if stratum.rows > 1]
    groups = [means[means.index.map(architecture_of) == name] for name in names]
    figure, axes = plt.subplots(
        1, len(names), figsize=(8.2, 3.3), sharey=True, width_ratios=[len(some) + 1 for some in groups]
    )
    for axis, name, some in zip(axes, names, groups, strict=True):
        steps = by_name.loc[some.index, "steps"].sort_values(kind="stable")
        some, places = some.loc[steps.index], np.arange(len(steps))
        axis.bar(places, some["statistics"], 0.7, color="#0072B2", label="running statistics")
        # What is below 0 hangs from 0, what is above it stands on the first part.
        base = np.where(some["training"] > 0, some["statistics"], 0)
        axis.bar(places, some["training"], 0.7, bottom=base, color="#E69F00", label="training")
        published = by_name.loc[some.index, DIFFERENCE]
        axis.hlines(published, places - 0.45, places + 0.45, color="black", lw=1.6, label="published gap")
        axis.axhline(0, color="0.4", lw=0.8)
        axis.set_xticks(places, steps, rotation=90 if len(steps) > 6 else 0)
        axis.set_title(name)
    axes[0].set_ylabel("accuracy, PyTorch - TensorFlow")
    axes[0].legend(loc="upper left", ncols=3)
    axes[0].set_ylim(top=1.3 * means[DIFFERENCE].max())
    figure.supxlabel("optimizer steps of the pair", fontsize=10)
    figure.tight_layout()
    save(figure, path)
    plt.close(figure)


def points(value: float, sign: bool = True) -> str:
    """An accuracy or a difference as the pages write it."""
    return f"{value:{'+' if sign else ''}.3f}".replace("0.", ".", 1)


def lines(head: str, body: list[list[Any]]) -> str:
    """A table in Markdown."""
    first = [f"| {head} |", "|" + "---|" * (head.count("|") + 1)]
    return "\n".join([*first, *(f"| {' | '.join(map(str, cells))} |" for cells in body)])


def stratum_name(stratum: Stratum) -> str:
    """What a stratum is, in words."""
    words = [f"at most {stratum.most_steps} steps"] if np.isfinite(stratum.most_steps) else []
    epochs = stratum.most_epochs
    words += [f"{epochs} epoch" if epochs == 1 else f"at most {epochs} epochs"] if np.isfinite(epochs) else []
    words += [f"published gap at least {points(stratum.least_gap)}"] if stratum.least_gap is not None else []
    return f"{stratum.architecture}: {', '.join(words)}"


def strata_lines(reference: pd.DataFrame, native: pd.DataFrame) -> str:
    """What each stratum is of its architecture, and what of it is done."""
    body = []
    for stratum in STRATA:
        rows = reference[reference["architecture"] == stratum.architecture]
        inside = rows[stratum.holds(rows)]
        share = inside[DIFFERENCE].sum() / rows[DIFFERENCE].sum()
        done = len({base for base in native["base"] if architecture_of(base) == stratum.architecture})
        cells = [stratum_name(stratum), f"{len(inside)} of {len(rows)}", f"{share:.0%}", stratum.rows, done]
        body.append(cells)
    return lines("stratum | published pairs | of the sum of gaps | drawn | done", body)


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
            # What is less than a hundredth of the gaps is left out.
            if abs(group[DIFFERENCE].sum() / total) >= 0.01:
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
        half = stratum.architecture == "resnet50"
        crossed = [row for base in drawn for row in factorial.cross(base, touching[stratum.architecture], half=half)]
        needed = trainings.needed(crossed, touching)
        alone = trainings.hours({FRAMEWORKS[0]: drawn * 2}, settings, dataset)
        cells = [f"{stratum.architecture}{', half' if half else ''}", *(len(needed[one]) for one in FRAMEWORKS)]
        body.append([*cells, f"{trainings.hours(needed, settings, dataset):.0f}", len(drawn) * 2, f"{alone:.0f}"])
    head = "pairs of | PyTorch trainings | TensorFlow trainings | GPU hours | by PyTorch alone: trainings | GPU hours"
    return lines(head, body)


def imitated(table: pd.DataFrame) -> pd.DataFrame:
    """What the pairs show that PyTorch trained alone (`imitation.py`): a line for each seed of a published pair.

    A model that is trained with one framework's mechanisms is tested with both frameworks' momentum of its running
    statistics. So the gap is split into what momentum does, in the mean over both ways of training, and what training
    does, in the mean over both momenta. These are the Shapley values of two factors, and add up to the gap.

    Returns:
        `base`, `seed`, both test accuracies, `difference`, `statistics`, `training`, and `aligned`: the difference when
        TensorFlow has PyTorch's momentum. Without batch normalisation `statistics` and `aligned` are NaN.
    """
    sides = table.pivot(index=["base", "seed"], columns="as")
    accuracy = {
        (how, momentum): sides[f"test_accuracy_momentum_{momentum}", how]
        for how in FRAMEWORKS
        for momentum in FRAMEWORKS
    }
    pytorch, tensorflow = FRAMEWORKS
    found = pd.DataFrame(dict(zip(ACCURACIES, (accuracy[one, one] for one in FRAMEWORKS), strict=True)))
    found[DIFFERENCE] = found[ACCURACIES[0]] - found[ACCURACIES[1]]
    found["aligned"] = accuracy[pytorch, pytorch] - accuracy[tensorflow, pytorch]
    momentum = [accuracy[how, pytorch] - accuracy[how, tensorflow] for how in FRAMEWORKS]
    found["statistics"] = sum(momentum) / 2
    found["training"] = found[DIFFERENCE] - found["statistics"].fillna(0)
    return found.reset_index()


def architecture_of(base: str) -> str:
    """The architecture in the name of a published pair."""
    return base.partition("-")[0]


def imitation_lines(each: pd.DataFrame) -> str:
    """What gaps are made of in pairs that PyTorch trained alone, over the published pairs of each architecture."""
    body = []
    means = each.drop(columns="seed").groupby("base").mean()
    for stratum in STRATA:
        own = means[means.index.map(architecture_of) == stratum.architecture]
        names = [name for name in (DIFFERENCE, "statistics", "training") if own[name].notna().all()]
        values = own[names].to_numpy(float)
        mean, low, high, _ = student(values)
        shares = np.array(fieller(values, values[:, :1]))
        for k, name in enumerate(names):
            label = {DIFFERENCE: "gap", "statistics": "running statistics", "training": "training"}[name]
            about = ["", ""] if k else [stratum.architecture, len(own)]
            body.append([*about, label, _estimate((mean[k], low[k], high[k])), _share(shares[:, k]) if k else ""])
    return lines("architecture | pairs | part | in accuracy | of the gap", body)


def agreement_lines(each: pd.DataFrame, native: pd.DataFrame, reference: pd.DataFrame) -> str:
    """How far rebuilt accuracies are from the published ones, and two seeds from each other, for each side."""
    body = []
    by_name = reference.set_index("trial")
    for label, table in (("PyTorch alone, H200", each), ("both frameworks, CPU", native)):
        for stratum in STRATA:
            own = table[table["base"].map(architecture_of) == stratum.architecture].sort_values("seed")
            if not len(own):
                continue
            first = own.groupby("base").first()
            second = own[own.duplicated("base")].set_index("base")
            for side, name in (("PyTorch", ACCURACIES[0]), ("TensorFlow", ACCURACIES[1]), ("gap", DIFFERENCE)):
                shift = (first[name] - by_name.loc[first.index, name]).to_numpy(float)[:, None]
                apart = (first.loc[second.index, name] - second[name]).to_numpy(float)
                mean, low, high, _ = (value[0] for value in student(shift))
                far = [
                    f"{points(np.sqrt((some**2).mean()), sign=False)} ({len(some)})"
                    for some in (shift, apart)
                    if len(some)
                ]
                body.append(
                    [label, stratum.architecture, side, _estimate((mean, low, high)), *far, *[""] * (2 - len(far))]
                )
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


def _estimate(one: tuple[float, float, float]) -> str:
    value, low, high = one
    return points(value) + (f" [{points(low)}, {points(high)}]" if np.isfinite(low) else "")


def _share(one: tuple[float, float, float]) -> str:
    value, low, high = one
    return f"{value:.0%} [{low:.0%}, {high:.0%}]" if np.isfinite(low) else ""


def attribution_lines(found: list[Attribution]) -> str:
    """What each architecture's gap is made of."""
    body = []
    for one in found:
        about = [one.architecture, one.configurations]
        body.append([*about, "gap", _estimate(one.gap), ""])
        for part in one.contributions:
            share = _share(part.share)
            name = f"**{part.factor}**" if part.significant else part.factor
            body.append(["", "", name, _estimate(part.points), share])
        body.append(["", "", "remaining", _estimate(one.remaining), ""])
    return lines("architecture | pairs | part | in accuracy | of the gap", body)


def recalibration_lines(table: pd.DataFrame, trials: pd.DataFrame, every: dict[str, Trial]) -> str:
    """Of each native pair the gap, without batchnorm_momentum's difference, and recalibrated."""
    gaps = trials.set_index("trial")[DIFFERENCE]
    body = []
    for name, rows in table.groupby("trial"):
        sides = rows.set_index("framework")["recalibrated_test_accuracy"]
        aligned = [
            row.trial
            for row in every.values()
            if row.base == every[name].base and row.spelled() == f"{SEMANTICS};batchnorm_momentum=pytorch"
        ]
        if len(sides) < len(FRAMEWORKS) or every[name].spelled() != SEMANTICS or not aligned:
            continue
        left = sides[FRAMEWORKS[0]] - sides[FRAMEWORKS[1]]
        body.append([f"`{every[name].base}`", *map(points, (gaps[name], gaps[aligned[0]], left))])
    return lines("pair | gap | batchnorm_momentum aligned | recalibrated", body)


def parts() -> dict[str, str]:
    """The page's generated parts by name."""
    every, reference = rows(), published()
    trials, each = read("trials.csv", TRIALS), imitated(read("imitation.csv", []))
    native = natives(trials, every)
    return {
        "strata": strata_lines(reference, native),
        "diagnoses": diagnosis_lines(reference),
        "rest": rest_lines(reference),
        "agreement": agreement_lines(each, native, reference),
        "native": native_lines(native, each, reference),
        "imitation": imitation_lines(each),
        "attribution": attribution_lines(attributions(read("attribution.csv", []))),
        "recalibration": recalibration_lines(read("recalibration.csv", RECALIBRATION), trials, every),
    }


def page(text: str) -> str:
    """The page with its generated parts as they follow from what is kept."""
    for name, part in parts().items():
        before, begin, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        if not end:
            raise InputError(f"{PAGE}: no part '{name}'; it stands between <!-- {name} --> and <!-- end -->")
        text = f"{before}{begin}\n{part}\n\n{end}{after}"
    return text


def main() -> None:
    """Keep what a build has, and write all that follows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="?", type=Path, help="the study's folder in results/")
    arguments = parser.parse_args()
    try:
        if arguments.study:
            keep(arguments.study)
        derive()
    except InputError as error:
        sys.exit(f"{Path(__file__).name}: {error}")


if __name__ == "__main__":
    main()
