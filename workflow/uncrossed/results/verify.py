"""Whether a study's files are what they say, locally or behind a URL: damage is named, and moved aside where asked for.

Hashes are checked first, then what files say of each other: that every trial is there, that equal rows hold equal
weights and other rows other ones, that training moved the weights, and that accuracies are those of the stored logits;
with a framework also that logits and initial weights are those of the stored rows and weights.
"""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePath
from typing import NamedTuple

from tqdm import tqdm

from uncrossed.common.errors import InputError, UnreadableError
from uncrossed.common.files import DAMAGE, LocalFile, ours, reading
from uncrossed.common.parquet import read_parquet
from uncrossed.common.remote import LocalFolder, MissingFileError, RemoteFolder, folder_at
from uncrossed.results import checksums, statements, trials_table
from uncrossed.results.architectures import touching
from uncrossed.results.consistency import compare_trainings, table_faults, unmoved
from uncrossed.results.examine import Examined, Hdf5Process, examine
from uncrossed.results.facts import TrialFacts, row_text
from uncrossed.results.recompute import Models
from uncrossed.study import layout, manifest
from uncrossed.study.trial import FRAMEWORKS, Trial

QUARANTINED = ".quarantined"
WORKERS = 4


class Findings(NamedTuple):
    """What verification says, one line each.

    Attributes:
        faults: what is wrong.
        warnings: what may be right but should be looked at.
        unchecked: what could not be checked for want of something.
        skipped: what was not checked because nobody asked for it: what `ignore_missing` lets pass, and without
            `recompute` whether weights give the stored logits.
    """

    faults: list[str]
    warnings: list[str]
    unchecked: list[str]
    skipped: list[str]


def verify(
    place: str | os.PathLike[str],
    quarantine: bool = False,
    recompute: bool = False,
    dataset: str | os.PathLike[str] | None = None,
    ignore_missing: bool = False,
    architectures: Mapping[str, Path] | None = None,
) -> Findings:
    """Check all trial files and run records of a study, what its lists of checksums hold, and the datasets beside it.

    Args:
        place: `results/STUDY`, or `results/datasets`; or the URL of a study or release with a list of checksums.
        quarantine: rename damaged local files to `*.quarantined`: the next build makes them again. Never moved is a
            file that cannot be read, whose SHA-256 is the listed one, or that is sound in itself; nor a dataset that
            other code made.
        recompute: build each model, and compute its initial weights and its logits again; needs the frameworks.
        dataset: the dataset's file for that; default: beside the study.
        ignore_missing: check what is there, as of a copy of some trials.
        architectures: files of the study's own ones, by name, for `recompute`: they are run.

    Returns:
        All is well where there are neither faults nor things unchecked.

    Raises:
        InputError: nothing to check, or `recompute` without dataset or framework.
    """
    source = folder_at(place)
    local = isinstance(source, LocalFolder)
    if quarantine and not local:
        raise InputError(f"{place}: quarantine is for local folders")
    if local:
        source = LocalFolder(source.root.resolve())
    listed, faults = _read_lists(source)
    names = _files(source, listed)
    # Once: the manifest's reader refuses a trial that is there twice, and a folder has a name once.
    rows, unreadable = _read_manifest(source)
    if unreadable and layout.MANIFEST not in listed:  # of a listed one the checksum tells
        faults.append(unreadable)
    # Of datasets only those beside a study are outside of its folder, and they make no study.
    if not rows and all(name.startswith(os.pardir) for name in names):
        if faults:
            return Findings(faults, [], [], [])
        raise InputError(f"{source.root}: no trial files, checksums or datasets there")
    if local and not ignore_missing:
        faults += _missing(source, names, listed, rows)
    if listed:
        unlisted = [name for name in layout.must_be_listed(rows) if name not in listed]
        faults += [f"{source.where(layout.CHECKSUMS)}: does not list {name}" for name in unlisted]
    models = Models(layout.datasets(source.root) if local else None, dataset, architectures) if recompute else None
    facts: dict[str, TrialFacts] = {}
    for name, examined in _examine_all(source, names, listed, rows, models, ignore_missing):
        where = _where(source, name)
        if examined.facts:
            facts[where] = examined.facts
        if examined.fault:
            moved = _moved_aside(Path(where)) if quarantine and examined.damaged else ""
            faults.append(f"{examined.fault}{moved}")
    origins = {(where, trial.framework): json.loads(trial.origin) for where, trial in facts.items()}
    faults += statements.contradicted(source, listed, origins)
    warnings = []
    for line, harmless in (*compare_trainings(facts), *unmoved(facts)):
        (warnings if harmless else faults).append(line)
    unchecked, absent = _uncheckable(source, names, listed, rows, unreadable)
    by_kind = {"fault": faults, "unchecked": unchecked, "absent": absent}
    for kind, line in _compare_tables(source, rows, facts):
        by_kind[kind].append(line)
    skipped = [*absent, "whether files are missing (--ignore-missing)"] if ignore_missing else []
    if not ignore_missing:
        unchecked += absent
    if facts and not recompute:
        skipped.append("whether weights give the stored logits and came from their row's initial ones (--recompute)")
    return Findings(faults, warnings, unchecked, skipped)


