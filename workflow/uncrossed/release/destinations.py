"""Where a release can go, a folder or a bucket: objects are created where there are none, and never overwritten."""

import base64
import contextlib
import hashlib
import io
import mimetypes
import os
import re
import time
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

import google_crc32c

from uncrossed.common.errors import InputError, UnreadableError
from uncrossed.common.files import partial, remove_left
from uncrossed.common.servers import PASSING

BLOCK = 2**20
# Smaller files go in one request, larger ones in chunks: no worker holds more than one of them.
CHUNK = 8 * 2**20
# How long one object is tried.
SECONDS = 600


class Object(NamedTuple):
    """An object at the destination; two are the same content when size and CRC32C are equal."""

    size: int
    crc32c: str
    generation: int | None


class Destination(Protocol):
    """Where objects are created."""

    def list(self, prefix: str) -> dict[str, Object]:
        """The objects whose name starts with `prefix`."""

    def find(self, name: str) -> Object | None:
        """One object, if it is there."""

    def create(self, name: str, path: Path, size: int, crc32c: str, deadline: float) -> Object | None:
        """Create an object from a file; None if there is one already."""


class Lost(OSError):  # noqa: N818 - it is no error to whoever tries again
    """A request whose outcome is not known, or that the destination asks to repeat."""


def destination_at(destination: str) -> tuple[Destination, str]:
    """A destination, and what names in it start with.

    Raises:
        InputError: another form of destination.
    """
    parts = urlsplit(destination)
    if re.search(r"[?#\x00-\x1f\x7f]", destination):
        raise InputError(
            f"destination {destination!r}: found ?, # or a control character; allowed: gs://BUCKET/PREFIX or file:///FOLDER"
        )
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return FolderDestination(Path(unquote(parts.path))), ""
    prefix = parts.path.strip("/")
    if parts.scheme != "gs" or not re.fullmatch(r"[a-z0-9][-_.a-z0-9]{1,220}[a-z0-9]", parts.netloc):
        raise InputError(f"destination {destination}: allowed: gs://BUCKET/PREFIX or file:///FOLDER")
    return BucketDestination(parts.netloc), f"{prefix}/" if prefix else ""


class FolderDestination:
    """A folder as a destination: a file appears by a hard link, which never replaces another."""

    def __init__(self, root: Path):
        """Take the folder; it is made when the first file is."""
        self.root = root

    def list(self, prefix: str) -> dict[str, Object]:
        """Files below `prefix`."""
        objects: dict[str, Object] = {}
        for path in sorted(path for path in (self.root / prefix).rglob("*") if path.is_file()):
            if path.name.endswith(".partial"):  # `.NAME.NUMBER.partial`, which a killed upload left of NAME
                remove_left(path.with_name(path.name[1:].rsplit(".", 2)[0]))
            else:
                name = str(path.relative_to(self.root))
                objects[name] = self.find(name)
        return objects

    def find(self, name: str) -> Object | None:
        """A file."""
        path = self.root / name
        if not path.exists():
            return None
        size, _, crc32c = hashed(path)
        return Object(size, crc32c, None)

    def create(self, name: str, path: Path, size: int, crc32c: str, deadline: float) -> Object | None:
        """Copy a file, check the copy, and give it its name."""
        target = self.root / name
        try:
            with partial(target) as copy, open(path, "rb") as source:
                while block := source.read(BLOCK):
                    copy.write(block)
                copy.flush()
                os.fsync(copy.fileno())
                made = hashed(Path(copy.name))
                if (made[0], made[2]) != (size, crc32c):
                    raise InputError(f"{path}: changed while it was copied; it is not published")
                os.link(copy.name, target)
            # The folders too are flushed, so that no file is lost that the list promises.
            for folder in (target.parent, *target.parent.parents):
                if folder.is_relative_to(self.root):
                    _flush(folder)
            return Object(size, crc32c, None)
        except FileExistsError:
            return None


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some file systems cannot flush a folder
            os.fsync(handle)
    finally:
        os.close(handle)


