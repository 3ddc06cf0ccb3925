"""Where a study's files lie, in a folder or behind HTTP: whole files, and parts of HDF5 files by range requests.

Over HTTP every file is pinned to the ETag that it had when it was first seen: a file that is replaced meanwhile is an
error, never a mixture. What may pass (429, 5xx, broken connections, bodies cut short) is tried again.
"""

import contextlib
import os
import random
import re
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import urllib3
from urllib3.exceptions import HTTPError, LocationValueError, ProxyError

from uncrossed.common import servers, url_cache
from uncrossed.common.errors import InputError
from uncrossed.common.files import LocalFile, Seekable, reading

# Failures in a row, without a byte gained, that end a request; seconds before it is repeated, first and at most.
ATTEMPTS, FIRST_DELAY, LONGEST_DELAY = 6, 0.25, 30.0
REDIRECTIONS = 6
BLOCK = 2**14  # metadata are read in such blocks, the first FRONT bytes at once
FRONT = 2**16
CHUNK = 2**22  # a whole file, or one array after another, is read in such steps
CACHED = 2**26  # bytes of one file that are kept
SAFE = "/%:@!$&'()*+,;=~"  # stays as it is in a path


class MissingFileError(InputError):
    """There is no such file."""


class UnreachableError(InputError):
    """The server gave no sound answer, however often it was asked."""


class Pin(NamedTuple):
    """What must stay as it was while a file is read: its ETag (or else its date; may be empty), and its bytes."""

    tag: str
    size: int


def folder_at(place: str | os.PathLike[str]) -> "LocalFolder | RemoteFolder":
    """Where files lie: a folder, or the URL of one: `https://...`, or `gs://bucket/prefix` of a public bucket.

    A bucket is read from storage.googleapis.com, or from STORAGE_EMULATOR_HOST where that is set.

    Raises:
        InputError: another form of URL.
    """
    text, allowed = os.fspath(place), "allowed: a folder, https://..., gs://bucket/prefix"
    if "://" not in text:
        # Absolute: the program may go to another folder before it reads on.
        return LocalFolder(Path(text).absolute())
    try:
        parts = urllib.parse.urlsplit(text)
    except ValueError as error:
        raise InputError(f"{text}: found no URL ({error}); {allowed}") from error
    if parts.scheme == "gs":
        host = os.environ.get("STORAGE_EMULATOR_HOST") or "https://storage.googleapis.com"
        host = (host if "://" in host else f"http://{host}").rstrip("/")
        return RemoteFolder(f"{host}/{urllib.parse.quote(text[5:])}")
    if parts.scheme not in ("file", "http", "https"):
        raise InputError(f"{text}: found scheme '{parts.scheme}'; {allowed}")
    if parts.username is not None:
        raise InputError(f"{parts.scheme}://{parts.hostname}: found a user name before the host; allowed: none")
    if parts.query or parts.fragment:
        raise InputError(f"{text}: found a query or fragment; allowed: a folder's URL, with ? and # as %3F and %23")
    if bool(parts.netloc) == (parts.scheme == "file"):
        raise InputError(f"{text}: found host '{parts.netloc}'; allowed: file:///folder, https://host/folder")
    if parts.scheme == "file":
        return LocalFolder(Path(urllib.parse.unquote(parts.path)))
    return RemoteFolder(f"{parts.scheme}://{parts.netloc}{urllib.parse.quote(parts.path, safe=SAFE)}")


class LocalFolder:
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


