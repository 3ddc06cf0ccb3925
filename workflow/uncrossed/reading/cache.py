"""Large files of a bucket, kept in ~/.cache/uncrossed: only whole ones, and checked whenever they are read again.

Beside each kept file lies `NAME.json` with its SHA-256, and with the ETag and size that it had on the server. Before a
kept file is used, one request of at most a byte asks whether it is still the server's.
"""

import contextlib
import hashlib
import json
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock
from tqdm import tqdm

from uncrossed.common.errors import InputError
from uncrossed.common.files import complete, sha256, write_json
from uncrossed.common.remote import LocalFolder, MissingFileError, Pin, RemoteFolder, UnreachableError
from uncrossed.common.url_cache import cache_folder


class Kept(NamedTuple):
    """A kept file.

    Attributes:
        pin: what it is on the server.
        sha256: of the kept bytes.
        served: the SHA-256 of the server's bytes; the same, unless only a part of them was kept.
    """

    pin: Pin
    sha256: str
    served: str


class Local:
    """Files that lie in a folder already: nothing is kept."""

    def __init__(self, folder: LocalFolder):
        """Take the folder."""
        self.source = folder

    def path(self, name: str) -> Path:
        """Where a file lies.

        Raises:
            MissingFileError: there is none.
        """
        path = self.source.root / name
        if not path.is_file():
            raise MissingFileError(f"{path}: no such file")
        return path

    def read(self, name: str, clean: Callable[[bytes], bytes]) -> tuple[bytes, str]:
        """A small file's cleaned bytes, and the SHA-256 of the file; raises as `LocalFolder.read` and `clean` do."""
        content = self.source.read(name)
        return clean(content), hashlib.sha256(content).hexdigest()


class Cache:
    """A remote folder's files, any number of whose readers may share the cache.

    Attributes:
        folder: where they are kept.
        reachable: false once the server could not be reached; what is kept is then used without asking again.
    """

    def __init__(self, remote: RemoteFolder):
        """Take the remote folder; nothing is read.

        Raises:
            InputError: there is no place for a cache.
        """
        self.source, self.reachable = remote, True
        try:
            self.folder = cache_folder() / "published" / hashlib.sha256(remote.root.encode()).hexdigest()[:16]
        except RuntimeError:
            raise InputError("no home folder to keep files in: set XDG_CACHE_HOME to a folder") from None

    def path(self, name: str) -> Path:
        """Where a file is kept; it is downloaded where it is not, or is damaged, or is no longer the server's.

        Raises:
            MissingFileError: there is none.
            InputError: no sound answer, the file changed meanwhile, or it cannot be kept; nothing is half-written.
        """
        path = self.folder / name
        kept = self._kept(name)
        pin = self._asked(name, kept)
        if kept and kept.pin == pin:
            return path
        try:
            with _locked(path):
                kept = self._kept(name)  # by another reader, while this one waited
                if not kept or kept.pin != pin:
                    self._keep(name, pin, self._chunks(name, pin))
        except OSError as error:
            hint = "make room, or set XDG_CACHE_HOME to another folder"
            raise InputError(f"{path}: cannot be kept ({error.strerror or error}); {hint}, and read again") from error
        return path

    def read(self, name: str, clean: Callable[[bytes], bytes]) -> tuple[bytes, str]:
        """A small file's cleaned bytes, and the SHA-256 of the server's; only the cleaned ones are ever kept.

        Where they cannot be kept they are only returned.

        Raises:
            MissingFileError: there is none.
            InputError: no sound answer, or what `clean` raises.
        """
        kept = self._kept(name)
        pin = self._asked(name, kept)
        if kept and kept.pin == pin:
            with contextlib.suppress(OSError):
                content = (self.folder / name).read_bytes()
                if hashlib.sha256(content).hexdigest() == kept.sha256:  # not replaced meanwhile
                    return content, kept.served
        content = b"".join(self.source.chunks(name, pin))
        cleaned, served = clean(content), hashlib.sha256(content).hexdigest()
        with contextlib.suppress(OSError):
            self._keep(name, pin, [cleaned], served)
        return cleaned, served

    def _kept(self, name: str) -> Kept | None:
        """What is kept, where it is sound."""
        path = self.folder / name
        try:
            entry = json.loads(_entry_path(path).read_bytes())
            kept = Kept(Pin(entry["etag"], entry["size"]), entry["sha256"], entry["served_sha256"])
            if entry["url"] == self.source.where(name) and sha256(path) == kept.sha256:
                return kept
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return None

    def _asked(self, name: str, kept: Kept | None) -> Pin:
        """What the file is on the server, or else what was kept of it."""
        if kept and not self.reachable:
            return kept.pin
        known = kept.pin.tag if kept and '"' in kept.pin.tag else ""
        try:
            body, pin = self.source.fetch(name, 0, 1, known=known)
        except UnreachableError as error:
            if not kept:
                raise
            self.reachable = False
            warnings.warn(f"going on with the files in {self.folder}: {error}", stacklevel=2)
            return kept.pin
        return kept.pin if kept and body is None else pin

    def _chunks(self, name: str, pin: Pin) -> Iterator[bytes]:
        label = name.rpartition("/")[2]
        # disable=None: there is a bar only where the error stream is a terminal.
        with tqdm(total=pin.size, desc=label, unit="B", unit_scale=True, disable=None) as bar:
            for chunk in self.source.chunks(name, pin):
                yield chunk
                bar.update(len(chunk))

    def _keep(self, name: str, pin: Pin, chunks: Iterable[bytes], served: str = "") -> None:
        """Write a file and what is known of it; a reader that finds one without the other takes neither."""
        path, digest = self.folder / name, hashlib.sha256()
        with complete(path) as temporary:
            with open(temporary, "wb") as stream:
                for chunk in chunks:
                    stream.write(chunk)
                    digest.update(chunk)
            kept = digest.hexdigest()
            entry = {"url": self.source.where(name), "etag": pin.tag, "size": pin.size, "sha256": kept}
            write_json(_entry_path(path), entry | {"served_sha256": served or kept})


def _entry_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of a kept file, so that one process or thread at a time downloads it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Only a lock of the operating system ends with its process: a file as a sign would stay when a reader is killed.
    lock = FileLock(path.with_name(f".{path.name}.lock"), fallback_to_soft=False)
    with contextlib.suppress(OSError, NotImplementedError):  # a file system without locks: each writes its own copy
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
