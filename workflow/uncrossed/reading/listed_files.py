"""The files of a study, read whole and checked against its lists of checksums where they are in one."""

import functools
import hashlib
import itertools
from pathlib import Path

from uncrossed.common.errors import InputError
from uncrossed.common.files import complete, is_below, sha256
from uncrossed.common.remote import LocalFolder, MissingFileError, RemoteFolder
from uncrossed.reading.trial import check_place
from uncrossed.results import checksums, trial_file
from uncrossed.study import layout


class ListedFiles:
    """A study's files.

    A file that is not what a list says, and both lists, are dropped from the cache of the home folder: one of them may
    have been damaged on its way.
    """

    def __init__(self, source: LocalFolder | RemoteFolder):
        """Take the place; nothing is read."""
        self.source = source

    @functools.cached_property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of files by name, from the first list that is there."""
        return next(filter(None, (self.read_list(name)[0] for name in layout.LISTS)), {})

    def read_list(self, name: str) -> tuple[dict[str, str], bytes]:
        """What a list says, and its bytes; both empty where there is none.

        Raises:
            InputError: it is damaged.
        """
        try:
            content = self.source.read(name)
        except MissingFileError:
            return {}, b""
        try:
            return checksums.parse(content, self.source.where(name)), content
        except InputError:
            self.source.forget(name)
            raise

    def read(self, name: str) -> bytes:
        """A whole file.

        Raises:
            MissingFileError: there is none.
            InputError: it is not what is listed.
        """
        content = self.source.read(name)
        digest = self.digests.get(name)
        if digest and hashlib.sha256(content).hexdigest() != digest:
            raise self._not_listed(name)
        return content

    def copy(self, folder: Path, name: str, needed: bool, digest: str | None) -> None:
        """Copy a file into a folder, unless it is there already and is what is listed.

        A trial file that is not listed is checked against its own hashes.

        Args:
            folder: where to.
            name: of the file, there too.
            needed: whether it is an error that there is none.
            digest: its listed SHA-256, if it is listed.

        Raises:
            MissingFileError: there is none, and it is needed.
            InputError: it is not what is listed, or damaged.
            OSError: the copy cannot be written.
        """
        path = folder / name
        if not is_below(name):  # a trial's name comes from the table
            raise InputError(f"{self.source.where(name)}: leads out of the study; allowed: names below it")
        if digest and path.is_file() and sha256(path) == digest:
            return
        hashed, chunks = hashlib.sha256(), self.source.chunks(name)
        try:
            first = next(chunks, b"")  # before anything is created: it may not be there
        except MissingFileError:
            if needed:
                self._forget_lists()  # a damaged list names what is not there
                raise
            return
        with complete(path) as temporary:
            with open(temporary, "wb") as stream:
                for chunk in itertools.chain([first], chunks):
                    stream.write(chunk)
                    hashed.update(chunk)
            if digest not in (None, hashed.hexdigest()):
                raise self._not_listed(name)
            if digest is None and name.endswith(".h5"):
                _check_trial_file(temporary, self.source.where(name), name)

    def _forget_lists(self) -> None:
        for name in layout.LISTS:
            self.source.forget(name)

    def _not_listed(self, name: str) -> InputError:
        self.source.forget(name)
        self._forget_lists()
        return InputError(f"{self.source.where(name)}: its SHA-256 is not the one in {layout.CHECKSUMS}")


def _check_trial_file(path: Path, where: str, name: str) -> None:
    try:
        attributes = trial_file.read(path).attributes
    except InputError as error:
        raise InputError(f"{where}: {str(error).removeprefix(f'{path}: ')}") from error
    check_place(attributes, *layout.place(name), where)
