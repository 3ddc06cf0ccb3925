"""What would say why one pair differs: the smallest factorial that can decide, and what it takes.

It crosses the pair's row with all combinations of the mechanisms in which its sides still differ, or with half of them
where four or more factors take trainings. The replicates are fresh seeds: a pair that somebody asks about was picked
for what its own seed showed. `tests/benchmarks/coverage.py` says what so many seeds can find.
"""

import json
import os
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from uncrossed.common.errors import InputError, nearest
from uncrossed.common.files import write_text
from uncrossed.results import architectures, built
from uncrossed.study import factorial, manifest, resources, trainings
from uncrossed.study.hyperparameters import BATCH_SIZE, EPOCHS, LEARNING_RATE
from uncrossed.study.study import Study
from uncrossed.study.trial import FRAMEWORKS, Trial

# Stands for a study file that nobody named.
YOURS = "config/STUDY.yaml"
# What a contribution of four times a training's scatter is found with in three cases of four.
SEEDS = 5
# With so many factors that take trainings a half-fraction confuses main effects with no interaction of two.
HALVED = 4


@dataclass(frozen=True)
class Plan:
    """A factorial that can say why a pair differs.

    Attributes:
        trial: the pair's.
        factors: what is crossed.
        half: whether with half of the combinations.
        seeds: how many.
        trainings: how many in each framework, twins and views counted off.
        minutes: what they take, one after the other on the study's device, by the table of speeds.
        study: the file of the study that is to be made.
        command: what makes it.
        build: what builds it, up to its report.
        hint: what the command's study file stands for, in words; empty where the command can be run as it is.
    """

    trial: str
    factors: tuple[str, ...]
    half: bool
    seeds: int
    trainings: dict[str, int]
    minutes: float
    study: str
    command: str
    build: str
    hint: str = ""

    @property
    def time(self) -> str:
        """What the trainings take, in words."""
        return f"{self.minutes:.0f} minutes" if self.minutes < 120 else f"{self.minutes / 60:.0f} hours"


def rows(place: str | os.PathLike[str]) -> tuple[Study, dict[str, Trial]]:
    """The study and the rows of a study file, or of a folder of results.

    Raises:
        InputError: there is no study, or it has a search and no rows yet.
    """
    if Path(place).is_dir():
        return Study.read_built(place), built.rows(place)
    study = Study.load(place)
    if study.search:
        raise InputError(f"{place}: has a search, which writes its rows; allowed: its results, results/{study.name}")
    return study, study.rows


def plan(
    study: Study, row: Trial, place: str | os.PathLike[str], seeds: int = SEEDS, speeds: Path | None = None
) -> Plan:
    """The smallest factorial of a row that can decide.

    Args:
        study: the row's.
        row: the pair's.
        place: where the study is, as the command is to name it: its file, or its folder of results. Where results do
            not say where the dataset or architecture is, the command names YOURS instead.
        seeds: how many.
        speeds: a measured table, which may be missing; by default the one beside the study.

    Raises:
        InputError: no mechanism is left in which the row's sides differ.
    """
    names, half, counts = _design(_key(row), _touching(study, row))
    if not names:
        raise InputError(f"trial '{row.trial}': no mechanism is left in which its two sides differ")
    dataset, own = study.dataset.identity(), speeds or study.path.parent / "speeds.csv"
    seconds = sum(
        seeds * count * resources.seconds(framework, row, study.settings, dataset, own)
        for framework, count in counts.items()
    )
    output, hint = f"config/{name_of(row)}.yaml", ""
    if elsewhere := _elsewhere(study, row):
        place, hint = YOURS, f"{YOURS} is the study file that says 'study: {study.name}': {elsewhere}"
    command = f"uncrossed explain {row.trial} --study {shlex.quote(str(place))} --output {output}"
    command += "" if seeds == SEEDS else f" --seeds {seeds}"
    needed = {framework: seeds * count for framework, count in counts.items()}
    return Plan(row.trial, names, half, seeds, needed, seconds / 60, output, command, build(study, output), hint)


def build(study: Study, output: str | os.PathLike[str]) -> str:
    """The command that builds a study that was made for a row of another: on GPUs on a cluster."""
    file = shlex.quote(str(output))
    if study.settings.device == "cpu":
        return f"snakemake --profile profiles/local --configfile {file}"
    return f"snakemake --profile slurm --configfile {file}    # --profile profiles/local: on a GPU of this machine"


