"""Files that appear under their name only when they are complete, and files that are read by our own reads.

HDF5 gets no path to read: it would lock the file where the environment tells it to, which fails on a file system
without locks, and its error does not tell a file that cannot be read from one that was read and is damaged.
"""

import contextlib
import glob
import hashlib
import io
import json
import os
import stat
import traceback
import uuid
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import h5py

from uncrossed.common.errors import InputError, UnreadableError

try:
    import fcntl
except ImportError:  # not on Windows, where files are read and downloaded, but nothing is trained
    fcntl = None

# What h5py, pandas and json raise where bytes are not what they were.
DAMAGE = (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError, IndexError, SyntaxError)
# And where a number that says how large something is may be one of them.
DAMAGE_TO_SIZES = (*DAMAGE, MemoryError, OverflowError)
# What operating systems and file managers put beside files, besides names that begin with a dot.
FOREIGN = ("thumbs.db", "desktop.ini")


@contextlib.contextmanager
def complete(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path beside `path`; when the block ends well it is flushed to disk and renamed to `path`.

    Raises:
        OSError: what the file system said; nothing is left behind, and an older `path` stays as it was.
    """
    with partial(Path(path)) as stream:
        yield Path(stream.name)
        os.fsync(stream.fileno())
        if fcntl is None:
            stream.close()  # Windows renames no open file
        os.replace(stream.name, path)


@contextlib.contextmanager
def partial(path: Path) -> Iterator[BinaryIO]:
    """A new file beside `path` that is there while the block lasts.

    What a killed process left half-written is removed by the next that writes the same file: a living writer is told
    from a dead one by the lock on its temporary file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_left(path)
    while True:
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
        stream = open(temporary, "wb")  # noqa: SIM115 - it may have to be another
        if fcntl:
            with contextlib.suppress(OSError):  # a file system without locks: what is left stays
                fcntl.flock(stream, fcntl.LOCK_EX)
        # Another writer may have taken it for left before it was locked.
        if os.fstat(stream.fileno()).st_nlink:
            break
        stream.close()
    try:
        with stream:
            yield stream
    finally:
        temporary.unlink(missing_ok=True)


def remove_left(path: Path) -> None:
    """Remove what killed writers of a file left half-written; without locks nobody knows whether they were killed."""
    if fcntl is None:
        return
    for other in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
        with contextlib.suppress(OSError), open(other, "r+b") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            other.unlink()


@contextlib.contextmanager
def new_hdf5(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """An HDF5 file that is built in memory and written to `path` when the block ends well.

    HDF5 crashes the process when the disk fills while it closes a file; a plain write raises OSError.
    """
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        yield file
    with complete(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


# How files begin that are taken for text by mistake.
OTHERWISE = {
    b"PK\x03\x04": "an Excel workbook or another ZIP file",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"PAR1": "a Parquet file",
    b"\x89HDF": "an HDF5 file",
    b"\x1f\x8b": "a gzip file",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
}


def read_text(path: str | os.PathLike[str]) -> str:
    """A text that a person wrote, its line ends as newlines.

    Raises:
        InputError: it cannot be read, or is no text in UTF-8, and what it is instead.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise InputError(f"{str(path)!r}: not a path ({error})") from error
    for start, kind in OTHERWISE.items():
        if content.startswith(start):
            raise InputError(f"{path}: is {kind}; allowed: text in UTF-8")
    if b"\0" in content:
        raise InputError(f"{path}: has zero bytes, as a binary file or text in UTF-16; allowed: text in UTF-8")
    try:
        return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8").read()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 ({error}); save it as UTF-8") from error


class Seekable(io.RawIOBase):
    """A file to read whose place is its own, in each process after a fork too.

    Attributes:
        size: its bytes.
        place: the next byte's.
        fault: the InputError of the last read that failed; whoever reads by this file reports it less clearly.
    """

    size, place = 0, 0
    fault: InputError | None = None

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, as files do."""
        self.place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.place, io.SEEK_END: self.size}[whence]
        return self.place

    def tell(self) -> int:
        """The place."""
        return self.place


class LocalFile(Seekable):
    """A local file."""

    def __init__(self, path: str | os.PathLike[str]):
        """Open it.

        Raises:
            FileNotFoundError: there is none.
            UnreadableError: it cannot be opened, or is no regular file.
        """
        self.path = path
        try:
            kind = os.stat(path).st_mode
            if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):  # opening a pipe waits for its writer
                raise OSError("not a regular file")
            self.stream = open(path, "rb", buffering=0)  # noqa: SIM115 - closed with this one
        except (FileNotFoundError, NotADirectoryError) as error:
            raise FileNotFoundError(error.errno, error.strerror, str(path)) from None
        except OSError as error:
            raise _unreadable(path, error) from error
        self.size = os.fstat(self.stream.fileno()).st_size

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer, up to the end of the file.

        Raises:
            UnreadableError: the operating system refuses.
        """
        view, count = memoryview(buffer).cast("B"), 0
        with self._noted():
            while count < len(view) and (got := self._read(view[count:])):
                count += got
                self.place += got
        return count

    def readall(self) -> bytes:
        """What is left of the file, without a copy of it; raises as `readinto` does."""
        with self._noted():
            self.stream.seek(self.place)
            content = self.stream.readall()
        self.place += len(content)
        return content

    @contextlib.contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.fault = _unreadable(self.path, error)
            raise self.fault from error

    def _read(self, view: memoryview) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(self.stream.fileno(), [view], self.place)
        self.stream.seek(self.place)  # on Windows, where no fork shares the file's own place
        return self.stream.readinto(view)

    def close(self) -> None:
        """Close it."""
        if hasattr(self, "stream"):
            self.stream.close()
        super().close()


def _unreadable(path: str | os.PathLike[str], error: OSError) -> UnreadableError:
    return UnreadableError(f"{path}: cannot be read ({error.strerror or error})")


@contextlib.contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[LocalFile]:
    """A file to read, for a library that makes of what the operating system refuses an error about the file's bytes.

    Raises:
        FileNotFoundError: there is none.
        UnreadableError: the operating system does not give it, whatever the block raised then.
    """
    with LocalFile(path) as stream:
        try:
            yield stream
        except Exception as error:
            if stream.fault:
                # The error keeps its frames, and these what h5py opened, whose end after HDF5's crashes the process.
                traceback.clear_frames(error.__traceback__)
                if error is not stream.fault:
                    raise stream.fault from error
            raise


@contextlib.contextmanager
def explained(path: str | os.PathLike[str], missing: str, damaged: str, advice: str) -> Iterator[None]:
    """Say what is wrong with a file that the block reads.

    Args:
        path: the file.
        missing: what to say where there is none.
        damaged: what to say where its bytes are not what they were, before how that showed.
        advice: what to do with a damaged file; may be empty.

    Raises:
        UnreadableError: the operating system does not give it.
        InputError: it is missing, or the block raised one of DAMAGE_TO_SIZES.
    """
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{path}: {missing}") from error
    except DAMAGE_TO_SIZES as error:
        then = f"; {advice}" if advice else ""
        raise InputError(f"{path}: {damaged} ({error}){then}") from error


@contextlib.contextmanager
def parsing(path: str | os.PathLike[str], advice: str) -> Iterator[LocalFile]:
    """A file whose bytes the block parses.

    Args:
        path: the file.
        advice: what to do where it is missing or damaged; may be empty.

    Raises:
        UnreadableError: the operating system does not give it.
        InputError: it is missing, or the block raised one of DAMAGE_TO_SIZES.
    """
    missing = f"missing; {advice}" if advice else "missing"
    with explained(path, missing, "damaged", advice), reading(path) as stream:
        yield stream


@contextlib.contextmanager
def hdf5(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """An HDF5 file to read, without a lock; raises as `reading` does, and what h5py says of bytes that were read."""
    with reading(path) as stream, h5py.File(stream, "r") as file:
        yield file


def ours(folder: Path, *patterns: str) -> list[Path]:
    """What matches a pattern below a folder, sorted, without what an operating system or file manager put there."""
    paths = {path for pattern in patterns for path in folder.glob(pattern)}
    return sorted(path for path in paths if not any(map(is_hidden, path.relative_to(folder).parts)))


def is_hidden(name: str) -> bool:
    """Whether a name is of an operating system or file manager: `._a.svg`, `.DS_Store`, `.nfs0001`, `Thumbs.db`."""
    return name.startswith(".") or name.lower() in FOREIGN


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` as UTF-8, completely or not at all."""
    with complete(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write `value` as indented JSON, completely or not at all."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def sha256(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_below(name: str) -> bool:
    """Whether a relative name, in its shortest form, stays in the folder that it is relative to, on Windows too."""
    path = PurePosixPath(name)
    if "\\" in name or ":" in name:  # folders and drives there
        return False
    return str(path) == name and name != "." and not path.is_absolute() and ".." not in path.parts
