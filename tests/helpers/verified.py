"""Changing a study's files, and what `verify` says then."""

from pathlib import Path

from helpers.commands import told
from uncrossed.results import checksums, trial_file

SOUND = "all files are as they should be"


FIRST, SECOND = "densenet121-0000", "resnet50-0001"


def change(path: Path, how) -> None:
    """Change a trial file, so that it stays sound in itself."""
    result = trial_file.read(path)
    how(result)
    trial_file.write(path, result)


def changed(folder: Path, name: str, how, code: int = 1) -> str:
    """What `verify` prints of the study when a trial file was written in another way."""
    change(folder / "trials" / name, how)
    checksums.make(folder)
    return told("verify", folder, code=code)