def _where(source: LocalFolder | RemoteFolder, name: str) -> str:
    return os.path.normpath(source.where(name)) if isinstance(source, LocalFolder) else source.where(name)


def _read_lists(source: LocalFolder | RemoteFolder) -> tuple[dict[str, str], list[str]]:
    """All listed names with their SHA-256; and what is wrong with the lists."""
    listed: dict[str, str] = {}
    faults = []
    for list_name in layout.LISTS:
        source.forget(list_name)  # what is verified is what is there
        where = source.where(list_name)
        try:
            digests = checksums.parse(source.read(list_name), where)
        except MissingFileError:
            continue
        except InputError as error:
            faults.append(str(error))
            continue
        if not digests:
            faults.append(f"{where}: lists nothing")
        for name in sorted(listed.keys() & digests.keys()):
            if listed[name] != digests[name]:
                faults.append(f"{source.where(name)}: {' and '.join(layout.LISTS)} disagree")
        listed = digests | listed
    return listed, faults


def _files(source: LocalFolder | RemoteFolder, listed: Mapping[str, str]) -> list[str]:
    """The names of the files to check, of a local study also of those that are in no list."""
    names = dict.fromkeys(listed)
    if isinstance(source, LocalFolder):
        of_trials = (layout.trial_file, layout.run_record, layout.views_file)
        patterns = [name("*", framework) for framework in FRAMEWORKS for name in of_trials]
        there = [*ours(source.root, *patterns), *ours(layout.datasets(source.root), "*.h5")]
        names |= dict.fromkeys(PurePath(os.path.relpath(path, source.root)).as_posix() for path in there)
    return list(names)


def _read_manifest(source: LocalFolder | RemoteFolder) -> tuple[Mapping[str, Trial], str | None]:
    """The rows of the manifest, of which there are none where it is not there; and why it cannot be read, if so."""
    try:
        with _local_copy(source, layout.MANIFEST) as path:
            return manifest.read(path, architectures=None), None
    except MissingFileError:
        return {}, None
    except InputError as error:
        return {}, str(error)


def _missing(
    source: LocalFolder, names: list[str], listed: Mapping[str, str], rows: Mapping[str, Trial]
) -> Iterator[str]:
    """Which files of the manifest's trials are not there; of a trial file that is there, the run record must be too."""
    there = {*names}
    wanted = {*layout.trial_files(rows)}
    wanted |= {layout.run_record(*layout.place(name)) for name in wanted & there}
    for name in sorted(wanted - there):
        yield f"{_where(source, name)}: missing, but its trial is in {layout.MANIFEST}"
    if listed and not (source.root / layout.RUNS_TABLE).exists():  # which no list has before a release
        yield f"{_where(source, layout.RUNS_TABLE)}: missing"


def _examine_all(
    source: LocalFolder | RemoteFolder,
    names: list[str],
    listed: Mapping[str, str],
    rows: Mapping[str, Trial],
    models: Models | None,
    ignore_missing: bool,
) -> Iterator[tuple[str, Examined]]:
    """Each file and what it is found to be, several at a time."""

    def one(name: str) -> Examined:
        where = _where(source, name)
        with ExitStack() as stack:
            try:
                path = stack.enter_context(_local_copy(source, name))
            except MissingFileError:
                return Examined(fault=None if ignore_missing else f"{where}: missing, but listed")
            except InputError as error:
                return Examined(fault=str(error))
            facts, fault, damaged = examine(path, listed.get(name), process, own)
            if facts and models:
                unmoved, fault = models.check(path)
                facts = facts._replace(unmoved=unmoved)
        if facts and not fault:
            row = rows.get(layout.place(name)[0])
            if row and facts.row != row_text(row):
                fault = f"its row is another than in {layout.MANIFEST}"
        return Examined(facts, fault and f"{where}: {fault}", damaged)

    own = _own_architectures(source, names)
    with Hdf5Process() as process, ThreadPoolExecutor(WORKERS) as pool:
        try:
            examined = pool.map(one, names)
            yield from tqdm(zip(names, examined, strict=True), "verify", len(names), unit="file", disable=None)
        finally:
            pool.shutdown(cancel_futures=True)
            if models:
                models.close()


