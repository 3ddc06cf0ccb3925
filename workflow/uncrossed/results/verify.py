"""Whether a study's files are what they say, locally or behind a URL: damage is named, and moved aside where asked for.

Hashes are checked first, then what files say of each other: that every trial is there, that equal rows hold equal
weights and other rows other ones, that training moved the weights, and that accuracies are those of the stored logits;
with a framework also that logits and initial weights are those of the stored rows and weights.
"""

import json
import os
import signal
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from uncrossed.common.errors import InputError, UnreadableError
from uncrossed.common.files import LocalFile, ours, read_checksums, reading, sha256
from uncrossed.common.remote import Folder, MissingFileError, Remote, opened
from uncrossed.datasets import dataset_file
from uncrossed.reading.reader import RUNS, SUMS, listable, read_trials, strange
from uncrossed.results import statements, trial_file
from uncrossed.results.recompute import Models, moving
from uncrossed.study import manifest
from uncrossed.study.trial import FRAMEWORKS, Trial
from uncrossed.training import loop

QUARANTINED = ".quarantined"
WORKERS = 4
# A rate at which a step may be too small to change a weight of 0.01 in float32, where gradients are about 1e-3.
TINY, GRADIENT = 1e-8, 1e-3
# How a process ends that HDF5 has crashed; one that is killed says nothing of the file.
CRASHES = {-number for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL)}
CRASHES |= {-signal.SIGBUS} if hasattr(signal, "SIGBUS") else set()


class Findings(NamedTuple):
    """What verification says, one line each.

    Attributes:
        faults: what is wrong.
        warnings: what may be right but should be looked at.
        unchecked: what could not be checked for want of something.
        unasked: what was not checked because nobody asked for it: what `ignore_missing` lets pass, and without
            `recompute` whether weights give the stored logits.
    """

    faults: list[str]
    warnings: list[str]
    unchecked: list[str]
    unasked: list[str]


class Facts(NamedTuple):
    """What a sound trial file says: what its training is, what it holds, and what is wrong in it.

    Attributes:
        row: the row without its notes, as JSON.
        training: the row as far as it determines this framework's weights.
        same: with `training` all that determines the result: settings, dataset, code and stack.
        content: the result's `content_sha256`.
        weights: the hashes of the last kept epoch's weights.
        completed: whether all losses were finite.
        measured: of each curve the last value.
        tiny: whether its learning rate may be too small to move weights.
        unmoved: whether no weight has another value than the kept initial one; None where that is not known.
        fault: what is wrong, or None.
    """

    framework: str
    row: str
    training: str
    same: str
    content: str
    weights: tuple[str, ...]
    completed: bool
    measured: dict[str, float]
    tiny: bool
    unmoved: bool | None
    fault: str | None


