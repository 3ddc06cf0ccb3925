"""Files that appear under their name only when they are complete."""

import contextlib
import fcntl
import glob
import hashlib
import io
import json
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import h5py

from uncrossed.errors import InputError


@contextlib.contextmanager
def complete(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path beside `path`; when the block ends well it is flushed to disk and renamed to `path`.

    Raises:
        OSError: what the file system said; nothing is left behind, and an older `path` stays as it was.
    """
    with partial(Path(path)) as stream:
        yield Path(stream.name)
        os.fsync(stream.fileno())
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
    """Remove what killed writers of a file left half-written."""
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


def read_checksums(text: str, where: object) -> dict[str, str]:
    """Names and SHA-256 of a list in the form that `sha256sum -c` reads.

    Raises:
        InputError: a line is not a checksum and a name, or a name is there twice or leads out of the list's folder.
    """
    names: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        digest, _, name = line.partition("  ")
        name = name.removeprefix("./")
        if not re.fullmatch("[0-9a-f]{64}", digest) or not is_below(name) or name in names:
            raise InputError(f"{where}: line {number} is not a checksum and another name in its folder")
        names[name] = digest
    return names


def is_below(name: str) -> bool:
    """Whether a relative name, in its shortest form, stays in the folder that it is relative to."""
    path = PurePosixPath(name)
    return str(path) == name and name != "." and not path.is_absolute() and ".." not in path.parts
