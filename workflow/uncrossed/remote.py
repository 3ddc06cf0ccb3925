"""Where a study's files lie, in a folder or behind HTTP: whole files, and parts of HDF5 files by range requests.

Over HTTP every file is pinned to the ETag that it had when it was first seen: a file that is replaced meanwhile is an
error, never a mixture. What may pass (429, 5xx, broken connections, bodies cut short) is tried again.
"""

import contextlib
import hashlib
import http.client
import json
import os
import random
import re
import ssl
import threading
import time
import urllib.parse
import urllib.request
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from uncrossed.errors import InputError
from uncrossed.files import LocalFile, Seekable, complete, reading

# Failures in a row, without a byte gained, that end a request; seconds before it is repeated, first and at most.
ATTEMPTS, FIRST_DELAY, LONGEST_DELAY = 6, 0.25, 30.0
TIMEOUT = 60.0  # seconds without any answer
BLOCK = 2**14  # metadata are read in such blocks, the first FRONT bytes at once
FRONT = 2**16
CHUNK = 2**22  # a whole file, or one array after another, is read in such steps
CACHED = 2**26  # bytes of one file that are kept
SAFE = "/%:@!$&'()*+,;=~"  # stays as it is in a path
PASSING = (408, 429, 500, 502, 503, 504)


class MissingFileError(InputError):
    """There is no such file."""


class UnreachableError(InputError):
    """The server gave no sound answer, however often it was asked."""


class Pin(NamedTuple):
    """What must stay as it was while a file is read: its ETag (or else its date; may be empty), and its bytes."""

    tag: str
    size: int


def opened(place: str | os.PathLike[str]) -> "Folder | Remote":
    """Where files lie: a folder, or the URL of one: `https://...`, or `gs://bucket/prefix` of a public bucket.

    A bucket is read from storage.googleapis.com, or from STORAGE_EMULATOR_HOST where that is set.

    Raises:
        InputError: another form of URL.
    """
    text, allowed = os.fspath(place), "allowed: a folder, https://..., gs://bucket/prefix"
    if "://" not in text:
        # Absolute: the program may go to another folder before it reads on.
        return Folder(Path(text).absolute())
    try:
        parts = urllib.parse.urlsplit(text)
    except ValueError as error:
        raise InputError(f"{text}: found no URL ({error}); {allowed}") from error
    if parts.scheme == "gs":
        host = os.environ.get("STORAGE_EMULATOR_HOST") or "https://storage.googleapis.com"
        host = (host if "://" in host else f"http://{host}").rstrip("/")
        return Remote(f"{host}/{urllib.parse.quote(text[5:])}")
    if parts.scheme not in ("file", "http", "https"):
        raise InputError(f"{text}: found scheme '{parts.scheme}'; {allowed}")
    if parts.query or parts.fragment:
        raise InputError(f"{text}: found a query or fragment; allowed: a folder's URL, with ? and # as %3F and %23")
    if bool(parts.netloc) == (parts.scheme == "file"):
        raise InputError(f"{text}: found host '{parts.netloc}'; allowed: file:///folder, https://host/folder")
    if parts.scheme == "file":
        return Folder(Path(urllib.parse.unquote(parts.path)))
    return Remote(f"{parts.scheme}://{parts.netloc}{urllib.parse.quote(parts.path, safe=SAFE)}")


class Folder:
    """A study's files in a local folder."""

    def __init__(self, root: Path):
        """Take the folder."""
        self.root = root

    def where(self, name: str) -> str:
        """A file's place, for messages."""
        return str(self.root / name)

    def read(self, name: str) -> bytes:
        """A whole small file.

        Raises:
            MissingFileError: there is none.
            UnreadableError: it cannot be read.
        """
        return b"".join(self.chunks(name))

    def chunks(self, name: str) -> Iterator[bytes]:
        """A whole file in pieces; raises as `read` does."""
        try:
            with reading(self.root / name) as stream:
                while chunk := stream.read(CHUNK):
                    yield chunk
        except FileNotFoundError:
            raise MissingFileError(f"{self.where(name)}: no such file") from None

    def forget(self, name: str) -> None:
        """Nothing is cached."""

    def hdf5(self, name: str) -> LocalFile:
        """What `h5py.File` opens, without a lock; raises as `read` does."""
        try:
            return LocalFile(self.root / name)
        except FileNotFoundError:
            raise MissingFileError(f"{self.where(name)}: no such file") from None