def verify(
    place: str | os.PathLike[str],
    quarantine: bool = False,
    recompute: bool = False,
    dataset: str | os.PathLike[str] | None = None,
    ignore_missing: bool = False,
) -> Findings:
    """Check all trial files and run records of a study, what its lists of checksums hold, and the datasets beside it.

    Args:
        place: `results/STUDY`, or `results/datasets`; or the URL of a study or release with a list of checksums.
        quarantine: rename damaged local files to `*.quarantined`: the next build makes them again. Never moved is a
            file that cannot be read, whose SHA-256 is the listed one, or that is sound in itself; nor a dataset that
            another version made.
        recompute: build each model, and compute its initial weights and its logits again; needs the frameworks.
        dataset: the dataset's file for that; default: beside the study.
        ignore_missing: check what is there, as of a copy of some trials.

    Returns:
        All is well where there are neither faults nor things unchecked.

    Raises:
        InputError: nothing to check, or `recompute` without dataset or framework.
    """
    source = opened(place)
    local = isinstance(source, Folder)
    if quarantine and not local:
        raise InputError(f"{place}: quarantine is for local folders")
    if local:
        source = Folder(source.root.resolve())
    listed, faults = _listed(source)
    names, rows = _names(source, listed, faults)
    # Of datasets only those beside a study are outside of its folder, and they make no study.
    if not rows and all(name.startswith(os.pardir) for name in names):
        if faults:
            return Findings(faults, [], [], [])
        raise InputError(f"{source.root}: no trial files, checksums or datasets there")
    wanted = {f"trials/{trial}/{framework}.h5": row for trial, row in rows.items() for framework in FRAMEWORKS}
    if local and not ignore_missing:
        # Of a trial that is there, the run record too.
        there = {*names}
        records = {name.removesuffix("h5") + "json" for name in wanted.keys() & there}
        missing = (wanted.keys() | records) - there
        faults += [f"{_where(source, name)}: missing, but its trial is in manifest.csv" for name in sorted(missing)]
        if listed and not (source.root / RUNS).exists():  # which no list has before a release
            faults.append(f"{_where(source, RUNS)}: missing")
    if listed:
        faults += [f"{source.where(SUMS[0])}: does not list {name}" for name in listable(rows) if name not in listed]
    models = Models(source.root.parent / "datasets" if local else None, dataset) if recompute else None
    facts: dict[str, Facts] = {}
    warnings: list[str] = []

    def check(name: str) -> tuple[str | None, bool]:
        where = _where(source, name)
        with ExitStack() as stack:
            try:
                path = stack.enter_context(_fetched(source, name))
            except MissingFileError:
                return None if ignore_missing else f"{where}: missing, but listed", False
            except InputError as error:
                return str(error), False
            found, fault, damaged = _check(path, listed.get(name), reader)
            if found and models:
                unmoved, fault = models.check(path)
                found = found._replace(unmoved=unmoved)
        if found:
            facts[where] = found
            if not fault and name in wanted and found.row != _row(wanted[name]):
                fault = "its row is another than in manifest.csv"
        return fault and f"{where}: {fault}", damaged

    with _Reader() as reader, ThreadPoolExecutor(WORKERS) as pool:
        try:
            checked = pool.map(check, names)
            bar = tqdm(zip(names, checked, strict=True), "verify", len(names), unit="file", disable=None)
            for name, (fault, damaged) in bar:
                if fault is not None:
                    faults.append(fault + (_moved_aside(Path(_where(source, name))) if quarantine and damaged else ""))
        finally:
            pool.shutdown(cancel_futures=True)
            if models:
                models.close()
    abouts = {(where, found.framework): json.loads(found.same) for where, found in facts.items()}
    faults += statements.contradicted(source, listed, abouts)
    for fault, warning in (*_twins(facts), *_unmoved(facts)):
        (warnings if warning else faults).append(fault)
    unchecked, absent = _lacking(source, names, listed, rows)
    for line, group in _untabled(source, rows, facts):
        {"fault": faults, "unchecked": unchecked, "absent": absent}[group].append(line)
    unasked = []
    if ignore_missing:
        unasked = [*absent, "whether files are missing (--ignore-missing)"]
    else:
        unchecked += absent
    if facts and not recompute:
        unasked.append("whether weights give the stored logits and came from their row's initial ones (--recompute)")
    return Findings(faults, warnings, unchecked, unasked)


def _where(source: Folder | Remote, name: str) -> str:
    return os.path.normpath(source.where(name)) if isinstance(source, Folder) else source.where(name)


def _is_trial(path: Path) -> bool:
    return path.parent.parent.name == "trials" and path.suffix == ".h5"


def _listed(source: Folder | Remote) -> tuple[dict[str, str], list[str]]:
    """All listed names with their SHA-256; and what is wrong with the lists."""
    listed, faults = {}, []
    for name in SUMS:
        source.forget(name)  # what is verified is what is there
        try:
            found = read_checksums(source.read(name).decode(errors="replace"), source.where(name))
        except MissingFileError:
            continue
        except InputError as error:
            faults.append(str(error))
            continue
        if not found:
            faults.append(f"{source.where(name)}: lists nothing")
        both = listed.keys() & found.keys()
        faults += [f"{source.where(k)}: {' and '.join(SUMS)} disagree" for k in sorted(both) if listed[k] != found[k]]
        listed = found | listed
    return listed, faults


