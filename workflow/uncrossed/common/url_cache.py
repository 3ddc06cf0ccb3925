"""Small files from URLs, kept between sessions, each with the ETag that it had."""

import contextlib
import hashlib
import json
import os
from pathlib import Path

from uncrossed.common.files import complete


def cache_folder() -> Path:
    """Where files are kept between sessions; RuntimeError where there is no home folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uncrossed"


def _entry(url: str) -> Path:
    return cache_folder() / hashlib.sha256(url.encode()).hexdigest()


def read(url: str) -> tuple[bytes, str]:
    """The cached bytes of a URL, and the ETag that they had; empty where there are none, or damaged ones."""
    try:
        line, _, body = _entry(url).read_bytes().partition(b"\n")
        entry = json.loads(line)
        if entry["url"] == url and entry["sha256"] == hashlib.sha256(body).hexdigest():
            return body, str(entry["etag"])
    except (OSError, RuntimeError, ValueError, KeyError, TypeError):
        pass
    return b"", ""


def keep(url: str, etag: str, body: bytes) -> None:
    """Put into the cache; where that is not possible there is none."""
    entry = {"url": url, "etag": etag, "sha256": hashlib.sha256(body).hexdigest()}
    with contextlib.suppress(OSError, RuntimeError), complete(_entry(url)) as temporary:
        temporary.write_bytes(json.dumps(entry).encode() + b"\n" + body)


def forget(url: str) -> None:
    """Drop what is cached of a URL: it was found to be wrong."""
    with contextlib.suppress(OSError, RuntimeError):
        _entry(url).unlink()
