"""Keep what `config/published-explained.yaml` has shown, and write the tables of `docs/why-pairs-differ.md` from it.

    export UNCROSSED_STUDY=published-explained
    snakemake --profile profiles/local manifest $(python tests/benchmarks/published_explained.py --next 2)
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
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY / "tests"))

from helpers import explained_figures, explained_page  # noqa: E402
from helpers.explained import (  # noqa: E402
    DEVICE,
    KEPT,
    PAGE,
    RECALIBRATION,
    SHA256,
    TRIALS,
    alone,
    attributed,
    imitated,
    joined,
    natives,
    published,
    read,
    rows,
    whole,
    write,
)
from uncrossed.analysis.recalibration import recalibration  # noqa: E402
from uncrossed.common.errors import InputError  # noqa: E402
from uncrossed.common.files import sha256, write_text  # noqa: E402
from uncrossed.results import tables, trial_file  # noqa: E402
from uncrossed.results.trials_table import STATUSES  # noqa: E402
from uncrossed.study import layout  # noqa: E402
from uncrossed.study.trial import FRAMEWORKS, Trial  # noqa: E402


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
        attributes = list(map(trial_file.read_attributes, files))
        table["dataset"] = [one["dataset"]["name"] for one in attributes]
        table[device] = [one["device"] for one in attributes]
        table[column] = list(map(sha256, files))
    return table[TRIALS]


def check_same(kept: pd.DataFrame, new: pd.DataFrame) -> None:
    """Refuse a build of another dataset, or that has other bytes than what was kept of the same kind of CPU.

    Raises:
        InputError: naming the first such result.
    """
    where = KEPT.relative_to(REPOSITORY) / "trials.csv"
    found, allowed = set(new["dataset"]), set(kept["dataset"])
    if found and allowed and found != allowed:
        raise InputError(
            f"the build is of {', '.join(sorted(found))}; allowed: {', '.join(sorted(allowed))}, as in {where}"
        )
    both = kept.merge(new, on="trial", suffixes=("", "_new"))
    for device, name in zip(DEVICE, SHA256, strict=True):
        other = both[(both[device] == both[f"{device}_new"]) & (both[name] != both[f"{name}_new"])]
        for one in other.to_dict("records"):
            raise InputError(
                f"{one['trial']}: {name} is {one[name]} in {where}, and "
                f"{one[f'{name}_new']} in this build, both on {one[device]}"
            )


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


def left(count: int) -> Iterator[str]:
    """The trial files of so many published pairs that are not kept yet, in the order of their names."""
    every, kept = rows(), set(read("trials.csv", TRIALS)["base"])
    bases = sorted({row.base for row in every.values()} - kept)[:count]
    for row in every.values():
        if row.base in bases:
            yield from (f"results/published-explained/{layout.trial_file(row.trial, side)}" for side in FRAMEWORKS)


def derive() -> None:
    """Write what follows from the kept results: the other tables, the figures, the checksums, and the page's tables."""
    every, trials, reference = rows(), read("trials.csv", TRIALS), published()
    imitation = read("imitation.csv", [])
    each, alone_attributed = imitated(imitation), attributed(alone(imitation, every), every)
    write("attribution.csv", attributed(trials, every))
    write("imitation_attribution.csv", alone_attributed)
    explained_figures.draw_accuracies(each, natives(trials, every), reference, KEPT / "accuracies.svg")
    explained_figures.draw_contributions(alone_attributed, reference, KEPT / "parts.svg")
    names = sorted(path.name for path in KEPT.iterdir() if path.suffix in (".csv", ".svg"))
    write_text(KEPT / layout.CHECKSUMS, "".join(f"{sha256(KEPT / name)}  {name}\n" for name in names))
    write_text(PAGE, explained_page.page(PAGE.read_text()))


def main() -> None:
    """Keep what a build has, and write all that follows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="?", type=Path, help="the study's folder in results/")
    parser.add_argument("--next", type=int, metavar="N", help="only print the trial files of N pairs that are not kept")
    arguments = parser.parse_args()
    if arguments.next is not None:
        print(*left(arguments.next))
        return
    try:
        if arguments.study:
            keep(arguments.study)
        derive()
    except InputError as error:
        sys.exit(f"{Path(__file__).name}: {error}")


if __name__ == "__main__":
    main()
