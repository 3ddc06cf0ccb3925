"""Whether a study's files are what they say: damage is named, and moved aside where that is asked for."""

import json
import os
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from tqdm import tqdm

from uncrossed import datasets, manifest, store
from uncrossed.errors import InputError
from uncrossed.files import sha256
from uncrossed.trial import FRAMEWORKS

QUARANTINED = ".quarantined"


def verify(folder: str | os.PathLike[str], quarantine: bool = False) -> list[str]:
    """Check all trial files and run records of a study, what SHA256SUMS lists, and the datasets beside it.

    Args:
        folder: `results/STUDY`, or `results/datasets`.
        quarantine: rename damaged files to `*.quarantined`: the next build makes them again. A trial file or dataset
            that is sound in itself, or that cannot be read at all, is never moved.

    Returns:
        One line for each fault.

    Raises:
        InputError: nothing to check.
    """
    folder = Path(folder).resolve()
    listed, faults = _listed(folder)
    shared = folder if folder.name == "datasets" else folder.parent / "datasets"
    trials = sorted(path for framework in FRAMEWORKS for path in folder.glob(f"trials/*/{framework}.*"))
    files = [path for path in trials if path.suffix in (".h5", ".json")] + sorted(shared.glob("*.h5"))
    files += [path for path in listed if path not in files]
    rows = folder / "manifest.csv"
    # Once: the manifest's reader refuses a trial that is there twice, and a folder has a name once.
    try:
        wanted = manifest.read(rows) if rows.is_file() else ()
    except InputError as error:
        wanted = ()
        faults += [] if rows in listed else [str(error)]  # of a listed one the checksum tells
    paths = [folder / "trials" / trial / f"{framework}.h5" for trial in wanted for framework in FRAMEWORKS]
    faults += [f"{path}: missing, but its trial is in manifest.csv" for path in sorted({*paths} - {*files})]
    if not files:
        raise InputError(f"{folder}: no trial files, checksums or datasets there")
    with _Reader() as reader:
        for path in tqdm(files, desc="verify", unit="file", disable=None):
            fault, damaged = _check(path, listed.get(path), reader)
            if fault is None:
                continue
            if quarantine and damaged:
                aside = _free(path)
                try:
                    path.replace(aside)
                    fault += f"; moved to {aside.name}"
                except OSError as error:
                    fault += f"; cannot be moved ({error.strerror})"
            faults.append(fault)
    return faults


def _free(path: Path) -> Path:
    names = (path.with_name(f"{path.name}{QUARANTINED}{number or ''}") for number in range(10**6))
    return next(name for name in names if not name.exists())


def _listed(folder: Path) -> tuple[dict[Path, str], list[str]]:
    path, listed, faults = folder / "SHA256SUMS", {}, []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}, []
    except (OSError, UnicodeDecodeError) as error:
        return {}, [f"{path}: cannot be read ({error})"]
    for number, line in enumerate(lines, start=1):
        sha, separator, name = line.partition("  ")
        if separator and len(sha) == 64 and name:
            listed[folder / name] = sha
        else:
            faults.append(f"{path}: line {number} is not a checksum and a name")
    return listed, faults


def _check(path: Path, listed: str | None, reader: "_Reader") -> tuple[str | None, bool]:
    """What is wrong with a file, or None; and whether it is proven to be damaged."""
    try:
        found = sha256(path)
    except FileNotFoundError:
        return f"{path}: missing, but listed in SHA256SUMS", False
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror})", False
    if found == listed:
        # Its bytes are right, so that HDF5 reads it.
        try:
            fault = _accuracy(path) if path.parent.parent.name == "trials" and path.suffix == ".h5" else None
        except InputError as error:
            fault = str(error)
        return fault, fault is not None
    if path.suffix == ".h5":
        fault = reader.fault(path)
        if fault:
            return fault, True
        return (
            (f"{path}: sound, but another than SHA256SUMS lists; build the study again", False)
            if listed
            else (None, False)
        )
    if path.suffix == ".json" and listed is None:
        try:
            json.loads(path.read_bytes())["seconds_per_epoch"]
        except (ValueError, KeyError, TypeError) as error:
            return f"{path}: damaged ({error})", True
        return None, False
    return f"{path}: its SHA-256 is not the one in SHA256SUMS", True


class _Reader:
    """Reads HDF5 files in a process of its own, since HDF5 may crash or hang on what is damaged."""

    def __enter__(self) -> "_Reader":
        self.pool = self._new()
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown(cancel_futures=True)

    def fault(self, path: Path) -> str | None:
        """What reading finds, or None; ten minutes are enough for any file."""
        try:
            return self.pool.submit(_read, path).result(timeout=600)
        except (BrokenProcessPool, TimeoutError) as error:
            for process in list((self.pool._processes or {}).values()):
                process.kill()
            self.pool.shutdown(cancel_futures=True)
            self.pool = self._new()
            what = "never ends reading it" if isinstance(error, TimeoutError) else "crashes on it"
            return f"{path}: damaged (HDF5 {what})"

    @staticmethod
    def _new() -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def _read(path: Path) -> str | None:
    try:
        if path.parent.parent.name != "trials":
            name = datasets.read(path).identity.name
            return None if name == path.stem else f"{path}: holds dataset {name}"
        attributes = store.read(path).attributes
        for what, found, wanted in (
            ("framework", attributes["framework"], path.stem),
            ("trial", attributes["row"].get("trial"), path.parent.name),
        ):
            if found != wanted:
                return f"{path}: holds {what} {found}"
        return _accuracy(path)
    except InputError as error:
        return str(error)
    except (*store.DAMAGE, MemoryError, OverflowError) as error:
        return f"{path}: damaged ({type(error).__name__}: {error})"


def _accuracy(path: Path) -> str | None:
    """Whether a trial file records the test accuracy that its logits have."""
    with store.opened(path) as file:
        if file.attrs["status"] != "completed":
            return None
        recorded = file["curves/test_accuracy"][-1]
        counted = (file["predictions/logits"][:].argmax(axis=1) == file["predictions/labels"][:]).mean()
    if abs(recorded - counted) < 1e-9:
        return None
    return f"{path}: records test accuracy {recorded:.6f}, but its logits have {counted:.6f}"