class BucketDestination:
    """A bucket of Google Cloud Storage, with the library's default credentials."""

    def __init__(self, name: str):
        """Find credentials; STORAGE_EMULATOR_HOST leads to an emulator without any."""
        import requests
        from google.api_core.exceptions import GoogleAPICallError, RetryError
        from google.auth.credentials import AnonymousCredentials
        from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, TransportError
        from google.cloud import storage
        from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
        from google.cloud.storage.retry import DEFAULT_RETRY

        self.name = name
        # After these errors the same upload may succeed later; of most the library has tried again itself by then.
        self.passing = (RetryError, TransportError, DataCorruption, requests.ConnectionError, requests.Timeout)
        self.passing += (requests.exceptions.ChunkedEncodingError,)
        self.errors = (*self.passing, GoogleAPICallError, GoogleAuthError, requests.RequestException, InvalidResponse)
        self.unaccepted = GoogleAuthError
        retry = DEFAULT_RETRY.with_delay(initial=0.25, maximum=16, multiplier=2)
        self.retry = lambda seconds: retry.with_timeout(max(seconds, 0.001))
        # Without a project: a bucket's name is enough to write to it.
        emulated = AnonymousCredentials() if os.environ.get("STORAGE_EMULATOR_HOST") else None
        try:
            self.bucket = storage.Client(project=None, credentials=emulated).bucket(name)
        except DefaultCredentialsError as error:
            raise OSError(
                f"gs://{name}: no credentials; run `gcloud auth application-default login`, or set "
                "GOOGLE_APPLICATION_CREDENTIALS to a key file"
            ) from error

    def list(self, prefix: str) -> dict[str, Object]:
        """Objects whose name starts with `prefix`, page by page."""
        try:
            blobs = self.bucket.list_blobs(prefix=prefix, retry=self.retry(SECONDS))
            return {blob.name: Object(blob.size, blob.crc32c, blob.generation) for blob in blobs}
        except self.errors as error:
            raise self._said(error) from error

    def find(self, name: str) -> Object | None:
        """An object."""
        try:
            blob = self.bucket.get_blob(name, retry=self.retry(SECONDS))
        except self.errors as error:
            raise self._said(error) from error
        return None if blob is None else Object(blob.size, blob.crc32c, blob.generation)

    def create(self, name: str, path: Path, size: int, crc32c: str, deadline: float) -> Object | None:
        """Upload a file; the server refuses it where an object is, or where its CRC32C is another."""
        blob = self.bucket.blob(name, chunk_size=CHUNK)
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        options: dict[str, Any] = {"size": size, "content_type": kind, "if_generation_match": 0, "timeout": 60}
        options["retry"] = self.retry(deadline - time.monotonic())
        try:
            with open(path, "rb") as stream:
                if size <= CHUNK:
                    data = stream.read(CHUNK + 1)
                    if base64.b64encode(google_crc32c.Checksum(data).digest()).decode() != crc32c:
                        raise InputError(f"{path}: changed while it was uploaded; it is not published")
                    blob.upload_from_file(io.BytesIO(data), checksum="crc32c", **options)
                else:
                    # No check of the library's own: after a failed one it deletes whatever has that name.
                    blob.upload_from_file(stream, checksum=None, crc32c_checksum_value=crc32c, **options)
        except InputError:
            raise
        except ValueError as error:  # the server kept a part of a chunk, which the library cannot go on from
            raise Lost(f"gs://{self.name}: {_line(error)}") from error
        except self.errors as error:
            if getattr(error, "code", None) == 412:
                return None
            raise self._said(error) from error
        return Object(blob.size, blob.crc32c, blob.generation)

    def _said(self, error: Exception) -> Exception:
        """What a failed request comes to: Lost if another may do better, else one line for the user."""
        code = 401 if isinstance(error, self.unaccepted) else getattr(error, "code", None)
        code = code or getattr(getattr(error, "response", None), "status_code", None)
        # 404 and 410 of an upload under way: the server has forgotten it.
        forgotten = code in (404, 410) and "upload_id=" in str(error)
        if isinstance(error, self.passing) or code in PASSING or forgotten:
            return Lost(f"gs://{self.name}: no answer in time ({_line(error)})")
        hint = {
            400: "the server refused the content",
            401: "the credentials are not accepted",
            403: "no permission: it takes storage.objects.create, get and list, as roles/storage.objectUser has",
            404: "no such bucket",
        }.get(code, "failed")
        return OSError(f"gs://{self.name}: {hint} ({_line(error)})")


def _line(error: Exception) -> str:
    return re.sub(r"upload_id=[^&\s]+", "upload_id=...", " ".join(str(error).split()))[:300]


def hashed(path: Path) -> tuple[int, str, str]:
    """Size, SHA-256 and CRC32C (base64, as Cloud Storage writes it) of a file, read once."""
    digest, checksum, size = hashlib.sha256(), google_crc32c.Checksum(), 0
    try:
        with open(path, "rb") as stream:
            while block := stream.read(BLOCK):
                digest.update(block)
                checksum.update(block)
                size += len(block)
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be read ({error.strerror or error}); it is not published") from error
    return size, digest.hexdigest(), base64.b64encode(checksum.digest()).decode()