def _own_architectures(source: LocalFolder | RemoteFolder, names: list[str]) -> dict[str, frozenset[str]]:
    """The mechanisms that make a difference for each of the study's own architectures, whose files are not run."""
    own, pattern = {}, layout.architecture_statement("*")
    if isinstance(source, LocalFolder):
        names = [path.relative_to(source.root).as_posix() for path in ours(source.root, pattern)]
    for name in names:
        if PurePath(name).match(pattern):
            # One that is missing or damaged is named by its checksum.
            with suppress(InputError), _local_copy(source, name) as path:
                own[path.stem] = touching(path.parents[1], path.stem)
    return own


@contextmanager
def _local_copy(source: LocalFolder | RemoteFolder, name: str) -> Iterator[Path]:
    """The path of a file, of a remote one that of a copy while the block lasts.

    Raises:
        MissingFileError: there is none.
        UnreadableError: it cannot be opened.
        InputError: no sound answer.
        OSError: the disk is full.
    """
    if isinstance(source, LocalFolder):
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
    """Rename a file; say so, as the end of a line."""
    names = (path.with_name(f"{path.name}{QUARANTINED}{number or ''}") for number in range(10**6))
    aside = next(name for name in names if not name.exists())
    try:
        path.replace(aside)
    except OSError as error:
        return f"; cannot be moved ({error.strerror})"
    return f"; moved to {aside.name}"


def _uncheckable(
    source: LocalFolder | RemoteFolder,
    names: list[str],
    listed: Mapping[str, str],
    rows: Mapping[str, Trial],
    unreadable: str | None,
) -> tuple[list[str], list[str]]:
    """What of a study's trials cannot be checked: for want of a sound manifest, and for want of what is not there."""
    unchecked: list[str] = []
    absent: list[str] = []
    if not rows and not any(name.startswith(f"{layout.TRIALS_FOLDER}/") for name in names):
        return unchecked, absent
    unknown = "whether trials are missing, of other rows, or otherwise in the tables"
    if unreadable:
        unchecked.append(f"{unknown}: {unreadable}")
    elif not rows:
        absent.append(f"{unknown}, as {_where(source, layout.MANIFEST)} is not there")
    if not listed:
        absent.append(
            f"whether files are those that were made, as {source.where(' or '.join(layout.LISTS))} is not there: trial "
            "files and datasets were checked against their own hashes, and other files against nothing"
        )
    return unchecked, absent


def _compare_tables(
    source: LocalFolder | RemoteFolder, rows: Mapping[str, Trial], facts: Mapping[str, TrialFacts]
) -> Iterator[tuple[str, str]]:
    """Where tables of trials are not what manifest and trial files say, and where that cannot be told.

    Yields:
        What a line is: a `fault`, or that a table is `unchecked`, or that it is `absent`; and the line.
    """
    if not rows:
        return
    try:
        import pandas  # noqa: F401
    except ImportError as error:
        yield "unchecked", f"whether tables say what trial files do ({error}): pip install 'uncrossed[reader]'"
        return
    expected = {}
    for trial, row in rows.items():
        sides = {name: facts.get(_where(source, layout.trial_file(trial, name))) for name in FRAMEWORKS}
        if None not in sides.values():
            expected[trial] = trials_table.line(row, {name: found.side for name, found in sides.items() if found})
    parsers = {
        layout.TRIALS_CSV: trials_table.read_csv,
        layout.TRIALS_PARQUET: read_parquet,
        layout.RUNS_TABLE: read_parquet,
    }
    for name, parse in parsers.items():
        where = _where(source, name)
        try:
            with _local_copy(source, name) as path, reading(path) as stream:
                table = parse(stream)
            lines = {} if name == layout.RUNS_TABLE else table.set_index("trial").to_dict("index")
        except MissingFileError:
            yield "absent", f"what {where} says, as it is not there"
            continue
        except ImportError as error:
            reason = f"({' '.join(str(error).split())[:80]}...): pip install 'uncrossed[reader]'"
            yield "unchecked", f"what {where} says {reason}"
            continue
        except UnreadableError as error:
            yield "unchecked", str(error)
            continue
        except DAMAGE as error:
            yield "fault", f"{where}: damaged ({error})"
            continue
        if name != layout.RUNS_TABLE:
            for fault in table_faults(lines, expected, rows):
                yield "fault", f"{where}: {fault}"
