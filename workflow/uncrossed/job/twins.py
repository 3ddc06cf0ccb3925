"""Twins: rows that train to the same weights on a framework. One is trained, the others' trial files are copies."""

import sys
from pathlib import Path

from uncrossed.results import trial_file
from uncrossed.study.identity import code_sha256
from uncrossed.study.trial import Job, Trial
from uncrossed.training.architectures import Architecture
from uncrossed.training.result import Result


def copied(twin: Path, framework: str, job: Job, architecture: Architecture) -> tuple[Result, str] | None:
    """The result of a training as its twin's trial file has it, and the twin's name.

    Args:
        twin: the trial file.
        framework: of the training.
        job: the training.
        architecture: of both.

    Returns:
        None, with a message, where that file is of another training.

    Raises:
        InputError: the file is missing or damaged.
    """
    result = trial_file.read(twin)
    attributes = result.attributes
    row = Trial.check(attributes["row"], f"{twin}: row")
    dataset = job.dataset.model_dump(mode="json") if job.dataset else attributes["dataset"]
    for what, theirs, ours in (
        ("framework", attributes["framework"], framework),
        ("row", row.training(framework, architecture.touching), job.row.training(framework, architecture.touching)),
        ("settings", attributes["settings"], job.settings.model_dump(mode="json")),
        ("dataset", attributes["dataset"], dataset),
        ("code", attributes["code_sha256"], code_sha256(framework, architecture)),
    ):
        if theirs != ours:
            print(f"not the same training as {row.trial}: another {what}; it is trained", file=sys.stderr)
            return None
    attributes["row"] = job.row.deciding()
    return result, row.trial