def name_of(row: Trial) -> str:
    """The name of the study that explains a row's pair."""
    return f"explain-{row.trial}"[:64]


def write(study: Study, row: Trial, output: str | os.PathLike[str], seeds: int = SEEDS) -> None:
    """Write the study of a row's factorial, `OUTPUT`, and its manifest, which lies beside it.

    Args:
        study: the row's.
        row: the pair's.
        output: the study file, a `.yaml`.
        seeds: how many, beginning after the row's own.

    Raises:
        InputError: no mechanism is left; one of the two files is there; or the study's results do not say where its
            dataset or architecture is.
    """
    output = Path(output)
    if output.suffix != ".yaml":
        raise InputError(f"--output: found '{output}'; allowed: a study file, NAME.yaml")
    for path in (output, output.with_suffix(".csv")):
        if path.exists():
            raise InputError(f"--output {output}: {path} is there already; allowed: another name, or delete it")
    if elsewhere := _elsewhere(study, row):
        raise InputError(f"--study: found {study.path}, but {elsewhere}; allowed: the study's file, such as {YOURS}")
    touching = _touching(study, row)
    half = _design(_key(row), touching)[1]
    fresh = [(row.seed + number) % 2**32 for number in range(1, seeds + 1)]
    # Names get longer by a combination and a seed.
    base = row.model_copy(update={"trial": row.trial[:40]})
    made = factorial.cross(base, touching, fresh, half=half)
    manifest_path = output.with_suffix(".csv")
    keys: dict[str, Any] = {"study": name_of(row), "dataset": study.dataset.name, "manifest": manifest_path.name}
    keys["settings"] = study.settings.model_dump(mode="json", exclude_defaults=True)
    folder = study.path.parent
    definition = dict(study.configuration.datasets.get(study.dataset.name, {}))
    if "://" not in str(definition.get("source", "://")):
        definition["source"] = os.path.relpath(folder / definition["source"], output.parent)
    keys["datasets"] = {study.dataset.name: definition} if definition else {}
    if row.architecture in study.architectures.own:
        path = os.path.relpath(study.architectures.own[row.architecture], output.parent)
        keys["architectures"] = {row.architecture: path}
    text = yaml.safe_dump({key: value for key, value in keys.items() if value}, sort_keys=False)
    manifest.write(manifest_path, made)
    write_text(output, f"# Why does the pair '{row.trial}' of the study '{study.name}' differ?\n{text}")


def find(rows: dict[str, Trial], trial: str, place: str | os.PathLike[str]) -> Trial:
    """A row by its trial's name.

    Raises:
        InputError: there is none of that name.
    """
    if trial not in rows:
        raise InputError(f"{place}: no trial '{trial}'; {nearest(trial, rows)}")
    return rows[trial]


def _elsewhere(study: Study, row: Trial) -> str:
    """What a study's results do not say that a new study needs; empty where there is nothing."""
    if study.built and row.architecture in study.architectures.own:
        return f"{row.architecture} is the study's own architecture, and what lies beside results is never run"
    try:
        study.dataset.check_source("")
    except InputError:
        return f"the results do not say where the dataset {study.dataset.name} comes from"
    return ""


def _touching(study: Study, row: Trial) -> frozenset[str]:
    if study.built:
        return architectures.touching(study.path.parent, row.architecture)
    return study.architectures[row.architecture].touching


def _key(row: Trial) -> str:
    """What a row's factorial depends on."""
    same = {LEARNING_RATE: 1.0, BATCH_SIZE: 1, EPOCHS: 1, "trial": "any", "seed": 0, "space": None, "base": None}
    return row.model_copy(update=same).model_dump_json()


@cache
def _design(key: str, touching: frozenset[str]) -> tuple[tuple[str, ...], bool, dict[str, int]]:
    """Factors, whether half of their combinations are crossed, and the trainings of one seed by framework."""
    row = Trial.check(json.loads(key), "any")
    names = tuple(factorial.factors(row, touching))
    half = sum(map(factorial.is_trained, names)) >= HALVED
    if not names:
        return names, half, dict.fromkeys(FRAMEWORKS, 0)
    needed = trainings.needed(factorial.cross(row, touching, half=half), {row.architecture: touching})
    return names, half, {framework: len(rows) for framework, rows in needed.items()}