def _names(source: Folder | Remote, listed: dict[str, str], faults: list[str]) -> tuple[list[str], Mapping[str, Trial]]:
    """The files to check; and the rows of the manifest."""
    names = dict.fromkeys(listed)
    if isinstance(source, Folder):
        root = source.root
        shared = root if root.name == "datasets" else root.parent / "datasets"
        kinds = [f"trials/*/{framework}.{kind}" for framework in FRAMEWORKS for kind in ("h5", "json")]
        there = [*ours(root, *kinds), *ours(shared, "*.h5")]
        names |= dict.fromkeys(os.path.relpath(path, root) for path in there)
    # Once: the manifest's reader refuses a trial that is there twice, and a folder has a name once.
    rows: Mapping[str, Trial] = {}
    try:
        with _fetched(source, "manifest.csv") as path:
            rows = manifest.read(path)
    except MissingFileError:
        pass
    except InputError as error:
        if "manifest.csv" not in listed:  # of a listed one the checksum tells
            faults.append(str(error))
    return list(names), rows


@contextmanager
def _fetched(source: Folder | Remote, name: str) -> Iterator[Path]:
    """The path of a file, of a remote one that of a copy while the block lasts.

    Raises:
        MissingFileError: there is none.
        UnreadableError: it cannot be opened.
        InputError: no sound answer.
        OSError: the disk is full.
    """
    if isinstance(source, Folder):
        path = Path(_where(source, name))
        try:
            LocalFile(path).close()
        except FileNotFoundError as error:
            raise MissingFileError(f"{path}: no such file") from error
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="uncrossed-") as folder:
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as stream:
            for chunk in source.chunks(name):
                stream.write(chunk)
        yield path


def _moved_aside(path: Path) -> str:
    names = (path.with_name(f"{path.name}{QUARANTINED}{number or ''}") for number in range(10**6))
    aside = next(name for name in names if not name.exists())
    try:
        path.replace(aside)
    except OSError as error:
        return f"; cannot be moved ({error.strerror})"
    return f"; moved to {aside.name}"


def _check(path: Path, listed: str | None, reader: "_Reader") -> tuple[Facts | None, str | None, bool]:
    """Of a trial file its facts; what is wrong with a file, or None; and whether it is proven to be damaged."""
    try:
        matches = listed is not None and sha256(path) == listed
        if matches:
            # Its bytes are right, so that HDF5 reads it.
            facts = _facts(path, checked=True) if _is_trial(path) else NO_FACTS
        elif path.suffix == ".h5":
            facts = reader.facts(path)
        elif path.suffix == ".json" and listed is None:
            json.loads(path.read_bytes())["seconds_per_epoch"]
            return None, None, False
        else:
            return None, "its SHA-256 is not the listed one", True
    except OSError as error:
        return None, f"cannot be read ({error.strerror or error})", False
    except (UnreadableError, dataset_file.OtherVersionError) as error:
        return None, str(error).removeprefix(f"{path}: "), False
    except (ValueError, KeyError, TypeError) as error:
        return None, f"damaged ({error})", True
    if facts.fault:
        return None, f"its SHA-256 is the listed one, but: {facts.fault}" if matches else facts.fault, not matches
    if listed and not matches:
        return None, "sound, but another than is listed; build the study again", False
    return (facts if facts.framework else None), None, False


NO_FACTS = Facts("", "", "", "", "", (), False, {}, False, None, None)


