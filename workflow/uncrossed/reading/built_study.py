"""Read a built study, from a folder or over the network: tables, curves, single arrays, whole models.

Every array that is read is checked against its hash in the trial file. Over the network one array costs its bytes and
at most 256 KiB. Needs pandas, and pyarrow for all but the table of trials; a framework only for `model()`.
"""

import errno
import functools
import io
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from uncrossed.common.errors import InputError, UnknownNameError, nearest
from uncrossed.common.files import DAMAGE, complete
from uncrossed.common.parquet import read_parquet
from uncrossed.common.remote import MissingFileError, folder_at
from uncrossed.reading.listed_files import ListedFiles
from uncrossed.reading.selection import selected
from uncrossed.reading.trial import Pair
from uncrossed.results import trials_table
from uncrossed.study import layout
from uncrossed.study.trial import FRAMEWORKS

if TYPE_CHECKING:
    import pandas as pd

# What the operating system says of a full disk, a used-up quota and a file that is too large for its file system.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def open_study(place: str | os.PathLike[str]) -> "BuiltStudy":
    """Open a built study; only its table of trials is read.

    Args:
        place: its folder, or the folder's URL: `https://...`, or `gs://bucket/prefix` of a public bucket, which is read
            from storage.googleapis.com, or from STORAGE_EMULATOR_HOST where that is set.

    Raises:
        InputError: no study is there, its table is damaged, or pandas is missing.
    """
    files = ListedFiles(folder_at(place))
    try:
        trials = _read_trials(files)
    except MissingFileError:
        there = f"with {layout.TRIALS_PARQUET} or {layout.TRIALS_CSV}"
        raise InputError(f"{place}: no built study there; allowed: results/STUDY, {there}, or its URL") from None
    return BuiltStudy(files, trials, whole=True)


