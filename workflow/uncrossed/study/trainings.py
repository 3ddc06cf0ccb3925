"""How many trainings rows take, and how long: twins and views are not trained."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from uncrossed.datasets.definition import DatasetIdentity
from uncrossed.study import resources
from uncrossed.study.trial import FRAMEWORKS, Settings, Trial


def needed(rows: Iterable[Trial], touching: Mapping[str, Collection[str]]) -> dict[str, list[Trial]]:
    """For each framework one row of each training.

    Args:
        rows: those of a study.
        touching: by architecture the mechanisms that make a difference for it.
    """
    rows = list(rows)
    return {
        framework: list(
            {
                row.training(framework, touching[row.architecture], evaluation=False): row for row in reversed(rows)
            }.values()
        )
        for framework in FRAMEWORKS
    }


def hours(
    trainings: Mapping[str, Iterable[Trial]], settings: Settings, dataset: DatasetIdentity, own: Path | None = None
) -> float:
    """What trainings take one after the other on the study's device, by the table of speeds.

    Args:
        trainings: what `needed` returns.
        settings: the study's.
        dataset: the study's.
        own: a study's own table of speeds, which may be missing.
    """
    return sum(
        resources.seconds(framework, row, settings, dataset, own) / 3600
        for framework, rows in trainings.items()
        for row in rows
    )