def _facts(path: Path, checked: bool = False) -> Facts:
    """What a trial file or dataset says; one whose bytes are not `checked` is read whole, and checked by its hashes.

    Raises:
        UnreadableError: the operating system does not give it.
        OtherVersionError: a dataset that this version cannot judge.
    """
    try:
        if not _is_trial(path):
            name = dataset_file.read(path).identity.name
            return NO_FACTS._replace(fault=None if name == path.stem else f"holds dataset {name}")
        if not checked:
            trial_file.read(path)
        with trial_file.opened(path) as file:
            found = trial_file._attributes(file)
            row = Trial.check(found["row"], "row")
            for what, is_, _ in strange(found, path.parent.name, path.stem):
                return NO_FACTS._replace(fault=f"holds {what} {is_}")
            last, first = (
                {str(name): str(group[name].attrs["sha256"]) for name in group.attrs["names"]}
                for group in (file["weights"][choose(file["weights"])] for choose in (max, min))
            )
            curves = {name: file[f"curves/{name}"][:] for name in trial_file.CURVES}
            trained = trial_file.epochs_trained(curves)
            same = {name: found[name] for name in statements.ABOUT}
            return Facts(
                found["framework"],
                _row(row),
                row.training(found["framework"]),
                json.dumps(same, sort_keys=True),
                found["content_sha256"],
                tuple(last.values()),
                found["status"] == "completed",
                {name: float(values[trained - 1]) for name, values in curves.items()},
                row.learning_rate * GRADIENT / (GRADIENT + row.adam_epsilon) < TINY,
                all(first[name] == last[name] for name in moving(last)) if "0000" in file["weights"] else None,
                _contradiction(file, row, curves),
            )
    except (UnreadableError, dataset_file.OtherVersionError):
        raise
    except InputError as error:
        return NO_FACTS._replace(fault=str(error).removeprefix(f"{path}: "))
    except (*trial_file.DAMAGE, MemoryError, OverflowError) as error:
        return NO_FACTS._replace(fault=f"damaged ({type(error).__name__}: {error})")


def _row(row: Trial) -> str:
    return json.dumps(row.deciding(), sort_keys=True)


def _contradiction(file: Any, row: Trial, curves: dict[str, np.ndarray]) -> str | None:
    """Where a trial file's curves are not those of its row, its status or its logits."""
    if any(len(values) != row.epochs for values in curves.values()):
        return f"its curves have {[len(values) for values in curves.values()]} values, its row {row.epochs} epochs"
    completed = bool(np.isfinite(curves["train_loss"]).all())
    if completed != (file.attrs["status"] == "completed"):
        return f"its status is {file.attrs['status']}, but its training losses are {'' if completed else 'not '}finite"
    if not completed:
        return None
    found = loop.measure(file["predictions/logits"][:], file["predictions/labels"][:])
    for name, counted in zip(("test loss", "test accuracy"), found, strict=True):
        recorded = curves[name.replace(" ", "_")][-1]
        if not np.isclose(recorded, counted, rtol=1e-9, atol=1e-9, equal_nan=True):
            return f"records {name} {recorded:.6f}, but its logits have {counted:.6f}"
    return None


def _lacking(
    source: Folder | Remote, names: list[str], listed: dict[str, str], rows: Mapping[str, Trial]
) -> tuple[list[str], list[str]]:
    """What of a study's trials cannot be checked for want of a sound manifest; and for want of what is not there."""
    unchecked: list[str] = []
    absent: list[str] = []
    if not rows and not any(name.startswith("trials/") for name in names):
        return unchecked, absent
    if not rows:
        where = _where(source, "manifest.csv")
        unknown = "whether trials are missing, of other rows, or otherwise in the tables"
        try:
            with _fetched(source, "manifest.csv") as path:
                manifest.read(path)
        except MissingFileError:
            absent.append(f"{unknown}, as {where} is not there")
        except InputError as error:
            unchecked.append(f"{unknown}: {error}")
    if not listed:
        absent.append(
            f"whether files are those that were made, as {source.where(' or '.join(SUMS))} is not there: trial files "
            "and datasets were checked against their own hashes, and other files against nothing"
        )
    return unchecked, absent


