"""Whether a study's files are what they say: damage is named, and moved aside where that is asked for."""

import os
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from uncrossed import datasets, store
from uncrossed.errors import InputError
from uncrossed.files import sha256
from uncrossed.trial import FRAMEWORKS

QUARANTINED = ".quarantined"


def verify(folder: str | os.PathLike[str], quarantine: bool = False) -> list[str]:
    """Check all trial files of a study, the datasets beside it, and its checksum list.

    Args:
        folder: `results/STUDY`, or `results/datasets`.
        quarantine: rename damaged trial files and datasets to `*.quarantined`: the next build makes them again.

    Returns:
        One line for each fault.

    Raises:
        InputError: nothing to check.
    """
    folder = Path(folder)
    listed = _listed(folder)
    files = sorted({*_trial_files(folder), *(path for path in listed if path.suffix != ".h5")})
    shared = folder if folder.name == "datasets" else folder.parent / "datasets"
    files += sorted(shared.glob("*.h5"))
    if not files:
        raise InputError(f"{folder}: no trial files, checksums or datasets there")
    faults = []
    for path in tqdm(files, desc="verify", unit="file", disable=None):
        fault = _fault(path, listed.get(path))
        if fault is None:
            continue
        if quarantine and path.suffix == ".h5" and path.exists():
            path.replace(path.with_name(path.name + QUARANTINED))
            fault += f"; moved to {path.name}{QUARANTINED}"
        faults.append(fault)
    return faults + [f"{path}: missing, but listed in SHA256SUMS" for path in listed if path not in files]


def _trial_files(folder: Path) -> Iterator[Path]:
    for framework in FRAMEWORKS:
        yield from folder.glob(f"trials/*/{framework}.h5")


def _listed(folder: Path) -> dict[Path, str]:
    try:
        lines = (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    return {folder / name: sha for sha, name in (line.split("  ", 1) for line in lines)}


def _fault(path: Path, listed: str | None) -> str | None:
    """What is wrong with a file, or None."""
    try:
        if path.parent.parent.name == "trials":
            attributes = store.read(path).attributes
            for what, found, wanted in (
                ("framework", attributes["framework"], path.stem),
                ("trial", attributes["row"].get("trial"), path.parent.name),
            ):
                if found != wanted:
                    return f"{path}: holds {what} {found}"
        elif path.suffix == ".h5":
            datasets.read(path)
        if listed is not None and sha256(path) != listed:
            return f"{path}: its SHA-256 is not the one in SHA256SUMS"
    except InputError as error:
        return str(error)
    except OSError as error:
        return f"{path}: {error.strerror}"
    return None
