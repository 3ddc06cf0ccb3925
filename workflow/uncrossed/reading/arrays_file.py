"""An HDF5 file of arrays with their hashes, of which each array is read when it is asked for, and checked."""

import functools
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np

from uncrossed.common.errors import InputError
from uncrossed.common.files import DAMAGE_TO_SIZES
from uncrossed.common.remote import LocalFolder, RangeFile, RemoteFolder
from uncrossed.results import trial_file


class ArraysFile:
    """A file that is opened when it is needed, in each process that it is sent to too.

    All errors are InputErrors that name file and array.
    """

    def __init__(self, source: LocalFolder | RemoteFolder, path: str, schema: str, what: str):
        """Take the place, and what should lie there; nothing is opened."""
        self.source, self._path, self._schema, self._what = source, path, schema, what
        self._where = source.where(path)

    @functools.cached_property
    def _file(self) -> h5py.File:
        self._handle = self.source.hdf5(self._path)
        try:
            file = h5py.File(self._handle, "r")
            schema = file.attrs.get("schema")
        except DAMAGE_TO_SIZES as error:
            raise self._fault(f"damaged, or not {self._what} ({error})") from error
        # h5py crashes where such a file is still open when the interpreter ends.
        weakref.finalize(self, _close, file, self._handle)
        if schema != self._schema:
            raise InputError(f"{self._where}: schema {schema!r}; allowed: {self._schema!r}")
        return file

    def _fault(self, message: str) -> InputError:
        return self._handle.fault or InputError(f"{self._where}: {message}")

    def __getstate__(self) -> dict[str, Any]:
        """All but what is open: another process opens the file again, when it is needed."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_file", "_handle")}

    @contextmanager
    def _reading(self) -> Iterator[h5py.File]:
        """The open file, once it is known to be the right one."""
        self._check()
        with self._guarded():
            yield self._file

    def _check(self) -> None:
        """Refuse a file that is not what should lie there."""

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        if "_file" in self.__dict__:
            self._handle.fault = None  # that of an earlier read
        try:
            yield
        except InputError:
            raise
        except DAMAGE_TO_SIZES as error:
            raise self._fault(f"damaged ({error})") from error

    def _array(self, name: str, bulk: bool = False) -> np.ndarray:
        with self._reading() as file:
            if isinstance(self._handle, RangeFile):
                self._handle.bulk = bulk
            try:
                return trial_file.read_array(file, name, self._where)
            except trial_file.ArrayError:
                if isinstance(self._handle, RangeFile):
                    self._handle.forget()  # it may have been damaged on its way
                raise


def _close(*files: Any) -> None:
    for file in files:
        file.close()