class RemoteFolder:
    """A study's files under a URL; connections stay open, for all threads of one process."""

    def __init__(self, root: str):
        """Take the URL of the study's folder, with http or https."""
        self.root = root.rstrip("/")
        self._managers: dict[tuple[int | str, ...], urllib3.PoolManager] = {}

    def __reduce__(self) -> tuple[type["RemoteFolder"], tuple[str]]:
        """Another process makes its own connections."""
        return type(self), (self.root,)

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
        cached, tag = url_cache.read(url)
        body, pin = self.fetch(name, known=tag)
        if body is None:
            return cached
        if pin.tag:
            url_cache.keep(url, pin.tag, body)
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
        url_cache.forget(self.where(name))

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
            wait = 0.0
            try:
                # A connection whose answer was not read to its end is closed, any other goes back to its pool.
                with contextlib.closing(self._send(self.where(name), headers)) as response:
                    if response.status in servers.PASSING:
                        wait, fault = servers.delay(response), servers.refusal(response)
                    elif response.status == 304 and known:
                        response.drain_conn()
                        return None, Pin(known, 0)
                    else:
                        pin = self._checked(response, name, start + before, stop, pin)
                        if response.status == 416:
                            response.drain_conn()
                            return b"", pin
                        wanted = pin.size if stop is None else min(stop, pin.size) - start
                        while piece := response.read1(2**16):  # what there is, before the connection can break
                            got += piece
                        if len(got) == wanted or (stop is None and wanted < 0):
                            return bytes(got), pin._replace(size=max(pin.size, len(got)))
                        fault = f"the body ended after {len(got)} of {wanted} bytes"
            except HTTPError as error:
                cause = servers.cause(error)
                fault = str(cause) or type(cause).__name__
                if isinstance(cause, ssl.SSLCertVerificationError):
                    raise InputError(f"{self.where(name)}: {cause.verify_message}") from error
                if isinstance(error, LocationValueError):
                    raise InputError(f"{self.where(name)}: found no URL that can be asked ({fault})") from error
                if isinstance(error, ProxyError):
                    fault = f"{error.args[0]}: {fault}"
                if stop is not None and pin and len(got) == min(stop, pin.size) - start:
                    return bytes(got), pin  # broken after the last byte
            failures = 1 if len(got) > before and stop is not None else failures + 1
            if failures < ATTEMPTS:
                backoff = FIRST_DELAY * 2 ** (failures - 1) * random.uniform(0.5, 1)
                time.sleep(min(max(wait, backoff), LONGEST_DELAY))
        raise UnreachableError(f"{self.where(name)}: no sound answer in {ATTEMPTS} attempts; the last: {fault}")

    def _checked(
        self, response: urllib3.BaseHTTPResponse, name: str, start: int, stop: int | None, pin: Pin | None
    ) -> Pin:
        """What the answer says of the file; an answer that is not the wanted bytes is an error."""
        url, status, headers = self.where(name), response.status, response.headers
        changed = InputError(f"{url}: has changed since it was first read; open the study again")
        if status in (200, 206) and headers.get("Content-Encoding", "identity") != "identity":
            raise InputError(f"{url}: sent with Content-Encoding {headers['Content-Encoding']}")
        if status in (403, 404):  # buckets that may not be listed answer 403
            raise MissingFileError(f"{url}: no such file, or not public ({servers.refusal(response)})")
        if status == 412 or (status == 416 and pin):
            raise changed
        tag = headers.get("ETag") or headers.get("Last-Modified", "")
        if status == 416 and start == 0 and headers.get("Content-Range") == "bytes */0":
            return Pin(tag, 0)  # an empty file has no range
        if status != (200 if stop is None else 206):
            if status == 200:
                kind = headers.get("Content-Type", "no type")
                hint = f"whole ({kind}) where bytes {start}-{stop - 1} were asked for: range requests are needed"
                raise InputError(f"{url}: the server sends the file {hint}")
            raise InputError(f"{url}: {servers.refusal(response)}")
        if status == 200 and headers.get("Content-Type", "").startswith("text/html"):
            raise InputError(f"{url}: a web page came instead of the file")
        if stop is None:
            length = headers.get("Content-Length", "")
            return Pin(tag, int(length) if length.isdigit() else -1)
        text = headers.get("Content-Range", "")
        match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", text)
        first, last, size = map(int, match.groups()) if match else (-1, -1, -1)
        if pin and match and (tag, size) != pin:
            raise changed
        if not match or (first, last) != (start, min(stop, size) - 1):
            raise InputError(f"{url}: Content-Range is '{text}' where bytes {start}-{stop - 1} were asked for")
        return Pin(tag, size)

    def _send(self, url: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        """The answer's head, after redirections; each may need another proxy, or none."""
        for _ in range(REDIRECTIONS):
            try:
                # Repeating is left to `fetch`, which keeps what it has got, and so is counting a body's bytes.
                response = self._manager(url).request(
                    "GET",
                    url,
                    headers=headers,
                    retries=False,
                    redirect=False,
                    preload_content=False,
                    decode_content=False,
                    enforce_content_length=False,
                )
            except HTTPError as error:
                # A proxy that makes no tunnel is known by http.client's text only.
                refused = re.match(r"Tunnel connection failed: (\d+) ?(.*)", str(servers.cause(error)))
                if refused and int(refused[1]) not in servers.PASSING:
                    raise InputError(
                        f"{url}: the proxy answers {servers.explain(int(refused[1]), refused[2], b'')}"
                    ) from None
                raise
            if response.status == 407:
                response.close()
                raise InputError(f"{url}: the proxy answers {servers.explain(407, response.reason, b'')}")
            place = response.get_redirect_location()
            if not place:
                return response
            with contextlib.closing(response):
                response.drain_conn()
            url = urllib.parse.urljoin(url, place)
        raise HTTPError("redirected too often")

    def _manager(self, url: str) -> urllib3.PoolManager:
        """This process's connections; those that a fork found open are its parent's, and stay so."""
        server, headers = servers.proxy(url)
        key = os.getpid(), server, *headers.values()
        if key not in self._managers:
            options = {
                "timeout": servers.TIMEOUT,
                "maxsize": 32,
            }  # no more threads than that have a connection that stays
            self._managers[key] = (
                urllib3.ProxyManager(server, proxy_headers=headers, **options)
                if server
                else urllib3.PoolManager(**options)
            )
        return self._managers[key]


class RangeFile(Seekable):
    """A remote file to read, as `h5py.File` takes it: small reads through a cache of blocks, large ones as they are.

    Attributes:
        bulk: whether one part after another will be read: misses then bring CHUNK bytes.
        fault: what went wrong last; h5py reports it less clearly.
    """

    def __init__(self, remote: RemoteFolder, name: str):
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
