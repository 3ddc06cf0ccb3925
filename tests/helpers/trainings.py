"""Trainings through the command."""

import json
from pathlib import Path

from helpers.commands import uncrossed

ROW = {"trial": "a", "architecture": "smallcnn", "learning_rate": 0.01, "batch_size": 30, "adam_epsilon": 0.1}


def command(framework: str, data: Path, output: Path, epochs: int = 4, *arguments: object) -> list[str]:
    """The command of a training that saves after every epoch."""
    row = json.dumps({**ROW, "epochs": epochs})
    words = ["uncrossed", "train", framework, "--row", row, "--dataset", data, "--output", output]
    return list(map(str, [*words, "--checkpoint-seconds", 0, *arguments]))


def row(architecture: str = "smallcnn", **changes: object) -> str:
    """A manifest row as JSON: three batches an epoch on 70 examples, the last of them partial."""
    values = {"learning_rate": 0.01, "batch_size": 30, "adam_epsilon": 1e-3, "epochs": 2, "seed": 7}
    return json.dumps({"trial": architecture, "architecture": architecture, **values, **changes})


def train(framework: str, few: Path, output: Path, job: str, settings: dict | None = None, **options):
    """Train through the command."""
    extra = ["--settings", json.dumps(settings)] if settings else []
    return uncrossed("train", framework, "--row", job, "--dataset", few, "--output", output, *extra, **options)
