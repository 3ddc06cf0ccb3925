"""The rows of a built study, from the manifest beside its results."""

import os
from pathlib import Path

from uncrossed.common.errors import InputError
from uncrossed.study import layout, manifest
from uncrossed.study.trial import Trial


def rows(folder: str | os.PathLike[str]) -> dict[str, Trial]:
    """The rows by trial name.

    Raises:
        InputError: as `manifest.read`; where there is no manifest, with the command that makes it.
    """
    check(folder)
    return manifest.read(Path(folder) / layout.MANIFEST, architectures=None)


def check(folder: str | os.PathLike[str]) -> None:
    """Refuse a folder without a manifest; the message has the command that makes it.

    Raises:
        InputError: there is none.
    """
    path = Path(folder) / layout.MANIFEST
    if not path.exists():
        target = f"results/{path.parent.resolve().name}/{layout.MANIFEST}"
        command = f"snakemake {target} --cores 1 --configfile YOUR-STUDY.yaml"
        raise InputError(f"{path}: missing, as after a build of single files; make it first: `{command}`")