class Remote:
    """A study's files under a URL; one connection per thread and process, which stays open."""

    def __init__(self, root: str):
        """Take the URL of the study's folder, with http or https."""
        self.root, self._own = root.rstrip("/"), threading.local()

    def where(self, name: str) -> str:
        """A file's URL."""
        return f"{self.root}/{urllib.parse.quote(name)}"

    def read(self, name: str) -> bytes:
        """A whole small file, from the cache in the home folder where the server says that it is the same.

        Raises:
            MissingFileError: there is none.
            InputError: no sound answer.
        """
        url = self.where(name)
        cached, tag = _cached(url)
        body, pin = self.fetch(name, known=tag)
        if body is None:
            return cached
        if pin.tag:
            _keep(url, pin.tag, body)
        return body

    def chunks(self, name: str, pin: Pin | None = None) -> Iterator[bytes]:
        """A whole file in pieces of one version, that of `pin` where it is given; raises as `read` does."""
        place = 0
        while pin is None or place < pin.size:
            body, pin = self.fetch(name, place, place + CHUNK, pin)
            place += len(body)
            yield body

    def forget(self, name: str) -> None:
        """Drop a file from the cache: it was found to be wrong."""
        with contextlib.suppress(OSError, RuntimeError):
            _entry(self.where(name)).unlink()

    def hdf5(self, name: str) -> "RangeFile":
        """What `h5py.File` opens; raises as `read` does."""
        return RangeFile(self, name)

    def fetch(
        self, name: str, start: int = 0, stop: int | None = None, pin: Pin | None = None, known: str = ""
    ) -> tuple[bytes | None, Pin]:
        """The bytes from `start` to before `stop` or the end, or the whole file where `stop` is None.

        Args:
            name: the file's, relative to the study's folder.
            start: the first byte.
            stop: before the end of the file or after it.
            pin: what the file was when it was first seen.
            known: an ETag: where the file still has it, nothing is transferred and None returned.

        Raises:
            MissingFileError: there is no such file.
            InputError: it has changed, or the server cannot give ranges.
            UnreachableError: there was no sound answer in ATTEMPTS.
        """
        got, failures, fault = bytearray(), 0, ""
        while failures < ATTEMPTS:
            if stop is None:
                got.clear()
            before = len(got)
            headers = {"Accept-Encoding": "identity", "User-Agent": "uncrossed"}
            if stop is not None:
                headers["Range"] = f"bytes={start + before}-{stop - 1}"
            if pin and pin.tag.startswith('"'):
                headers["If-Match"] = pin.tag
            if known:
                headers["If-None-Match"] = known
            delay = 0.0
            try:
                response = self._send(self.where(name), headers)
                if response.status in PASSING:
                    fault = f"status {response.status} {response.reason}"
                    delay = _seconds(response.getheader("Retry-After"))
                elif response.status == 304 and known:
                    response.read()
                    return None, Pin(known, 0)
                else:
                    pin = self._checked(response, name, start + before, stop, pin)
                    if response.status == 416:
                        response.read()
                        return b"", pin
                    wanted = pin.size if stop is None else min(stop, pin.size) - start
                    while piece := response.read(2**16):
                        got += piece
                    if len(got) == wanted or (stop is None and wanted < 0):
                        return bytes(got), pin._replace(size=max(pin.size, len(got)))
                    fault = f"the body ended after {len(got)} of {wanted} bytes"
            except ssl.SSLCertVerificationError as error:
                raise InputError(f"{self.where(name)}: {error.verify_message}") from error
            except (OSError, http.client.HTTPException) as error:
                fault = str(error) or type(error).__name__
                if stop is not None and pin and len(got) == min(stop, pin.size) - start:
                    self._drop()  # broken after the last byte
                    return bytes(got), pin
            self._drop()
            failures = 1 if len(got) > before and stop is not None else failures + 1
            if failures < ATTEMPTS:
                backoff = FIRST_DELAY * 2 ** (failures - 1) * random.uniform(0.5, 1)
                time.sleep(min(max(delay, backoff), LONGEST_DELAY))
        raise UnreachableError(f"{self.where(name)}: no sound answer in {ATTEMPTS} attempts; the last: {fault}")

    def _checked(
        self, response: http.client.HTTPResponse, name: str, start: int, stop: int | None, pin: Pin | None
    ) -> Pin:
        """What the answer says of the file; an answer that is not the wanted bytes is an error."""
        url, status = self.where(name), response.status
        if status in (200, 206) and response.getheader("Content-Encoding", "identity") != "identity":
            raise self._refused(f"{url}: sent with Content-Encoding {response.getheader('Content-Encoding')}")
        if status in (403, 404):  # buckets that may not be listed answer 403
            raise self._refused(f"{url}: no such file, or not public (status {status})", MissingFileError)
        if status == 412 or (status == 416 and pin):
            raise self._changed(url)
        tag = response.getheader("ETag") or response.getheader("Last-Modified", "")
        if status == 416 and start == 0 and response.getheader("Content-Range") == "bytes */0":
            return Pin(tag, 0)  # an empty file has no range
        if status != (200 if stop is None else 206):
            kind = response.getheader("Content-Type", "no type")
            if status == 200:
                hint = f"whole ({kind}) where bytes {start}-{stop - 1} were asked for: range requests are needed"
                raise self._refused(f"{url}: the server sends the file {hint}")
            raise self._refused(f"{url}: status {status} {response.reason} ({kind})")
        if status == 200 and response.getheader("Content-Type", "").startswith("text/html"):
            raise self._refused(f"{url}: a web page came instead of the file")
        if stop is None:
            length = response.getheader("Content-Length", "")
            return Pin(tag, int(length) if length.isdigit() else -1)
        text = response.getheader("Content-Range", "")
        match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", text)
        first, last, size = map(int, match.groups()) if match else (-1, -1, -1)
        if pin and match and (tag, size) != pin:
            raise self._changed(url)
        if not match or (first, last) != (start, min(stop, size) - 1):
            raise self._refused(f"{url}: Content-Range is '{text}' where bytes {start}-{stop - 1} were asked for")
        return Pin(tag, size)

    def _changed(self, url: str) -> InputError:
        return self._refused(f"{url}: has changed since it was first read; open the study again")

    def _refused(self, message: str, kind: type[InputError] = InputError) -> InputError:
        self._drop()  # with the rest of the answer
        return kind(message)

    def _send(self, url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        """The answer's head, after redirections."""
        for _ in range(6):
            parts = urllib.parse.urlsplit(url)
            connection = self._connection(parts.scheme, parts.netloc)
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request("GET", self._own.prefix + (target or "/"), headers=headers)
            response = connection.getresponse()
            place = response.getheader("Location")
            if response.status not in (301, 302, 303, 307, 308) or not place:
                return response
            response.read()
            url = urllib.parse.urljoin(url, place)
        raise http.client.HTTPException("redirected too often")

    def _connection(self, scheme: str, host: str) -> http.client.HTTPConnection:
        """This thread's connection to a host, through the proxy that the environment names."""
        own, key = self._own, (os.getpid(), scheme, host)
        if getattr(own, "key", None) != key:
            self._drop()
            kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
            proxy = urllib.request.getproxies().get(scheme)
            own.prefix = ""
            if proxy and not urllib.request.proxy_bypass(host):
                through = urllib.parse.urlsplit(proxy if "//" in proxy else f"//{proxy}").netloc.rpartition("@")[2]
                own.connection = kind(through, timeout=TIMEOUT)
                if scheme == "https":
                    own.connection.set_tunnel(host)
                else:
                    own.prefix = f"{scheme}://{host}"
            else:
                own.connection = kind(host, timeout=TIMEOUT)
            own.key = key
        return own.connection

    def _drop(self) -> None:
        """Close this thread's connection; the next request makes another."""
        key, self._own.key = getattr(self._own, "key", None), None
        if key and key[0] == os.getpid():  # after a fork it is the parent's
            self._own.connection.close()


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isdigit() else 0.0


class RangeFile(Seekable):
    """A remote file to read, as `h5py.File` takes it: small reads through a cache of blocks, large ones as they are.

    Attributes:
        bulk: whether one part after another will be read: misses then bring CHUNK bytes.
        fault: what went wrong last; h5py reports it less clearly.
    """

    def __init__(self, remote: Remote, name: str):
        """Read the front of the file, and pin it.

        Raises:
            MissingFileError: there is none.
            InputError: no sound answer.
        """
        self.remote, self.name, self.bulk, self.fault = remote, name, False, None
        self.blocks: OrderedDict[int, bytes] = OrderedDict()
        front, self.pin = remote.fetch(name, 0, FRONT)
        self.size = self.pin.size
        self._store(0, front)

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer, up to the end of the file.

        Raises:
            InputError: no sound answer, or the file has changed.
        """
        view = memoryview(buffer).cast("B")
        stop = min(self.place + len(view), self.pin.size)
        count = max(stop - self.place, 0)
        try:
            view[:count] = self._bytes(self.place, stop) if count else b""
        except InputError as error:
            self.fault = error
            raise
        self.place += count
        return count

    def forget(self) -> None:
        """Drop what is cached: it was found to be wrong."""
        self.blocks.clear()

    def _bytes(self, start: int, stop: int) -> bytes:
        wanted = range(start // BLOCK, (stop - 1) // BLOCK + 1)
        missing = [k for k in wanted if k not in self.blocks]
        if missing and stop - start > (CHUNK if self.bulk else 2 * BLOCK):
            return self.remote.fetch(self.name, start, stop, self.pin)[0]
        found = {k: self.blocks[k] for k in wanted if k in self.blocks}
        if missing:
            end = missing[-1] + 1
            while self.bulk and (end - missing[0]) * BLOCK < CHUNK and end not in self.blocks:
                end += 1
            first, last = missing[0] * BLOCK, end * BLOCK
            body = self.remote.fetch(self.name, first, min(last, self.pin.size), self.pin)[0]
            self._store(first, body)
            found |= {k: body[k * BLOCK - first :][:BLOCK] for k in range(missing[0], missing[-1] + 1)}
        joined = b"".join(found[k] for k in wanted)
        return joined[start - wanted[0] * BLOCK : stop - wanted[0] * BLOCK]

    def _store(self, first: int, body: bytes) -> None:
        for k in range(0, len(body), BLOCK):
            self.blocks[(first + k) // BLOCK] = body[k : k + BLOCK]
        while len(self.blocks) > CACHED // BLOCK:
            self.blocks.popitem(last=False)


def cache_folder() -> Path:
    """Where files are kept between sessions; RuntimeError where there is no home folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uncrossed"


def _entry(url: str) -> Path:
    return cache_folder() / hashlib.sha256(url.encode()).hexdigest()


def _cached(url: str) -> tuple[bytes, str]:
    """The cached bytes of a URL, and the ETag that they had; empty where there are none, or damaged ones."""
    try:
        line, _, body = _entry(url).read_bytes().partition(b"\n")
        entry = json.loads(line)
        if entry["url"] == url and entry["sha256"] == hashlib.sha256(body).hexdigest():
            return body, str(entry["etag"])
    except (OSError, RuntimeError, ValueError, KeyError, TypeError):
        pass
    return b"", ""


def _keep(url: str, etag: str, body: bytes) -> None:
    """Put into the cache; where that is not possible there is none."""
    entry = {"url": url, "etag": etag, "sha256": hashlib.sha256(body).hexdigest()}
    with contextlib.suppress(OSError, RuntimeError), complete(_entry(url)) as temporary:
        temporary.write_bytes(json.dumps(entry).encode() + b"\n" + body)