def _untabled(source: Folder | Remote, rows: Mapping[str, Trial], facts: dict[str, Facts]) -> Iterator[tuple[str, str]]:
    """Where tables of trials are not what manifest and trial files say, and where that cannot be told.

    Yields:
        A line, and what it is: a `fault`, or that a table is `unchecked`, or that it is `absent`.
    """
    if not rows:
        return
    try:
        import pandas as pd

        from uncrossed.results.tables import record
    except ImportError as error:
        yield f"whether tables say what trial files do ({error}): pip install 'uncrossed[reader]'", "unchecked"
        return
    lines = {}
    for trial, row in rows.items():
        files = {side: facts.get(_where(source, f"trials/{trial}/{side}.h5")) for side in FRAMEWORKS}
        if None not in files.values():
            sides = {side: ("completed" if f.completed else "diverged", f.measured) for side, f in files.items() if f}
            lines[trial] = record(row, sides)
    parsers = {"tables/trials.csv": read_trials, "tables/trials.parquet": pd.read_parquet, RUNS: pd.read_parquet}
    for name, parse in parsers.items():
        where = _where(source, name)
        try:
            with _fetched(source, name) as path, reading(path) as stream:
                table = parse(stream)
            if name == RUNS:
                continue
            table = table.set_index("trial").to_dict("index")
        except MissingFileError:
            yield f"what {where} says, as it is not there", "absent"
            continue
        except ImportError as error:
            needed = "pip install 'uncrossed[reader]'"
            yield f"what {where} says ({' '.join(str(error).split())[:80]}...): {needed}", "unchecked"
            continue
        except UnreadableError as error:
            yield str(error), "unchecked"
            continue
        except (InputError, OSError, ValueError, KeyError) as error:
            yield f"{where}: damaged ({error})", "fault"
            continue
        for trial in sorted(table.keys() - rows.keys()):
            yield f"{where}: lists trial {trial}, which manifest.csv does not", "fault"
        for trial, line in lines.items():
            if trial not in table:
                yield f"{where}: does not list trial {trial}, which is there", "fault"
                continue
            for column, value in line.items():
                listed = table[trial].get(column)
                empty = pd.isna(listed), pd.isna(value)
                if column != "trial" and (empty[0] != empty[1] if any(empty) else listed != value):
                    said = f"{column} of trial {trial} is {listed}, but manifest and trial files say {value}"
                    yield f"{where}: {said}", "fault"


def _twins(facts: dict[str, Facts]) -> Iterator[tuple[str, bool]]:
    """Trainings that should have come to the same and did not, or to something else and did; or may not have."""
    results: dict[tuple, dict[str, str]] = defaultdict(dict)
    weights: dict[tuple, dict[str, str]] = defaultdict(dict)
    for where, found in sorted(facts.items()):
        results[found.framework, found.training, found.same].setdefault(found.content, where)
        if found.completed:
            weights[found.framework, found.weights].setdefault(found.training, where)
    for group in results.values():
        if len(group) > 1:
            yield f"{' and '.join(group.values())}: the same training, but not the same result", False
    for group in weights.values():
        if len(group) > 1:
            rows = [json.loads(row) for row in group]
            keys = ", ".join(key for key in rows[0] if any(row[key] != rows[0][key] for row in rows))
            tiny = all(facts[where].tiny for where in group.values())
            yield f"{' and '.join(group.values())}: equal weights, but their rows differ in {keys}", tiny


def _unmoved(facts: dict[str, Facts]) -> Iterator[tuple[str, bool]]:
    for where, found in sorted(facts.items()):
        if found.unmoved:
            yield f"{where}: training has moved no weight", found.tiny


class _Reader:
    """Reads HDF5 files in a process of its own, since HDF5 may crash or hang on what is damaged."""

    def __enter__(self) -> "_Reader":
        self.pool, self.lock = _process(), threading.Lock()
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown(cancel_futures=True)

    def facts(self, path: Path) -> Facts:
        """What reading finds; ten minutes are enough for any file.

        Raises:
            UnreadableError: as `_facts`; or the process did not end by itself, as for want of memory.
            OtherVersionError: as `_facts`.
            OSError: the operating system does not give the file.
        """
        with self.lock:
            process = None
            try:
                asked = self.pool.submit(_facts, path)
                (process,) = self.pool._processes.values()
                return asked.result(timeout=600)
            except (BrokenProcessPool, TimeoutError) as error:
                endless = isinstance(error, TimeoutError)
                if process:
                    process.kill()  # if it is not dead already
                    process.join()
                self.pool.shutdown(cancel_futures=True)
                self.pool = _process()
                if endless:
                    sha256(path)  # else it may be the file system that never ends
                elif process is None or process.exitcode not in CRASHES:
                    raise UnreadableError(f"{path}: cannot be read (its reader was killed)") from error
                return NO_FACTS._replace(fault=f"damaged (HDF5 {'never ends reading' if endless else 'crashes on'} it)")


def _process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))