class BuiltStudy:
    """A built study, or some of its trials.

    Attributes:
        source: where its files lie.
        root: the folder or URL, for messages.
        trials: one row per trial: hyperparameters, status, accuracies and losses of both sides, `difference`.
    """

    def __init__(self, files: ListedFiles, trials: "pd.DataFrame", whole: bool):
        """Take the files, the table of trials, and whether it has all trials of the study."""
        self.source, self.root = files.source, files.source.root
        self.trials = trials
        self._files, self._whole = files, whole

    def __len__(self) -> int:
        """How many trials."""
        return len(self.trials)

    def __repr__(self) -> str:
        """Place and size."""
        return f"<study {self.root}: {len(self)} trials>"

    @functools.cached_property
    def curves(self) -> "pd.DataFrame":
        """One row per trial, framework and epoch: losses and accuracies on training and test examples.

        Raises:
            InputError: the table is missing or damaged, or pyarrow is missing.
        """
        return self._chosen(_parquet(self._files, layout.CURVES_TABLE))

    @functools.cached_property
    def search(self) -> "pd.DataFrame":
        """The search's trajectory: one row per trial in the order of suggestions; see `uncrossed.search.trajectory`.

        Raises:
            InputError: the study is no search, or the table is damaged.
        """
        try:
            return self._chosen(_table(self._files, layout.TRAJECTORY_TABLE, trials_table.read_csv))
        except MissingFileError:
            raise InputError(f"{self.root}: no search: it has no {layout.TRAJECTORY_TABLE}") from None

    def select(self, **conditions: Any) -> "BuiltStudy":
        """The study of fewer trials.

        Args:
            conditions: for columns of `trials` the value, a list or array of values, or a text that begins with < <= >
                >= or !=, as `difference=">0.3"`. Where a column is empty no condition holds.

        Raises:
            InputError: an unknown column, or no number where the column holds numbers.
        """
        return BuiltStudy(self._files, selected(self.trials, self.root, conditions), whole=False)

    def trial(self, name: str) -> Pair:
        """One trial.

        Raises:
            UnknownNameError: there is none of this name; the message has the nearest.
        """
        rows = self.trials[self.trials["trial"] == name]
        if rows.empty:
            raise UnknownNameError(f"{self.root}: no trial '{name}'; {nearest(str(name), self.trials['trial'])}")
        return Pair(self.source, rows.iloc[0].to_dict())

    def download(self, folder: str | os.PathLike[str], progress: bool = True) -> Path:
        """Copy tables, trial files, views and run records of these trials; what is there and right stays.

        Of a whole study, not of a selection, all that its lists name is copied: `sha256sum -c` checks that copy, and a
        selection's with `--ignore-missing`. Files are checked against SHA256SUMS or RELEASE_SHA256SUMS, trial files in
        neither list against their own hashes. Any number of processes may download into the same folder.

        Args:
            folder: where to; can be opened as a study afterwards.
            progress: show a bar.

        Returns:
            The folder.

        Raises:
            InputError: a file is missing or damaged, or the disk is full; complete files stay.
        """
        folder = Path(folder)
        lists = {name: self._files.read_list(name) for name in layout.LISTS}
        # A release lists more than a build.
        digests = lists[layout.RELEASE_CHECKSUMS][0] | lists[layout.CHECKSUMS][0]
        wanted = self._wanted(digests)
        done, pool = 0, ThreadPoolExecutor(4)
        try:
            with tqdm(total=len(wanted), desc="download", unit="file", disable=None if progress else True) as bar:
                jobs = ((folder, name, needed, digests.get(name)) for name, needed in wanted.items())
                for _ in pool.map(self._files.copy, *zip(*jobs, strict=True)):
                    done += 1
                    bar.update()
            # The lists by which the files were checked, last: a copy without them is not complete.
            for name, (_, content) in lists.items():
                if content:
                    with complete(folder / name) as temporary:
                        temporary.write_bytes(content)
        except OSError as error:
            if error.errno not in FULL:
                raise
            message = f"{os.strerror(error.errno)} after {done} of {len(wanted)} files, which stay"
            raise InputError(f"{folder}: {message}; make room and download again") from error
        finally:
            pool.shutdown(cancel_futures=True)
        return folder

    def _wanted(self, digests: Mapping[str, str]) -> dict[str, bool]:
        """The names of the files to download, each with whether it must be there."""
        wanted = dict.fromkeys((*layout.ALWAYS_LISTED, layout.RUNS_TABLE), False)
        of_any_selection = (
            name for name in digests if name.startswith(f"{layout.TABLES_FOLDER}/") or name == layout.MANIFEST
        )
        wanted |= dict.fromkeys(digests if self._whole else of_any_selection, True)
        for row in self.trials.to_dict("records"):
            trial = row["trial"]
            for framework in FRAMEWORKS:
                wanted[layout.trial_file(trial, framework)] = (
                    row.get(trials_table.status_column(framework)) != "missing"
                )
                wanted[layout.run_record(trial, framework)] = False
                if (views := layout.views_file(trial, framework)) in digests:
                    wanted[views] = True
            if layout.TRAJECTORY_TABLE in digests:
                wanted[layout.suggestion(trial)] = False
        return {name: needed for name, needed in wanted.items() if name not in layout.LISTS}

    def _chosen(self, table: "pd.DataFrame") -> "pd.DataFrame":
        if self._whole or table.empty:
            return table
        return table[table["trial"].isin(self.trials["trial"])].reset_index(drop=True)


def _read_trials(files: ListedFiles) -> "pd.DataFrame":
    """The table of trials; without pyarrow from its CSV file.

    Raises:
        MissingFileError: there is no such table.
        InputError: it is damaged, or pandas is missing.
    """
    trials_table.need_pandas()
    with suppress(ImportError, MissingFileError):
        import pyarrow  # noqa: F401

        return _parquet(files, layout.TRIALS_PARQUET)
    return _table(files, layout.TRIALS_CSV, trials_table.read_csv)


def _parquet(files: ListedFiles, name: str) -> "pd.DataFrame":
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise InputError(f"{files.source.where(name)}: needs pyarrow: pip install 'uncrossed[reader]'") from error
    return _table(files, name, read_parquet)


def _table(files: ListedFiles, name: str, parse: Callable[[Any], "pd.DataFrame"]) -> "pd.DataFrame":
    content = files.read(name)
    try:
        table = parse(io.BytesIO(content))
    except DAMAGE as error:  # the bytes are there: an OSError is about them
        raise InputError(f"{files.source.where(name)}: damaged ({error})") from error
    if "trial" not in table and len(table):
        raise InputError(f"{files.source.where(name)}: has no column 'trial'")
    return table
